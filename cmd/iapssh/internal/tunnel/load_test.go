package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/iaptest/apart"
)

var (
	loadStay = flag.Int("stay", 40, "clients that are there all the time")
	loadRate = flag.Int("rate", 60, "new clients in a second")
	loadFor  = flag.Duration("for", 2*time.Second, "how long new clients come")
	loadSeed = flag.Uint64("seed", 1, "of what they do")

	loadResident = flag.Bool("resident", false, "judge what is resident too: not with -race, whose own memory is")
)

const (
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
	if err := apart.Serve(peer{s.URL, s.CACert()}); err != nil {
		log.Fatal(err)
	}
	s.Close()
	if v := s.Violations(); len(v) > 0 {
		fmt.Fprintf(os.Stderr, "the client broke rules:\n%s", iaptest.Report(v))
		os.Exit(1)
	}
}

func startPeer(t *testing.T) *iap.Dialer {
	t.Helper()
	var p peer
	apart.Start(t, &p)
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

	rate float64 // of new clients in a second; set by bring
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
	uses := l.bring()
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
	after := takeUse()
	close(l.failures)
	for err := range l.failures {
		t.Error(err)
	}
	if want := uint64(l.clients.Load()) + uint64(*loadStay); shot.Clients != want || shot.Refused != 0 || len(shot.Open) != 0 ||
		shot.Failed != uint64(l.injected.Load()) {
		t.Errorf("%d clients, want %d; %d without a session; %d left; %d broken off, want %d", shot.Clients, want, shot.Refused, len(shot.Open),
			shot.Failed, l.injected.Load())
	}
	first, last := uses[0], uses[len(uses)-1]
	t.Logf("%d clients, of whom %d stayed and %.0f came in a second, %d reset by the far side", shot.Clients, *loadStay, l.rate, l.injected.Load())
	t.Logf("at first: %v", first)
	t.Logf("halfway: %v", uses[len(uses)/2])
	t.Logf("at last: %v", last)
	t.Logf("when all have gone: %v", after)
	if after.memory > 16<<20 {
		t.Errorf("something is left: %v", after)
	}
	if last.memory > first.memory+first.memory/5+4<<20 || *loadResident && last.resident > first.resident+first.resident/5+16<<20 {
		t.Errorf("it grew from %v to %v", first, last)
	}
}

// use is what the process has.
type use struct {
	goroutines int
	memory     uint64 // bytes in use by the program
	resident   uint64 // and as the system sees it; 0 where it does not tell
}

func takeUse() use {
	runtime.GC()
	debug.FreeOSMemory() // and collects once more, which what pools keep does not survive
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := use{goroutines: runtime.NumGoroutine(), memory: m.HeapAlloc + m.StackInuse}
	status, _ := os.ReadFile("/proc/self/status")
	if _, after, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
		fmt.Sscan(string(after), &u.resident)
		u.resident <<= 10
	}
	return u
}

func (u use) String() string {
	return fmt.Sprintf("%d goroutines, %d KiB in use, %d KiB resident", u.goroutines, u.memory>>10, u.resident>>10)
}

// bring lets clients come, and gives what is in use at times.
func (l *load) bring() (uses []use) {
	dice := rand.New(rand.NewPCG(*loadSeed, 0))
	var running sync.WaitGroup
	began := time.Now()
	n := int(loadFor.Seconds() * float64(*loadRate))
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(*loadRate)))) // what is late is made up for
		if i%(max(n/6, 1)) == n/6-1 {
			uses = append(uses, takeUse())
		}
		kind, size, seed := dice.IntN(10), 1+dice.IntN(100_000), dice.Uint64()
		running.Go(func() { l.client(kind, size, seed) })
	}
	l.rate = float64(n) / time.Since(began).Seconds()
	running.Wait()
	return append(uses, takeUse())
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
