package main

import (
	"io"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/transport/iap"
)

// phasePatience is how long a phase of connecting may take without a word.
const phasePatience = 2 * time.Second

// progress says on a terminal what is waited for: one dim line, which goes when the wait is over. Nil, it says nothing. The
// phases follow each other; of those that run side by side, the one that began last counts.
type progress struct {
	screen io.Writer

	mu    sync.Mutex
	phase string      // guarded by mu; what is waited for, or empty
	timer *time.Timer // guarded by mu; of the phase
	shown bool        // guarded by mu
	over  bool        // guarded by mu

	pinned bool // guarded by mu; phase stands there whatever begins
}

// newProgress is nil where nobody looks, and where -v tells more.
func newProgress(plan config.Plan, messages *session.Messages) *progress {
	f := messages.File()
	if f == nil || plan.Mode != config.ModeSSH && plan.Wait == 0 || plan.BatchMode || plan.LogLevel != config.LogInfo || !tty.IsTerminal(f) {
		return nil
	}
	return &progress{screen: f}
}

// enter begins a phase, and ends the one before; an empty one ends it only.
func (p *progress) enter(phase string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pinned && phase != "" {
		return
	}
	p.wipe()
	if p.phase = phase; phase != "" && !p.over {
		p.timer = time.AfterFunc(phasePatience, func() { p.show(phase) })
	}
}

// pin says at once what is waited for, whatever phases begin, until unpin.
func (p *progress) pin(text string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && p.phase == text {
		return
	}
	p.wipe()
	p.phase, p.pinned, p.over = text, true, false
	p.write()
}

func (p *progress) unpin() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pinned {
		p.pinned = false
		p.wipe()
	}
}

// wipe requires p.mu.
func (p *progress) wipe() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.shown {
		p.shown = false
		io.WriteString(p.screen, "\r\x1b[K")
	}
}

// write requires p.mu.
func (p *progress) write() {
	p.shown = true
	io.WriteString(p.screen, "\r\x1b[2miapssh: "+report.Clean(p.phase)+" ...\x1b[0m")
}

// end says that there is nothing to wait for from now on: the screen is the session's.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.enter("")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

func (p *progress) show(phase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == phase && !p.shown { // not overtaken by enter
		p.write()
	}
}

// trace has the dialer's steps tell the phases; target is what is waited for in the end.
func (p *progress) trace(target string) *iap.Trace {
	if p == nil {
		return nil
	}
	return &iap.Trace{
		Token:   func(error) { p.enter("reaching IAP") },
		Upgrade: func(int, error) { p.enter("waiting for " + target) },
		Session: func(error) { p.enter("") },
	}
}
