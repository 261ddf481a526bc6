//go:build unix

package sshclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"
)

// randomBytes are always the same for a seed.
func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// talk plays one end of a connection: it sends its bytes and ends that direction, and hears
// what the other end says until its end. The patient end first listens, then speaks.
func talk(conn net.Conn, say []byte, patient bool) ([]byte, error) {
	var heard []byte
	var err error
	if patient {
		heard, err = io.ReadAll(conn)
	}
	if err == nil {
		_, err = conn.Write(say)
	}
	if err == nil {
		err = conn.(halfCloser).CloseWrite()
	}
	if err == nil && !patient {
		heard, err = io.ReadAll(conn)
	}
	return heard, err
}

// testService is a server that talks to whoever connects.
type testService struct {
	Endpoint
	listener net.Listener
	say      []byte
	patient  bool
	heard    chan []byte
}

func newTestService(t *testing.T, network string, patient bool) *testService {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(socketDir(t), "service")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &testService{listener: listener, Endpoint: endpointOf(listener.Addr()), say: randomBytes(2, 700<<10), patient: patient, heard: make(chan []byte, 1)}
	var work sync.WaitGroup
	work.Add(1)
	go s.serve(&work)
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return s
}

func (s *testService) serve(work *sync.WaitGroup) {
	defer work.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		heard, _ := talk(conn, s.say, s.patient)
		conn.Close()
		s.heard <- heard
	}
}

// socketDir is a directory with a short name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fwd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// exchange talks over an open connection to a service, and compares what both heard.
func (s *testService) exchange(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	say := randomBytes(3, 600<<10)
	heard, err := talk(conn, say, !s.patient)
	if err != nil || !bytes.Equal(heard, s.say) {
		t.Errorf("we heard %d bytes of %d, %v", len(heard), len(s.say), err)
	}
	if heard := <-s.heard; !bytes.Equal(heard, say) {
		t.Errorf("the service heard %d bytes of %d", len(heard), len(say))
	}
}

// Each combination of sockets carries each direction to its end, whichever ends first.
func TestOpenSSHForwards(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	for _, test := range []struct{ listen, connect string }{
		{"tcp", "tcp"}, {"tcp", "unix"}, {"unix", "tcp"}, {"unix", "unix"},
	} {
		for _, kind := range []ForwardKind{LocalForward, RemoteForward} {
			for _, patient := range []bool{true, false} {
				t.Run(fmt.Sprint(kind, test.listen, "to", test.connect, patient), func(t *testing.T) {
					service := newTestService(t, test.connect, patient)
					forward := Forward{Kind: kind, Connect: service.Endpoint}
					if test.listen == "unix" {
						forward.Listen.Path = filepath.Join(socketDir(t), "listen")
					}
					bound, err := client.Forwards().Open(t.Context(), forward)
					if err != nil {
						t.Fatal(err)
					}
					if bound.Path == "" {
						bound.Host = "127.0.0.1"
					}
					conn, err := net.Dial(bound.Network(), bound.String())
					if err != nil {
						t.Fatal(err)
					}
					service.exchange(t, conn)
					if err := client.Forwards().Cancel(t.Context(), forward); err != nil {
						t.Error(err)
					}
					client.Ping() // the server has obeyed
					if _, err := net.Dial(bound.Network(), bound.String()); err == nil {
						t.Error("it still listens")
					}
				})
			}
		}
	}
}

func TestOpenSSHDial(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	for _, network := range []string{"tcp", "unix"} {
		service := newTestService(t, network, true)
		conn, err := client.Dial(t.Context(), service.Endpoint, Endpoint{})
		if err != nil {
			t.Fatal(err)
		}
		service.exchange(t, conn)
	}
	_, err := client.Dial(t.Context(), Endpoint{Path: "/nowhere"}, Endpoint{})
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); !ok || refused.Reason != ssh.ConnectionFailed {
		t.Errorf("error %v", err)
	}
}

// dialSOCKS connects through a dynamic forward, in version 4, 4a or 5 of the protocol.
func dialSOCKS(t *testing.T, version string, at, to Endpoint) net.Conn {
	t.Helper()
	direct := &keepingDialer{}
	if version == "5" {
		dialer, err := proxy.SOCKS5("tcp", at.String(), nil, direct)
		if err == nil {
			_, err = dialer.Dial("tcp", to.String())
		}
		if err != nil {
			t.Fatal(err)
		}
		return direct.conn
	}
	conn, err := direct.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	request := []byte{4, 1, byte(to.Port >> 8), byte(to.Port)}
	if version == "4" {
		request = append(append(request, net.ParseIP(to.Host).To4()...), "me\x00"...)
	} else {
		request = append(append(request, 0, 0, 0, 1), "me\x00"+to.Host+"\x00"...)
	}
	conn.Write(request)
	answer := make([]byte, 8)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[1] != socks4Granted {
		t.Fatalf("answer %v, %v", answer, err)
	}
	return conn
}

// keepingDialer keeps what x/net wraps: it has no CloseWrite.
type keepingDialer struct{ conn net.Conn }

func (d *keepingDialer) Dial(network, address string) (net.Conn, error) {
	var err error
	d.conn, err = net.Dial(network, address)
	return d.conn, err
}

// Through a dynamic forward on either side a SOCKS client reaches what the other side
// reaches, by name or address.
func TestOpenSSHDynamicForwards(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	for _, kind := range []ForwardKind{DynamicForward, RemoteDynamicForward} {
		bound, err := client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ version, host string }{
			{"4", "127.0.0.1"}, {"4a", "localhost"}, {"5", "127.0.0.1"}, {"5", "localhost"},
		} {
			service := newTestService(t, "tcp", test.version == "5")
			service.exchange(t, dialSOCKS(t, test.version, bound, Endpoint{Host: test.host, Port: service.Port}))
		}
	}
}

// Where a remote dynamic forward must not lead, a client hears so.
func TestOpenSSHPermitOpen(t *testing.T) {
	server := newSSHD(t)
	config := server.settings(t)
	config.Forwards.PermitOpen = []Endpoint{{Host: "allowed", Port: 80}}
	client := server.connect(t, config)
	bound, err := client.Forwards().Open(t.Context(), Forward{Kind: RemoteDynamicForward, Listen: Endpoint{Host: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	dialer, err := proxy.SOCKS5("tcp", bound.String(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dialer.Dial("tcp", "127.0.0.1:22"); err == nil || !strings.Contains(err.Error(), "not allowed by ruleset") {
		t.Errorf("error %v", err)
	}
}

// A connection that nobody reads from takes nothing from another.
func TestOpenSSHStalledForward(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	endless, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []ForwardKind{LocalForward, RemoteForward}
	var work sync.WaitGroup
	for range kinds {
		work.Go(func() {
			if conn, err := endless.Accept(); err == nil {
				io.Copy(conn, rand.NewChaCha8([32]byte{})) // until it is closed
				conn.Close()
			}
		})
	}
	defer work.Wait()
	defer endless.Close()
	for _, kind := range kinds {
		bound, err := client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(endless.Addr())})
		if err != nil {
			t.Fatal(err)
		}
		stalled, err := net.Dial("tcp", bound.String())
		if err != nil {
			t.Fatal(err)
		}
		defer stalled.Close()
		stalled.Read(make([]byte, 1))
		service := newTestService(t, "tcp", false)
		bound, err = client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: service.Endpoint})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			conn, err := net.Dial("tcp", bound.String())
			if err != nil {
				t.Fatal(err)
			}
			service.exchange(t, conn)
		}
	}
}
