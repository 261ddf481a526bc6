package wait

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// A VM comes up in the course of fake minutes: created, found, listening, greeting.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		try := func() error {
			switch up := time.Since(began); {
			case up < 20*time.Second:
				return closed(4047)
			case up < 50*time.Second:
				return closed(4003)
			case up < time.Minute:
				return handshake(sshclient.StageBanner, io.EOF)
			}
			return nil
		}
		var told []string
		p := Patience{
			Limit: 5 * time.Minute,
			Look:  func(_ context.Context, err error) Facts { return Facts{Err: err} },
			Tell: func(what string, _ error) {
				if !slices.Contains(told, what) {
					told = append(told, what)
				}
			},
		}
		if err := p.Run(t.Context(), try); err != nil {
			t.Fatal(err)
		}
		if up := time.Since(began); up < time.Minute || up > 75*time.Second {
			t.Errorf("in after %v", up)
		}
		if want := []string{"for IAP to find the VM", "for the port to answer", "for sshd to start"}; !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
	})
}

// It ends at its limit with the latest error, at once where there is no hope or a better reason, and with the context.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		look := func(f Facts) func(context.Context, error) Facts {
			return func(_ context.Context, err error) Facts { f.Err = err; return f }
		}
		quiet := func(string, error) {}
		var state *gce.NotRunningError
		canceled, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("enough")
		time.AfterFunc(90*time.Second, func() { cancel(reason) })
		for _, tc := range []struct {
			name        string
			ctx         context.Context
			facts       Facts
			err         error
			least, most time.Duration
			ok          func(error) bool
		}{
			{"no hope", t.Context(), Facts{}, io.ErrNoProgress, 0, 0, func(err error) bool { return err == io.ErrNoProgress }},
			{"stopped", t.Context(), Facts{VM: gce.Instance{Status: "TERMINATED"}}, closed(4003), 0, 0, func(err error) bool { return errors.As(err, &state) }},
			{"canceled", canceled, Facts{}, closed(4003), 90 * time.Second, 90 * time.Second, func(err error) bool { return err == reason }},
			{"limit", t.Context(), Facts{}, closed(4003), 4*time.Minute + 45*time.Second, 5 * time.Minute, func(err error) bool { return Hopeful(err) }},
		} {
			began := time.Now()
			err := Patience{Limit: 5 * time.Minute, Look: look(tc.facts), Tell: quiet}.Run(tc.ctx, func() error { return tc.err })
			if took := time.Since(began); took < tc.least || took > tc.most || !tc.ok(err) {
				t.Errorf("%s: %v after %v", tc.name, err, took)
			}
		}
	})
}

// Five minutes of refusals, of a key that comes into force late, earn none of the address with an sshd of OpenSSH 9.8 or later.
func TestPatienceEarnsNoRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sshtest.NewServer()
		server.Penalties = &sshtest.Penalties{}
		defer server.Close()
		tries := 0
		p := Patience{
			Limit: 5 * time.Minute,
			Look:  func(_ context.Context, err error) Facts { return Facts{Err: err, Pushed: true} },
			Tell:  func(string, error) { synctest.Wait() },
		}
		err := p.Run(t.Context(), func() error {
			tries++
			_, err := sshclient.Handshake(t.Context(), server.Dial(), sshclient.Config{
				User: "ali", Host: "vm", Trust: sshclient.TrustKeys(server.HostKey()),
				Auth: sshclient.Auth{Identities: []sshclient.Identity{{Signer: sshtest.NewKey()}}},
			})
			return err
		})
		if !Hopeful(err) || tries < 10 || server.Penalties.Refused() > 0 || server.Penalties.Worst() != 5*time.Second {
			t.Errorf("%d tries, %d refused, %v at worst; %v", tries, server.Penalties.Refused(), server.Penalties.Worst(), err)
		}
	})
}
