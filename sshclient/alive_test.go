package sshclient

import (
	"errors"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestAliveness(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	const s = time.Second
	for _, test := range []struct {
		name              string
		sent              int
		asked, heard, now int // seconds
		down              bool
		want              aliveStep
		left              int
	}{
		{"heard just now", 2, 20, 30, 30, false, aliveStep{next: 10 * s}, 0},
		{"heard a while ago", 1, 20, 21, 30, false, aliveStep{next: 1 * s}, 0},
		{"heard when asked", 1, 20, 20, 30, false, aliveStep{ask: true, next: 10 * s}, 1},
		{"silent", 0, 0, 20, 30, false, aliveStep{ask: true, next: 10 * s}, 1},
		{"silent, asked once", 1, 20, 10, 30, false, aliveStep{ask: true, next: 10 * s}, 2},
		{"silent, asked as often as allowed", 2, 20, 0, 30, false, aliveStep{dead: true}, 2},
		{"link down", 2, 20, 0, 30, true, aliveStep{next: 10 * s}, 0},
	} {
		a := aliveness{interval: 10 * s, max: 2, sent: test.sent, asked: at(test.asked)}
		if got := a.tick(at(test.now), at(test.heard), test.down); got != test.want || a.sent != test.left {
			t.Errorf("%s: %+v with %d sent, want %+v with %d", test.name, got, a.sent, test.want, test.left)
		}
	}
}

// numbConn loses what arrives while it is numb, and says that its link is down when told to.
type numbConn struct {
	net.Conn
	numb, down atomic.Bool
}

func (c *numbConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.numb.Load() {
			return n, err
		}
	}
}

func (c *numbConn) LinkDown() (time.Time, bool) { return time.Time{}, c.down.Load() }

func TestServerAlive(t *testing.T) {
	for _, test := range []struct {
		name       string
		numb, down bool
		want       error
	}{
		{name: "answering server"},
		{name: "silent server", numb: true, want: ErrServerSilent},
		{name: "link down", numb: true, down: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := sshtest.NewServer()
				server.AllowAll = true
				defer server.Close()
				conn := &numbConn{Conn: server.Dial()}
				config := labConfig(server)
				config.ServerAliveInterval, config.ServerAliveCountMax = 10*time.Second, 3
				client, err := Handshake(t.Context(), conn, config)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				conn.numb.Store(test.numb)
				conn.down.Store(test.down)
				start := time.Now()
				select {
				case <-client.Done():
					if lasted := time.Since(start); lasted != 40*time.Second {
						t.Errorf("ended after %v, want 40s", lasted)
					}
				case <-time.After(time.Hour):
				}
				if err := client.Err(); !errors.Is(err, test.want) {
					t.Errorf("connection ended with %v, want %v", err, test.want)
				}
			})
		})
	}
}

// logRecorder keeps log lines.
type logRecorder struct {
	mu     sync.Mutex
	lines  []string // guarded by mu, as is
	errors int      // how many of them are errors
}

func (l *logRecorder) add(level Level, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level == Error {
		l.errors++
	}
	l.lines = append(l.lines, line)
}

// count returns how many lines are exactly the given one.
func (l *logRecorder) count(line string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, have := range l.lines {
		if have == line {
			n++
		}
	}
	return n
}

// matching returns how many lines match a regular expression.
func (l *logRecorder) matching(pattern string) int {
	want := regexp.MustCompile(pattern)
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, have := range l.lines {
		if want.MatchString(have) {
			n++
		}
	}
	return n
}

func (l *logRecorder) has(line string) bool { return l.count(line) > 0 }
