package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/doctor"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/transport/iap"
)

// doctorPatience bounds an examination. What has not answered by then is as good as silent.
const doctorPatience = 4500 * time.Millisecond

// diagnose says what is wrong on the way to the plan's VM, or that nothing is. It changes and remembers nothing, not even an access
// token, which might outlive the sign-in that it came from.
func diagnose(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	one := plan.Each[0]
	one.NoTokenCache = true
	r, err := newRelay(one, messages)
	if err == nil {
		err = r.aboutVM()
	}
	if err != nil {
		return complain(messages, plan, err)
	}
	r.cloud.Say = func(string) {}
	d := &examination{relay: r}
	d.look(ctx)
	result := doctor.Report{Version: 1, Checks: doctor.Examine(d.found, d.words), Principal: r.principal(), Target: r.plan.IAP.FullName()}
	for i, c := range result.Checks {
		c.Proof, c.Fix, c.Missing = report.Clean(c.Proof), report.Clean(c.Fix), report.Clean(c.Missing)
		result.Checks[i] = c
	}
	result.OK = doctor.Passed(result.Checks)
	write := result.WriteText
	if plan.JSON {
		write = result.WriteJSON
	}
	if write(os.Stdout) != nil || !result.OK {
		return report.ExitFailed
	}
	return 0
}

// examination finds out what doctor judges.
type examination struct {
	relay *relay
	found doctor.Findings
	vm    vm.Look
}

// look asks everybody at once; only a sign-in goes before all, and a session with IAP before SSH.
func (d *examination) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	r, f := d.relay, &d.found
	f.NIC, f.Port = r.plan.IAP.Interface, r.plan.IAP.Port
	if _, f.SignIn = r.apiToken(ctx, ""); f.SignIn != nil {
		return
	}
	f.Who = r.who()
	if r.plan.MustLocate() {
		if r.plan, f.Locate = r.cloud.Locate(ctx, r.plan); f.Locate != nil {
			return
		}
	}
	f.Ref = gce.Ref{Project: r.plan.IAP.Project, Zone: r.plan.IAP.Zone, Name: r.plan.IAP.Instance}
	conn := d.ask(ctx)
	if gce.IsNotFound(f.VMErr) {
		d.lookElsewhere(ctx)
	}
	if conn != nil {
		d.knock(ctx, conn)
	}
}

// ask makes the calls, none of which waits for another, and gives the session with the VM's port; nil if there is none.
func (d *examination) ask(ctx context.Context) (conn *iap.Conn) {
	r, f := d.relay, &d.found
	var asking sync.WaitGroup
	asking.Go(func() { d.vm = r.cloud.Look(ctx, r.plan) })
	asking.Go(func() { f.Granted, f.GrantedErr = r.cloud.API.MayTunnel(ctx, f.Ref) })
	asking.Go(func() { f.Rules, f.RulesErr = r.cloud.API.Firewall(ctx, f.Ref, f.NIC) })
	asking.Go(func() { conn, f.Relay = r.dialTarget(ctx, r.plan) })
	asking.Wait()
	f.VM, f.VMErr = d.vm.VM, d.vm.VMErr
	return conn
}

// lookElsewhere looks for a VM that is not in its zone.
func (d *examination) lookElsewhere(ctx context.Context) {
	named, err := d.relay.cloud.API.Named(ctx, d.found.Ref.Project, d.found.Ref.Name)
	if err != nil {
		d.relay.debug("whether the VM is elsewhere could not be learnt: %v", err)
	}
	for _, i := range named {
		d.found.Elsewhere = append(d.found.Elsewhere, i.Zone)
	}
}

// knock logs in, over one connection for all that there is to learn of the SSH server: sshd holds against an address the connections
// that end without a login.
func (d *examination) knock(ctx context.Context, conn *iap.Conn) {
	r, f := d.relay, &d.found
	local := localSide(session.NewMessages(nowhere{}))
	if r.plan.LogLevel >= config.LogDebug1 {
		local.Messages = r.messages
	}
	r.settle(ctx, d.vm.Facts, &local)
	r.plan.IdentityFiles = keyFiles(r.plan)
	local.Offers = session.Offers{IdentitiesFirst: true, Max: vm.MaxOffers}
	if r.plan.StrictHostKeyChecking == "no" {
		r.plan.StrictHostKeyChecking = "accept-new" // a key that has changed is worth knowing of
	}
	sight, err := session.Probe(ctx, r.plan, conn, time.Now(), local)
	f.Version, f.Said, f.HostKey, f.HostProof = sight.Version, sight.Said, sight.HostKey, sight.HostProof
	f.User, f.Login, f.SSH = r.plan.User, strings.TrimSpace(sight.Method+" "+sight.Key), err
}

// words are report's for an error.
func (d *examination) words(err error) doctor.Problem {
	facts := d.relay.facts(context.Background(), nil)
	facts.Granted = d.found.Granted
	if d.found.Version != "" {
		facts.Keys = errors.New(nextPush(d.vm.NextPush(d.relay.plan.User), d.relay.plan))
	}
	f := report.Of(err, facts)
	return doctor.Problem{Cause: f.Cause, Fix: f.Fix, Missing: f.Missing}
}

// nextPush says what a connection would do about keys that were refused.
func nextPush(next vm.Push, plan config.Plan) string {
	switch next.Action {
	case vm.ActRefuse:
		return next.Why
	case vm.ActUse:
		return "that of " + plan.KeyFile + " is where the VM looks for keys, and not in force there: its guest agent may be busy, or stopped"
	case vm.ActCertify:
		return "a connection has that of " + plan.KeyFile + " certified: iapssh " + plan.Original
	}
	return "a connection puts that of " + plan.KeyFile + " there (" + next.Why + "): iapssh " + plan.Original
}
