// Package iap is a client of Identity-Aware Proxy's TCP forwarding: a net.Conn to a port of a Google Compute Engine VM that has no
// external address, of a host on premises, or of a Cloud Run workload.
//
// A Dialer opens sessions:
//
//	d := &iap.Dialer{Token: tokenSource}
//	conn, err := d.Dial(ctx, iap.Target{Project: "p", Zone: "europe-west1-b", Instance: "vm", Port: 22})
//
// Conn is a session. It rides on a link, one WebSocket to the relay. The parts, from the caller down:
//
//	dialer.go             Dialer: how a session is opened, and its phases
//	conn.go, deadline.go  Conn: the contract of net.Conn
//	ledger.go             the byte accounts; the one place where an ACK is decided
//	ride.go               what a link asks of its session; the end of the local side
//	resume.go             what follows the end of a link, and how a session gets the next
//	link.go, pulse.go     one WebSocket: reader, writer, pings
//	batch.go              the two thin conns around TLS that make a batch cost one system call
//	target.go             what can be reached, by which relay and with which parameters
//	upgrade.go, reach.go  HTTP upgrade; TCP, proxy and TLS; sockopt*.go sets the socket
//	internal/wire         the relay's messages
//	errors.go             what can go wrong, and the relay's close codes
//	stats.go, trace.go    what there is to see
//
// SPEC.md gives the bytes and how each fact is known, since Google describes the protocol nowhere; CONFORMANCE.md names the tests
// that hold each rule. Package iaptest is an emulator of the relay, for tests of this package and of its users.
//
// Errors carry data. A dial fails with a *DialError, which says at which stage; beneath it lie *HTTPError, *CloseError,
// *proxy.Error, *ProtocolError, or an error of the token source, of TLS or of the context. A session ends with io.EOF, a
// *CloseError, a *LinkError or a *ProtocolError, or with the *DialError of the last attempt to resume it. Texts within them that
// come from the network are sanitised by Error and left as they are in the fields.
package iap
