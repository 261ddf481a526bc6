package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/detach"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
)

// fork has a second process follow the plan, and ends when that is in the background.
func fork(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	if plan.Tunnel.ExitWithParent {
		plan.Tunnel.Parent = os.Getppid() // the second process has another
	}
	code, err := second(ctx, plan, plan.Original)
	if err != nil {
		return complain(messages, plan, err)
	}
	return code
}

// second starts a second process that follows a plan, and returns when it is in the background, with 0, or has ended. words are
// for those who list processes.
func second(ctx context.Context, plan config.Plan, words ...string) (code int, err error) {
	data, err := json.Marshal(plan)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	child, err := detach.Start(self, data, words...)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { child.Signal(signalOf(ctx)) })
	defer stop()
	return child.Wait(), nil
}

// background is the second process.
func background(ctx context.Context) int {
	data, self, err := detach.Inherited()
	if err != nil {
		return complain(os.Stderr, config.Plan{}, err)
	}
	var plan config.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return complain(os.Stderr, config.Plan{}, fmt.Errorf("plan: %w", err))
	}
	plan.Failing.FD = 0 // it did not come along
	messages, err := openMessages(plan)
	if err != nil {
		return complain(os.Stderr, plan, err)
	}
	if plan.Mode == config.ModeTunnel {
		return listenLocally(ctx, plan, messages, self.Detach)
	}
	return ssh(ctx, plan, messages, self.Detach)
}
