package sshclient

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// succession has one client after the other open a forward with the same Listeners.
type succession struct {
	*testing.T
	listeners *Listeners
	forward   Forward
}

// next connects, and gives where the forward listens.
func (s succession) next() (*Client, Endpoint) {
	s.Helper()
	server := sshtest.NewServer()
	server.AllowAll = true
	s.Cleanup(server.Close)
	config := labConfig(server)
	config.Forwards.Listeners = s.listeners
	client, err := Handshake(s.Context(), server.Dial(), config)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { client.Close() })
	bound, err := client.Forwards().Open(s.Context(), s.forward)
	if err != nil {
		s.Fatal(err)
	}
	return client, bound
}

// call connects to what is listened on, and says a word.
func (s succession) call(at Endpoint) net.Conn {
	s.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "word")
	return conn
}

// echoServer is where forwards may lead.
func echoServer(t *testing.T) Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { serveEcho(l, &work) })
	t.Cleanup(func() { l.Close(); work.Wait() })
	return endpointOf(l.Addr())
}

func serveEcho(listener net.Listener, work *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		work.Go(func() {
			io.Copy(conn, conn)
			conn.Close()
		})
	}
}

// What a client listened on is the next one's, at the same port; who came in between is served by that one.
func TestListenersSucceed(t *testing.T) {
	echo := echoServer(t)
	for name, at := range map[string]Endpoint{"tcp": {Host: "localhost"}, "unix": {Path: filepath.Join(t.TempDir(), "s")}} {
		t.Run(name, func(t *testing.T) {
			s := succession{t, &Listeners{Patience: time.Hour}, Forward{Listen: at, Connect: echo}}
			defer s.listeners.Close()
			first, bound := s.next()
			served := s.call(bound)
			io.ReadFull(served, make([]byte, 4))
			first.Close()
			if n, err := served.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d bytes over a connection whose client has gone", n)
			}
			waits := s.call(bound)
			_, again := s.next()
			if again != bound {
				t.Errorf("it listens at %v, and did at %v", again, bound)
			}
			for _, conn := range []net.Conn{waits, s.call(bound)} {
				if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Nobody waits for ever for a client that does not come, and in the end nothing listens.
func TestListenersTurnAway(t *testing.T) {
	s := succession{t, &Listeners{Patience: time.Millisecond}, Forward{Listen: Endpoint{Host: "127.0.0.1"}, Connect: echoServer(t)}}
	first, bound := s.next()
	first.Close()
	for range 3 {
		s.turnedAway(bound)
	}
	last, again := s.next()
	if again != bound {
		t.Errorf("it listens at %v, and did at %v", again, bound)
	}
	if err := last.Forwards().Cancel(t.Context(), s.forward); err != nil {
		t.Error(err)
	}
	s.refused(bound)

	closed, bound := s.next()
	s.listeners.Close()
	io.ReadFull(s.call(bound), make([]byte, 4)) // it is still a client's
	closed.Close()
	s.refused(bound)
}

// turnedAway connects, and is reset: a machine under load may notice before it has told us of the connection.
func (s succession) turnedAway(at Endpoint) {
	s.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNREFUSED) {
		s.Errorf("not reset, but %v", err)
	}
}

func (s succession) refused(at Endpoint) {
	s.Helper()
	if conn, err := net.Dial(at.Network(), at.String()); err == nil {
		conn.Close()
		s.Errorf("something listens at %v", at)
	}
}
