package doctor

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

var ref = gce.Ref{Project: "p", Zone: "z", Name: "vm"}

// healthy is a VM with which nothing is wrong, but for the changes.
func healthy(changes ...func(*Findings)) Findings {
	f := Findings{
		Ref: ref, NIC: "nic0", Port: 22, Who: "ali",
		VM:      gce.Instance{Ref: ref, Status: "RUNNING", Interfaces: []gce.Interface{{Name: "nic0", Network: "net"}}},
		Granted: true, Rules: []gce.FirewallRule{rule("iap", "allow", "35.235.240.0/20")},
		Version: "SSH-2.0-OpenSSH_9.9", HostKey: "SHA256:x", HostProof: "known_hosts:1", User: "ali", Login: "publickey SHA256:y",
	}
	for _, change := range changes {
		change(&f)
	}
	return f
}

func closedWith(code int) error {
	return &iap.DialError{Stage: iap.StageSession, Err: &iap.CloseError{Code: code}}
}

func denied(permission string) error { return &gce.Error{Status: 403, Permission: permission} }

// states are those of the checks, in their order, by the first letters.
func states(checks []Check) string {
	var b strings.Builder
	for _, c := range checks {
		b.WriteByte(c.Status[0])
	}
	return b.String()
}

func TestExamine(t *testing.T) {
	unreached := func(code int) func(*Findings) {
		return func(f *Findings) {
			f.Relay = closedWith(code)
			f.Version, f.HostProof, f.Login = "", "", ""
		}
	}
	ssh := func(err error) func(*Findings) {
		return func(f *Findings) { f.SSH, f.Login = err, "" }
	}
	for _, tc := range []struct {
		name string
		f    Findings
		want string // sign-in, vm, apis, role, firewall, relay, sshd, host key, login
		why  string // in the checks that do not pass
	}{
		{"healthy", healthy(), "ppppppppp", ""},
		{"nobody", Findings{SignIn: io.EOF}, "fssssssss", "EOF"},
		{"not located", Findings{Locate: io.EOF}, "pfsssssss", "EOF"},
		{"unreadable, and well", healthy(func(f *Findings) {
			f.VMErr, f.RulesErr, f.GrantedErr = denied("a"), denied("b"), denied("c")
		}), "ppppppppp", ""},
		{"unreadable, and closed", healthy(unreached(iap.CloseBackendFailed), func(f *Findings) {
			f.VMErr, f.RulesErr, f.GrantedErr = denied("a"), denied("b"), denied("c")
		}), "pupuufsss", "DialError"},
		{"rules without the VM", healthy(unreached(iap.CloseBackendFailed), func(f *Findings) { f.VMErr = denied("a") }), "puppufsss", "DialError"},
		{"IAP's API is off", healthy(unreached(iap.CloseNotAuthorized), func(f *Findings) {
			f.GrantedErr = &gce.Error{Status: 403, Service: "iap.googleapis.com"}
		}), "ppfupfsss", "apis first"},
		{"no answer from an API", healthy(unreached(iap.CloseLookupFailed), func(f *Findings) { f.GrantedErr = io.EOF }), "ppuupfsss", "EOF"},
		{"not granted", healthy(unreached(iap.CloseNotAuthorized), func(f *Findings) { f.Granted = false }), "pppfpfsss", "is not granted"},
		{"granted by other means", healthy(func(f *Findings) { f.Granted = false }), "ppppppppp", ""},
		{"stopped", healthy(unreached(iap.CloseBackendFailed), func(f *Findings) { f.VM.Status = "TERMINATED" }), "pfpppfsss", "NotRunningError"},
		{"no such VM", healthy(unreached(iap.CloseLookupFailed), func(f *Findings) { f.VMErr = &gce.Error{Status: 404} }), "pfppsfsss", "MisplacedError"},
		{"no such interface", healthy(unreached(iap.CloseLookupFailed), func(f *Findings) { f.NIC = "nic1" }), "pfppsfsss", "NoInterfaceError"},
		{"no rule", healthy(unreached(iap.CloseBackendFailed), func(f *Findings) { f.Rules = nil }), "ppppffsss", "FirewallError"},
		{"a rule for a part of IAP", healthy(func(f *Findings) { f.Rules = []gce.FirewallRule{rule("half", "allow", "35.235.240.0/21")} }), "ppppfpppp", "FirewallError"},
		{"nothing listens", healthy(unreached(iap.CloseBackendFailed)), "pppppfsss", "ClosedPortError"},
		{"no SSH", healthy(ssh(io.EOF), func(f *Findings) { f.Version, f.HostProof = "", "" }), "ppppppfss", "NotSSHError"},
		{"another key", healthy(ssh(errors.New("refused")), func(f *Findings) { f.HostProof = "" }), "pppppppfs", "refused"},
		{"no login", healthy(ssh(&sshclient.AuthError{User: "ali"})), "ppppppppf", "no key to offer"},
		{"two steps", healthy(ssh(&sshclient.AuthError{User: "ali", Partial: true})), "ppppppppu", "questions"},
	} {
		checks := Examine(tc.f, func(err error) Problem { return Problem{Cause: fmt.Sprintf("%T %v", err, err), Fix: "fix"} })
		if got := states(checks); got != tc.want || Passed(checks) != (strings.Trim(tc.want, "p") == "") {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		said := false
		for _, c := range checks {
			said = said || c.Status != Pass && strings.Contains(c.Proof+c.Fix, tc.why)
			if c.Status == Fail && c.Fix == "" {
				t.Errorf("%s: %s has no fix", tc.name, c.Name)
			}
		}
		if !said && tc.why != "" {
			t.Errorf("%s: nobody says %q: %+v", tc.name, tc.why, checks)
		}
	}
}
