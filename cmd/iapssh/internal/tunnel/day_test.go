package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// cloud is a relay that can be restarted, and a network that can be away, in memory.
type cloud struct {
	t    *testing.T
	pool *x509.CertPool
	pods []*iaptest.Server // to come; the first is the present one

	mu     sync.Mutex
	away   bool                 // guarded by mu
	tokens map[string]time.Time // guarded by mu; when each was issued
	token  string               // guarded by mu; the present one
}

// Access tokens are good for an hour, and whoever keeps one takes another some minutes before that.
const (
	tokenLife   = time.Hour
	tokenMargin = 4 * time.Minute
)

func newCloud(t *testing.T, lives int) *cloud {
	c := &cloud{t: t, pool: x509.NewCertPool(), tokens: map[string]time.Time{}}
	for range lives {
		s := iaptest.NewUnstartedServer()
		s.Handle("vm", 22, iaptest.Echo())
		s.Retention = 20 * time.Minute // longer than the client tries to resume
		s.Authorize = c.admits
		c.pool.AppendCertsFromPEM(s.CACert())
		c.pods = append(c.pods, s)
	}
	c.pods[0].StartInMemory()
	return c
}

// restart ends the relay with all its sessions, and starts another.
func (c *cloud) restart() {
	c.stop()
	c.mu.Lock()
	c.pods = c.pods[1:]
	c.mu.Unlock()
	c.pods[0].StartInMemory()
}

func (c *cloud) stop() {
	c.pods[0].Close()
	if v := c.pods[0].Violations(); len(v) > 0 {
		c.t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
	}
}

// sleep is a computer's: the links break, and there is no network for a while, in the midst of which something happens.
func (c *cloud) sleep(d time.Duration, happens func()) {
	c.setAway(true)
	c.pods[0].Strike(iaptest.Fault{Do: iaptest.Reset})
	time.Sleep(d / 2)
	happens()
	time.Sleep(d / 2)
	c.setAway(false)
}

func (c *cloud) setAway(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
}

func (c *cloud) netDial(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	away, pod := c.away, c.pods[0]
	c.mu.Unlock()
	if away {
		return nil, &net.OpError{Op: "dial", Err: errors.New("network is unreachable")}
	}
	return pod.NetDial(ctx, network, addr)
}

// accessToken gives a new one when the present one is old, or refused.
func (c *cloud) accessToken(_ context.Context, refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused == c.token || time.Since(c.tokens[c.token]) >= tokenLife-tokenMargin {
		c.token = "token-" + strconv.Itoa(len(c.tokens))
		c.tokens[c.token] = time.Now()
	}
	return c.token, nil
}

// admits is the relay's judgement.
func (c *cloud) admits(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.tokens[token]) < tokenLife
}

func (c *cloud) dial(ctx context.Context) (Conn, error) {
	d := &iap.Dialer{URL: "wss://tunnel.cloudproxy.app/v4", TLSConfig: &tls.Config{RootCAs: c.pool}, NetDial: c.netDial, Token: c.accessToken}
	conn, err := d.Dial(ctx, iap.Target{Project: "p", Zone: "z", Instance: "vm", Port: 22})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// talk has a client's words come back.
func talk(c net.Conn) error {
	c.SetDeadline(time.Now().Add(10 * time.Minute))
	sent := make(chan error, 1)
	go func() { _, err := c.Write(make([]byte, 100_000)); sent <- err }()
	_, err := io.ReadFull(c, make([]byte, 100_000))
	return errors.Join(err, <-sent)
}

// A day of a listener, and its nights, in fake time: access tokens expire every hour, the computer sleeps, the relay ends what is
// idle and is restarted. Whatever happens the next client is served; and the client that stays is the same all day as long as IAP itself
// lets it.
func TestADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, 5)
		l := newPipeListener()
		s := &Server{Ports: []Port{{Listeners: []net.Listener{l}, Dial: c.dial}}}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan int, 1)
		go func() { served <- s.Serve(ctx) }()

		stays := l.dial(t)
		for hour := range 24 {
			synctest.Wait()
			lost := false
			switch hour % 6 {
			case 0: // the relay notices that the token has expired
				c.pods[0].Strike(iaptest.Fault{Do: iaptest.Expire})
			case 1: // a meeting
				c.sleep(14*time.Minute, func() {})
			case 2: // the relay ends what was idle
				c.pods[0].Strike(iaptest.Fault{Do: iaptest.Close, Code: 1000})
				lost = true
			case 3:
				c.restart()
				lost = true
			case 4: // a night: longer than the relay keeps sessions
				c.sleep(8*time.Hour, func() {
					if err := talk(l.dial(t)); err == nil {
						t.Errorf("hour %d: a client is served without a network", hour)
					}
				})
				lost = true
			}
			time.Sleep(10 * time.Second)
			switch err := talk(stays); {
			case (err != nil) != lost:
				t.Errorf("hour %d: the client that stays: %v, lost %v", hour, err, lost)
			case lost:
				stays.Close()
				stays = l.dial(t)
			}
			guest := l.dial(t)
			if err := talk(guest); err != nil {
				t.Errorf("hour %d: %v", hour, err)
			}
			guest.Close()
			time.Sleep(time.Hour)
		}
		if err := talk(stays); err != nil {
			t.Errorf("at the end: %v", err)
		}
		shot := s.Snapshot()
		if len(shot.Open) != 1 || shot.Refused != 4 || shot.Failed != 4+4 || shot.Clients != 24+1+12+4 || len(c.tokens) < 24 {
			t.Errorf("%d open, %+v; %d tokens", len(shot.Open), shot.Totals, len(c.tokens))
		}
		stays.Close()
		cancel()
		<-served
		c.stop()
	})
}
