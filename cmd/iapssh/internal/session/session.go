// Package session is ssh's own duty: a shell or a command on a host that a connection already leads to. It joins sshclient, which
// speaks the protocol, with knownhosts, which judges the host, and tty, which is the terminal.
//
//	session.go   Run: handshake, start, run, exit code; local.go: what it is handed
//	clientconfig.go  what sshclient is told; hangup.go: how a connection is closed
//	auth.go      who we are: methods, keys, and what a doubtful host may not have
//	ask.go       questions to the user, on the terminal or by SSH_ASKPASS
//	trust.go     why a host key was accepted: known_hosts, and the question
//	proof.go     what a cloud says of the host
//	learn.go     keys that are stored: new ones, and what a trusted server tells of its others
//	hostscommand.go  KnownHostsCommand
//	name.go      the name under which a host is known
//	command.go   the remote command, and the one that runs here
//	forward.go   forwards of ports and sockets; commandline.go: those that ~C asks for; x11.go: a display
//	terminal.go  raw mode, sizes and job control, for the length of a session
//	keyboard.go  what is typed, and the escapes in it, which escape.go finds and controls.go obeys
//	link.go      the line that says that the link is being resumed
//	stats.go     how the connection does, for who asks
//	share.go     sessions on a connection that another process holds
//	master.go    our connection, shared with others; passenger.go: those who pass their files
//	probe.go     a login that is only tried
//	jump.go      a connection through a jump host; stdio.go: the same as standard input and output (-W)
//	control.go   what -O asks of a master
//	steps.go     what is told on the way to a session's first output
//	output.go    messages to the user, whatever mode the terminal is in
package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
)

// run is one session.
type run struct {
	plan   config.Plan
	local  Local
	out    *output
	conn   net.Conn // nil if another process holds the connection
	client *sshclient.Client
	trust  *hostTrust      // nil as well then
	server *control.Server // nil if the connection is not shared

	dialed, greeted, authenticated time.Time

	looking *Sight // what a Probe sees; nil: this is none

	forwarded chan struct{} // closed when the server has answered to all remote forwards; nil without an own connection

	work      sync.WaitGroup // openRemotes, and what controls has begun; ends with the connection
	abandoned bool           // written by controls before the client is closed: do not linger
}

func newRun(plan config.Plan, conn net.Conn, dialed time.Time, local Local) *run {
	return &run{plan: plan, local: local, conn: conn, dialed: dialed, out: &output{to: local.Messages, level: plan.LogLevel}}
}

// Run does what plan says over conn, which it closes, and gives the exit code of the remote command. ctx ends it; dialed is when
// the connection attempt began, from which ConnectTimeout counts. An error means that there is no exit code of the remote's; it
// is a *Killed if a signal came before there was a session to end.
func Run(ctx context.Context, plan config.Plan, conn net.Conn, dialed time.Time, local Local) (int, error) {
	r := newRun(plan, conn, dialed, local)
	// Whoever closes conn first, the process must not end before the relay has heard of it.
	defer r.hangUp()
	defer context.AfterFunc(ctx, r.hurry)()
	if err := r.connect(ctx); err != nil {
		return 0, err
	}
	defer r.settle(ctx)
	defer r.over()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := r.openForwards(ctx, stop); err != nil {
		return 0, err
	}
	if err := r.share(); err != nil {
		return 0, err
	}
	r.runLocalCommand(ctx)
	return r.finish(ctx)
}

// finish is what there is to do on a connection, until ctx ends it.
func (r *run) finish(ctx context.Context) (int, error) {
	stop := context.AfterFunc(ctx, r.close)
	defer stop()
	r.work.Go(r.tellStats)
	code, err := r.serve(ctx)
	var killed *Killed
	var notForwarded *sshclient.ForwardError
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &killed):
		return r.killed(killed), nil
	case errors.As(cause, &notForwarded):
		return 0, notForwarded
	}
	return code, err
}

// over tells the facts.
func (r *run) over() {
	if r.local.Over == nil {
		return
	}
	r.local.Over(r.facts())
}

// facts are those of an authenticated connection.
func (r *run) facts() Facts {
	login, stats := r.client.Login(), r.client.Stats()
	f := Facts{Method: login.Method, HostProof: r.trust.because, Sent: uint64(stats.Sent), Received: uint64(stats.Received)}
	if login.Key != nil {
		f.Key = fingerprint(login.Key)
	}
	if r.trust.judged != nil {
		f.HostKey = fingerprint(r.trust.judged)
	}
	return f
}

// fingerprint is a key's, or that of the key in a certificate.
func fingerprint(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return ssh.FingerprintSHA256(key)
}

// settle gives the keys that the server tells of a last moment.
func (r *run) settle(ctx context.Context) {
	if !r.abandoned && r.trust != nil {
		r.trust.settle(ctx)
	}
}

// connect makes the client.
func (r *run) connect(ctx context.Context) error {
	trust, err := newTrust(ctx, r.plan, r.conn, r.local.Proof, r.out)
	if err != nil {
		return err
	}
	r.trust = trust
	trust.looking = r.looking != nil
	trust.askLine = newAsker(r.local).ask
	r.greeted = time.Now()
	r.client, err = sshclient.Handshake(ctx, r.conn, r.clientConfig(caution{trust, r.plan, r.out}))
	r.authenticated = time.Now()
	if err == nil {
		r.step(StepAuthenticated)
	}
	if err == nil && r.local.Offers.Accepted != nil {
		r.local.Offers.Accepted(r.client.Key())
	}
	return err
}

// serve is the session itself, or with -N the wait for the end of the connection.
func (r *run) serve(ctx context.Context) (int, error) {
	if r.plan.StdioForward != (config.Endpoint{}) {
		return r.forwardStdio(ctx)
	}
	if r.plan.SessionType != "none" {
		return r.runCommand(ctx)
	}
	if err := r.detach(ctx); err != nil {
		return 0, err
	}
	if err := r.opened(ctx); err != nil {
		return 0, err
	}
	if r.server != nil {
		return r.hold(ctx)
	}
	<-r.client.Done()
	return 0, r.ended(ctx, r.client.Err())
}

// detach goes into the background if that was asked for. Messages then have nobody to
// read them, except in a log file or where they are debugged with, as in ssh.
func (r *run) detach(ctx context.Context, keep ...*os.File) error {
	if r.local.Detach == nil {
		return nil
	}
	if err := r.awaitForwards(ctx); err != nil {
		return err
	}
	r.out.log(sshclient.Debug1, fmt.Sprintf("forking to background, pid %d", os.Getpid()))
	r.step(StepLeaving)
	onStderr := r.local.Messages.File() == r.local.RemoteStderr
	debugging := onStderr && r.plan.LogLevel >= config.LogDebug1 && !r.plan.Sharing.Holder
	if onStderr && !debugging {
		r.local.Messages.mute()
	}
	if debugging {
		keep = append(keep, r.local.RemoteStderr)
	}
	return r.local.Detach(keep...)
}

// opened tells that there is nothing left to be done but to wait.
func (r *run) opened(ctx context.Context) error {
	if r.local.Opened == nil {
		return nil
	}
	err := r.awaitForwards(ctx)
	if err == nil {
		r.local.Opened()
	}
	return err
}

// awaitForwards returns when no remote forward can end the connection any more; the error is why one has.
func (r *run) awaitForwards(ctx context.Context) error {
	if !r.plan.Forwarding.ExitOnFailure || r.forwarded == nil {
		return nil
	}
	<-r.forwarded
	return context.Cause(ctx)
}

// killed gives the exit code when a signal has ended a session.
func (r *run) killed(k *Killed) int {
	code := k.Exit(r.plan)
	if code != 0 {
		r.out.log(sshclient.Verbose, fmt.Sprintf("Killed by signal %d.", int(k.Signal)))
	}
	return code
}

// ended makes the error of a connection that ended early; an end that was asked for has the context's cause.
func (r *run) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &sshclient.LostError{Host: r.plan.Host, Err: err}
}
