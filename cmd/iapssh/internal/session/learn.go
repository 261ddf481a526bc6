package session

import (
	"context"
	"errors"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/knownhosts"
)

// learn stores a new key. That it cannot be stored is no reason to end the connection.
func (t *hostTrust) learn(v knownhosts.Verdict) {
	if t.looking {
		return
	}
	file := t.plan.UserKnownHostsFiles[0]
	if err := knownhosts.Append(file, v.Names(), v.Key, t.plan.HashKnownHosts); err != nil {
		t.out.info(v.NotAdded(file))
		t.debug("%v", err)
		return
	}
	t.out.info(v.Added())
}

// learnAddress stores the key of a known host for its address.
func (t *hostTrust) learnAddress(v knownhosts.Verdict) {
	if t.looking {
		return
	}
	file := t.plan.UserKnownHostsFiles[0]
	if err := knownhosts.Append(file, []string{v.AtAddress.Name}, v.Key, t.plan.HashKnownHosts); err != nil {
		t.out.info(v.AddressNotAdded(file))
		t.debug("%v", err)
		return
	}
	t.out.info(v.AddressAdded())
}

// updates is what a trusted server's word on its other host keys comes to (UpdateHostKeys). Its server tells of them once, from
// a goroutine of the client's; settle waits for that.
type updates struct {
	ask  bool
	told chan struct{} // closed when the server has begun to tell
	done chan struct{} // closed when it was heard out

	pending *knownhosts.Update // of UpdateHostKeys ask: to be asked about; written before done is closed
}

// newUpdates returns nil if nothing is to be learned.
func (t *hostTrust) newUpdates() *updates {
	ask := t.plan.UpdateHostKeys == "ask"
	if t.plan.UpdateHostKeys == "no" || len(t.plan.UserKnownHostsFiles) == 0 || ask && !mayAskLater(t.plan) {
		return nil
	}
	return &updates{ask: ask, told: make(chan struct{}), done: make(chan struct{})}
}

// mayAskLater tells whether a question may come while or after the session runs. ssh asks only who has a shell.
func mayAskLater(plan config.Plan) bool {
	return !plan.BatchMode && plan.Command == "" && plan.RequestTTY != "no" && plan.LogLevel >= config.LogInfo
}

// Learn is told of all keys of the server, once.
func (t *hostTrust) Learn(keys []ssh.PublicKey, prove func([]ssh.PublicKey) ([]ssh.PublicKey, error)) {
	u := t.updates
	if u == nil {
		return
	}
	close(u.told)
	defer close(u.done)
	update, err := t.compare(keys)
	if err == nil && len(update.New) > 0 {
		update.New, err = prove(update.New)
	}
	switch {
	case errors.Is(err, knownhosts.ErrUpToDate), err == nil && update.Changes() == "":
	case err != nil:
		t.debug("%v, skipping UserKnownHostsFile update", err)
	case u.ask:
		u.pending = &update
	default:
		t.out.verbose(update.Changes())
		t.apply(update)
	}
}

// compare reads the files again: the key in use may have been added to them.
func (t *hostTrust) compare(keys []ssh.PublicKey) (knownhosts.Update, error) {
	store, err := t.read()
	if err != nil {
		return knownhosts.Update{}, err
	}
	return store.Update(t.query, keys)
}

func (t *hostTrust) apply(update knownhosts.Update) {
	if err := update.Apply(t.plan.UserKnownHostsFiles, t.plan.HashKnownHosts); err != nil {
		t.out.error("known hosts could not be updated: " + err.Error())
	}
}

// settlePatience is how long the end of a session waits for the server to prove its keys.
const settlePatience = 2 * time.Second

// settle ends what Learn has begun, while the connection is there to prove keys by. The question of UpdateHostKeys ask is asked
// here, when the terminal is the user's again: ssh interrupts the session for it.
func (t *hostTrust) settle(ctx context.Context) {
	if t.updates == nil {
		return
	}
	select {
	case <-t.updates.told:
	default:
		return
	}
	patience := time.NewTimer(settlePatience)
	defer patience.Stop()
	select {
	case <-t.updates.done:
	case <-patience.C:
		return
	case <-ctx.Done():
		return
	}
	if update := t.updates.pending; update != nil {
		if yes, err := t.ask(ctx, update.Question()); err == nil && yes {
			t.apply(*update)
		}
	}
}
