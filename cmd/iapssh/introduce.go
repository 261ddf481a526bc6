package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/sshclient"
)

// inquire begins to learn of the plan's VM or workload what a session with it needs, or to make sure of the key that one will use,
// beside the dial.
func (r *relay) inquire(ctx context.Context, plan config.Plan) {
	r.endInquiry()
	if plan.Mode == config.ModeSSH && (plan.ToVM() || plan.ToWorkload()) {
		r.inquiry = r.cloud.Inquire(ctx, plan)
	}
	if plan.EnsureKey && plan.ToVM() {
		r.sure = r.cloud.Ensure(ctx, plan)
	}
}

func (r *relay) endInquiry() {
	if r.inquiry != nil {
		r.inquiry.Stop()
		r.inquiry = nil
	}
	if r.sure != nil {
		r.sure.Stop()
		r.sure = nil
	}
}

// googleKnownHosts is where gcloud keeps host keys, under the same names, which it wants to read.
const googleKnownHosts = "google_compute_known_hosts"

// introduce settles who we are and whom we meet, by what is known of the VM. The time that it takes is not the host's.
func (r *relay) introduce(ctx context.Context, local *session.Local) {
	if r.inquiry == nil {
		return
	}
	began := time.Now()
	over := r.times.phase("facts of the VM")
	facts := r.inquiry.Facts()
	over(nil)
	r.met(facts)
	r.begin = r.begin.Add(time.Since(began))
	r.settle(ctx, facts, local)
	local.Proof.Again = func(ctx context.Context) (session.Proof, bool) {
		facts, ok := r.inquiry.Again(ctx)
		r.met(facts)
		return proofOf(facts), ok
	}
	r.offer(ctx, local, facts.Certificate)
}

// settle says by the facts of a VM or workload who we are on it, and by what it is known.
func (r *relay) settle(ctx context.Context, facts vm.Facts, local *session.Local) {
	if r.plan.ToVM() {
		login := vm.LoginOf(r.plan, r.account(ctx), facts)
		r.debug("user %s: %s", login.User, login.Why)
		if r.plan.UserGiven && login.User != r.plan.User {
			r.cloud.Say(fmt.Sprintf("Using OS Login user [%s] instead of requested user [%s]", login.User, r.plan.User))
		}
		r.plan.User = login.User
	}
	if facts.ID != "" && !r.plan.KnownHostsGiven {
		r.plan.HashKnownHosts = false
		r.plan.UserKnownHostsFiles = append([]string{r.plan.SSHDir + "/" + googleKnownHosts}, r.plan.UserKnownHostsFiles...)
	}
	local.Proof = proofOf(facts)
}

func (r *relay) met(facts vm.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id = facts.ID
}

// instanceID is the number of the VM, as far as it has been learnt, or is remembered: nobody is asked. Else it is empty.
func (r *relay) instanceID(ctx context.Context) string {
	r.locating.Lock()
	defer r.locating.Unlock()
	r.mu.Lock()
	plan, id, nobody := r.plan, r.id, r.source == nil
	r.mu.Unlock()
	if id != "" || nobody || !plan.ToVM() {
		return id
	}
	return r.cloud.KnownID(ctx, plan)
}

// offer settles which keys the VM is offered: the one that worked last, gcloud's, those of the configuration, the agent's; or what
// was typed or configured before gcloud's. A certificate, if there is one, goes before all. When it has refused them all, one may be
// put on it.
func (r *relay) offer(ctx context.Context, local *session.Local, certificate string) {
	r.plan.IdentityFiles = keyFiles(r.plan)
	r.pusher = r.inquiry.NewPusher(r.plan)
	last := r.cloud.LastKey(ctx, r.plan)
	local.Offers = session.Offers{IdentitiesFirst: true, First: last, Max: vm.MaxOffers, More: r.pusher.More, Accepted: func(key string) {
		if key != "" && key != last {
			r.cloud.KeepKey(ctx, r.plan, key)
		}
	}}
	if certificate != "" {
		local.Offers.First = certificate
		local.Offers.Before = []sshclient.Identity{{Path: r.plan.KeyFile, Certificate: certificate}}
	}
}

// reconnect says whether to connect once more, with the key that the VM was given and that it may know by then, and no other.
func (r *relay) reconnect(ctx context.Context, err error, local *session.Local) bool {
	var denied *sshclient.AuthError
	if r.pusher == nil || ctx.Err() != nil || !turnedAway(err) || errors.As(err, &denied) && denied.Unusable() {
		return false
	}
	key, user, ok := r.pusher.Reconnect(ctx)
	if !ok {
		return false
	}
	r.debug("connecting again as %s", user)
	r.plan = r.plan.As(user)
	r.plan.IdentityFiles, r.plan.IdentitiesOnly, r.plan.PasswordAuthentication = []string{key.Path}, true, false
	local.Offers.Before, local.Offers.More = nil, nil
	return true
}

// doubt drops what is remembered of a VM or workload that would not let us in: its users may be others by now.
func (r *relay) doubt(ctx context.Context, err error) {
	if r.inquiry != nil && turnedAway(err) {
		r.inquiry.Drop(ctx)
	}
}

// turnedAway says that a host took nothing of what proves who we are, or hung up on it: sshd does after MaxAuthTries refusals.
func turnedAway(err error) bool {
	var failed *sshclient.HandshakeError
	return errors.As(err, &failed) && failed.Stage == sshclient.StageAuth
}

func proofOf(facts vm.Facts) session.Proof {
	p := session.Proof{Keys: facts.HostKeys, Authorities: facts.Authorities, From: "the VM's guest attributes"}
	if facts.Authorities != nil {
		p.From = "Cloud Run's list of authorities"
	}
	if facts.ID != "" {
		p.Name = "compute." + facts.ID
	}
	return p
}
