package sshclient

import (
	"io"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// useAgent is a server that lists the keys of the client's agent, some times at once.
func useAgent(times int) func(*sshtest.Session) sshtest.Exit {
	return func(s *sshtest.Session) sshtest.Exit {
		var uses sync.WaitGroup
		results := make([]int, times) // 0: refused, else one more than the keys
		for i := range times {
			uses.Go(func() {
				channel, requests, err := s.Conn.OpenChannel(agentChannel, nil)
				if err != nil {
					return
				}
				defer channel.Close()
				go ssh.DiscardRequests(requests)
				if keys, err := agent.NewClient(struct{ io.ReadWriter }{channel}).List(); err == nil {
					results[i] = 1 + len(keys)
				}
			})
		}
		uses.Wait()
		sum := 0
		for _, n := range results {
			sum += n
		}
		return sshtest.Exit{Status: sum}
	}
}

func TestForwardedAgent(t *testing.T) {
	held := newTestAgent(t, newTestKey(t, "ed25519"), newTestKey(t, "ed25519"))
	for _, test := range []struct {
		name     string
		path     string
		degraded bool
		times    int
		want     int
		warned   bool
	}{
		{name: "forwarded", path: held.path, times: 1, want: 3},
		{name: "many at once", path: held.path, times: 20, want: 60},
		{name: "not asked for", times: 1, warned: true},
		{name: "nobody to forward to", path: held.path + "-gone", times: 1},
		{name: "doubtful server", path: held.path, degraded: true, times: 1, warned: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := sshtest.NewServer()
			server.AllowAll = true
			server.Handler = useAgent(test.times)
			defer server.Close()
			log := &logRecorder{}
			config := labConfig(server)
			config.Log, config.ForwardAgent = log.add, test.path
			config.Trust = &fakeTrust{verdict: Verdict{Degraded: test.degraded}}
			client, err := Handshake(t.Context(), server.Dial(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, _, result := execute(t, client, Command{}, nil)
			if result.Status != test.want {
				t.Errorf("the server has seen %d, want %d", result.Status, test.want)
			}
			if log.has("Warning: ssh server tried agent forwarding.") != test.warned {
				t.Errorf("log %s", strings.Join(log.lines, "\n"))
			}
		})
	}
}
