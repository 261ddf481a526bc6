package iap_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// A dial takes four round trips: for the name, TCP, TLS, and the request, whose answer brings the verdict with it. The token is got
// beside the first three; only what it takes longer than they do is added. Exact, in fake time.
func TestRoundTrips(t *testing.T) {
	const trip = 100 * time.Millisecond
	for name, tc := range map[string]struct{ token, want int }{
		"no wait for the token":          {0, 4},
		"a token by an open connection":  {1, 4},
		"a token as soon as TLS":         {3, 4},
		"a token request from the start": {4, 5}, // name, TCP, TLS, request
		"a slow one":                     {7, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := iaptest.NewUnstartedServer()
				s.Handle("vm", 22, iaptest.Echo())
				s.StartInMemory()
				defer s.Close()
				begin := time.Now()
				asked := time.Duration(-1)
				d := dialer(s)
				d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					time.Sleep(2 * trip)
					c, err := s.NetDial(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					return newDelayConn(c, trip/2), nil
				}
				d.Token = func(context.Context, string) (string, error) {
					asked = time.Since(begin)
					time.Sleep(time.Duration(tc.token) * trip)
					return "token", nil
				}
				steps := []string{}
				d.Trace = &iap.Trace{
					Token:   func(error) { steps = append(steps, "token") },
					Upgrade: func(int, error) { steps = append(steps, "upgrade") },
				}
				c := dial(t, d)
				if took := time.Since(begin); took != time.Duration(tc.want)*trip {
					t.Errorf("took %v, want %d round trips of %v", took, tc.want, trip)
				}
				if asked != 0 || len(steps) != 2 || steps[0] != "token" {
					t.Errorf("the token was asked for after %v; then %q", asked, steps)
				}
				c.Close()
			})
		})
	}
}
