package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tunnel"
)

// tunnelRun is a tunnel on local ports.
type tunnelRun struct {
	plan     config.Plan
	messages *session.Messages
	leave    func(keep ...*os.File) error // into the background; nil: it stays
	signals  chan os.Signal               // that the command is to be sent; nil without one

	readyFile *os.File // nil if nobody asked
	server    *tunnel.Server
	relays    []*relay   // by port, as plan.Tunnel.Ports
	audits    []*auditor // likewise
	ports     []int      // what is listened on
}

// listenLocally follows a plan of ModeTunnel: first the ports, so that one that is taken costs nothing; then the check that they lead
// somewhere; then clients.
func listenLocally(ctx context.Context, plan config.Plan, messages *session.Messages, leave func(keep ...*os.File) error) int {
	t := &tunnelRun{plan: plan, messages: messages, leave: leave, server: &tunnel.Server{Idle: plan.Tunnel.IdleTimeout}}
	if err := t.openReady(); err != nil {
		return t.complain(report.Failure{Cause: "--ready-fd: " + err.Error()}, report.ExitUsage)
	}
	defer t.close()
	if len(plan.Tunnel.Command) > 0 { // from here on none is lost: it ends ctx before the command's start, or waits for that
		t.signals = make(chan os.Signal, 8)
		heed(t.signals, endSignals())
		defer signal.Stop(t.signals)
	}
	if err := t.bind(ctx); err != nil {
		return t.fail(ctx, err)
	}
	stopMetrics, err := t.serveMetrics(ctx)
	if err != nil {
		return t.fail(ctx, err)
	}
	defer stopMetrics()
	asked, stopAsking := tty.Asked()
	defer stopAsking()
	go t.tellStats(ctx, asked)
	if code := t.check(ctx); code != 0 {
		return code
	}
	if ctx.Err() != nil {
		return t.calledOff(ctx)
	}
	if err := t.ready(); err != nil {
		return t.fail(ctx, err)
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	if plan.Tunnel.ExitWithParent {
		go t.endWithParent(serving, stop)
	}
	if len(plan.Tunnel.Command) > 0 {
		return t.besideCommand()
	}
	closed := t.server.Serve(serving)
	if ctx.Err() != nil {
		if closed > 0 {
			t.say(config.LogInfo, fmt.Sprintf("Closed [%d] local connection(s).", closed))
		}
		t.say(config.LogInfo, shutDown)
	}
	return 0
}

const shutDown = "Server shutdown complete."

// calledOff is the end by a signal that came before clients could, or the command was started. Who waits for a command, or for what a
// tunnel in the background prints, gets neither.
func (t *tunnelRun) calledOff(ctx context.Context) int {
	t.say(config.LogInfo, shutDown)
	if len(t.plan.Tunnel.Command) > 0 || t.leave != nil {
		return tunnel.ExitOf(signalOf(ctx))
	}
	return 0
}

func (t *tunnelRun) close() {
	t.server.Close()
	for _, a := range t.audits {
		a.close()
	}
}

// bind listens on all ports.
func (t *tunnelRun) bind(ctx context.Context) error {
	for i, p := range t.plan.Tunnel.Ports {
		r, a, err := openRelay(p.To, t.messages)
		if err != nil {
			return err
		}
		t.audits = append(t.audits, a)
		r.dialer.Trace = t.relayTrace()
		t.relays = append(t.relays, r)
		listeners, err := tunnel.Listen(ctx, p.Host, p.Port)
		if err != nil {
			return err
		}
		port := tunnel.PortOf(listeners[0])
		if p.Port == 0 {
			t.say(config.LogInfo, fmt.Sprintf("Picking local unused port [%d].", port))
		}
		t.ports = append(t.ports, port)
		t.server.Ports = append(t.server.Ports, tunnel.Port{Listeners: listeners, Dial: t.dialer(i), Trace: t.trace(i)})
	}
	return nil
}

// dialer opens sessions for one port.
func (t *tunnelRun) dialer(i int) func(context.Context) (tunnel.Conn, error) {
	r := t.relays[i]
	return func(ctx context.Context) (tunnel.Conn, error) {
		conn, err := r.dial(ctx)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// check opens a session for each port, unless that is not wanted.
func (t *tunnelRun) check(ctx context.Context) int {
	if t.plan.Tunnel.SkipCheck {
		return 0
	}
	t.say(config.LogInfo, "Testing if tunnel connection works.")
	i, err := t.server.Check(ctx)
	if err == nil || ctx.Err() != nil { // or we were asked to end
		return 0
	}
	f := report.Of(err, t.relays[i].facts(ctx, err))
	f.Cause = "While checking if a connection can be made: " + f.Cause
	return t.complain(f, report.Exit(err))
}

// ready tells whoever waits for it that the ports are listened on. What a command writes on stdout is not mixed with ours.
func (t *tunnelRun) ready() error {
	switch {
	case t.leave != nil:
		if err := t.printPorts(); err != nil {
			return err
		}
		if t.plan.LogLevel >= config.LogDebug1 && t.messages.File() == os.Stderr {
			return t.leave(os.Stderr)
		}
		return t.leave()
	case len(t.plan.Tunnel.Command) == 0 && !t.plan.Tunnel.Silent:
		for _, port := range t.ports {
			fmt.Printf("Listening on port [%d].\n", port)
		}
	}
	if t.readyFile != nil {
		return t.tellReady()
	}
	return nil
}

// printPorts tells of a tunnel in the background: in the order of the command line, if there is more than one port.
func (t *tunnelRun) printPorts() error {
	told := struct {
		Port  int   `json:"port"`
		PID   int   `json:"pid"`
		Ports []int `json:"ports,omitempty"`
	}{Port: t.ports[0], PID: os.Getpid()}
	if len(t.ports) > 1 {
		told.Ports = t.ports
	}
	return json.NewEncoder(os.Stdout).Encode(told)
}

// openReady takes the descriptor that learns the ports, before any is opened here.
func (t *tunnelRun) openReady() (err error) {
	if fd := t.plan.Tunnel.ReadyFD; fd > 0 {
		t.readyFile, err = tunnel.Inherited(fd)
	}
	return err
}

// tellReady writes the ports to that descriptor, one a line, and closes it.
func (t *tunnelRun) tellReady() error {
	text := ""
	for _, port := range t.ports {
		text += fmt.Sprintf("%d\n", port)
	}
	_, err := io.WriteString(t.readyFile, text)
	return errors.Join(err, t.readyFile.Close())
}

// besideCommand serves while the command runs, and gives its exit code. Signals are the command's to obey.
func (t *tunnelRun) besideCommand() int {
	serving, stop := context.WithCancel(context.Background())
	served := make(chan int, 1)
	go t.serve(serving, served)
	code, err := tunnel.Command{
		Words:    t.plan.Tunnel.PortWords(t.ports),
		Environ:  append(os.Environ(), portVariables(t.ports)...),
		Signals:  t.signals,
		Terminal: tty.IsTerminal(os.Stdin),
	}.Run()
	stop()
	<-served
	if err != nil {
		t.complain(report.Failure{Cause: report.Clean(err.Error())}, code)
	}
	return code
}

func (t *tunnelRun) serve(ctx context.Context, done chan<- int) { done <- t.server.Serve(ctx) }

// portVariables are IAPSSH_PORT, and IAPSSH_PORT2 … for the ports after the first.
func portVariables(ports []int) []string {
	var env []string
	for i, port := range ports {
		name := "IAPSSH_PORT"
		if i > 0 {
			name += fmt.Sprint(i + 1)
		}
		env = append(env, fmt.Sprintf("%s=%d", name, port))
	}
	return env
}

func (t *tunnelRun) endWithParent(ctx context.Context, stop func()) {
	err := tunnel.AwaitParent(ctx, t.plan.Tunnel.Parent)
	switch {
	case err == nil:
		stop()
	case ctx.Err() == nil:
		t.say(config.LogError, "iapssh: --exit-with-parent: "+report.Clean(err.Error()))
	}
}

// facts are those that cost nothing to know.
func (t *tunnelRun) facts(i int) report.Facts { return t.relays[i].facts(context.Background(), nil) }

func (t *tunnelRun) fail(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		return t.calledOff(ctx)
	}
	var busy *tunnel.BusyError
	if !errors.As(err, &busy) {
		return t.complain(report.Of(err, report.Facts{}), report.Exit(err))
	}
	f := report.Failure{Cause: busy.Error(), Fix: "choose another, or none for any that is free: --local-host-port=localhost"}
	var system *net.OpError
	if errors.As(err, &system) {
		f.Cause += " " + report.Clean(system.Err.Error())
	}
	return t.complain(f, report.ExitFailed)
}

func (t *tunnelRun) complain(f report.Failure, code int) int {
	f.Speaker = t.plan.Speaker
	t.say(config.LogError, f.Lines())
	return failedAs(code, t.plan, f, "")
}

// say writes a message of whole lines.
func (t *tunnelRun) say(level config.LogLevel, text string) {
	if t.plan.LogLevel < level {
		return
	}
	if text[len(text)-1] != '\n' {
		text += "\n"
	}
	io.WriteString(t.messages, text)
}
