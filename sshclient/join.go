package sshclient

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Join makes a client of a connection that another process holds and shares. conn
// leads to that process and is ready for [ssh.NewControlClientConn]; package control
// makes such. Of cfg only Host, ForwardAgent, Forwards and Log matter: keys, trust and
// keepalives are the holder's affair, and so is the agent that is forwarded if the
// holder allows it.
//
// Close of the client leaves the shared connection to the others.
func Join(conn net.Conn, cfg Config) (*Client, error) {
	w := &wire{Conn: conn, start: time.Now()}
	w.sniffer.over = true // there is no key exchange to look at
	sshConn, chans, reqs, err := ssh.NewControlClientConn(w)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &Client{
		conn: sshConn, wire: w, host: cfg.Host, logTo: cfg.Log, joined: true, agentPath: cfg.ForwardAgent,
		asks: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.forwards = newForwards(c, cfg.Forwards)
	c.start(Config{}, chans, reqs)
	return c, nil
}

// Joined says that the connection is another process's, see [Join].
func (c *Client) Joined() bool { return c.joined }

// LinkRequest is the global request by which the holder of a connection tells those who
// have joined it of the link below: a [LinkNews], which is not answered.
const LinkRequest = "link@iapssh"

// LinkNews is the payload of a LinkRequest.
type LinkNews struct {
	Down         bool
	Milliseconds uint32 // for how long, if it is down
}

// toldLink is what the holder of a joined connection has said of its link.
type toldLink struct {
	mu    sync.Mutex
	since time.Time // guarded by mu; zero: up
}

// note takes news. What does not parse is none.
func (t *toldLink) note(payload []byte) {
	var news LinkNews
	if ssh.Unmarshal(payload, &news) != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = time.Time{}
	if news.Down {
		t.since = time.Now().Add(-time.Duration(news.Milliseconds) * time.Millisecond)
	}
}

func (t *toldLink) get() (since time.Time, down bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since, !t.since.IsZero()
}

// signOfLife asks the server for one, whatever it says, and tells when it came. An error
// says that the connection has ended.
func (c *Client) signOfLife() (time.Time, error) {
	if !c.joined {
		_, _, err := c.conn.SendRequest(keepaliveRequest, true, nil)
		return time.Now(), err
	}
	// OpenSSH's master leaves global requests without an answer, or ends the
	// connection over them. Nor does it outlive a client that was refused a channel,
	// or leaves before one that it has closed is closed by the server, too: a session
	// is what servers rarely refuse, and the end of its requests is awaited.
	channel, requests, err := c.conn.OpenChannel("session", nil)
	came := time.Now()
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); refused {
		return came, nil
	}
	if err != nil {
		return came, io.EOF // of x/crypto's errors none says more
	}
	err = channel.Close()
	ssh.DiscardRequests(requests)
	return came, err
}
