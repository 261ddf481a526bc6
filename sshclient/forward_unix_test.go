//go:build unix

package sshclient

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"

	"github.com/iapssh/iapssh/sshclient/sshtest/dialogue"
)

// Each combination of sockets carries each direction to its end, whichever ends first.
func TestOpenSSHForwards(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	for _, test := range []struct{ listen, connect string }{
		{"tcp", "tcp"}, {"tcp", "unix"}, {"unix", "tcp"}, {"unix", "unix"},
	} {
		for _, kind := range []ForwardKind{LocalForward, RemoteForward} {
			for _, manners := range []dialogue.Manners{dialogue.Patient, dialogue.Impatient} {
				t.Run(fmt.Sprint(kind, test.listen, "to", test.connect, manners), func(t *testing.T) {
					service := dialogue.Serve(t, test.connect, manners)
					forward := Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(service.Addr)}
					if test.listen == "unix" {
						forward.Listen = Endpoint{Path: filepath.Join(dialogue.SocketDir(t), "listen")}
					}
					bound, err := client.Forwards().Open(t.Context(), forward)
					if err != nil {
						t.Fatal(err)
					}
					conn, err := net.Dial(bound.Network(), bound.String())
					if err != nil {
						t.Fatal(err)
					}
					service.Talk(t, conn)
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
		service := dialogue.Serve(t, network, dialogue.Patient)
		conn, err := client.Dial(t.Context(), endpointOf(service.Addr), Endpoint{})
		if err != nil {
			t.Fatal(err)
		}
		service.Talk(t, conn)
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
			service := dialogue.Serve(t, "tcp", test.version == "5")
			service.Talk(t, dialSOCKS(t, test.version, bound, Endpoint{Host: test.host, Port: endpointOf(service.Addr).Port}))
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
		service := dialogue.Serve(t, "tcp", dialogue.Impatient)
		bound, err = client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(service.Addr)})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			conn, err := net.Dial("tcp", bound.String())
			if err != nil {
				t.Fatal(err)
			}
			service.Talk(t, conn)
		}
	}
}

// Connections that come and go while the server asks for new keys again and again: neither side waits for the other for ever.
// 2 GiB with IAPSSH_FULL set.
func TestOpenSSHRekeysUnderForwards(t *testing.T) {
	total := int64(24 << 20)
	if os.Getenv("IAPSSH_FULL") != "" {
		total = 2 << 30
	}
	server := newSSHD(t, "RekeyLimit 1M")
	client := server.connect(t, server.settings(t))
	bound, err := client.Forwards().Open(t.Context(), Forward{Listen: Endpoint{Host: "127.0.0.1"}, Connect: echoServer(t)})
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64
	left.Store(total)
	var churning sync.WaitGroup
	for range 16 {
		churning.Go(func() {
			for left.Add(-2<<20) >= 0 {
				conn, err := net.Dial("tcp", bound.String())
				if err != nil {
					t.Error(err)
					return
				}
				said := io.LimitReader(rand.NewChaCha8([32]byte{5}), 1<<20)
				churning.Go(func() {
					io.Copy(conn, said)
					conn.(halfCloser).CloseWrite()
				})
				n, err := io.Copy(io.Discard, conn)
				conn.Close()
				if err != nil || n != 1<<20 {
					t.Errorf("%d bytes came back, %v", n, err)
				}
			}
		})
	}
	churning.Wait()
}
