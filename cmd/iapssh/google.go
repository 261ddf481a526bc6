package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

// openCache gives the user's cache. Beside an error it is nil, which serves: nothing is then remembered.
func openCache() (*cache.Cache, error) { return cache.Open(cache.Dir(runtime.GOOS, os.Getenv)) }

// seenCache is the cache for who only reads: it is not made.
func seenCache() *cache.Cache {
	if _, err := os.Stat(cache.Dir(runtime.GOOS, os.Getenv)); err != nil {
		return nil
	}
	c, _ := openCache() // newCloud tells why there is none
	return c
}

// newCloud joins Google's APIs with the relay's credentials and with the user.
func (r *relay) newCloud(plan config.Plan, messages io.Writer) *vm.Cloud {
	var remembered *cache.Cache
	if plan.Mode != config.ModeDoctor { // which remembers nothing
		var err error
		if remembered, err = openCache(); err != nil {
			r.debug("%v", err)
		}
	}
	c := &vm.Cloud{
		API: &gce.Client{
			HTTP: r.http, Token: r.apiToken, Header: apiHeader(plan), QuotaProject: r.quotaProject,
			Compute: plan.APIs.Compute, OSLogin: plan.APIs.OSLogin, IAP: plan.APIs.IAP, Run: plan.APIs.Run,
		},
		Cache:   remembered,
		Account: r.account,
		Debug:   r.debug,
		Say:     func(string) {},
	}
	if plan.LogLevel >= config.LogInfo {
		c.Say = func(line string) {
			r.wait.enter("")
			fmt.Fprintln(messages, report.Clean(line))
		}
	}
	if plan.Mode == config.ModeSSH && !plan.BatchMode && !plan.NoPrompts && haveTerminal() {
		c.Ask = func(ctx context.Context, prompt string) (string, error) {
			r.wait.enter("")
			return askOnTerminal(ctx, prompt)
		}
	}
	return c
}

func haveTerminal() bool {
	terminal, err := tty.Open()
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}

// askOnTerminal asks for what is no secret.
func askOnTerminal(ctx context.Context, prompt string) (string, error) {
	terminal, err := tty.Open()
	if err != nil {
		return "", err
	}
	defer terminal.Close()
	lines := strings.Split(prompt, "\n")
	for i, line := range lines {
		text := strings.Trim(line, " ")
		lines[i] = strings.Replace(line, text, report.Clean(text), 1)
	}
	return terminal.Ask(ctx, strings.Join(lines, "\n"), true)
}

// located completes the plan and has connect follow it; once more if the VM is not where the cache had it.
func (r *relay) located(ctx context.Context, connect func(config.Plan) error) error {
	plan, err := r.locate(ctx)
	if err != nil {
		return err
	}
	r.inquire(ctx, plan)
	if err = connect(plan); err == nil || !plan.Remembered || !isMisplaced(err) {
		return err
	}
	r.endInquiry() // it reads what is about to be found anew
	elsewhere, ok := r.relocate(ctx, plan)
	if !ok {
		return err
	}
	r.inquire(ctx, elsewhere)
	return connect(elsewhere)
}

// locate looks the target up, unless that is done.
func (r *relay) locate(ctx context.Context) (config.Plan, error) {
	r.locating.Lock()
	defer r.locating.Unlock()
	plan := r.current()
	if !plan.MustLocate() {
		return plan, nil
	}
	plan, err := r.lookUp(ctx, plan)
	if err == nil {
		r.complete(plan)
	}
	return plan, err
}

// relocate looks up a target that is not where plan has it; false if it is nowhere else.
func (r *relay) relocate(ctx context.Context, plan config.Plan) (config.Plan, bool) {
	r.locating.Lock()
	defer r.locating.Unlock()
	if current := r.current(); current.IAP != plan.IAP {
		return current, true
	}
	elsewhere, err := r.lookUp(ctx, r.cloud.Misplaced(ctx, plan))
	if err != nil || elsewhere.IAP == plan.IAP {
		return plan, false
	}
	r.complete(elsewhere)
	return elsewhere, true
}

func (r *relay) complete(plan config.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = plan
}

// lookUp completes a plan. That time is not the network's.
func (r *relay) lookUp(ctx context.Context, plan config.Plan) (config.Plan, error) {
	defer r.outerStandsStill()()
	over := r.times.phase("lookup")
	plan, err := r.cloud.Locate(ctx, plan)
	over(err)
	return plan, err
}

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
	if r.pusher == nil || !errors.As(err, &denied) {
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
	var denied *sshclient.AuthError
	if r.inquiry != nil && errors.As(err, &denied) {
		r.inquiry.Drop(ctx)
	}
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

// apiToken is the token source of Google's APIs.
func (r *relay) apiToken(ctx context.Context, refused string) (string, error) {
	if r.plan.GCloud.NoCredentials {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	source, err := r.credentials(ctx)
	if err != nil {
		return "", err
	}
	return source.Token(ctx, refused)
}

// account is the e-mail of who asks Google; where the credential does not say it, gcloud's may.
func (r *relay) account(ctx context.Context) string {
	if r.plan.GCloud.NoCredentials {
		return r.plan.GCloud.Account
	}
	source, err := r.credentials(ctx)
	if err != nil {
		return ""
	}
	return cmp.Or(source.Principal(), r.plan.GCloud.Account)
}

// isMisplaced says that the relay, or Compute Engine, knows of no such VM, or of no such zone.
func isMisplaced(err error) bool {
	var closed *iap.CloseError
	var status *iap.HTTPError
	return gce.IsNotFound(err) || errors.As(err, &closed) && (closed.Code == iap.CloseLookupFailed || closed.Code == iap.CloseLookupFailedResume) ||
		errors.As(err, &status) && status.Status == http.StatusNotFound
}

// grantPatience bounds the question whether a role is there, which only makes an error clearer.
const grantPatience = 5 * time.Second

// isGranted says, if IAP has called the principal not authorized, that it has the role nevertheless.
func (r *relay) isGranted(ctx context.Context, err error) bool {
	at := r.current().IAP
	var dial *iap.DialError
	var closed *iap.CloseError
	if !errors.As(err, &dial) || !errors.As(err, &closed) || closed.Code != iap.CloseNotAuthorized || !at.IsVM() && at.DestGroup == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, grantPatience)
	defer cancel()
	var granted bool
	if at.IsVM() {
		granted, err = r.cloud.API.MayTunnel(ctx, gce.Ref{Project: at.Project, Zone: at.Zone, Name: at.Instance})
	} else {
		granted, err = r.cloud.API.MayTunnelByGroup(ctx, at.Project, at.Region, at.DestGroup)
	}
	if err != nil {
		r.debug("whether the role is there could not be learnt: %v", err)
	}
	return err == nil && granted
}

// hostKeys prints what the plan's VMs have published of their host keys, as lines of a known_hosts file: by the number of the VM,
// which no other will have, and by its full name.
func hostKeys(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	for _, one := range plan.Each {
		r, err := newRelay(one, messages)
		var facts vm.Facts
		if err == nil {
			facts, err = r.published(ctx)
		}
		if err != nil {
			return complain(messages, plan, err)
		}
		names := r.plan.IAP.FullName()
		if facts.ID != "" {
			names = "compute." + facts.ID + "," + names
		}
		for _, key := range facts.HostKeys {
			fmt.Println(names, key)
		}
	}
	return 0
}

// aboutVM has the plan lead to a VM, whether or not the name could be a host's.
func (r *relay) aboutVM() error {
	if err := r.plan.NotBuilt(); err != nil {
		return err
	}
	if r.cloud == nil || !r.plan.IAP.IsVM() {
		return &config.UsageError{Ours: true, Text: fmt.Sprintf("%s is no VM (%s)", r.plan.Original, r.plan.RouteReason)}
	}
	r.plan.Route = config.RouteIAP
	return nil
}

// published gives the facts of a VM that has published its host keys.
func (r *relay) published(ctx context.Context) (vm.Facts, error) {
	err := r.aboutVM()
	if err != nil {
		return vm.Facts{}, err
	}
	if r.plan.MustLocate() {
		if r.plan, err = r.cloud.Locate(ctx, r.plan); err != nil {
			return vm.Facts{}, err
		}
	}
	return r.cloud.Published(ctx, r.plan)
}

// describeVM asks what a command line needs to know that names the VM by %INSTANCE% and the like.
func describeVM(ctx context.Context, plan config.Plan) (config.VM, error) {
	r, err := newRelay(plan, session.NewMessages(os.Stderr)) // which stays open
	if err != nil {
		return config.VM{}, err
	}
	if !plan.ToVM() {
		return config.VM{User: plan.User, Address: plan.Host, Internal: plan.Host}, nil
	}
	defer r.wait.end()
	if err := plan.NotBuilt(); err != nil {
		return config.VM{}, err
	}
	if plan, err = r.locate(ctx); err != nil {
		return config.VM{}, err
	}
	inquiry := r.cloud.Inquire(ctx, plan)
	defer inquiry.Stop()
	described, err := r.cloud.Describe(ctx, plan)
	described.User = vm.LoginOf(plan, r.account(ctx), inquiry.Facts()).User
	return described, err
}

// forget drops what is remembered.
func forget(plan config.Plan) int {
	remembered, _ := openCache() // what is not there is forgotten
	if _, err := vm.Forget(remembered, plan.VMs); err != nil {
		return complain(os.Stderr, plan, fmt.Errorf("not everything could be forgotten: %w", err))
	}
	return 0
}
