package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	cryptossh "golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// google changes what the lab's Google says. In stories whose name begins with google_ the account may see VMs and projects, in
// others it may use the tunnel and nothing else.
//
//	google project NAME                    another project
//	google vm PROJECT ZONE NAME            another VM
//	google remove PROJECT ZONE NAME        takes one away
//	google grant PERMISSION...             google revoke PERMISSION...
//	google disable SERVICE                 switches an API off, and google enable on
//	google fail CALL STATUS                answers the next such call with an HTTP status
//	google publish VALUE                   has the VM publish a host key: its own, another or none
//	google recreate                        replaces the VM by another of its name, which publishes nothing
//	google status STATUS                   sets that of the VM
//	google firewall FILE                   sets what the API says of the firewall, JSON
//	google set KEY VALUE                   sets metadata of the VM
//	google get                             prints metadata of the VM
//	google unlogin                         takes all keys off the login profile
//	google login USER...                   gives the account OS Login names
//	google traffic SERVICE REVISION=PERCENT...  shares the traffic of a service of Cloud Run
//	google spread DURATION                 has what changes take effect on the VM only after that
//	google authority                       has OS Login sign with another key, which the VM believes in the place of the last
//	google calls                           prints the calls since it was asked last
func google(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value(labKey{}).(*lab.Lab)
	g := l.Google
	if neg || len(args) == 0 {
		ts.Fatalf("usage: google VERB [ARG...]")
	}
	verb, args := args[0], args[1:]
	wants, known := map[string]int{"project": 1, "vm": 3, "remove": 3, "disable": 1, "enable": 1, "status": 1, "firewall": 1, "fail": 2, "calls": 0, "authority": 0, "publish": 1, "recreate": 0, "set": 2, "get": 0, "unlogin": 0, "login": len(args), "traffic": len(args), "spread": 1, "grant": len(args), "revoke": len(args)}[verb]
	if !known || wants != len(args) {
		ts.Fatalf("google %s: no such verb, or not its arguments", verb)
	}
	switch verb {
	case "project":
		g.AddProject(args[0], nil)
	case "vm":
		i := googletest.Instance{Zone: args[1], Name: args[2]}
		if slices.Equal(args, []string{lab.Project, lab.Zone, lab.VM}) {
			i.ID = l.VMID
		}
		g.AddInstance(args[0], i)
	case "remove":
		g.RemoveInstance(args[0], args[1], args[2])
	case "grant":
		g.Grant(args...)
	case "revoke":
		g.Revoke(args...)
	case "disable":
		g.Disable(args[0])
	case "enable":
		g.Enable(args[0])
	case "fail":
		status := 0
		_, err := fmt.Sscan(args[1], &status)
		ts.Check(err)
		g.Fail(args[0], status, 1)
	case "publish":
		key := map[string]string{"own": text(l.HostKey), "another": text(sshtest.NewKey().PublicKey()), "none": ""}[args[0]]
		g.Publish(lab.Project, lab.Zone, lab.VM, "hostkeys/ssh-ed25519", key)
	case "recreate":
		metadata := g.Metadata(lab.Project, lab.Zone, lab.VM)
		g.AddInstance(lab.Project, googletest.Instance{Zone: lab.Zone, Name: lab.VM, Metadata: metadata})
	case "status":
		g.SetStatus(lab.Project, lab.Zone, lab.VM, args[0])
	case "firewall":
		g.SetFirewall(lab.Project, ts.ReadFile(args[0]))
	case "get":
		for key, value := range g.Metadata(lab.Project, lab.Zone, lab.VM) {
			fmt.Fprintf(ts.Stdout(), "%s=%s\n", key, value)
		}
	case "authority":
		ts.Check(l.NewAuthority())
	case "unlogin":
		g.ClearLogin()
	case "login":
		g.SetLogin(args...)
	case "spread":
		after, err := time.ParseDuration(args[0])
		ts.Check(err)
		l.Spread(after)
	case "traffic":
		shares := map[string]int{}
		for _, share := range args[1:] {
			revision, percent, _ := strings.Cut(share, "=")
			n, err := strconv.Atoi(percent)
			ts.Check(err)
			shares[revision] = n
		}
		g.ShareTraffic(lab.Project, lab.Region, args[0], shares)
	case "set":
		g.SetMetadata(lab.Project, lab.Zone, lab.VM, args[0], args[1])
	case "calls":
		fmt.Fprint(ts.Stdout(), strings.Join(append(g.Calls(), ""), "\n"))
		g.ForgetCalls()
	}
}

// text is the base64 part of a public key's line.
func text(key cryptossh.PublicKey) string {
	return strings.Fields(string(cryptossh.MarshalAuthorizedKey(key)))[1]
}
