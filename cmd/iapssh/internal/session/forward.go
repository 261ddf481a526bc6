package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/sshclient"
)

// forwardKinds are sshclient's names of the plan's kinds.
var forwardKinds = map[config.ForwardKind]sshclient.ForwardKind{
	config.LocalForward:         sshclient.LocalForward,
	config.RemoteForward:        sshclient.RemoteForward,
	config.DynamicForward:       sshclient.DynamicForward,
	config.RemoteDynamicForward: sshclient.RemoteDynamicForward,
}

func forwardOf(f config.Forward) sshclient.Forward {
	return sshclient.Forward{Kind: forwardKinds[f.Kind], Listen: sshclient.Endpoint(f.Listen), Connect: sshclient.Endpoint(f.Connect)}
}

// forwardOptions is what the plan says of all forwards.
func forwardOptions(plan config.Plan, listeners *sshclient.Listeners) sshclient.ForwardOptions {
	f := plan.Forwarding
	options := sshclient.ForwardOptions{
		GatewayPorts:  f.GatewayPorts,
		AddressFamily: plan.AddressFamily,
		SocketMask:    os.FileMode(f.SocketMask),
		UnlinkSocket:  f.UnlinkSocket,
		Listeners:     listeners,
	}
	if f.PermitOpen != nil {
		options.PermitOpen = []sshclient.Endpoint{}
		for _, to := range f.PermitOpen {
			options.PermitOpen = append(options.PermitOpen, sshclient.Endpoint(to))
		}
	}
	return options
}

// openForwards opens the plan's forwards, in the order of ssh. Local ones are open when it returns; the server is asked for
// remote ones meanwhile, and r.forwarded closed when it has answered. With ExitOnForwardFailure one that fails is the error,
// or, if it is remote, what ends the connection.
func (r *run) openForwards(ctx context.Context, stop context.CancelCauseFunc) error {
	r.forwarded = make(chan struct{})
	var remote []config.Forward
	locals, opened := 0, 0
	for _, f := range r.plan.Forwarding.Forwards {
		if r.client.Verdict().Degraded {
			break // the user has been told
		}
		if f.Kind == config.RemoteForward || f.Kind == config.RemoteDynamicForward {
			remote = append(remote, f)
			continue
		}
		locals++
		err := r.openLocal(ctx, f)
		switch {
		case err == nil:
			opened++
		case ctx.Err() != nil || errors.Is(err, sshclient.ErrClosed):
			return err
		case r.plan.Forwarding.ExitOnFailure:
			return &sshclient.ForwardError{Forward: forwardOf(f), Err: err}
		}
	}
	if locals > 0 && opened == 0 {
		r.out.error("Could not request local forwarding.")
	}
	r.work.Go(func() { r.openRemotes(ctx, remote, stop) })
	return nil
}

// openLocal opens a local forward, and tells of a failure in ssh's words.
func (r *run) openLocal(ctx context.Context, f config.Forward) error {
	r.debug("Local connections to %s forwarded to remote address %s", at(f.Listen, r.plan.Forwarding.GatewayPorts), destination(f))
	_, err := r.client.Forwards().Open(ctx, forwardOf(f))
	if taken, ok := errors.AsType[*sshclient.ListenError](err); ok {
		for _, line := range listenFailure(taken) {
			r.out.error(line)
		}
	}
	return err
}

// openRemotes asks for remote forwards, one after the other. It ends with the connection.
func (r *run) openRemotes(ctx context.Context, forwards []config.Forward, stop context.CancelCauseFunc) {
	defer close(r.forwarded)
	for _, f := range forwards {
		err := r.openRemote(ctx, f)
		if err == nil || r.client.Err() != nil {
			continue
		}
		failure := &sshclient.ForwardError{Forward: forwardOf(f), Err: err}
		if r.plan.Forwarding.ExitOnFailure {
			stop(failure)
			return
		}
		r.out.info("Warning: " + failure.Error())
	}
}

// openRemote asks the server for a remote forward, and tells the port that it has chosen if that was left to it.
func (r *run) openRemote(ctx context.Context, f config.Forward) error {
	r.debug("Remote connections from %s forwarded to local address %s", at(f.Listen, false), destination(f))
	bound, err := r.client.Forwards().Open(ctx, forwardOf(f))
	result := "success"
	if err != nil {
		result = "failure"
	}
	r.debug("remote forward %s for: listen %s, connect %s", result, at(f.Listen, false), destination(f))
	if err == nil && f.Listen.Path == "" && f.Listen.Port == 0 {
		r.out.info(fmt.Sprintf("Allocated port %d for remote forward to %s", bound.Port, destination(f)))
	}
	return err
}

func (r *run) debug(format string, args ...any) {
	r.out.log(sshclient.Debug1, fmt.Sprintf(format, args...))
}

// at is where a forward listens, as ssh shows it.
func at(listen config.Endpoint, everywhere bool) string {
	host := listen.Host
	switch {
	case listen.Path != "":
		return listen.Path
	case host == "" && everywhere:
		host = "*"
	case host == "":
		host = "LOCALHOST"
	}
	return fmt.Sprintf("%s:%d", host, listen.Port)
}

// destination is where a forward leads to, as ssh shows it.
func destination(f config.Forward) string {
	switch {
	case f.Kind == config.DynamicForward || f.Kind == config.RemoteDynamicForward:
		return "socks:0"
	case f.Connect.Path != "":
		return f.Connect.Path
	}
	return fmt.Sprintf("%s:%d", f.Connect.Host, f.Connect.Port)
}

// listenFailure is what ssh says of an address that cannot be listened on.
func listenFailure(e *sshclient.ListenError) []string {
	cause := e.Errs[len(e.Errs)-1]
	text := cause.Error()
	if errno := sockerr.Errno(cause); errno != 0 {
		text = strings.ToUpper(errno.Error()[:1]) + errno.Error()[1:]
	}
	var dns *net.DNSError
	if errors.As(cause, &dns) {
		return []string{fmt.Sprintf("channel_setup_fwd_listener_tcpip: getaddrinfo(%s): %s", e.Listen.Host, dns.Err)}
	}
	if e.Listen.Path != "" {
		return []string{fmt.Sprintf("unix_listener: cannot bind to path %s: %s", e.Listen.Path, text)}
	}
	var op *net.OpError
	if !errors.As(cause, &op) || op.Addr == nil {
		return []string{text, fmt.Sprintf("channel_setup_fwd_listener_tcpip: cannot listen to port: %d", e.Listen.Port)}
	}
	host, port, _ := net.SplitHostPort(op.Addr.String())
	return []string{
		fmt.Sprintf("bind [%s]:%s: %s", host, port, text),
		fmt.Sprintf("channel_setup_fwd_listener_tcpip: cannot listen to port: %d", e.Listen.Port),
	}
}
