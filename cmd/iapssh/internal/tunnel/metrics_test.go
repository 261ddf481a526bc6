package tunnel

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
)

// day is a snapshot of a server with two clients, and one of a second before.
func day() (now, before Snapshot) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now = Snapshot{
		Totals: Totals{Clients: 9, Refused: 2, Failed: 1, AcceptErrors: 3, Sent: 5 << 20, Received: 7 << 20, Resumes: 4, Acks: 11},
		Tokens: 2, Began: began, Time: began.Add(time.Hour),
		Open: []Connection{
			{ID: 7, Client: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, Began: began, Sent: 1 << 20, Received: 2 << 20,
				Session: iap.Stats{Unconfirmed: 512, AcksIn: 3, AcksOut: 4, Resumes: 1, RTT: 12 * time.Millisecond}},
			{ID: 8, Client: &net.TCPAddr{IP: net.IPv6loopback, Port: 2}, Began: began.Add(time.Minute),
				Session: iap.Stats{DownSince: began.Add(59 * time.Minute)}},
		},
	}
	before = now
	before.Time, before.Sent = now.Time.Add(-time.Second), now.Sent-1<<20
	return now, before
}

func TestText(t *testing.T) {
	now, before := day()
	want := `up 1h0m0s: 2 clients now, 9 in all; 2 without a session, 1 broken off; 3 failures to accept
now: sent 1 MiB/s, received 0 B/s; in all: sent 5 MiB, received 7 MiB; 4 resumes, 11 ACKs, 2 access tokens
[7] 127.0.0.1:1 for 1h0m0s: sent 1 MiB, received 2 MiB, 512 B not confirmed, 7 ACKs, 1 resumes, relay 12ms away
[8] [::1]:2 for 59m0s: sent 0 B, received 0 B, 0 B not confirmed, 0 ACKs, 0 resumes, no link for 1m0s
`
	if got := now.Text(before); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for range maxShown {
		now.Open = append(now.Open, now.Open[0])
	}
	if got := now.Text(before); !strings.HasSuffix(got, "\nand 2 more\n") {
		t.Errorf("too much: %s", got)
	}
}

func TestMetrics(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := Metrics{Listener: l, Snapshot: func() Snapshot { now, _ := day(); return now }}
	ended := make(chan error, 1)
	go func() { ended <- m.Serve() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%s %q %v", resp.Status, resp.Header, err)
	}
	for _, line := range []string{"iapssh_clients_total 9", "iapssh_clients_open 2", "iapssh_sent_bytes_total 5242880", "iapssh_unconfirmed_bytes 512",
		"iapssh_sessions_without_link 1", "iapssh_relay_rtt_seconds_max 0.012", "iapssh_access_tokens_total 2", "iapssh_start_time_seconds 1767225600"} {
		if !strings.Contains(string(body), line+"\n") {
			t.Errorf("no %q in\n%s", line, body)
		}
	}
	m.Close()
	if err := <-ended; err == nil {
		t.Error("ended without a reason")
	}
}
