package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

// Proof is what a cloud says of the host, apart from the connection.
type Proof struct {
	// Name tells the host from all others, also from an earlier one of the same address; empty if the cloud does not say. The
	// host is known by it unless the plan has an alias.
	Name string
	// Keys are the host's own, "TYPE BASE64". Where there are any no other key is trusted, and these are without question.
	Keys []string
	// Authorities are whose signature the host's key bears, "TYPE BASE64", and From who says so.
	Authorities []string
	From        string
	// Again reads the proof anew, if what this one says may be out of date; else it is false. Nil: it never is.
	Again func(ctx context.Context) (Proof, bool)
}

// proven are the lines that prove a key.
func (t *hostTrust) proven() []knownhosts.File {
	var b strings.Builder
	for _, key := range t.proof.Keys {
		fmt.Fprintf(&b, "%s %s\n", t.query.Name(), key)
	}
	for _, key := range t.proof.Authorities {
		fmt.Fprintf(&b, "@cert-authority %s %s\n", t.query.Name(), key)
	}
	if b.Len() == 0 {
		return nil
	}
	return []knownhosts.File{{Path: t.proof.From, Text: b.String()}}
}

// reprove judges a key once more that what is known does not allow, if the proof was out of date: the host may have been replaced
// by another of its name. ok says that there is another verdict.
func (t *hostTrust) reprove(ctx context.Context, key ssh.PublicKey) (v knownhosts.Verdict, ok bool, err error) {
	if t.proof.Again == nil {
		return v, false, nil
	}
	next, ok := t.proof.Again(ctx)
	if !ok || next.Name == t.proof.Name && slices.Equal(next.Keys, t.proof.Keys) && slices.Equal(next.Authorities, t.proof.Authorities) {
		return v, false, nil
	}
	if next.Name != t.proof.Name {
		t.out.info(fmt.Sprintf("The VM was recreated: it was %s and is %s.", t.proof.Name, next.Name))
	}
	t.proof = next
	t.naming()
	v, err = t.decide(ctx, key)
	return v, true, err
}

// naming sets the name by which the host is known.
func (t *hostTrust) naming() {
	if t.plan.HostKeyAlias == "" && t.proof.Name != "" {
		t.query.Alias = t.proof.Name
	}
}

// keep stores the keys that were proved, so that they hold where the cloud cannot be asked, and for stock ssh.
func (t *hostTrust) keep(v knownhosts.Verdict) {
	if t.looking || v.Status != knownhosts.Trusted || v.By.Origin != knownhosts.Told || len(t.plan.UserKnownHostsFiles) == 0 {
		return
	}
	if err := t.proof.store(t.plan.UserKnownHostsFiles[0], v.Name(), t.plan.HashKnownHosts); err != nil {
		t.debug("%v", err)
	}
}

// Store puts the keys into a known_hosts file, for another ssh that is about to meet the host; nothing, if there are none.
func (p Proof) Store(file string) error {
	if p.Name == "" {
		return nil
	}
	return p.store(file, p.Name, false)
}

func (p Proof) store(file, name string, hash bool) error {
	var all []error
	for _, line := range p.Keys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil {
			err = knownhosts.Append(file, []string{name}, key, hash)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}
