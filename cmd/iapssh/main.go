// Command iapssh reaches Google Compute Engine VMs that have no external address, through Identity-Aware Proxy: in the place of
// ssh, or as a ProxyCommand for it. See the README, or iapssh --help.
//
// The way through the program: config.Resolve turns the command line, with the effects of facts.go, into a Plan; obey, below,
// chooses what does the Plan; dial.go joins credentials (credentials.go) and transport over the way that network.go finds, direct.go
// goes without IAP; where a VM is looked up by its name, locate.go does so, and introduce.go says who we are there and why it is
// trusted, with what google.go asks; fail.go reports with internal/report what went wrong.
//
// ssh.go is a session in ssh's place, with fork.go, share.go, jump.go, wait.go, reconnect.go and timing.go for what -f, ControlMaster,
// ProxyJump, --wait, IAPReconnect and --timing ask of one, and clock.go for ConnectTimeout; stdio.go, tunnel.go, list.go,
// configssh.go, doctor.go, published.go (--host-keys) and explain.go are the other modes.
//
// messages.go has where messages go, debug.go, events.go and progress.go some of them; stats.go the numbers of a tunnel, audit.go
// the audit log, signal.go what ends us.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/detach"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
)

// version is set by the linker for a release.
var version = "devel"

func main() {
	tune()
	ctx, stop := untilSignal(context.Background(), endSignals())
	catchBrokenPipe()
	code := run(ctx, os.Args[0], os.Args[1:])
	stop()
	os.Exit(code)
}

// tune fits the runtime to a process that hands bytes from one goroutine to the next and keeps few of them (ci/sessions measures
// both), as far as its environment leaves it to us.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		// To hand them across processors takes a fifth more CPU, and one processor outruns any link to a VM.
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		// x/crypto/ssh allocates each packet that it reads: collected at a heap of 4 MiB, that is a fifth of the CPU again.
		debug.SetGCPercent(400)
	}
}

// run does what argv says and gives the exit code. program is what we were called as.
func run(ctx context.Context, program string, argv []string) int {
	if len(argv) > 0 && argv[0] == detach.Argument {
		return background(ctx)
	}
	plan, err := config.Resolve(ctx, program, argv, effects())
	if err != nil {
		return complain(os.Stderr, plan, err)
	}
	if fd := plan.Failing.FD; fd != 0 && !isOpen(fd) {
		plan.Failing.FD = 0
		return complain(os.Stderr, plan, &config.UsageError{Ours: true, Text: fmt.Sprintf("--error-fd=%d is not open", fd)})
	}
	messages, err := openMessages(plan)
	if err != nil {
		return complain(os.Stderr, plan, err)
	}
	warn(plan, messages)
	return obey(ctx, plan, messages)
}

// obey does the plan and gives the exit code.
func obey(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	switch plan.Mode {
	case config.ModeVersion:
		fmt.Println("iapssh", version)
	case config.ModeSSHVersion:
		// Programs look for OpenSSH_ on stderr to learn which options they may use.
		fmt.Fprintf(os.Stderr, "%s compatible, iapssh %s\n", config.OpenSSHRelease, version)
	case config.ModeConfig, config.ModeDryRun:
		io.WriteString(os.Stdout, plan.Output)
	case config.ModeQuery:
		fmt.Println(strings.Join(answer(plan.Query), "\n"))
	case config.ModeHelp:
		io.WriteString(os.Stdout, config.Usage)
	case config.ModePlan:
		return explainPlans(plan, os.Stdout)
	case config.ModeHostKeys:
		return hostKeys(ctx, plan, messages)
	case config.ModeDoctor:
		return diagnose(ctx, plan, messages)
	case config.ModeForget:
		return forget(plan)
	case config.ModeExplain:
		return explain(plan)
	case config.ModeList:
		return listVMs(ctx, plan, messages)
	case config.ModeConfigSSH:
		return configSSH(ctx, plan, messages)
	case config.ModeCompletion:
		return complete(plan, messages)
	case config.ModeStdio:
		return stdio(ctx, plan, messages)
	case config.ModeTunnel:
		if plan.Fork {
			return fork(ctx, plan, messages)
		}
		return listenLocally(ctx, plan, messages, nil)
	case config.ModeSSH:
		if plan.Fork {
			return fork(ctx, plan, messages)
		}
		return ssh(ctx, plan, messages, nil)
	}
	return 0
}
