//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// outageTest is an iapssh with IAPReconnect, -L and -R, through OpenSSH's sshd to a service that echoes.
type outageTest struct {
	*testing.T
	lab   *lab.Lab
	p     *iapsshProcess
	local string // where it listens here
	far   string // where it listens over there
}

func newOutageTest(t *testing.T, args ...string) *outageTest {
	t.Helper()
	echo := listen(t)
	go serveEcho(echo)
	s := &outageTest{T: t, lab: newLab(t), local: freePort(t), far: freePort(t)}
	s.signIn()
	s.openZone()
	s.lab.Google.Grant(googletest.AllPermissions()...)
	to := echo.Addr().String()
	_, port, err := net.SplitHostPort(s.lab.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.Replace(args[i], "VMPORT", port, 1)
	}
	args = append([]string{"-N", "-o", "IAPReconnect=yes", "-o", "ExitOnForwardFailure=yes", "-L", s.local + ":" + to, "-R", s.far + ":" + to}, args...)
	cmd := iapsshCommand(t, s.lab, append(args, lab.VM)...)
	cmd.Env = append(cmd.Env, "GOOGLE_APPLICATION_CREDENTIALS=")
	s.p = startProcess(t, cmd)
	s.awaitListener()
	return s
}

// signIn is what gcloud auth login would do.
func (s *outageTest) signIn() {
	s.Helper()
	login := s.lab.Files.LoginOf(s.lab.Google.Account)
	if err := os.MkdirAll(filepath.Dir(login), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(login, s.lab.Google.Login(), 0o600); err != nil {
		s.Fatal(err)
	}
}

// openZone has the VM be looked up.
func (s *outageTest) openZone() {
	s.Helper()
	file := filepath.Join(s.lab.Files.GCloud, "configurations", "config_default")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "zone = ", "# zone = ", 1)), 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// forget empties the cache.
func (s *outageTest) forget() {
	s.Helper()
	if err := os.RemoveAll(filepath.Join(s.lab.Files.Home, ".cache", "iapssh")); err != nil {
		s.Fatal(err)
	}
}

// awaitListener waits until the far side listens.
func (s *outageTest) awaitListener() {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.far)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			s.Fatal(err)
		}
	}
}

// talk has words come back from the service, by one of the ports.
func (s *outageTest) talk(at string) net.Conn {
	s.Helper()
	conn := s.call(at)
	chat(s.T, conn, 1000)
	return conn
}

// call connects to one of the ports, whether or not anything is behind it.
func (s *outageTest) call(at string) net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// lost awaits the line about a loss, for the reason in the pattern.
func (s *outageTest) lost(why string) {
	s.Helper()
	s.p.said = nil
	s.p.await(s.T, "^iapssh: .*"+why+".*; connecting again$")
}

func (s *outageTest) back() {
	s.Helper()
	s.p.await(s.T, "^iapssh: connected to lab-vm again, after ")
}

// The ports stay when the VM is started anew, and when the relay knows nothing of the session any more; who connects meanwhile
// waits. Nobody needs to say again where the VM is. When IAP refuses the user it is over.
func TestReconnect(t *testing.T) {
	t.Parallel()
	audit := filepath.Join(t.TempDir(), "audit")
	s := newOutageTest(t, "--audit-log="+audit)
	carried := s.talk(s.local)
	s.talk(s.far)

	s.forget()
	s.lab.Google.Fail("compute.instances.aggregatedList", 503, 1<<30)
	s.lab.StopVM()
	s.lost("")
	if n, err := carried.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes over a connection that is lost", n)
	}
	early := s.call(s.local)
	s.p.cmd.Process.Signal(syscall.SIGUSR1)
	s.p.await(t, `^iapssh: not connected for \S+, \d+ attempts: `)
	s.lab.StartVM()
	s.back()
	chat(t, early, 1000)
	s.talk(s.local)
	s.talk(s.far)

	s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Close, Code: 4001})
	s.lost("4001")
	s.back()
	s.talk(s.local)
	s.p.cmd.Process.Signal(syscall.SIGUSR1)
	s.p.await(t, "^forwards: 2, connections over them: 1$")

	s.lab.Forbid()
	s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Close, Code: 4001})
	s.lost("4001")
	s.p.await(t, `^iapssh: .*\[4033: 'not authorized'\]`)
	s.p.ends(t, 255)
	if conn, err := net.Dial("tcp", s.local); err == nil {
		conn.Close()
		t.Error("the port is left")
	}
	// The sessions, and the attempt that was the last.
	if records, err := os.ReadFile(audit); err != nil || strings.Count(string(records), "\n") != 4 || strings.Count(string(records), `"host_key"`) != 3 {
		t.Errorf("the audit is %v\n%s", err, records)
	}
}

// What does not come about at first is not tried again.
func TestReconnectNotAtFirst(t *testing.T) {
	t.Parallel()
	l, taken := newLab(t), listen(t).Addr().String()
	for _, forward := range []string{"-L", "-R"} {
		p := startIapssh(t, l, "-N", "-o", "IAPReconnect=yes", "-o", "ExitOnForwardFailure=yes", forward, taken+":"+taken, lab.VM)
		p.ends(t, 255)
	}
}

// Where the organisation wants the user to sign in again, that is waited for.
func TestReconnectAwaitsSignIn(t *testing.T) {
	t.Parallel()
	t.Run("itself", func(t *testing.T) { testReconnectAwaitsSignIn(t, newOutageTest(t)) })
	t.Run("as jump host", func(t *testing.T) {
		testReconnectAwaitsSignIn(t, newOutageTest(t, "-J", lab.VM, "-o", "HostName=localhost", "-o", "StrictHostKeyChecking=accept-new", "-p", "VMPORT"))
	})
}

func testReconnectAwaitsSignIn(t *testing.T, s *outageTest) {
	s.forget() // a token that is still good
	s.lab.Google.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt"})
	s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Close, Code: 4001})
	s.lost("4001")
	s.p.await(t, "^iapssh: the sign-in has expired; .* run: gcloud auth login alice@example.com$")
	s.lab.Google.SignInAgain()
	s.signIn()
	s.back()
	s.talk(s.local)
	s.p.stop(t)
}

// A key in the place of the one that is known is not accepted, even where it would have been at first.
func TestReconnectToAnother(t *testing.T) {
	t.Parallel()
	s := newOutageTest(t, "-o", "StrictHostKeyChecking=no")
	impostor := sshtest.NewServer()
	impostor.AllowAll = true
	impostor.Start()
	defer impostor.Close()
	s.lab.Relay.Handle(lab.VM, 22, iaptest.TCP(impostor.Addr))
	s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Close, Code: 4001})
	s.lost("4001")
	s.p.await(t, "REMOTE HOST IDENTIFICATION HAS CHANGED")
	s.p.ends(t, 255)
}

// A signal ends it at once, in an outage as well, and SIGTERM is the way to end it.
func TestReconnectIsEnded(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 255} {
		s := newOutageTest(t)
		s.lab.StopVM()
		s.lost("")
		s.p.cmd.Process.Signal(signal)
		s.p.ends(t, code)
	}
}

// A master's socket goes with its connection and comes with the next; sessions over the lost one have ended.
func TestReconnectMaster(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	s := newOutageTest(t, "-M", "-S", socket)
	shared := func(words ...string) *exec.Cmd {
		return iapsshCommand(t, s.lab, append([]string{"-o", "ControlMaster=no", "-S", socket, lab.VM}, words...)...)
	}
	session := shared("cat")
	chat(t, connectTo(t, session), 1)
	s.lab.StopVM()
	s.lost("")
	if err := session.Wait(); err == nil || session.ProcessState.ExitCode() != 255 {
		t.Errorf("a session over the lost connection: %v", err)
	}
	if _, err := os.Stat(socket); err == nil {
		t.Error("the socket is still there")
	}
	s.lab.StartVM()
	s.back()
	out, err := shared("echo", "$SSH_CLIENT").Output()
	if err != nil || !strings.HasPrefix(string(out), "127.0.0.1 ") {
		t.Errorf("a session over the next: %q, %v", out, err)
	}
	if n := len(s.lab.Relay.Sessions()); n != 2 {
		// The attempts that failed had none.
		t.Errorf("%d sessions with the relay", n)
	}
	s.p.stop(t)
}
