//go:build unix

package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// x11Setup is bash for the first message of an X11 client, with the cookie that sshd has been told; it prints the answer.
const x11Setup = `cookie=$(xauth list "$DISPLAY" | head -n 1 | sed 's/.* //; s/../\\x&/g')
display=${DISPLAY#*:}
exec 3<>/dev/tcp/localhost/$((6000 + ${display%.*}))
printf 'l\0\013\0\0\0\022\0\020\0\0\0MIT-MAGIC-COOKIE-1\0\0'"$cookie" >&3
cat <&3`

// A window of the VM is shown here, through sshd and both sides' xauth, with a cookie that the VM never learns; also over a
// connection that is shared.
func TestX11(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "x11") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	screen, display := newScreen(t)
	cookie := strings.Repeat("0123456789abcdef", 2)
	authority, socket := filepath.Join(dir, "Xauthority"), filepath.Join(dir, "s")
	runTool(t, "xauth", "-q", "-f", authority, "add", display, "MIT-MAGIC-COOKIE-1", cookie)
	shown := make(chan string, 2)
	go func() {
		for {
			conn, err := screen.Accept()
			if err != nil {
				return
			}
			said := make([]byte, 12+20+16)
			io.ReadFull(conn, said)
			shown <- hex.EncodeToString(said[12+20:])
			io.WriteString(conn, "welcome")
			conn.Close()
		}
	}()
	l := newLab(t)
	for _, sharing := range []string{"ControlMaster=no", "ControlMaster=auto"} {
		cmd := iapsshCommand(t, l, "-Y", "-S", socket, "-o", sharing, "-o", "ControlPersist=yes", "-o", "SetEnv=XAUTHORITY="+filepath.Join(dir, "remote"),
			"lab-vm", "bash -c '"+strings.ReplaceAll(x11Setup, "'", `'\''`)+"'")
		cmd.Env = append(cmd.Env, "DISPLAY="+display, "XAUTHORITY="+authority)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasSuffix(string(out), "welcome") {
			t.Errorf("%s: %v\n%s", sharing, err, out)
			continue
		}
		if got := <-shown; got != cookie {
			t.Errorf("%s: the display was shown the cookie %s", sharing, got)
		}
	}
	if out, err := iapsshCommand(t, l, "-S", socket, "-O", "exit", "lab-vm").CombinedOutput(); err != nil {
		t.Errorf("the connection was not shared: %v: %s", err, out)
	}
}

// What cannot be had is said, and the command runs.
func TestX11Failures(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, test := range []struct{ option, display, want string }{
		{"-X", "127.0.0.1:9", "Warning: untrusted X11 forwarding setup failed: xauth key data not generated\n"},
		{"-Y", "some;where", "DISPLAY \"some;where\" invalid; disabling X11 forwarding\n"},
	} {
		cmd := iapsshCommand(t, l, test.option, "-o", "SetEnv=XAUTHORITY="+filepath.Join(t.TempDir(), "remote"), "lab-vm", "true")
		cmd.Env = append(cmd.Env, "DISPLAY="+test.display, "XAUTHORITY="+filepath.Join(t.TempDir(), "none"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), test.want) {
			t.Errorf("%s, %q: %q, %v", test.option, test.display, out, err)
		}
	}
}

// newScreen listens where a display would.
func newScreen(t *testing.T) (listener net.Listener, display string) {
	t.Helper()
	for n := 100; n < 200; n++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 6000+n))
		if err == nil {
			t.Cleanup(func() { listener.Close() })
			return listener, fmt.Sprintf("127.0.0.1:%d.0", n)
		}
	}
	t.Fatal("no port is free")
	return nil, ""
}
