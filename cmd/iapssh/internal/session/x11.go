package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

const (
	x11Protocol = "MIT-MAGIC-COOKIE-1"

	// x11Slack is how much longer than we the display admits untrusted programs: one that
	// forgets the cookie first would take them for trusted ones.
	x11Slack = time.Minute
)

// x11 is the display to forward, and how to be let in there; nil if there is none. The rules are ssh's (clientloop.c,
// client_x11_get_proto).
func (r *run) x11(ctx context.Context) *sshclient.X11 {
	f := r.plan.Forwarding
	display := variable(r.local.Environ, "DISPLAY")
	switch {
	case display == "":
		r.debug("X11 forwarding requested but DISPLAY not set")
		return nil
	case !validDisplay(display):
		r.out.info(fmt.Sprintf("DISPLAY %q invalid; disabling X11 forwarding", display))
		return nil
	}
	x := &sshclient.X11{Display: display}
	if r.client.Joined() {
		x.Protocol, x.Cookie = x11Protocol, make([]byte, 16) // the master takes its own
		return x
	}
	if !f.X11Trusted && f.X11Timeout > 0 {
		x.Until = time.Now().Add(f.X11Timeout)
	}
	cookies := xauth{program: f.XAuth, environ: r.local.Environ, display: display}
	if number, ok := strings.CutPrefix(display, "localhost:"); ok {
		cookies.display = "unix:" + number // as xauth knows it
	}
	var err error
	if f.X11Trusted {
		x.Protocol, x.Cookie, err = cookies.list(ctx)
	} else {
		x.Protocol, x.Cookie, err = cookies.generate(ctx, f.X11Timeout)
	}
	switch {
	case err == nil:
	case !f.X11Trusted:
		r.debug("xauth: %v", err)
		r.out.error("Warning: untrusted X11 forwarding setup failed: xauth key data not generated")
		return nil
	default:
		// The display may let in who comes from here without asking for a cookie.
		r.debug("xauth: %v", err)
		r.out.info("Warning: No xauth data; using fake authentication data for X11 forwarding.")
		x.Protocol, x.Cookie = x11Protocol, make([]byte, 16)
		rand.Read(x.Cookie)
	}
	return x
}

// validDisplay says whether a display's name may be shown to a program.
func validDisplay(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.-_[]") == "" && name[0] != '-'
}

// xauth is the program that keeps the cookies of displays.
type xauth struct {
	program string
	environ []string
	display string
	file    string // in place of the user's
}

// list finds the display's cookie.
func (x xauth) list(ctx context.Context) (protocol string, cookie []byte, err error) {
	out, err := x.run(ctx, "list", x.display)
	if err != nil {
		return "", nil, err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", nil, fmt.Errorf("no cookie for %s", x.display)
	}
	cookie, err = hex.DecodeString(fields[2])
	return fields[1], cookie, err
}

// generate has the display make a cookie for programs that it need not trust.
func (x xauth) generate(ctx context.Context, life time.Duration) (protocol string, cookie []byte, err error) {
	dir, err := os.MkdirTemp("", "iapssh-xauth-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(dir)
	x.file = filepath.Join(dir, "xauthfile")
	args := []string{"generate", x.display, x11Protocol, "untrusted"}
	if life > 0 {
		args = append(args, "timeout", fmt.Sprint(int((life + x11Slack).Seconds())))
	}
	if _, err := x.run(ctx, args...); err != nil {
		return "", nil, err
	}
	return x.list(ctx)
}

func (x xauth) run(ctx context.Context, args ...string) ([]byte, error) {
	if x.file != "" {
		args = append([]string{"-f", x.file}, args...)
	}
	cmd := exec.CommandContext(ctx, x.program, args...)
	cmd.Env = x.environ
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return out, err
}
