package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
)

// hostTrust implements sshclient.HostTrust over known_hosts files and what else the plan says of host keys.
type hostTrust struct {
	plan    config.Plan
	query   knownhosts.Query // all that can be said before there is a key
	policy  knownhosts.Policy
	store   *knownhosts.Store
	ordered []knownhosts.File // what KnownHostsCommand said of the host before the key exchange
	proof   Proof
	out     *output
	askLine func(ctx context.Context, prompt string, echo bool) (string, error)
	judged  ssh.PublicKey // the key that was accepted; nil before
	because string        // why
	looking bool          // nothing is stored
	updates *updates      // nil until a key was accepted whose server may tell of its others
}

// newTrust reads what is known. An error is one that makes all host keys untrusted.
func newTrust(ctx context.Context, plan config.Plan, conn net.Conn, proof Proof, out *output) (*hostTrust, error) {
	t := &hostTrust{plan: plan, proof: proof, out: out, query: knownhosts.Query{
		Target:       nameOf(plan, conn.RemoteAddr()),
		ReadOnly:     len(plan.UserKnownHostsFiles) == 0,
		CheckAddress: plan.CheckHostIP,
		Show:         knownhosts.Display{Visual: plan.VisualHostKey},
	}}
	t.naming()
	if home, err := os.UserHomeDir(); err == nil {
		t.query.Show.Home = home
	}
	var err error
	if t.policy, err = knownhosts.ParsePolicy(plan.StrictHostKeyChecking); err != nil {
		return nil, err
	}
	if t.query.Show.Hash, err = knownhosts.ParseFingerprintHash(plan.FingerprintHash); err != nil {
		return nil, err
	}
	if t.query.Algorithms, _, err = sshclient.ResolveAlgorithms(sshclient.HostKeyAlgorithms, plan.HostKeyAlgorithms); err != nil {
		return nil, err
	}
	if t.query.CASignatures, _, err = sshclient.ResolveAlgorithms(sshclient.CASignatureAlgorithms, plan.CASignatureAlgorithms); err != nil {
		return nil, err
	}
	if t.store, err = t.read(); err != nil {
		return nil, err
	}
	for _, w := range t.store.Unread {
		out.info("Warning: " + w.Error())
	}
	t.ordered, err = t.told(ctx, "ORDER", t.query.Name(), nil)
	return t, err
}

func (t *hostTrust) read() (*knownhosts.Store, error) {
	return knownhosts.Read(t.plan.UserKnownHostsFiles, t.plan.GlobalKnownHostsFiles)
}

// Algorithms asks for the key types on file first.
func (t *hostTrust) Algorithms() []string {
	return t.store.Algorithms(t.query.Target, t.query.Algorithms, slices.Concat(t.ordered, t.proven())...)
}

// Check judges the key, with the user's help where the policy says so.
func (t *hostTrust) Check(ctx context.Context, _ string, remote net.Addr, key ssh.PublicKey) (sshclient.Verdict, error) {
	if err := t.mayBeTrusted(key); err != nil {
		return sshclient.Verdict{}, err
	}
	if t.plan.TrustLocalhost && t.plan.HostKeyAlias == "" && isLoopback(remote) {
		t.debug("Forcing accepting of host key for loopback/localhost.")
		t.judged, t.because = key, "localhost"
		return sshclient.Verdict{}, nil
	}
	v, err := t.judge(ctx, key)
	if err != nil {
		return sshclient.Verdict{}, err
	}
	if warning := v.Warning(t.policy, t.editable()); warning != "" {
		t.out.error(warning)
	}
	asked := false
	t.judged = v.Key
	switch v.Action(t.policy, t.plan.BatchMode) {
	case knownhosts.Refuse:
		return sshclient.Verdict{}, refusal(v, nil)
	case knownhosts.AcceptDegraded:
		if t.plan.UpdateHostKeys != "no" {
			t.out.error(knownhosts.NoUpdateHostKeys)
		}
		t.because = "none: StrictHostKeyChecking is no"
		return sshclient.Verdict{Degraded: true}, t.checkAddress(ctx, v)
	case knownhosts.AskUser:
		if err := t.askAbout(ctx, v, v.Question()); err != nil {
			return sshclient.Verdict{}, err
		}
		asked = true
		t.because = "the user's word"
		t.learn(v)
	case knownhosts.AcceptAndAdd:
		t.because = "none: new, and StrictHostKeyChecking is " + t.plan.StrictHostKeyChecking
		t.learn(v)
	case knownhosts.Accept:
		t.recognise(v)
	}
	if err := t.checkAddress(ctx, v); err != nil {
		return sshclient.Verdict{}, err
	}
	if asked || v.MayUpdate() {
		t.updates = t.newUpdates()
	}
	return sshclient.Verdict{}, nil
}

// recognise tells of a key that is known.
func (t *hostTrust) recognise(v knownhosts.Verdict) {
	t.keep(v)
	t.because = v.By.Place()
	t.debug("Host '%s' is known and matches the %s host key. Found key in %s", v.Name(), knownhosts.TypeName(v.Key), v.By.Place())
	if picture := v.Shown(); picture != "" {
		t.out.info(picture)
	}
}

// mayBeTrusted says why a key must not be trusted whoever knows it.
func (t *hostTrust) mayBeTrusted(key ssh.PublicKey) error {
	if bits := knownhosts.Bits(key); strings.HasPrefix(knownhosts.TypeName(key), "RSA") && bits < t.plan.RequiredRSASize {
		return &shortKeyError{bits, t.plan.RequiredRSASize}
	}
	kind, fingerprint := knownhosts.TypeName(key), t.query.Show.Hash.Fingerprint(key)
	for _, path := range t.plan.RevokedHostKeys {
		err := knownhosts.CheckRevoked(path, key)
		if err == nil {
			continue
		}
		if errors.Is(err, knownhosts.ErrRevoked) {
			t.out.error(fmt.Sprintf("Host key %s %s revoked by file %s", kind, fingerprint, path))
		} else {
			t.out.error(fmt.Sprintf("Error checking host key %s %s in revoked keys file %s: %v", kind, fingerprint, path, err))
		}
		q := t.query
		q.Key = key
		return refusal(knownhosts.Verdict{Query: q, Status: knownhosts.Revoked}, nil)
	}
	return nil
}

// shortKeyError tells that the host's RSA key is too short.
type shortKeyError struct{ bits, required int }

func (e *shortKeyError) Error() string {
	return fmt.Sprintf("Bad server host key: Invalid key length: RSA with %d bits, and RequiredRSASize is %d", e.bits, e.required)
}

// judge decides about a key, a second time if a newer proof of the host's keys can be had and the first is not enough.
func (t *hostTrust) judge(ctx context.Context, key ssh.PublicKey) (knownhosts.Verdict, error) {
	v, err := t.decide(ctx, key)
	if err != nil || v.Status == knownhosts.Trusted || v.Status == knownhosts.TrustedByCA {
		return v, err
	}
	if again, ok, err := t.reprove(ctx, key); ok {
		return again, err
	}
	return v, nil
}

// decide asks known_hosts, with all that is known of the key.
func (t *hostTrust) decide(ctx context.Context, key ssh.PublicKey) (knownhosts.Verdict, error) {
	q := t.query
	q.Key, q.Now = key, time.Now()
	var err error
	if q.Told, err = t.told(ctx, "HOSTNAME", q.Name(), key); err != nil {
		return knownhosts.Verdict{}, err
	}
	q.Told = append(q.Told, t.proven()...)
	if address := q.AddressName(); address != "" {
		if q.ToldOfAddress, err = t.told(ctx, "ADDRESS", address, key); err != nil {
			return knownhosts.Verdict{}, err
		}
	}
	v := t.store.Decide(q)
	for _, w := range v.Skipped {
		t.debug("%v", w)
	}
	return v, nil
}

// checkAddress sees to what CheckHostIP found, and returns an error if that ends the connection.
func (t *hostTrust) checkAddress(ctx context.Context, v knownhosts.Verdict) error {
	action := v.AddressAction(t.policy, t.plan.BatchMode)
	if notice := v.AddressNotice(t.policy); notice != "" {
		t.out.info(notice)
	}
	switch action {
	case knownhosts.AcceptAndAdd:
		t.learnAddress(v)
	case knownhosts.AskUser:
		if err := t.askAbout(ctx, v, v.AddressQuestion()); err != nil {
			return err
		}
	case knownhosts.Refuse:
		return refusal(v, nil)
	}
	return nil
}

// askAbout returns nil if the user says yes. To have no terminal to ask on is to be refused.
func (t *hostTrust) askAbout(ctx context.Context, v knownhosts.Verdict, q knownhosts.Question) error {
	yes, err := t.ask(ctx, q)
	if err != nil || !yes {
		return refusal(v, err)
	}
	return nil
}

// ask asks until the answer is yes or no.
func (t *hostTrust) ask(ctx context.Context, q knownhosts.Question) (yes bool, err error) {
	for prompt := q.Text; ; prompt = q.Again {
		line, err := t.askLine(ctx, prompt, true)
		if err != nil {
			return false, err
		}
		if answer := q.Answer(line); answer != knownhosts.Again {
			return answer == knownhosts.Yes, nil
		}
	}
}

// refusal is why a connection ends here: the context's end, or a key that is not trusted.
func refusal(v knownhosts.Verdict, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &knownhosts.RefusedError{Verdict: v}
}

// editable is the file that a user is told to edit.
func (t *hostTrust) editable() string {
	for _, files := range [][]string{t.plan.UserKnownHostsFiles, t.plan.GlobalKnownHostsFiles} {
		if len(files) > 0 {
			return files[0]
		}
	}
	return ""
}

// isLoopback says whether the far side is this machine. "localhost" behind a proxy is another.
func isLoopback(remote net.Addr) bool {
	tcp, ok := remote.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (t *hostTrust) debug(format string, args ...any) {
	t.out.log(sshclient.Debug1, fmt.Sprintf(format, args...))
}
