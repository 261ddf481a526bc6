package iaptest

import (
	"net"
	"strings"
	"testing"
)

func TestBooksForgetTheOldest(t *testing.T) {
	var b books
	for i := range int64(maxEvents + 10) {
		b.event(Event{Kind: Data, N: i})
	}
	got := b.transcript()
	if len(got) != maxEvents || got[0].N != 10 || got[len(got)-1].N != maxEvents+9 {
		t.Errorf("%d events from %d to %d", len(got), got[0].N, got[len(got)-1].N)
	}
}

func TestTranscript(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) { c.Read(make([]byte, 2)) }))
	c, _ := open(t, srv, 22)
	c.data("ab")
	c.answerClose(1000, "")
	srv.Close()
	var lines []string
	for _, e := range srv.Transcript() {
		if e.Kind == Gone {
			e.Text = "" // both ends close now, and either may be first
		}
		if e.Kind != Ack { // comes when it comes
			lines = append(lines, e.String())
		}
	}
	want := `link 1 client request 0 "/v4/connect"
link 1 relay status 101
link 1 relay sid 0
link 1 client data 2
link 1 relay close 1000
link 1 client close 1000
link 1 client gone 0`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := srv.Sessions()[0].String(); !strings.HasPrefix(got, "vm:22 ended, 1 links, up 2 received 2 delivered") {
		t.Error(got)
	}
}
