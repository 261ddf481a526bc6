package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/timing"
	"github.com/iapssh/iapssh/transport/iap"
)

// waterfall times the phases of a connect, for --timing, and tells them when the screen is not the session's: when that is over, goes
// into the background, or has come to nothing. Nil, it does neither.
type waterfall struct {
	record *timing.Record
	host   string        // the jump host whose phases these are; empty: the destination
	ssh    *timing.Chain // of the attempt in progress
	told   bool
}

func newWaterfall(plan config.Plan) *waterfall {
	if !plan.Timing {
		return nil
	}
	return &waterfall{record: timing.New()}
}

// through is for a jump host on the way.
func (w *waterfall) through(host string) *waterfall {
	if w == nil {
		return nil
	}
	return &waterfall{record: w.record, host: host}
}

// phase begins one, which ends with over.
func (w *waterfall) phase(name string) (over func(error)) {
	if w == nil {
		return func(error) {}
	}
	began := time.Now()
	return func(err error) { w.add(name, began, err) }
}

// add keeps a phase that ends here.
func (w *waterfall) add(name string, began time.Time, err error) {
	w.record.Add(w.named(name), began, time.Now(), err != nil)
}

func (w *waterfall) named(name string) string {
	if w.host == "" {
		return name
	}
	return report.Clean(w.host) + ": " + name
}

// meet begins the phases of SSH, those that come after the given one; all if that is empty. A process that leaves tells them before.
func (w *waterfall) meet(local *session.Local, after session.Step) {
	if w == nil {
		return
	}
	names := []string{}
	for _, step := range []session.Step{
		session.StepVersion, session.StepKeyExchange, session.StepHostKey, session.StepAuthenticated, session.StepOpened, session.StepFirstByte,
	} {
		names = append(names, w.named(string(step)))
		if step == after {
			names = nil
		}
	}
	w.ssh = w.record.Chain(names...)
	chain := w.ssh
	to := local.Messages
	local.Step = func(step session.Step) {
		if step == session.StepLeaving {
			w.tell(to)
			return
		}
		chain.Done(w.named(string(step)))
	}
}

// part ends them.
func (w *waterfall) part(err error) {
	if w != nil && w.ssh != nil {
		w.ssh.Stop(err != nil)
	}
}

// tell writes the picture, once.
func (w *waterfall) tell(to io.Writer) {
	if w == nil || w.told {
		return
	}
	w.told = true
	for _, line := range timing.Draw(w.record.Spans()) {
		fmt.Fprintln(to, line)
	}
}

// dialed adds the phases of a dial of the relay that has ended here, with err or without.
func (w *waterfall) dialed(began time.Time, conn *iap.Conn, err error) {
	if w == nil {
		return
	}
	var failed *iap.DialError
	phases, stage := iap.Phases{}, iap.Stage("")
	if errors.As(err, &failed) {
		phases, stage = failed.Phases, failed.Stage
	} else if conn != nil {
		phases = conn.Stats().Phases
	}
	for _, s := range dialSpans(phases, stage, time.Since(began)) {
		w.record.Add(w.named(s.Name), began.Add(s.Begin), began.Add(s.End), s.Failed)
	}
}

// dialSpans tells when the steps of a dial began and ended; failed is the stage that it came to nothing in, if any, which was then
// in progress until the end.
func dialSpans(p iap.Phases, failed iap.Stage, end time.Duration) (spans []timing.Span) {
	for _, step := range []struct {
		stage     iap.Stage
		name      string
		from, end time.Duration
	}{
		{iap.StageToken, "sign-in", 0, p.Token},
		{"", "dns", 0, p.Resolve},
		{iap.StageConnect, "connect", p.Resolve, p.Connect},
		{iap.StageTLS, "tls", p.Connect, p.TLS},
		{iap.StageUpgrade, "upgrade", max(p.Token, p.TLS), p.Upgrade},
		{iap.StageSession, "relay session", p.Upgrade, p.Session},
	} {
		span := timing.Span{Name: step.name, Begin: step.from, End: step.end, Failed: failed != "" && step.stage == failed}
		if span.Failed {
			span.End = end
		}
		if span.Failed || step.end > 0 {
			spans = append(spans, span)
		}
	}
	return spans
}
