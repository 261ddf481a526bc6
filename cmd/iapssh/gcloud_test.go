//go:build unix

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient"
)

// exampleNames maps the names of the pages' examples to the lab's.
var exampleNames = []string{
	"my-project", lab.Project, "PROJECT_ID", lab.Project, "us-central1-a", lab.Zone, "us-central1", lab.Region, "--network=default", "--network=" + lab.Network,
	"example-instance", "inner", "my-instance", "inner", "VM_NAME", "inner", "10.1.2.3", lab.Host, "INSTANCE_NAME", "inner", "INSTANCE_PORT", "3389", "DEST_GROUP", lab.Group,
}

// Command lines of gcloud's reference for compute ssh, and of Google's pages about connecting to VMs, do here what they do there.
func TestDocumentedSSH(t *testing.T) {
	t.Parallel()
	d := newDropIn(t)
	_, port, _ := net.SplitHostPort(d.servers["outer"].Addr)
	socks := freePort(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the page\n") }))
	t.Cleanup(page.Close)
	at := "gcloud compute ssh example-instance --zone=us-central1-a "
	for _, row := range []documented{
		// The reference's examples.
		{line: at, stdin: "echo $((6*7))\nexit 3\n", stdout: "^42$", code: 3,
			stderr: `^External IP address was not found; defaulting to using IAP tunneling\.$(?s:.*)^Pseudo-terminal will not be allocated`},
		{line: at + `--command="ps -ejH"`, stdout: `^ *PID`, silent: "Pseudo-terminal"},
		{line: at + `--command="bash -i -c env" -- -t`, stdout: "^HOME=", stderr: "^Pseudo-terminal will not be allocated"},
		{line: at + `--command="tty" -- -tt`, stdout: "^/dev/"},
		{line: at + `--container=CONTAINER`, stdout: "^sudo docker exec -it CONTAINER /bin/sh$"},
		{line: at + `--container=CONTAINER --command="ls -l"`, stdout: "^sudo docker exec -i CONTAINER ls -l$"},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --ssh-key-expiration=2099-01-01T00:00:00Z --command=id", home: withKey, check: expires(time.Until(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)))},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --ssh-key-expire-after=2m --command=id ", home: withKey, check: expires(2 * time.Minute)},
		{line: "gcloud compute ssh 10.1.2.3 --region=us-central1 --network=default --command='echo there'", stdout: "^there$"},
		{line: at + "-- -vvv -L " + freePort(t) + ":%INSTANCE%:80", stderr: `forwarded to remote address 10\.132\.0\.2:80`},
		{line: at + `--ssh-flag="-vvv" --ssh-flag="-L ` + freePort(t) + `:localhost:80"`, stderr: `forwarded to remote address localhost:80`},
		{line: at + `--ssh-flag="-o SetEnv=X=%USER%:%INTERNAL%" --command='echo $X'`, stdout: `^\w+:10\.132\.0\.2$`},

		// Its flags.
		{line: at + "--dry-run --command='echo $((6*7))' --plain", stdout: `^iapssh -T .* --plain inner -- 'echo \$\(\(6\*7\)\)'$`},
		{line: `eval "$(` + at + `--dry-run --command='echo $((6*7))')"`, stdout: "^42$"},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --force-key-file-overwrite --command=id", home: withBrokenKey, stdout: "^uid=", check: repaired},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --no-force-key-file-overwrite --command=id", home: withBrokenKey, code: 255, stderr: "no SSH key that can be read"},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --plain --command=id", home: withKey, code: 255, stderr: "No key was accepted: no key is put on the VM"},
		{line: at + "--ssh-key-file=key --command=id", home: withKeyAt("key"), code: 255, stderr: "Permission denied"},
		{line: "gcloud compute ssh lab-vm --zone=us-central1-a --ssh-key-file=key --command=id", home: withKeyAt("key"), stdout: "^uid="},
		{line: "gcloud compute ssh unproved --zone=us-central1-a --strict-host-key-checking=no --command='echo there'", stdout: "^there$", stderr: "^Warning: Permanently added 'compute\\.\\d+'"},
		{line: "gcloud compute ssh unproved --zone=us-central1-a --strict-host-key-checking=yes --command='echo there'", home: withLabKey, code: 255, stderr: "Host key verification failed"},
		{line: "gcloud compute ssh outer --zone=us-central1-a --internal-ip --command='echo there' -- -v -p " + port, stdout: "^there$", stderr: "reached by route address: IAP internal"},
		{line: "gcloud compute ssh outer --zone=us-central1-a --command='echo there' -- -v -p " + port, stdout: "^there$", stderr: "reached by route address: the VM has an external address", silent: "relay"},
		{line: "gcloud compute ssh outer --zone=us-central1-a --no-tunnel-through-iap --command='echo there' -- -v -p " + port, stdout: "^there$", silent: "relay"},
		{line: "gcloud compute ssh outer --zone=us-central1-a --tunnel-through-iap --command='echo there' -- -v", stdout: "^there$", stderr: "Connecting to relay", silent: "External IP"},

		{line: "gcloud compute ssh VM_NAME --zone=us-central1-a --troubleshoot --tunnel-through-iap", stdout: "^pass +relay +IAP gives a session with port 22$"},
		{line: "gcloud compute ssh no-such --zone=us-central1-a --troubleshoot", code: 1, stdout: "^fail +vm"},

		// Those of all commands.
		{line: at + "--account=nobody@example.com --command=true", code: 255, stderr: "nobody@example.com"},
		{line: "gcloud compute ssh example-instance --configuration=work --command='echo there'", stdout: "^there$"},
		{line: "gcloud compute ssh example-instance --configuration=elsewhere --zone=us-central1-a --command=true", code: 255, stderr: "nowhere"},
		{line: at + "--access-token-file=token --command='echo there'", env: []string{"GOOGLE_APPLICATION_CREDENTIALS="}, home: withToken, stdout: "^there$"},
		{line: at + "--billing-project=no-such-project --log-http --command='echo there'", env: []string{"IAPSSH_CACHE_DIR=" + t.TempDir()}, stdout: "^there$", stderr: "GET http.*loginProfile.*: 403"},
		{line: at + "--verbosity=debug --command='echo there'", stdout: "^there$", stderr: "^debug1: "},
		{line: at + "--verbosity=none --quiet --command='echo there >&2'", stderr: "^there$", silent: "External IP"},
		{line: at + "--no-user-output-enabled --command='echo there'", stdout: "^there$", silent: "."},
		{line: at + "--format=json --flatten=x --trace-token=t --command='echo there'", stdout: "^there$"},
		{line: "gcloud compute ssh --help", stdout: "--gcloud"},

		// Google's pages: "Connect to Linux VMs", "Using IAP for TCP forwarding", the console's "View gcloud command", Dataproc's
		// SOCKS proxy, and "gcloud topic".
		{line: "gcloud compute ssh --project=PROJECT_ID --zone=us-central1-a VM_NAME --command='echo there'", stdout: "^there$"},
		{line: `gcloud compute --project "my-project" ssh --zone "us-central1-a" "example-instance" --command 'echo there'`, stdout: "^there$"},
		{line: `gcloud compute ssh --zone "us-central1-a" "example-instance" --tunnel-through-iap --project "my-project" -- 'echo there; exit 7'`, stdout: "^there$", code: 7},
		{line: "gcloud beta compute ssh bob@example-instance --tunnel-through-iap --command='echo there'", stdout: "^there$", check: wasUser("bob")},
		{line: "gcloud compute ssh bob@lab-vm --zone=us-central1-a --command=id", home: withKey, stdout: "^uid=",
			stderr: `^Using OS Login user \[` + localUser() + `\] instead of requested user \[bob\]$`},
		{line: "gcloud alpha compute ssh projects/my-project/zones/us-central1-a/instances/example-instance --command='echo there'", stdout: "^there$"},
		{line: at + "-- -D " + socks + " -N & for i in $(seq 100); do curl -s --socks5-hostname " + socks + " " + page.URL + " && break; sleep 0.1; done; kill $!; wait $!; :", stdout: "^the page$"},
		{line: "gcloud compute ssh VM_NAME -- -W localhost:1", code: 255, stderr: "stdio forwarding failed|refused"},

		// What gcloud refuses.
		{line: "gcloud compute ssh", code: 2, stderr: `^ERROR: \(gcloud\.compute\.ssh\) argument \[USER@\]INSTANCE: Must be specified\.$`},
		{line: at + "--frob", code: 2, stderr: `^ERROR: \(gcloud\.compute\.ssh\) unrecognized arguments: --frob$`},
		{line: "gcloud beta compute ssh vm --internal-ip --tunnel-through-iap", code: 2, stderr: `^ERROR: \(gcloud\.beta\.compute\.ssh\) argument --internal-ip: At most one of`},
		{line: "gcloud compute ssh no-such --zone=us-central1-a", code: 255, stderr: `^ERROR: \(gcloud\.compute\.ssh\) .*instances/no-such' was not found`},
	} {
		row.line = strings.NewReplacer(exampleNames...).Replace(row.line)
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			d.run(t, row)
		})
	}
}

// nonsense makes an SSH server hang up, once it has said who it is.
var nonsense = "SSH-2.0-nonsense\r\n" + strings.Repeat("\xff", 64)

// Command lines of gcloud's reference for compute start-iap-tunnel in all its tracks, of Google's pages about TCP forwarding, and of
// iapproxy's READMEs, as they are.
func TestDocumentedTunnels(t *testing.T) {
	t.Parallel()
	d := newDropIn(t)
	host := "10.1.2.3 3389 --region=us-central1 --network=default"
	rows := []documented{
		{line: "exec gcloud compute start-iap-tunnel INSTANCE_NAME INSTANCE_PORT --local-host-port=localhost:LOCAL_PORT --zone=us-central1-a", client: echoes,
			stderr: `^Testing if tunnel connection works\.$(?s:.*)^Server shutdown complete\.$`, silent: "Picking"},
		{line: "exec gcloud compute start-iap-tunnel VM_NAME 3389 --zone us-central1-a --project my-project --iap-tunnel-disable-connection-check", client: echoes, silent: "Testing"},
		{line: "exec gcloud compute start-iap-tunnel " + host + " --dest-group=DEST_GROUP", client: echoes},
		{line: "exec gcloud --project my-project -q compute start-iap-tunnel --zone us-central1-a VM_NAME 22 --verbosity=debug", client: greets, stderr: "^debug1: "},
		{line: "exec gcloud compute start-iap-tunnel VM_NAME 22 --local-host-port=127.0.0.1:LOCAL_PORT --access-token-file=token",
			env: []string{"GOOGLE_APPLICATION_CREDENTIALS="}, home: withToken, client: greets},
		{line: "gcloud compute start-iap-tunnel VM_NAME 22 --listen-on-stdin --zone=us-central1-a --verbosity=warning", stdin: nonsense, stdout: "^SSH-2.0-"},
		{line: `ssh -o ProxyCommand="gcloud compute start-iap-tunnel VM_NAME %p --listen-on-stdin --project=my-project --zone=us-central1-a --verbosity=warning" user@placeholder echo there`, stdout: "^there$"},
		{line: "gcloud compute start-iap-tunnel VM_NAME 4 --zone=us-central1-a", code: 75,
			stderr: `^ERROR: \(gcloud\.compute\.start-iap-tunnel\) While checking if a connection can be made: Error while connecting \[4003: 'failed to connect to backend'\]\. \(Failed to connect to port 4\)`},

		{line: "exec iapproxy --project=my-project --zone=us-central1-a my-instance 22", client: greets},
		{line: "exec iapproxy --project=my-project --zone=us-central1-a --local-port=LOCAL_PORT my-instance 22", client: greets},
		{line: "exec iapproxy --project=my-project --zone=us-central1-a --local-port=LOCAL_PORT my-instance 3389", client: echoes},
		{line: "exec iapproxy -v 3 --project=my-project --zone=us-central1-a my-instance 22", client: greets, stderr: "^debug1: "},
		{line: "iapproxy --listen-on-stdin --project=my-project --zone=us-central1-a my-instance 22", stdin: nonsense, stdout: "^SSH-2.0-"},
		{line: `ssh -o ProxyCommand="iapproxy --listen-on-stdin --project=my-project --zone=us-central1-a my-instance 22" user@placeholder echo there`, stdout: "^there$"},
		{line: "iapproxy", code: 2, stderr: "usage: iapproxy"},
		{line: "exec iap-proxy --project=my-project --zone=us-central1-a my-instance 22", client: greets},
		{line: "iap-proxy --listen-on-stdin --project=my-project --zone=us-central1-a my-instance 22", stdin: nonsense, stdout: "^SSH-2.0-"},
		{line: "exec iap-proxy --verbosity=debug --project=my-project --zone=us-central1-a my-instance 22", client: greets, stderr: "^debug1: "},
	}
	for _, track := range []string{"", "alpha ", "beta "} {
		begin := "exec gcloud " + track + "compute start-iap-tunnel "
		rows = append(rows,
			documented{line: begin + "my-instance 3389", client: echoes, stderr: `^Picking local unused port \[\d+\]\.$`},
			documented{line: begin + "my-instance 3389 --local-host-port=localhost:LOCAL_PORT", client: echoes},
			documented{line: begin + host, client: echoes})
	}
	for _, row := range rows {
		_, port, _ := net.SplitHostPort(freePort(t))
		row.line = strings.NewReplacer(append(exampleNames, "LOCAL_PORT", port)...).Replace(row.line)
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			d.run(t, row)
		})
	}
}

// Command lines of gcloud's reference for compute config-ssh.
func TestDocumentedConfigSSH(t *testing.T) {
	t.Parallel()
	d := newDropIn(t)
	for _, row := range []documented{
		{line: "gcloud compute config-ssh --ssh-key-file=.ssh/id_ed25519 && iapssh -F .ssh/config inner.us-central1-a.my-project echo there", home: withLabKey,
			stdout: `(?s)^You should now be able to use ssh/scp with your instances\..*^there$`},
		{line: "gcloud compute config-ssh --dry-run", home: withKey, stdout: "^Host inner\\.", check: hasInclude(".ssh/config", false)},
		{line: "gcloud compute config-ssh --project my-project --quiet", home: withKey, check: hasInclude(".ssh/config", true)},
		{line: "gcloud compute config-ssh && gcloud compute config-ssh --remove", home: withKey, check: hasInclude(".ssh/config", false)},
		{line: "gcloud beta compute config-ssh --ssh-config-file=my-config --force-key-file-overwrite", home: withBrokenKey, check: func(t *testing.T, d *dropIn, home string) {
			hasInclude("my-config", true)(t, d, home)
			repaired(t, d, home)
		}},
		{line: "gcloud compute config-ssh --no-force-key-file-overwrite", home: withBrokenKey, code: 1, stderr: `^ERROR: \(gcloud\.compute\.config-ssh\) .*no SSH key that can be read`},
		{line: "gcloud compute config-ssh --zone=us-central1-a", code: 2, stderr: `^ERROR: \(gcloud\.compute\.config-ssh\) unrecognized arguments: --zone$`},
	} {
		row.line = strings.NewReplacer(exampleNames...).Replace(row.line)
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			d.run(t, row)
		})
	}
}

// hasInclude checks whether a configuration of the home's leads to ours.
func hasInclude(file string, want bool) func(t *testing.T, d *dropIn, home string) {
	return func(t *testing.T, _ *dropIn, home string) {
		content, _ := os.ReadFile(filepath.Join(home, file))
		if strings.Contains(string(content), "Include ") != want {
			t.Errorf("%s: %q", file, content)
		}
	}
}

// withLabKey gives a home the key that VMs let in, and nothing that is known of them.
func withLabKey(t *testing.T, d *dropIn, home string) {
	for _, half := range []string{"", ".pub"} {
		content, err := os.ReadFile(d.Files.Key + half)
		if err != nil {
			t.Fatal(err)
		}
		d.write(t, filepath.Join(home, ".ssh", "id_ed25519"+half), string(content))
	}
}

// withKey gives a home gcloud's key, which no VM knows.
func withKey(t *testing.T, d *dropIn, home string) {
	withKeyAt(".ssh/google_compute_engine")(t, d, home)
}

func withKeyAt(name string) func(t *testing.T, d *dropIn, home string) {
	return func(t *testing.T, d *dropIn, home string) {
		if _, err := lab.WriteKey(filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func withBrokenKey(t *testing.T, d *dropIn, home string) {
	d.write(t, filepath.Join(home, ".ssh", "google_compute_engine"), "broken")
}

func withToken(t *testing.T, d *dropIn, home string) {
	withLabKey(t, d, home)
	d.write(t, filepath.Join(home, "token"), d.Google.Issue())
}

// expires checks for how long OS Login lets in the home's key.
func expires(after time.Duration) func(t *testing.T, d *dropIn, home string) {
	return func(t *testing.T, d *dropIn, home string) {
		key := sshclient.PublicHalf(filepath.Join(home, ".ssh", "google_compute_engine"))
		for line, end := range d.Google.LoginKeys() {
			if left := time.Until(end); strings.HasPrefix(line, key) && left > after/2 && left <= after*2 {
				return
			}
		}
		t.Errorf("OS Login has %v", d.Google.LoginKeys())
	}
}

// repaired checks that the broken key has given way to one that works.
func repaired(t *testing.T, d *dropIn, home string) {
	if sshclient.PublicHalf(filepath.Join(home, ".ssh", "google_compute_engine")) == "" {
		t.Error("the key is still broken")
	}
}

func wasUser(name string) func(t *testing.T, d *dropIn, home string) {
	return func(t *testing.T, d *dropIn, _ string) {
		for _, login := range d.servers["inner"].Logins() {
			if login.User == name {
				return
			}
		}
		t.Errorf("nobody came as %s", name)
	}
}
