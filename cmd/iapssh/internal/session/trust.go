package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
)

// hostTrust implements sshclient.HostTrust over known_hosts files.
type hostTrust struct {
	target  knownhosts.Target
	store   *knownhosts.Store
	policy  knownhosts.Policy
	offered []string // HostKeyAlgorithms, resolved
	file    string   // where new keys go; empty: nowhere
	hash    bool
	batch   bool
	home    string
	out     *output
}

func newTrust(plan config.Plan, conn net.Conn, out *output) (*hostTrust, error) {
	p, err := policy(plan)
	if err != nil {
		return nil, err
	}
	offered, _, err := sshclient.ResolveAlgorithms(sshclient.HostKeyAlgorithms, plan.HostKeyAlgorithms)
	if err != nil {
		return nil, err
	}
	store, err := knownhosts.Read(append(append([]string{}, plan.UserKnownHostsFiles...), plan.GlobalKnownHostsFiles...)...)
	if err != nil {
		return nil, err
	}
	for _, w := range store.Unread {
		out.info("Warning: " + w.Error())
	}
	t := &hostTrust{
		target: nameOf(plan, conn.RemoteAddr()), store: store, policy: p, offered: offered,
		hash: plan.HashKnownHosts, batch: plan.BatchMode, out: out,
	}
	if len(plan.UserKnownHostsFiles) > 0 {
		t.file = plan.UserKnownHostsFiles[0]
	}
	if home, err := os.UserHomeDir(); err == nil {
		t.home = home
	}
	return t, nil
}

// Algorithms asks for the key types on file first.
func (t *hostTrust) Algorithms() []string { return t.store.Algorithms(t.target, t.offered) }

// Check judges the key, with the user's help where the policy says so.
func (t *hostTrust) Check(ctx context.Context, _ string, _ net.Addr, key ssh.PublicKey) (sshclient.Verdict, error) {
	v := t.store.Decide(knownhosts.Query{Target: t.target, Key: key, Now: time.Now(), ReadOnly: t.file == ""})
	for _, w := range v.Skipped {
		t.out.log(sshclient.Debug1, w.Error())
	}
	if warning := v.Warning(t.policy, t.file); warning != "" {
		t.out.error(warning)
	}
	switch v.Action(t.policy, t.batch) {
	case knownhosts.Accept:
		t.out.log(sshclient.Debug1, t.why(v))
		return sshclient.Verdict{}, nil
	case knownhosts.AcceptAndAdd:
		t.learn(v)
		return sshclient.Verdict{}, nil
	case knownhosts.AcceptDegraded:
		return sshclient.Verdict{Degraded: true}, nil
	case knownhosts.AskUser:
		if yes, err := t.ask(ctx, v); err != nil || !yes {
			return sshclient.Verdict{}, t.refusal(v, err)
		}
		t.learn(v)
		return sshclient.Verdict{}, nil
	}
	return sshclient.Verdict{}, t.refusal(v, nil)
}

// Learn is told of the server's other keys. They are not stored: UpdateHostKeys is not built.
func (t *hostTrust) Learn([]ssh.PublicKey, func([]ssh.PublicKey) error) {}

// ask puts ssh's question on the terminal.
func (t *hostTrust) ask(ctx context.Context, v knownhosts.Verdict) (bool, error) {
	terminal, err := tty.Open()
	if err != nil {
		return false, err
	}
	defer terminal.Close()
	for prompt := v.Question(t.home); ; prompt = knownhosts.AskAgain {
		line, err := terminal.Ask(ctx, prompt, true)
		if err != nil {
			return false, err
		}
		switch v.Answer(line) {
		case knownhosts.Yes:
			return true, nil
		case knownhosts.No:
			return false, nil
		}
	}
}

// refusal is why a connection ends here: the context's end, or a key that is not trusted. No terminal to ask on is the latter.
func (t *hostTrust) refusal(v knownhosts.Verdict, err error) error {
	if err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return err
	}
	return &knownhosts.RefusedError{Verdict: v}
}

// learn stores a new key. That it cannot be stored is no reason to end the connection.
func (t *hostTrust) learn(v knownhosts.Verdict) {
	err := knownhosts.Append(t.file, []string{t.target.Name()}, v.Key, t.hash)
	if err != nil {
		t.out.info(v.NotAdded(t.file))
		t.out.log(sshclient.Debug1, err.Error())
		return
	}
	t.out.info(v.Added())
}

func (t *hostTrust) why(v knownhosts.Verdict) string {
	if v.By == nil {
		return fmt.Sprintf("Host '%s' is known", t.target.Name())
	}
	return fmt.Sprintf("Host '%s' is known and matches the %s host key. Found key in %s", t.target.Name(), knownhosts.TypeName(v.Key), v.By.Place())
}
