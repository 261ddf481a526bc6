package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// The codes of what is found wrong with a VM.
const (
	CodeNotRunning  = "not-running"
	CodeMisplaced   = "misplaced"
	CodeNoInterface = "no-interface"
	CodeFirewall    = "firewall"
	CodeClosedPort  = "closed-port"
	CodeNotSSH      = "not-ssh"
)

// ofVM explains what is wrong with a VM that is there.
func ofVM(err error, facts Facts) (Failure, bool) {
	var state *gce.NotRunningError
	var misplaced *gce.MisplacedError
	var missing *gce.NoInterfaceError
	var barred *gce.FirewallError
	var closed *gce.ClosedPortError
	var other *gce.NotSSHError
	switch {
	case errors.As(err, &state):
		return failure(state.Error(), startFix(state)).at(StageLookup, CodeNotRunning, state.Starts()), true
	case errors.As(err, &misplaced):
		fix := "see: gcloud compute instances list --project=" + misplaced.Ref.Project
		if len(misplaced.Zones) > 0 {
			fix = "one of that name is elsewhere: --zone=" + strings.Join(misplaced.Zones, " or --zone=")
		}
		return failure(misplaced.Error(), fix).at(StageLookup, CodeMisplaced, false), true
	case errors.As(err, &missing):
		return failure(missing.Error(), "name one that it has: --network-interface="+strings.Join(missing.Have, " or --network-interface=")).at(StageLookup, CodeNoInterface, false), true
	case errors.As(err, &barred):
		f := failure(barred.Error(), admitFix(barred)).at(StageSession, CodeFirewall, false)
		f.Missing = fmt.Sprintf("a firewall rule that admits 35.235.240.0/20 to tcp:%d", barred.Port)
		return f, true
	case errors.As(err, &closed):
		return failure(closed.Error(), "have sshd listen there; the console tells how the VM has started: "+console(closed.Ref)).at(StageSession, CodeClosedPort, true), true
	case errors.As(err, &other):
		return failure(other.Error(), greetingFix(other)).at(StageSSH, CodeNotSSH, true), true
	}
	return Failure{}, false
}

// startFix has a VM run.
func startFix(e *gce.NotRunningError) string {
	command := func(verb string) string {
		return fmt.Sprintf("gcloud compute instances %s %s --zone=%s --project=%s", verb, e.Ref.Name, e.Ref.Zone, e.Ref.Project)
	}
	switch {
	case e.Starts():
		return "wait until it runs: iapssh --wait " + e.Ref.Name
	case e.Status == "SUSPENDED":
		return "run: " + command("resume")
	case e.Status == "STOPPING" || e.Status == "SUSPENDING" || e.Status == "PENDING_STOP":
		verb := map[bool]string{true: "resume", false: "start"}[e.Status == "SUSPENDING"]
		return "once it has stopped run: " + command(verb)
	}
	return "run: " + command("start")
}

// admitFix has a firewall let IAP in, before the rule that refuses.
func admitFix(e *gce.FirewallError) string {
	more := ""
	if e.Network != "" {
		more = " --network=" + e.Network
	}
	if r := e.Rule; r != nil {
		switch {
		case r.Policy != "":
			return fmt.Sprintf("have who keeps the policy put a rule before it that allows tcp:%d from 35.235.240.0/20", e.Port)
		case r.Priority == 0: // there is no before
			return fmt.Sprintf("give it another priority first: gcloud compute firewall-rules update %s --project=%s --priority=1000", r.Name, e.Ref.Project)
		}
		more += fmt.Sprintf(" --priority=%d", r.Priority-1)
	}
	return fmt.Sprintf("run: gcloud compute firewall-rules create allow-iap --project=%s%s --allow=tcp:%d --source-ranges=35.235.240.0/20",
		e.Ref.Project, more, e.Port)
}

// greetingFix tells an sshd that turns us away from what is none. The words are OpenSSH's (sshd.c).
func greetingFix(e *gce.NotSSHError) string {
	switch {
	case strings.HasPrefix(e.Said, "Not allowed at this time"), strings.HasPrefix(e.Said, "Exceeded MaxStartups"):
		return "sshd turns away the addresses of IAP for a while, for too many logins that failed or are not finished: wait some minutes; " +
			"PerSourcePenaltyExemptList 35.235.240.0/20 in its configuration prevents that"
	case e.Said == "":
		return "it may be starting, or its configuration may be broken: " + console(e.Ref)
	}
	return "sshd may listen elsewhere: name its port with -p"
}

func console(ref gce.Ref) string {
	return fmt.Sprintf("gcloud compute instances get-serial-port-output %s --zone=%s --project=%s", ref.Name, ref.Zone, ref.Project)
}
