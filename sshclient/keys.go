package sshclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/crypto/ssh"
)

// nextKey returns the next key that can be offered, nil when there is none left.
func (a *authenticator) nextKey() ssh.Signer {
	if !a.listed {
		a.listed = true
		a.keys = a.list()
	}
	for a.offered < a.auth.MaxOffers && len(a.keys) > 0 || a.another() {
		key := a.keys[0]
		a.keys = a.keys[1:]
		if key.public != nil && slices.ContainsFunc(a.used, sameKey(key.public)) {
			continue
		}
		if err := key.ready(a.ctx, a.passphrase, a.policy); err != nil {
			a.giveUp(&key, err)
			continue
		}
		a.offered++
		a.log(Debug1, "Offering public key: %s", key.describe())
		a.tried = append(a.tried, Tried{Source: key.source, Key: key.public})
		return &offer{candidate: key, auth: a}
	}
	return nil
}

// another has Auth.More give another key, and says whether there is one to be offered.
func (a *authenticator) another() bool {
	full := a.offered >= a.auth.MaxOffers
	if a.auth.More == nil || a.asked && (full || unusable(a.tried)) {
		return false
	}
	a.asked = true
	id, ok := a.auth.More(a.ctx)
	if !ok || full {
		return false
	}
	keys, err := readIdentity(id, true)
	if err != nil {
		a.unreadable(id, err)
	}
	a.keys = rank(nil, keys, a.held(), true) // the agent may sign for it
	return len(keys) > 0
}

// list reads the configured certificates and identities, and the agent's keys, in
// order of trial.
func (a *authenticator) list() []candidate {
	var certificates, configured []candidate
	for _, path := range a.auth.Certificates {
		cert, err := readCertificate(path)
		if err != nil {
			a.tried = append(a.tried, Tried{Source: path, Err: err})
			a.log(Debug1, "ignoring certificate %s: %v", path, err)
			continue
		}
		certificates = append(certificates, cert)
	}
	for _, id := range a.auth.Identities {
		keys, err := readIdentity(id, len(a.auth.Certificates) == 0)
		if err != nil {
			a.unreadable(id, err)
		}
		configured = append(configured, keys...)
	}
	ranked := rank(certificates, configured, a.held(), a.auth.IdentitiesOnly)
	if a.auth.IdentitiesFirst {
		ranked = identitiesFirst(ranked, configured)
	}
	if first := parsePublic([]byte(a.auth.First)); first != nil {
		ranked = toFront(ranked, first)
	}
	for i := range ranked {
		a.log(Debug1, "Will attempt key: %s", ranked[i].describe())
	}
	return ranked
}

// held returns the agent's keys; that there is no agent is no error.
func (a *authenticator) held() []candidate {
	if a.auth.AgentPath == "" {
		return nil
	}
	if a.agent != nil { // an earlier step's
		keys, _ := heldKeys(a.agent)
		return keys
	}
	conn, err := DialAgent(a.auth.AgentPath)
	if err != nil {
		a.log(Debug1, "agent: %v", err)
		return nil
	}
	a.agent, a.agentConn = agentClient(conn), conn
	a.release = context.AfterFunc(a.ctx, a.closeAgent)
	if err := bind(a.agent, a.sessionID, a.proof(), false); err != nil {
		a.log(Debug2, "agent is not bound: %v", err) // old ones, and most that are not OpenSSH's
	}
	keys, err := heldKeys(a.agent)
	if err != nil {
		a.log(Debug1, "agent: %v", err)
	}
	return keys
}

func (a *authenticator) closeAgent() { a.agentConn.Close() }

// unreadable reports a file that is no key: a missing one only if it was asked for.
func (a *authenticator) unreadable(id Identity, err error) {
	missing := errors.Is(err, fs.ErrNotExist)
	if !missing || id.Explicit { // of the others only those count that are there
		a.tried = append(a.tried, Tried{Source: id.Path, Err: err})
	}
	switch {
	case !missing:
		a.log(Error, "Load key \"%s\": %v", id.Path, err)
	case id.Explicit:
		a.log(Error, "no such identity: %s: No such file or directory", id.Path)
	default:
		a.log(Debug1, "no such identity: %s", id.Path)
	}
}

// giveUp reports a key that cannot be offered.
func (a *authenticator) giveUp(key *candidate, err error) {
	a.tried = append(a.tried, Tried{Source: key.source, Key: key.public, Err: err})
	if open, ok := errors.AsType[*permissionsError](err); ok {
		for _, line := range open.warning() {
			a.log(Error, "%s", line)
		}
	}
	if worthTelling(err) {
		a.log(Error, "Load key \"%s\": %v", key.source, err)
		return
	}
	a.log(Debug1, "Skipping key %s: %v", key.describe(), err)
}

// worthTelling says whether a key is given up for a reason that the user can mend, and does not know yet.
func worthTelling(err error) bool {
	_, open := errors.AsType[*permissionsError](err)
	_, sealed := errors.AsType[*sealedError](err)
	return open || sealed
}

// sameKey returns whether a key is the given one.
func sameKey(key ssh.PublicKey) func(ssh.PublicKey) bool {
	return func(other ssh.PublicKey) bool { return bytes.Equal(other.Marshal(), key.Marshal()) }
}

// shareWithAgent hands a key that was read from a file to the agent, if that is
// wished. It never fails the authentication.
func (a *authenticator) shareWithAgent(file *keyFile) {
	how := a.auth.AddToAgent
	if !how.Add || a.agent == nil || file.shared {
		return
	}
	file.shared = true
	if how.Ask && !a.permitted(fmt.Sprintf("Add key %s (%s) to agent?", file.path, file.path)) {
		a.log(Debug1, "user denied key %s", file.path)
		return
	}
	if err := addToAgent(a.agent, file, how); err != nil {
		a.log(Debug1, "could not add identity to agent: %s: %v", file.path, err)
		return
	}
	a.log(Debug1, "identity added to agent: %s", file.path)
}
