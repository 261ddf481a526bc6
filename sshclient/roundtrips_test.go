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
// time later in each direction.
type delayLine struct {
	listener net.Listener
	delay    time.Duration
	dial     func() net.Conn
	work     sync.WaitGroup
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
		l.work.Go(func() { l.carry(far, near) })
		l.work.Go(func() { l.carry(near, far) })
	}
}

// parcel is what arrived at one moment.
type parcel struct {
	due  time.Time
	data []byte
}

func (l *delayLine) carry(to, from net.Conn) {
	defer to.Close()
	parcels := make(chan parcel, 1000)
	l.work.Go(func() { l.collect(from, parcels) })
	for p := range parcels {
		time.Sleep(time.Until(p.due))
		to.Write(p.data)
	}
}

func (l *delayLine) collect(from net.Conn, parcels chan<- parcel) {
	defer close(parcels)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		parcels <- parcel{time.Now().Add(l.delay), buf[:n]}
		if err != nil {
			return
		}
	}
}

// A command's first output must not take more round trips than with stock ssh.
func TestRoundTrips(t *testing.T) {
	const delay = 40 * time.Millisecond // in each direction
	server := newSSHD(t)
	line := newDelayLine(t, delay, func() net.Conn { return server.dial(t) })
	dir := t.TempDir()
	key := server.login.write(t, dir, "key", "")
	known := writeFile(t, dir, "known", []byte("sshd "+string(ssh.MarshalAuthorizedKey(server.hostKeys[0].public))))

	ours := fastest(func(first func()) {
		conn, err := net.Dial("tcp", line.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		config := server.settings(t)
		config.Auth.Identities = []Identity{{Path: key}}
		config.KexAlgorithms = "curve25519-sha256"
		client, err := Handshake(t.Context(), conn, config)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		session, err := client.Start(t.Context(), Command{Exec: "echo out", Env: []string{"LC_A=1"}})
		if err != nil {
			t.Fatal(err)
		}
		session.Run(Streams{Stdout: firstWrite(first)})
	})
	_, port, _ := net.SplitHostPort(line.listener.Addr().String())
	stocks := fastest(func(first func()) {
		cmd := exec.Command("ssh", "-F", "none", "-p", port, "-i", key, "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=sshd",
			"-o", "UserKnownHostsFile="+known, "-o", "KexAlgorithms=curve25519-sha256", "-o", "UpdateHostKeys=no", server.user+"@127.0.0.1", "echo out")
		cmd.Env = append(os.Environ(), "HOME="+dir)
		cmd.Stderr = os.Stderr
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
	})
	t.Logf("to the first output at %v a round trip: %.2f round trips, stock ssh %.2f", 2*delay, ours.Seconds()/(2*delay).Seconds(), stocks.Seconds()/(2*delay).Seconds())
	if ours > stocks+delay {
		t.Errorf("%v, stock ssh %v", ours, stocks)
	}
}

// fastest is the least time from the start of try until it calls first.
func fastest(try func(first func())) time.Duration {
	best := time.Hour
	for range 2 {
		start := time.Now()
		try(func() { best = min(best, time.Since(start)) })
	}
	return best
}

// firstWrite is a Writer that calls itself at what is written first.
type firstWrite func()

func (w firstWrite) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}
