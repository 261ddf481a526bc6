package sshclient

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestUntilIdle(t *testing.T) {
	const s = time.Second
	for _, test := range []struct{ unused, limit, allUnused, all, want time.Duration }{
		{3 * s, 10 * s, 0, 0, 7 * s},
		{3 * s, 0, 2 * s, 10 * s, 8 * s},
		{9 * s, 10 * s, 1 * s, 5 * s, 1 * s},
		{9 * s, 20 * s, 4 * s, 5 * s, 1 * s},
		{11 * s, 10 * s, 0, 5 * s, -1 * s},
	} {
		if got := untilIdle(test.unused, test.limit, test.allUnused, test.all); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// tick writes every ten seconds, as often as its command says, and then waits for its end.
func tick(s *sshtest.Session) sshtest.Exit {
	n, _ := strconv.Atoi(s.Command)
	for range n {
		time.Sleep(10 * time.Second)
		if _, err := s.Stderr.Write([]byte(".")); err != nil {
			return sshtest.Exit{}
		}
	}
	io.Copy(io.Discard, s.Stdin)
	return sshtest.Exit{}
}

func TestChannelTimeouts(t *testing.T) {
	for _, test := range []struct {
		name     string
		timeouts map[string]time.Duration
		ticks    []string // of each session
		ends     []time.Duration
	}{
		{"one", map[string]time.Duration{"session": 30 * time.Second}, []string{"2", "4"}, []time.Duration{50 * time.Second, 70 * time.Second}},
		{"all", map[string]time.Duration{AllChannels: 30 * time.Second}, []string{"0", "4"}, []time.Duration{70 * time.Second, 70 * time.Second}},
		{"either", map[string]time.Duration{AllChannels: 15 * time.Second, "session": 40 * time.Second}, []string{"0", "6"}, []time.Duration{40 * time.Second, 75 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := sshtest.NewServer()
				server.AllowAll, server.Handler = true, tick
				defer server.Close()
				config := labConfig(server)
				config.ChannelTimeouts = test.timeouts
				client, err := Handshake(t.Context(), server.Dial(), config)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				var sessions sync.WaitGroup
				start := time.Now()
				for i, ticks := range test.ticks {
					session, err := client.Start(t.Context(), Command{Exec: ticks})
					if err != nil {
						t.Fatal(err)
					}
					sessions.Go(func() {
						var shown bytes.Buffer
						result := session.Run(Streams{Stdin: blockedReader(t), Stderr: &shown})
						if lasted := time.Since(start); lasted != test.ends[i] || !errors.Is(result.Lost, ErrNoStatus) || result.ExitCode() != 255 {
							t.Errorf("session %d ended after %v with %v, status %d; want %v", i, lasted, result.Lost, result.ExitCode(), test.ends[i])
						}
						if want, _ := strconv.Atoi(ticks); shown.Len() != want {
							t.Errorf("session %d has shown %q", i, shown.String())
						}
					})
				}
				sessions.Wait()
			})
		})
	}
}

// A kind without a timeout is not touched.
func TestChannelTimeoutOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sshtest.NewServer()
		server.AllowAll = true
		server.Handler = func(*sshtest.Session) sshtest.Exit {
			time.Sleep(time.Hour)
			return sshtest.Exit{Status: 3}
		}
		defer server.Close()
		config := labConfig(server)
		config.ChannelTimeouts = map[string]time.Duration{"direct-tcpip": time.Second}
		client, err := Handshake(t.Context(), server.Dial(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, _, result := execute(t, client, Command{Exec: "true"}, nil); result.Status != 3 {
			t.Errorf("%+v", result)
		}
	})
}

// blockedReader has no input until it is interrupted.
func blockedReader(t *testing.T) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	return &interruptedPipe{r}
}

type interruptedPipe struct{ *io.PipeReader }

func (p *interruptedPipe) Interrupt() { p.Close() }
