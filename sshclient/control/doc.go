// Package control lets several processes share one SSH connection, by OpenSSH's
// own protocol (PROTOCOL.mux, version 4, and what mux.c of OpenSSH 10 adds to it): one
// process, the master, holds the connection and listens on a Unix socket; the others
// ask it there.
//
//	master, err := control.Dial(ctx, path)          // who listens, and is alive
//	client, err := master.Join(sshclient.Config{Host: "vm"})
//	session, err := client.Start(ctx, sshclient.Command{Exec: "uname"})
//
// The master's side is [Listen] and [Serve].
//
// # Two ways to have a session
//
// The protocol has two. A passenger passes its standard files to the master, which
// reads and writes them in the passenger's place. A proxied client speaks SSH's connection
// protocol over the socket, unencrypted, and the master carries its channels. Our
// client is a proxied one, but for a mere connection by OpenSSH's master, see
// [Master.Foreign]: the terminal, its keys, sizes and signals stay with
// the process that has them, so that a shared session is just like one of its own,
// on every system; and nobody sets O_NONBLOCK on files that others use too. Our
// master serves both, since stock ssh comes as a passenger.
//
// # Map
//
//   - message.go: the messages, byte for byte
//   - conn.go: messages over a socket, bounded
//   - dial.go: finding a live master in bounded time; master.go: what to ask it
//   - listen.go: the socket, its user's alone; server.go: who has come, and for how long
//   - serving.go: the requests of one client; forward.go, info.go: those about forwards
//     and about the connection itself
//   - passenger.go, files_*.go: clients that pass their files; what is done with these is the
//     caller's to say, see [Passengers]
//   - carry.go: clients that are proxied
//   - stdio.go: a client that passes files, to be connected
//   - preface.go: from our handshake to that of golang.org/x/crypto/ssh
//   - peer_*.go: which user is at the other end
package control
