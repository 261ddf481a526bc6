package main

import (
	"bufio"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	cryptossh "golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

func TestMain(m *testing.M) {
	testscript.Main(obedient{m}, map[string]func(){"iapssh": main, "iapproxy": main, "iap-proxy": main, "iapssh-inventory": main, "nc-once": echoOnce, "fake-ecp": fakeECP, "gcloud": signedOut})
}

// obedient runs the tests where no signal is ignored, for the commands that they start: to ignore one is inherited, from nohup,
// or from a shell that has us in the background.
type obedient struct{ *testing.M }

func (o obedient) Run() int {
	for _, s := range []os.Signal{syscall.SIGHUP, os.Interrupt} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	return o.M.Run()
}

// signedOut is a gcloud that nobody has signed in to, in the place of the machine's own, if there is one, which would ask Google.
func signedOut() {
	log.Fatal("ERROR: (gcloud.config.config-helper) You do not currently have an active account selected.")
}

// echoOnce sends a word to a port of this machine, twice through one connection, and prints it if it comes back: nc is not
// everywhere.
func echoOnce() {
	conn, err := net.Dial("tcp", net.JoinHostPort("localhost", os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	back := make([]byte, len("echoed\n"))
	for range 2 {
		if _, err = io.WriteString(conn, "echoed\n"); err == nil {
			_, err = io.ReadFull(conn, back)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	conn.(*net.TCPConn).SetLinger(0) // a mere FIN could be half a close
	conn.Close()
	os.Stdout.Write(back)
}

// TestScript runs the user stories in testdata/script, each in a lab of its own with the machine's OpenSSH sshd as the VM. The
// relay must not have seen iapssh break a rule. Beside testscript's commands there is
//
//	random FILE BYTES               makes a file
//	google VERB [ARG...]             changes what Google's APIs say, see google_test.go
//	oauth VERB [ARG...]              changes or checks how signing in goes, see oauth_test.go
//	later DURATION                   lets time pass, see later_test.go
//	terminal STEPS PROGRAM [ARG...]  runs a program on a terminal, see terminal_test.go
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: enterLab,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"random": random, "later": later, "terminal": terminal, "google": google, "oauth": oauth,
			"frontend": frontEnd, "proxy": startProxy, "refuse": refuse, "asked": asked, // see way_test.go
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

func enterLab(env *testscript.Env) error {
	outage := iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Delay, For: 3 * time.Second}
	story := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	l, err := lab.New(lab.Config{Dir: filepath.Join(env.WorkDir, ".lab"), SSHD: true, Faults: []iaptest.Fault{outage}, Granted: strings.HasPrefix(story, "google_")})
	if err != nil {
		return err
	}
	env.Values[labKey{}], env.Values[wayKey{}] = l, &way{}
	env.Defer(l.Close)
	path := l.Path(env.Getenv("PATH"), env.WorkDir)
	env.Vars = append(l.Environ(env.Vars), "PATH="+path, "CA="+l.Files.CA, "ADC="+l.Files.ADC, "KEY="+l.Files.Key, "KNOWN_HOSTS="+l.Files.KnownHosts, "LOCAL_USER="+localUser(), "GOOGLE_KNOWN_HOSTS="+l.Files.GoogleKnownHosts, "VM_PORT="+l.Addr[strings.LastIndexByte(l.Addr, ':')+1:],
		"VM_ADDR="+l.Addr, "RELAY_ADDR="+l.RelayAddr(),
		"SSL_CERT_FILE=none", "SSL_CERT_DIR=none", // each process would read the 150 authorities of the system
		"LOGIN="+l.Files.Login, "ROBOT="+l.Files.Robot, "WORKLOAD="+l.Files.Workload, "METADATA="+strings.TrimPrefix(l.Google.URL, "http://"))
	t := env.T().(testing.TB)
	env.Defer(func() {
		v := l.Relay.Violations()
		if story == "giveup" || story == "share_lost" {
			// The user leaves while there is no link, and nobody waits for one to take leave on; or a process is killed.
			v = slices.DeleteFunc(v, func(v iaptest.Violation) bool { return v.Kind == iaptest.NoClose })
		}
		if len(v) > 0 {
			t.Errorf("iapssh broke rules of the relay:\n%s", iaptest.Report(v))
		}
	})
	key, err := readPublicKey(l.Files.Key + ".pub")
	if err != nil {
		return err
	}
	env.Defer(serveOtherPorts(l.Relay, l.Addr, key))
	return nil
}

// localUser is the one name that the lab's sshd can let in.
func localUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// labKey finds a story's lab.
type labKey struct{}

func readPublicKey(path string) (cryptossh.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := cryptossh.ParseAuthorizedKey(text)
	return key, err
}

// random writes reproducible noise.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: random FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	w := bufio.NewWriter(f)
	_, err = io.CopyN(w, rand.NewChaCha8([32]byte{7}), n)
	ts.Check(err)
	ts.Check(w.Flush())
}
