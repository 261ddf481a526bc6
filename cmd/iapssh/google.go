package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/iapssh/iapssh/transport/iap"
)

// openCache gives the user's cache. Beside an error it is nil, which serves: nothing is then remembered.
func openCache() (*cache.Cache, error) {
	home, _ := os.UserHomeDir() // none cannot be missing
	return cache.Open(cache.Dir(runtime.GOOS, os.Getenv), home)
}

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

// apiToken is the token source of Google's APIs.
func (r *relay) apiToken(ctx context.Context, refused string) (string, error) {
	if r.resolved.GCloud.NoCredentials {
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
	if r.resolved.GCloud.NoCredentials {
		return r.resolved.GCloud.Account
	}
	source, err := r.credentials(ctx)
	if err != nil {
		return ""
	}
	return cmp.Or(source.Principal(), r.resolved.GCloud.Account)
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
	if err := plan.Lacks(); err != nil {
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
