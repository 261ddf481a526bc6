package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
)

// heed sends those signals on a channel. Those that whoever started us had ignored, as nohup does, and shells for what they run in the
// background, stay ignored, by us and by what we start.
func heed(into chan<- os.Signal, signals []os.Signal) {
	for _, s := range signals {
		if ignored(s) {
			signal.Ignore(s)
			continue
		}
		signal.Notify(into, s)
	}
}

// untilSignal gives a context that ends with the first of the signals; its cause is a *session.Killed.
func untilSignal(parent context.Context, signals []os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &signalWatch{signals: make(chan os.Signal, 1), cancel: cancel, done: ctx.Done()}
	heed(w.signals, signals)
	go w.run()
	return ctx, w.stop
}

type signalWatch struct {
	signals chan os.Signal
	cancel  context.CancelCauseFunc
	done    <-chan struct{}
}

func (w *signalWatch) run() {
	select {
	case s := <-w.signals:
		number, _ := s.(syscall.Signal)
		w.cancel(&session.Killed{Signal: number})
	case <-w.done:
	}
}

func (w *signalWatch) stop() {
	signal.Stop(w.signals)
	w.cancel(nil)
}

// signalOf is the signal that ended a context.
func signalOf(ctx context.Context) os.Signal {
	if killed, ok := context.Cause(ctx).(*session.Killed); ok {
		return killed.Signal
	}
	return os.Interrupt
}
