package tunnel

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/iaptest/apart"
)

func TestMain(m *testing.M) {
	if apart.Here() {
		runPeer()
		return
	}
	goleak.VerifyTestMain(m)
}

// relay gives a relay emulator whose VM has backend on port 22, and a way to dial it. The client must break no rule.
func relay(t *testing.T, backend iaptest.Backend, configure ...func(*iaptest.Server, *iap.Dialer)) (*iaptest.Server, func(context.Context) (Conn, error)) {
	t.Helper()
	s := iaptest.NewUnstartedServer()
	d := &iap.Dialer{TLSConfig: s.ClientTLS(), NetDial: s.NetDial, Token: func(context.Context, string) (string, error) { return "token", nil }}
	for _, f := range configure {
		f(s, d)
	}
	s.Handle("vm", 22, backend)
	if s.URL == "" {
		s.Start()
	}
	d.URL = s.URL
	t.Cleanup(func() {
		s.Close()
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
		}
	})
	return s, func(ctx context.Context) (Conn, error) {
		c, err := d.Dial(ctx, iap.Target{Project: "p", Zone: "z", Instance: "vm", Port: 22})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// serve runs a server for the length of a test, and gives what it listens on.
func serve(t *testing.T, s *Server, dial func(context.Context) (Conn, error)) (addr string, stop func() int) {
	t.Helper()
	if s.Ports == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.Ports = []Port{{Listeners: []net.Listener{l}, Dial: dial}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan int, 1)
	go func() { closed <- s.Serve(ctx) }()
	stop = sync.OnceValue(func() int { cancel(); return <-closed })
	t.Cleanup(func() { stop() })
	return s.Ports[0].Listeners[0].Addr().String(), stop
}

func connect(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// A client that has no more to send still gets the answer to it.
func TestHalfClose(t *testing.T) {
	answered := make(chan struct{})
	_, dial := relay(t, iaptest.Serve(func(c net.Conn) {
		io.ReadFull(c, make([]byte, len("question")))
		<-answered
		io.WriteString(c, "answer")
	}))
	addr, _ := serve(t, &Server{}, dial)
	c := connect(t, addr)
	io.WriteString(c, "question")
	c.CloseWrite()
	time.AfterFunc(50*time.Millisecond, func() { close(answered) }) // the end of the question is there before the answer
	if got, err := io.ReadAll(c); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A server that answers and hangs up while the client still sends: the client gets the answer whole and a clean end.
func TestAnswerBeforeTheQuestionIsOver(t *testing.T) {
	_, dial := relay(t, func(context.Context) (net.Conn, error) {
		server, relay := net.Pipe()
		go func() { server.Read(make([]byte, 1)); io.WriteString(server, "too large"); server.Close() }()
		return deaf{relay}, nil
	})
	addr, _ := serve(t, &Server{}, dial)
	c := connect(t, addr)
	sending := sync.WaitGroup{}
	sending.Go(func() {
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if got, err := io.ReadAll(c); string(got) != "too large" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	sending.Wait()
}

// deaf is a backend's connection that never fails to take what it is sent.
type deaf struct{ net.Conn }

func (d deaf) Write(p []byte) (int, error) {
	d.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	d.Conn.Write(p)
	return len(p), nil
}

// What breaks off on the far side does not look like a clean end, and is nobody else's trouble.
func TestOneFailureHarmsNoOther(t *testing.T) {
	reset := errors.New("reset")
	var events events
	kinds := make(chan string, 3)
	_, dial := relay(t, func(context.Context) (net.Conn, error) {
		switch kind := <-kinds; kind {
		case "refused":
			return nil, reset
		case "reset":
			server, relay := net.Pipe()
			go func() { io.WriteString(server, "partial"); server.Close() }()
			return failing{relay}, nil
		}
		server, relay := net.Pipe()
		go io.Copy(server, server)
		return relay, nil
	}, func(_ *iaptest.Server, d *iap.Dialer) { d.Linger = 100 * time.Millisecond })
	s := &Server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Ports = []Port{{Listeners: []net.Listener{l}, Dial: dial, Trace: events.trace()}}
	addr, stop := serve(t, s, dial)

	kinds <- "echo"
	good := connect(t, addr)
	io.WriteString(good, "one\n")
	lines := bufio.NewReader(good)
	if line, err := lines.ReadString('\n'); line != "one\n" {
		t.Fatal(line, err)
	}

	for _, kind := range []string{"refused", "reset"} {
		kinds <- kind
		if got, err := readFrom(addr); !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix("partial", string(got)) {
			t.Errorf("%s: the client has %q, %v, want a reset", kind, got, err)
		}
	}

	io.WriteString(good, "two\n")
	if line, err := lines.ReadString('\n'); line != "two\n" {
		t.Error(line, err)
	}
	good.Close()
	for s.Open() > 0 {
		time.Sleep(time.Millisecond)
	}
	if n := stop(); n != 0 {
		t.Errorf("%d connections at the end", n)
	}
	got := s.Snapshot().Totals
	got.Acks = 0
	if want := (Totals{Clients: 3, Refused: 1, Failed: 1, Sent: 8, Received: got.Received}); got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
	slices.Sort(events.all) // a client may be told before the event is
	if events.String() != "closed closed failed opened opened" {
		t.Errorf("events %s", &events)
	}
}

// readFrom reads what there is; a reset may come before the connection is known to be there.
func readFrom(addr string) ([]byte, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return io.ReadAll(c)
}

// failing is a backend's connection whose end is an error.
type failing struct{ net.Conn }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if err != nil {
		err = syscall.ECONNRESET
	}
	return n, err
}

// events are a server's, in order.
type events struct {
	mu  sync.Mutex
	all []string // guarded by mu
}

func (e *events) add(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, what)
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.all, " ")
}

func (e *events) trace() Trace {
	return Trace{
		Opened:       func(Connection) { e.add("opened") },
		Failed:       func(Connection, error) { e.add("failed") },
		Closed:       func(Connection, error) { e.add("closed") },
		AcceptFailed: func(error, time.Duration) { e.add("accept") },
	}
}

// A client that goes away ends its session, and the VM's connection with it, at once.
func TestClientGone(t *testing.T) {
	gone := make(chan struct{})
	_, dial := relay(t, iaptest.Serve(func(c net.Conn) {
		io.WriteString(c, "hello")
		io.Copy(io.Discard, c)
		close(gone)
	}))
	addr, _ := serve(t, &Server{}, dial)
	c := connect(t, addr)
	io.ReadFull(c, make([]byte, 5))
	c.SetLinger(0)
	c.Close()
	select {
	case <-gone:
	case <-time.After(8 * time.Second): // less than the time that a half-closed session lingers
		t.Error("the VM's connection is still there")
	}
}

// At the end what is under way arrives, in both directions, and what is idle is closed.
func TestDrain(t *testing.T) {
	const size = 3 << 20
	begun, ending, got := make(chan struct{}), make(chan struct{}), make(chan int64, 1)
	_, dial := relay(t, iaptest.Serve(func(c net.Conn) {
		n, _ := io.ReadFull(c, make([]byte, 1))
		if n == 0 {
			return
		}
		close(begun)
		<-ending // or all might be over before the end begins
		m, _ := io.CopyN(io.Discard, c, size-1)
		got <- m + 1
		io.WriteString(c, "done")
	}))
	s := &Server{}
	addr, stop := serve(t, s, dial)
	idle := connect(t, addr)
	c := connect(t, addr)
	sending := sync.WaitGroup{}
	sending.Go(func() { c.Write(make([]byte, size)) })
	<-begun
	for !slices.ContainsFunc(s.Snapshot().Open, func(c Connection) bool { return c.ID == 1 && c.Session.Phases.Session > 0 }) {
		time.Sleep(time.Millisecond) // a client without a session yet would not be drained
	}
	time.AfterFunc(drainQuiet/3, func() { close(ending) })
	if n := stop(); n != 2 {
		t.Errorf("%d connections closed, want 2", n)
	}
	sending.Wait()
	if n := <-got; n != size {
		t.Errorf("the VM got %d bytes of %d", n, size)
	}
	if answer, err := io.ReadAll(c); string(answer) != "done" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle client is still served")
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening")
	}
}

// The session that checks the way is the first client's.
func TestCheckCostsNothing(t *testing.T) {
	emulator, dial := relay(t, iaptest.Echo())
	s := &Server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Ports = []Port{{Listeners: []net.Listener{l}, Dial: dial}}
	if i, err := s.Check(t.Context()); err != nil {
		t.Fatal(i, err)
	}
	addr, stop := serve(t, s, dial)
	for range 2 {
		c := connect(t, addr)
		io.WriteString(c, "x")
		io.ReadFull(c, make([]byte, 1))
		c.Close()
	}
	stop()
	if n := len(emulator.Sessions()); n != 2 {
		t.Errorf("%d sessions for 2 clients", n)
	}
}

// A probe is young, alive, and taken once; or it is none.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name  string
			wait  time.Duration
			ended bool
			want  bool
		}{
			{"at once", 0, false, true},
			{"just in time", probeLife - 1, false, true},
			{"too late", probeLife, false, false},
			{"after its end", time.Second, true, false},
		} {
			near, far := newLine()
			p := newProbe(near)
			guarded := sync.WaitGroup{}
			guarded.Go(func() { p.guard(t.Context()) })
			if test.ended {
				near.Close()
			}
			time.Sleep(test.wait)
			synctest.Wait()
			got := p.take()
			if (got != nil) != test.want || p.take() != nil {
				t.Errorf("%s: taken %v", test.name, got)
			}
			guarded.Wait()
			if got != nil {
				got.Close()
			}
			if _, err := far.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: the session is not closed: %v", test.name, err)
			}
			far.Close()
		}
	})
}

// A failed check closes the other ports' sessions and listeners, and says which it was.
func TestCheckFails(t *testing.T) {
	near, far := newLine()
	why := errors.New("no such VM")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Ports: []Port{
		{Dial: func(ctx context.Context) (Conn, error) { <-ctx.Done(); return nil, ctx.Err() }},
		{Dial: func(context.Context) (Conn, error) { return near, nil }},
		{Dial: func(context.Context) (Conn, error) { return nil, why }, Listeners: []net.Listener{l}},
	}}
	if i, err := s.Check(t.Context()); i != 2 || err != why {
		t.Errorf("port %d: %v", i, err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a session is left: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener is left: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Serve(ended) // ends, though it is closed
}

// flaky is a listener that fails as often as it is told.
type flaky struct {
	net.Listener
	mu    sync.Mutex
	fails int // guarded by mu
}

func (f *flaky) Accept() (net.Conn, error) {
	f.mu.Lock()
	f.fails--
	failing := f.fails >= 0
	f.mu.Unlock()
	if failing {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

// Failures to accept are waited out, with growing pauses.
func TestAcceptFails(t *testing.T) {
	_, dial := relay(t, iaptest.Echo())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var events events
	s := &Server{Ports: []Port{{Listeners: []net.Listener{&flaky{Listener: l, fails: 4}}, Dial: dial, Trace: events.trace()}}}
	addr, stop := serve(t, s, dial)
	c := connect(t, addr)
	io.WriteString(c, "x")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	c.Close()
	stop()
	if got := events.String(); !strings.HasPrefix(got, "accept accept accept accept opened") {
		t.Errorf("events: %s", got)
	}
	if got := s.Snapshot().AcceptErrors; got != 4 {
		t.Errorf("%d errors counted", got)
	}
}

func TestDecisions(t *testing.T) {
	for failures, want := range map[int]time.Duration{1: 5 * time.Millisecond, 2: 10 * time.Millisecond, 8: 640 * time.Millisecond,
		9: time.Second, 1000: time.Second} {
		if got := acceptPause(failures); got != want {
			t.Errorf("acceptPause(%d) = %v", failures, got)
		}
	}
	for _, test := range []struct {
		began, moved time.Duration
		want         bool
	}{{0, 0, false}, {drainQuiet - 1, drainQuiet - 1, false}, {drainQuiet, drainQuiet, true}, {drainLimit - 1, 0, false}, {drainLimit, 0, true}} {
		if drained(test.began, test.moved) != test.want {
			t.Errorf("drained(%v, %v) = %v", test.began, test.moved, !test.want)
		}
	}
}

// A server ends when there has been no client for a while, counted from the end of the last one.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := &Server{Idle: time.Minute, Ports: []Port{{Listeners: []net.Listener{l}, Dial: func(context.Context) (Conn, error) {
			near, far := newLine()
			go func() { <-near.closedWrite; far.Close() }()
			return near, nil
		}}}}
		began := time.Now()
		ended := make(chan struct{})
		go func() { s.Serve(t.Context()); close(ended) }()
		time.Sleep(50 * time.Second)
		c := l.dial(t)
		time.Sleep(5 * time.Hour)
		c.Close()
		<-ended
		if took, want := time.Since(began), 5*time.Hour+110*time.Second; took < want || took > want+drainQuiet {
			t.Errorf("ended after %v, want %v", took, want)
		}
	})
}

// pipeListener is a listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial(t *testing.T) net.Conn {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
	case <-l.closed:
		t.Error("not listening any more")
	}
	return near
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
