// Package sshclient speaks SSH over a net.Conn it is handed. It reaches no server by
// itself, reads no configuration and prints nothing: what it needs to know is a
// [Config], what it has to say goes to Config.Log and Config.Banner, and what
// went wrong is an error that carries data.
//
//	client, err := sshclient.Handshake(ctx, conn, config)   // keys exchanged, host trusted, user authenticated
//	session, err := client.Start(ctx, sshclient.Command{Exec: "uname -a"})
//	result := session.Run(sshclient.Streams{Stdin: in, Stdout: out, Stderr: errs})
//	bound, err := client.Forwards().Open(ctx, sshclient.Forward{Listen: here, Connect: there})
//	client.Close()
//
// # Map
//
//   - config.go: [Config]; errors.go: what can go wrong, and text.go how a server's words are
//     made safe to show
//   - client.go, handshake.go: a connection, and how it comes about
//   - algorithms.go: what we offer, and the + - ^ syntax of ssh_config; negotiation.go: a server that has none of it
//   - trust.go: [HostTrust], asked once per connection whatever the server re-keys
//   - hostkeys.go: keys that the server proves to hold besides the one it used
//   - auth.go: which method is tried when; ask.go: passwords and questions
//   - keys.go, offer.go, candidate.go, keyfile.go, agent.go: which key is offered when
//   - newkey.go: keys that are made here; ppk.go: as PuTTY has them
//   - agentforward.go, sniff.go: a forwarded agent, and how agents are bound to connections
//   - session.go, request.go, pump.go: a command or shell, its requests, its bytes
//   - forward.go, forwards.go: [Forwards], what is forwarded; complain.go: and what fails
//   - listen.go, socks.go: local and dynamic forwards; listeners.go: their ports, from one client to the next
//   - dial.go: connections made by the server
//   - remote.go: forwards whose listening end is the server's; forwarded.go: what comes over them
//   - channels.go: all that a server opens
//   - x11.go: a display that is forwarded
//   - splice.go, copy.go: how the bytes of a forwarded connection are moved
//   - idle.go: channels that carry nothing for too long
//   - join.go, share.go: a connection that several processes use; see package control
//   - wire.go: what goes over the connection, [Stats]; alive.go: [LinkState] and the
//     server-alive count
//   - trace.go: [Trace], the steps of a handshake
//
// # Why it is built on golang.org/x/crypto/ssh as it is
//
// Three traits of that package shape this one. A key exchange started by the
// client can deadlock it, so the client never starts one. It calls the host key
// callback at every key exchange, so the verdict is remembered. And it lets one
// request per channel await its reply, so only pty-req and the final exec, shell
// or subsystem ask for one; the environment goes ahead unacknowledged, as from
// OpenSSH.
//
// # Lives
//
// A context bounds the operation it is passed to: Handshake, Start. Close bounds
// a life: the client's, the session's. Every goroutine is a named method;
// those of the client and its forwards are joined by [Client.Close], those that move a
// session's bytes by [Session.Run].
package sshclient
