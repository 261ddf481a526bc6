// Package doctor judges what was found out about the way to a VM: each step of it passes, with what proves that, or fails, with what
// mends it, or cannot be judged. It finds nothing out itself, and words of errors are report's: both come from main.
//
//	doctor.go    [Findings], and [Examine], which asks for the checks in their order
//	checks.go    one function for each check (pure)
//	firewall.go  whether firewall rules let IAP in (pure)
//	print.go     the checks for people and for programs
package doctor

import (
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// A Status is what a check comes to. The values are for programs: they do not change.
type Status string

const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown" // Missing, or Fix, says what would tell
	Skipped Status = "skipped" // what is before it has failed
)

// A Check is one step of the way.
type Check struct {
	Name    string `json:"check"`
	Status  Status `json:"status"`
	Proof   string `json:"proof"`   // what shows it
	Fix     string `json:"fix"`     // what mends it; may be empty
	Missing string `json:"missing"` // the permission, the role or the rule that is missing; may be empty
}

// Findings are what was found out. An error says why something was not.
type Findings struct {
	Ref  gce.Ref
	NIC  string
	Port int

	Who    string // who asks Google, and by which credential
	SignIn error
	Locate error // why the VM was not found by its name: then nothing below was looked for

	VM        gce.Instance
	VMErr     error
	Elsewhere []string // zones that have a VM of the name, if this one has none

	Granted    bool // the role
	GrantedErr error

	Rules    []gce.FirewallRule // of the interface
	RulesErr error

	Relay error // why IAP gave no session

	Version, Said      string // how the server identified itself, and what it said before or in place of that
	HostKey, HostProof string // its key, and why that is trusted; empty: it is not
	User, Login        string // who we were to be, and by what we became it; empty: we did not
	SSH                error  // why not
}

// A Problem is an error in report's words.
type Problem struct{ Cause, Fix, Missing string }

// exam is one examination.
type exam struct {
	Findings
	explain func(error) Problem
	checks  []Check
}

// Examine judges, in the order of the way. explain gives the words for an error.
func Examine(f Findings, explain func(error) Problem) []Check {
	e := &exam{Findings: f, explain: explain}
	for _, step := range []struct {
		name  string
		judge func() Check
	}{
		{"sign-in", e.signIn}, {"vm", e.vm}, {"apis", e.apis}, {"role", e.role}, {"firewall", e.firewall},
		{"relay", e.relay}, {"sshd", e.sshd}, {"host key", e.hostKey}, {"login", e.login},
	} {
		check := step.judge()
		check.Name = step.name
		e.checks = append(e.checks, check)
	}
	return e.checks
}

// Passed says that all did.
func Passed(checks []Check) bool {
	for _, c := range checks {
		if c.Status != Pass {
			return false
		}
	}
	return true
}

func pass(format string, args ...any) Check {
	return Check{Status: Pass, Proof: fmt.Sprintf(format, args...)}
}

func skipped(why string) Check { return Check{Status: Skipped, Proof: why} }

// fail has an error's words.
func (e *exam) fail(err error) Check { return e.as(Fail, err) }

func (e *exam) as(status Status, err error) Check {
	p := e.explain(err)
	return Check{Status: status, Proof: p.Cause, Fix: p.Fix, Missing: p.Missing}
}

// unread is for what could not be read: a session that IAP has given proves it, or it is not known.
func (e *exam) unread(proof string, err error) Check {
	if e.reached() {
		return pass("%s", proof)
	}
	return e.as(Unknown, err)
}

// failed says that a check before has.
func (e *exam) failed(name string) bool {
	for _, c := range e.checks {
		if c.Name == name && c.Status == Fail {
			return true
		}
	}
	return false
}

// reached says that IAP has given a session, whose end is on the VM's port.
func (e *exam) reached() bool { return e.SignIn == nil && e.Locate == nil && e.Relay == nil }

func (e *exam) passed(name string) bool {
	for _, c := range e.checks {
		if c.Name == name {
			return c.Status == Pass
		}
	}
	return false
}

// unlocated says why it is not known which VM is meant; empty: it is.
func (e *exam) unlocated() string {
	switch {
	case e.SignIn != nil:
		return "nobody is signed in"
	case e.Locate != nil:
		return "the VM is not found"
	}
	return ""
}
