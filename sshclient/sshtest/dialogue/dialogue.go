// Package dialogue tests what carries connections: both ends of one send each other a lot, end one direction
// before the other, and compare what they have heard.
//
//	service := dialogue.Serve(t, "tcp", dialogue.Patient)
//	conn := ... // somehow to service.Addr
//	service.Talk(t, conn)
package dialogue

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Manners say when the service speaks. Whoever calls it has the other ones.
type Manners bool

const (
	Patient   Manners = true  // it listens to the end, then speaks
	Impatient Manners = false // it speaks to its end, then listens
)

// said is how much each end says: enough for windows to move on; with IAPSSH_FULL set, for several of 2 MiB.
func said() int {
	if os.Getenv("IAPSSH_FULL") != "" {
		return 8 << 20
	}
	return 160 << 10
}

// A Service talks to whoever connects.
type Service struct {
	Addr net.Addr

	listener net.Listener
	manners  Manners
	says     [2][]byte // the service, the other end
	heard    chan []byte
	work     sync.WaitGroup // serve
}

// Serve starts a service on "tcp" or "unix" that ends with the test.
func Serve(t testing.TB, network string, manners Manners) *Service {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(SocketDir(t), "service")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Addr: listener.Addr(), listener: listener, manners: manners, says: [2][]byte{noise(1), noise(2)}, heard: make(chan []byte, 1)}
	s.work.Go(s.serve)
	t.Cleanup(func() {
		listener.Close()
		s.work.Wait()
	})
	return s
}

// SocketDir makes a directory whose name is short enough for sockets in it.
func SocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "talk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *Service) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		heard, _ := talk(conn, s.says[0], s.manners)
		conn.Close()
		s.heard <- heard
	}
}

// Talk is the other end of a dialogue over conn, which has CloseWrite. It closes conn.
func (s *Service) Talk(t testing.TB, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	heard, err := talk(conn, s.says[1], !s.manners)
	if err != nil || !bytes.Equal(heard, s.says[0]) {
		t.Errorf("%d bytes came of %d, or others; %v", len(heard), len(s.says[0]), err)
	}
	if heard := <-s.heard; !bytes.Equal(heard, s.says[1]) {
		t.Errorf("%d bytes arrived of %d, or others", len(heard), len(s.says[1]))
	}
}

// talk is one end.
func talk(conn net.Conn, say []byte, manners Manners) (heard []byte, err error) {
	if manners == Patient {
		heard, err = io.ReadAll(conn)
	}
	if err == nil {
		_, err = conn.Write(say)
	}
	if err == nil {
		err = conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	if err == nil && manners == Impatient {
		heard, err = io.ReadAll(conn)
	}
	return heard, err
}

// noise is always the same for a seed.
func noise(seed byte) []byte {
	b := make([]byte, said())
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}
