package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

var (
	loadStay = flag.Int("stay", 40, "clients that are there all the time")
	loadRate = flag.Int("rate", 60, "new clients in a second")
	loadFor  = flag.Duration("for", 2*time.Second, "how long new clients come")
	loadSeed = flag.Uint64("seed", 1, "of what they do")
)

const (
	peerVariable = "TUNNEL_TEST_PEER"

	portEcho  = 7
	portReset = 8 // echoes some bytes and is reset
)

// peer is how the test finds the relay, which runs in a process of its own: what it remembers is not our memory.
type peer struct {
	URL string
	CA  []byte
}

// runPeer is that process; it ends when its stdin does, and tells then what rules were broken.
func runPeer() {
	s := iaptest.NewServer()
	s.Handle("vm", portEcho, iaptest.Echo())
	s.Handle("vm", portReset, func(context.Context) (net.Conn, error) {
		server, relay := net.Pipe()
		go func() { io.CopyN(server, server, 1+rand.Int64N(60_000)); server.Close() }()
		return failing{relay}, nil
	})
	json.NewEncoder(os.Stdout).Encode(peer{s.URL, s.CACert()})
	io.Copy(io.Discard, os.Stdin)
	s.Close()
	if v := s.Violations(); len(v) > 0 {
		fmt.Fprintf(os.Stderr, "the client broke rules:\n%s", iaptest.Report(v))
		os.Exit(1)
	}
}

func startPeer(t *testing.T) *iap.Dialer {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), peerVariable+"=1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the relay: %v\n%s", err, complaints.String())
		}
	})
	var p peer
	if err := json.NewDecoder(stdout).Decode(&p); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.CA)
	return &iap.Dialer{URL: p.URL, TLSConfig: &tls.Config{RootCAs: pool}, Linger: time.Second,
		Token: func(context.Context, string) (string, error) { return "token", nil }}
}

// load is many clients of one server, some of whom go away or whose far side does.
type load struct {
	echo, reset string // addresses
	failures    chan error

	clients, injected atomic.Int64 // of injected resets, those of the far side
}

// TestManyClients has many clients at once and new ones all the time, with resets from both sides: nothing else fails, nothing
// is left over, and memory stays as it is. ci/full runs it with 1,000 that stay and 200 new ones a second, for a minute.
func TestManyClients(t *testing.T) {
	dialer := startPeer(t)
	s := &Server{}
	for _, port := range []int{portEcho, portReset} {
		listeners, err := Listen(t.Context(), "127.0.0.1", 0)
		if err != nil {
			t.Fatal(err)
		}
		s.Ports = append(s.Ports, Port{Listeners: listeners, Dial: func(ctx context.Context) (Conn, error) {
			c, err := dialer.Dial(ctx, iap.Target{Project: "p", Zone: "z", Instance: "vm", Port: port})
			if err != nil {
				return nil, err
			}
			return c, nil
		}})
	}
	_, stop := serve(t, s, nil)
	l := &load{echo: s.Ports[0].Listeners[0].Addr().String(), reset: s.Ports[1].Listeners[0].Addr().String(), failures: make(chan error, 100)}

	var stayers []net.Conn
	for range *loadStay {
		c := connect(t, l.echo)
		c.SetDeadline(time.Time{})
		stayers = append(stayers, c)
	}
	memory := l.bring(t)
	for i, c := range stayers {
		if err := echo(c, 1000, uint64(i)); err != nil {
			t.Errorf("client %d, who stays: %v", i, err)
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	for deadline := time.Now().Add(30 * time.Second); s.Open() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	shot := s.Snapshot()
	stop()
	close(l.failures)
	for err := range l.failures {
		t.Error(err)
	}
	if want := uint64(l.clients.Load()) + uint64(*loadStay); shot.Clients != want || shot.Refused != 0 || len(shot.Open) != 0 ||
		shot.Failed != uint64(l.injected.Load()) {
		t.Errorf("%d clients, want %d; %d without a session; %d left; %d broken off, want %d", shot.Clients, want, shot.Refused, len(shot.Open),
			shot.Failed, l.injected.Load())
	}
	first, last := memory[0], memory[len(memory)-1]
	t.Logf("%d clients, %d reset by the far side; memory %v KiB", shot.Clients, l.injected.Load(), memory)
	if last > first+first/5+4<<10 {
		t.Errorf("memory grew from %d KiB to %d KiB", first, last)
	}
}

// bring lets clients come, and gives the memory in use at times, in KiB.
func (l *load) bring(t *testing.T) (memory []uint64) {
	dice := rand.New(rand.NewPCG(*loadSeed, 0))
	var running sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(*loadRate))
	defer tick.Stop()
	n := int(loadFor.Seconds() * float64(*loadRate))
	for i := range n {
		<-tick.C
		if i%(max(n/6, 1)) == n/6-1 {
			memory = append(memory, heap())
		}
		kind, size, seed := dice.IntN(10), 1+dice.IntN(100_000), dice.Uint64()
		running.Go(func() { l.client(kind, size, seed) })
	}
	running.Wait()
	return append(memory, heap())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return (m.HeapAlloc + m.StackInuse) >> 10
}

// client is one: most are content, one in ten goes away in the midst, one in ten is reset by the far side.
func (l *load) client(kind, size int, seed uint64) {
	addr := l.echo
	if kind == 0 {
		addr = l.reset
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		l.fail(err)
		return
	}
	defer c.Close()
	l.clients.Add(1)
	c.SetDeadline(time.Now().Add(30 * time.Second))
	switch kind {
	case 0:
		l.injected.Add(1)
		err := echo(c, 200_000, seed)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			l.fail(fmt.Errorf("the far side was reset, the client saw %w", err))
		}
	case 1:
		go c.Write(make([]byte, size))
		io.CopyN(io.Discard, c, int64(size/2))
		c.(*net.TCPConn).SetLinger(0)
	default:
		if err := echo(c, size, seed); err != nil {
			l.fail(err)
		}
		c.(*net.TCPConn).SetLinger(0)
	}
}

func (l *load) fail(err error) {
	select {
	case l.failures <- err:
	default: // there are enough
	}
}

// echo sends bytes and compares what comes back.
func echo(c net.Conn, size int, seed uint64) error {
	want := make([]byte, size)
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	rand.NewChaCha8(key).Read(want)
	sent := make(chan error, 1)
	go func() { _, err := c.Write(want); sent <- err }()
	got := make([]byte, size)
	n, err := io.ReadFull(c, got)
	if !bytes.Equal(got[:n], want[:n]) {
		return errors.New("other bytes came back")
	}
	if err != nil {
		c.Close()
		<-sent
		return err
	}
	return <-sent
}
