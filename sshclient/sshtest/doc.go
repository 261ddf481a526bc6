// Package sshtest has SSH servers for tests and local labs. [Server] is one inside
// the process, in the manner of net/http/httptest. It needs no root and no files:
//
//	server := sshtest.NewServer()
//	server.AuthorizedKeys = []ssh.PublicKey{key}
//	server.Start()
//	defer server.Close()
//	conn, err := net.Dial("tcp", server.Addr)
//
// It also serves any net.Conn it is handed, see [Server.ServeConn]. Sessions run
// real commands of this machine as the user of this process, with a real
// terminal on Unix when one is asked for; or a function, see [Server.Handler].
// Forwards lead anywhere, and listen on loopback. [Certify] makes certificates for users.
// Whoever may log in has that user's powers: Start listens on loopback only,
// and with none of AuthorizedKeys, Authorize and AllowAll nobody may.
//
// The real thing is [OpenSSH], this machine's own sshd, and [Inetd] runs it, or
// another server program, once for each connection:
//
//	sshd, err := sshtest.OpenSSH{Dir: dir, HostKeys: []any{host}, AuthorizedKeys: []ssh.PublicKey{key}}.Prepare()
//	defer sshd.Close()
//	conn, err := sshd.Dial()
//
// server.go has the server's life and its settings, auth.go who is let in, penalties.go
// what failures cost; session.go is a session, local.go a command of this machine in one,
// forward.go forwards. pipe.go is a network within the process. openssh.go and inetd.go
// run other servers.
package sshtest
