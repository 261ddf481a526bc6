//go:build unix

package sshclient

import (
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// delayLine is a TCP server that passes each connection on to an sshd of its own, some
// time later in each direction. It counts the flights of the client's latest
// connection: what a client sends after something has come for it begins a new one.
type delayLine struct {
	listener net.Listener
	delay    time.Duration
	dial     func() net.Conn
	work     sync.WaitGroup

	mu      sync.Mutex
	flights int  // guarded by mu
	came    bool // guarded by mu
}

func (l *delayLine) sent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.came {
		l.came = false
		l.flights++
	}
}

func (l *delayLine) received() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came = true
}

func newDelayLine(t *testing.T, delay time.Duration, dial func() net.Conn) *delayLine {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &delayLine{listener: listener, delay: delay, dial: dial}
	l.work.Go(l.serve)
	t.Cleanup(func() { listener.Close(); l.work.Wait() })
	return l
}

func (l *delayLine) serve() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far := l.dial()
		l.mu.Lock()
		l.flights, l.came = 0, true // the first flight waits for nothing
		l.mu.Unlock()
		l.work.Go(func() { l.carry(far, near, l.sent, nil) })
		l.work.Go(func() { l.carry(near, far, nil, l.received) })
	}
}

// parcel is what arrived at one moment.
type parcel struct {
	due  time.Time
	data []byte
}

// carry calls picked when something sets out, and brought when it arrives.
func (l *delayLine) carry(to, from net.Conn, picked, brought func()) {
	defer to.Close()
	parcels := make(chan parcel, 1000)
	l.work.Go(func() { l.collect(from, parcels, picked) })
	for p := range parcels {
		time.Sleep(time.Until(p.due))
		if brought != nil {
			brought()
		}
		to.Write(p.data)
	}
}

func (l *delayLine) collect(from net.Conn, parcels chan<- parcel, picked func()) {
	defer close(parcels)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		if n > 0 && picked != nil {
			picked()
		}
		parcels <- parcel{time.Now().Add(l.delay), buf[:n]}
		if err != nil {
			return
		}
	}
}

// A command's first output must not take more round trips than with stock ssh.
func TestRoundTrips(t *testing.T) {
	server := newSSHD(t)
	line := newDelayLine(t, 30*time.Millisecond, func() net.Conn { return server.dial(t) })
	dir := t.TempDir()
	key := server.login.write(t, dir, "key", "")
	known := writeFile(t, dir, "known", []byte("sshd "+string(ssh.MarshalAuthorizedKey(server.hostKeys[0].public))))
	const command = "echo out; sleep 0.2" // the end is no part of it

	_, port, _ := net.SplitHostPort(line.listener.Addr().String())
	stock := func(first func()) {
		cmd := exec.Command("ssh", "-F", "none", "-p", port, "-i", key, "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=sshd",
			"-o", "UserKnownHostsFile="+known, "-o", "UpdateHostKeys=no", server.user+"@127.0.0.1", command)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		out.Read(make([]byte, 4))
		first()
		cmd.Wait()
	}
	ours := func(first func()) {
		conn, err := net.Dial("tcp", line.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		config := server.settings(t)
		config.Auth.Identities = []Identity{{Path: key}}
		client, err := Handshake(t.Context(), conn, config)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		session, err := client.Start(t.Context(), Command{Exec: command, Env: []string{"LC_A=1"}})
		if err != nil {
			t.Fatal(err)
		}
		session.Run(Streams{Stdout: firstWrite(first)})
	}
	// A busy machine may tear a flight apart, or be so slow to send that two are one.
	for try := range 3 {
		our, stocks := line.flightsTo(ours), line.flightsTo(stock)
		t.Logf("flights to the first output: %d, stock ssh %d", our, stocks)
		if our <= stocks {
			break
		}
		if try == 2 {
			t.Errorf("%d flights to the first output, stock ssh %d", our, stocks)
		}
	}
}

// flightsTo is the number of flights until try calls first.
func (l *delayLine) flightsTo(try func(first func())) (flights int) {
	try(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		flights = l.flights
	})
	return flights
}

// firstWrite is a Writer that calls itself at what is written first.
type firstWrite func()

func (w firstWrite) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}
