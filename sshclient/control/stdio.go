package control

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

// Foreign says that the master may be OpenSSH's. That ends, with all that it carries, when a proxied
// client leaves whose channel the server has refused (channels.c: channel_proxy_upstream does not
// free it, nchan.c: "no remote_id"). A connection that may be refused is to be had by
// [Master.Forward] and [Master.Connect]. False where files cannot be passed.
func (m *Master) Foreign() bool {
	_, ours := m.extensions[linkExtension]
	return canPassFiles && !ours
}

// Forward has the master connect two files to an endpoint. It returns when the server has opened
// the connection; Wait returns when that is over.
func (m *Master) Forward(to sshclient.Endpoint, stdin, stdout *os.File) error {
	m.id++
	host, port := hostPort(to)
	if err := m.conn.write(newMessage(mStdioForward, number{m.id}, stdioForward{Host: host, Port: port})); err != nil {
		return err
	}
	for _, f := range []*os.File{stdin, stdout} {
		if err := sendFile(m.conn.Conn.(*net.UnixConn), f); err != nil {
			return err
		}
	}
	kind, _, err := m.read()
	if err == nil && kind != sSessionOpened {
		err = unexpected(kind)
	}
	return err
}

// Wait returns when the master hangs up, as it does when a Forward is over.
func (m *Master) Wait() { io.Copy(io.Discard, m.conn) }

// Connect is a connection to an endpoint by way of the master, whose connection belongs to it
// from here on.
func (m *Master) Connect(to sshclient.Endpoint) (net.Conn, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer theirOut.Close()
	c := &pipes{master: m, in: in, out: out}
	if err := m.Forward(to, theirIn, theirOut); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// pipes is a connection whose far ends a master has.
type pipes struct {
	master  *Master
	in, out *os.File // to the master, and from it
	once    sync.Once
}

func (p *pipes) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *pipes) Write(b []byte) (int, error) { return p.in.Write(b) }

func (p *pipes) Close() error {
	p.once.Do(p.closeAll)
	return nil
}

func (p *pipes) closeAll() {
	p.master.Close()
	p.in.Close()
	p.out.Close()
}

func (p *pipes) LocalAddr() net.Addr  { return p.master.conn.LocalAddr() }
func (p *pipes) RemoteAddr() net.Addr { return p.master.conn.RemoteAddr() }

func (p *pipes) SetReadDeadline(t time.Time) error  { return p.out.SetReadDeadline(t) }
func (p *pipes) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }

func (p *pipes) SetDeadline(t time.Time) error {
	if err := p.SetReadDeadline(t); err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}
