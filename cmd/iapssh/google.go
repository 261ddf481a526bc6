package main

import (
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
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/transport/iap"
)

// openCache gives the user's cache. Beside an error it is nil, which serves: nothing is then remembered.
func openCache() (*cache.Cache, error) { return cache.Open(cache.Dir(runtime.GOOS, os.Getenv)) }

// newCloud joins Google's APIs with the relay's credentials and with the user.
func (r *relay) newCloud(plan config.Plan, messages io.Writer) *vm.Cloud {
	remembered, err := openCache()
	if err != nil {
		r.debug("%v", err)
	}
	c := &vm.Cloud{
		API: &gce.Client{
			HTTP: r.http, Token: r.token, Header: apiHeader(plan), QuotaProject: plan.GCloud.Project,
			Compute: plan.APIs.Compute, OSLogin: plan.APIs.OSLogin, IAP: plan.APIs.IAP,
		},
		Cache: remembered,
		Debug: r.debug,
		Say:   func(string) {},
	}
	if plan.LogLevel >= config.LogInfo {
		c.Say = func(line string) {
			r.wait.enter("")
			fmt.Fprintln(messages, report.Clean(line))
		}
	}
	if plan.Mode == config.ModeSSH && !plan.BatchMode && !plan.NoPrompts {
		c.Ask = func(ctx context.Context, prompt string) (string, error) {
			r.wait.enter("")
			return askOnTerminal(ctx, prompt)
		}
	}
	return c
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
func (r *relay) located(ctx context.Context, connect func() error) (err error) {
	if r.plan.MustLocate() {
		if r.plan, err = r.cloud.Locate(ctx, r.plan); err != nil {
			return err
		}
		return connect()
	}
	err = connect()
	if err == nil || !r.plan.Remembered || !isMisplaced(err) {
		return err
	}
	elsewhere, lookupErr := r.cloud.Locate(ctx, r.cloud.Misplaced(r.plan))
	if lookupErr != nil || elsewhere.IAP == r.plan.IAP {
		return err
	}
	r.plan = elsewhere
	return connect()
}

// isMisplaced says that the relay knows of no such VM, or of no such zone.
func isMisplaced(err error) bool {
	var closed *iap.CloseError
	var status *iap.HTTPError
	return errors.As(err, &closed) && (closed.Code == iap.CloseLookupFailed || closed.Code == iap.CloseLookupFailedResume) ||
		errors.As(err, &status) && status.Status == http.StatusNotFound
}

// grantPatience bounds the question whether a role is there, which only makes an error clearer.
const grantPatience = 5 * time.Second

// isGranted says, if IAP has called the principal not authorized, that it has the role nevertheless.
func (r *relay) isGranted(ctx context.Context, err error) bool {
	var dial *iap.DialError
	var closed *iap.CloseError
	if !errors.As(err, &dial) || !errors.As(err, &closed) || closed.Code != iap.CloseNotAuthorized || !r.plan.IAP.IsVM() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, grantPatience)
	defer cancel()
	granted, err := r.cloud.API.MayTunnel(ctx, gce.Ref{Project: r.plan.IAP.Project, Zone: r.plan.IAP.Zone, Name: r.plan.IAP.Instance})
	if err != nil {
		r.debug("whether the role is there could not be learnt: %v", err)
	}
	return err == nil && granted
}

// forget drops what is remembered.
func forget(plan config.Plan) int {
	remembered, _ := openCache() // what is not there is forgotten
	if _, err := vm.Forget(remembered, plan.VMs); err != nil {
		return complain(os.Stderr, plan, fmt.Errorf("not everything could be forgotten: %w", err))
	}
	return 0
}
