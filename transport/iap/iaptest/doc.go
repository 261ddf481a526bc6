// Package iaptest is an emulator of Google's Identity-Aware Proxy relay for TCP
// forwarding, in the manner of net/http/httptest. It stands in for the relay
// alone: a client dials it, a backend of the caller's choice stands for the VM.
//
//	srv := iaptest.NewServer()
//	defer srv.Close()
//	srv.Handle("vm", 22, iaptest.TCP("127.0.0.1:2222"))
//	// dial srv.URL with srv.ClientTLS(), as any project, zone and token
//
// [Server] serves over TCP ([Server.Start], [Server.StartAt]) or in memory
// ([Server.StartInMemory]), which works in a testing/synctest bubble; a client
// reaches either through [Server.NetDial]. [Server.Handle] tells it what the ports
// of its instances are: [TCP], [Serve], [Echo] or any other [Backend].
//
// It serves /v4/connect and /v4/reconnect as the relay is known to: authorization
// after the upgrade, the SID first, DATA and ACKs both ways within a window, the
// backend's end as a close code, sessions that outlive their links for a while.
//
// It is strict. What a client does wrong is booked as a [Violation], from the TLS
// server name to an ACK that says nothing new, and answered as the relay is thought
// to. [Server.Transcript] has every frame, [Server.Sessions] the account of every
// session. Call [Server.Close] before reading them for good: it waits for what is
// under way. The emulator shares no code with the client of this module, so that
// they cannot be wrong together.
//
// [Server.Faults] is a list of what is to go wrong and when, [Server.Strike] does
// it now.
//
// # Inside
//
// The server (server.go, accept.go, with the authority of ca.go) takes connections; pipe.go
// is a network in memory. A link (link.go its reader, writer.go its writer, closing.go
// its end) is one websocket; frame.go has the framing, relay.go the messages,
// handshake.go what comes before, target.go what is asked for. A session (session.go,
// and flow.go and ring.go for its bytes) is one backend connection (backend.go) and outlives
// links; registry.go finds sessions and backends. Faults (faults.go) strike links
// (strike.go); shape.go says what frames look like. books.go is what is remembered.
//
// # How the behaviour is known
//
// There is no public description of IAP's relay. Frames, parameters and close codes
// are those that gcloud and IAP Desktop use, and the public description of the parent
// protocol (SSH Relay v4) in libapps. Not known, and chosen here: when the relay
// sends ACKs, what it counts as received, how long it keeps a session, and with
// which of its codes it answers which misuse.
package iaptest
