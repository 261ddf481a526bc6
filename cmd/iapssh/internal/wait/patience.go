package wait

import (
	"context"
	"time"
)

// Patience tries until something comes about, for as long as there is hope.
type Patience struct {
	Limit time.Duration // of all, from the first try on
	// Look gives what is known of the VM after a hopeful error.
	Look func(ctx context.Context, err error) Facts
	// Tell is told before each pause what is waited for, and after what.
	Tell func(what string, err error)
}

// Run calls try until it returns nil, or an error that no waiting mends, which it returns; or a better reason. When the time is up it
// returns the latest error.
func (p Patience) Run(ctx context.Context, try func() error) error {
	began := time.Now()
	for tries := 1; ; tries++ {
		err := try()
		if err == nil || ctx.Err() != nil || !Hopeful(err) {
			return err
		}
		verdict := Decide(p.Look(ctx, err), time.Now())
		if verdict.Err != nil {
			return verdict.Err
		}
		pause := pauseAfter(tries, hasKnocked(err))
		if verdict.For == "" || time.Since(began)+pause > p.Limit {
			return err
		}
		p.Tell(verdict.For, err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
