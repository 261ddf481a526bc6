package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

func (e *exam) signIn() Check {
	if e.SignIn != nil {
		return e.fail(e.SignIn)
	}
	return pass("as %s", e.Who)
}

func (e *exam) vm() Check {
	switch {
	case e.SignIn != nil:
		return skipped(e.unlocated())
	case e.Locate != nil:
		return e.fail(e.Locate)
	case gce.IsNotFound(e.VMErr):
		return e.fail(&gce.MisplacedError{Ref: e.Ref, Zones: e.Elsewhere})
	case e.VMErr != nil:
		return e.unread("it answers", e.VMErr)
	case e.VM.Status != "RUNNING":
		return e.fail(&gce.NotRunningError{Ref: e.Ref, Status: e.VM.Status})
	}
	var have []string
	for _, nic := range e.VM.Interfaces {
		if nic.Name == e.NIC {
			return pass("RUNNING, number %s, in zone %s of project %s", e.VM.ID, e.Ref.Zone, e.Ref.Project)
		}
		have = append(have, nic.Name)
	}
	return e.fail(&gce.NoInterfaceError{Ref: e.Ref, NIC: e.NIC, Have: have})
}

// apis are IAP's and Compute Engine's: an answer of any other kind than that it is switched off shows that one is on.
func (e *exam) apis() Check {
	if early := e.unlocated(); early != "" {
		return skipped(early)
	}
	unanswered := error(nil)
	for _, err := range []error{e.GrantedErr, e.VMErr} {
		var refused *gce.Error
		switch {
		case err != nil && !errors.As(err, &refused):
			unanswered = err
		case err != nil && refused.Service != "":
			return e.fail(err)
		}
	}
	if unanswered != nil {
		return e.unread("IAP's answers", unanswered)
	}
	return pass("IAP and Compute Engine answer")
}

func (e *exam) role() Check {
	const permission = "iap.tunnelInstances.accessViaIAP"
	switch early := e.unlocated(); {
	case early != "":
		return skipped(early)
	case e.GrantedErr != nil:
		return e.unread("IAP lets you through", e.GrantedErr)
	case e.Granted:
		return pass("%s is granted", permission)
	case e.reached():
		return pass("IAP lets you through")
	}
	refused := e.explain(&iap.DialError{Stage: iap.StageSession, Target: e.target(), Err: &iap.CloseError{Code: iap.CloseNotAuthorized}})
	return Check{Status: Fail, Proof: permission + " is not granted", Fix: refused.Fix, Missing: refused.Missing}
}

func (e *exam) target() iap.Target {
	return iap.Target{Project: e.Ref.Project, Zone: e.Ref.Zone, Instance: e.Ref.Name, Interface: e.NIC, Port: e.Port}
}

// firewall believes the rules more than a session, which has come from one address only.
func (e *exam) firewall() Check {
	switch early := e.unlocated(); {
	case early != "":
		return skipped(early)
	case gce.IsNotFound(e.VMErr):
		return skipped("there is no such VM")
	case e.failed("vm") && e.VM.Status == "RUNNING":
		return skipped("there is no such interface")
	case e.RulesErr != nil:
		return e.unread("IAP has come through", e.RulesErr)
	case e.VMErr != nil: // whose tags and account the rules are about
		return e.unread("IAP has come through", e.VMErr)
	}
	p := admits(e.Rules, e.VM, e.Port)
	switch {
	case p.Admitted:
		return pass("%s lets IAP in", p.Rule)
	case p.Unsure && e.reached():
		return pass("IAP has come through")
	case p.Unsure && p.Rule != nil:
		return Check{Status: Unknown, Proof: fmt.Sprintf("it depends on %s, and %s cannot be seen from here", p.Rule, p.Rule.Unseen)}
	case p.Unsure:
		return Check{Status: Unknown, Proof: "the network's rules and its firewall policies contradict each other",
			Fix: "which go first says: gcloud compute networks describe " + e.network() + " --project=" + e.Ref.Project + " --format='value(networkFirewallPolicyEnforcementOrder)'"}
	}
	return e.fail(&gce.FirewallError{Ref: e.Ref, Network: e.network(), Port: e.Port, Rule: p.Rule})
}

func (e *exam) network() string {
	for _, nic := range e.VM.Interfaces {
		if nic.Name == e.NIC {
			return nic.Network
		}
	}
	return ""
}

func (e *exam) relay() Check {
	switch early := e.unlocated(); {
	case early != "":
		return skipped(early)
	case e.Relay == nil:
		return pass("IAP gives a session with port %d", e.Port)
	}
	check := e.fail(e.Relay)
	var closed *iap.CloseError
	if !errors.As(e.Relay, &closed) {
		return check
	}
	first := map[int][]string{iap.CloseBackendFailed: {"vm", "firewall"}, iap.CloseLookupFailed: {"vm"}, iap.CloseNotAuthorized: {"apis", "role"}}[closed.Code]
	for _, name := range first {
		if e.failed(name) {
			check.Fix, check.Missing = "mend what is wrong with the check "+name+" first", ""
			return check
		}
	}
	if closed.Code == iap.CloseBackendFailed && e.passed("vm") && e.passed("firewall") {
		return e.fail(&gce.ClosedPortError{Ref: e.Ref, Port: e.Port})
	}
	return check
}

func (e *exam) sshd() Check {
	switch {
	case !e.reached():
		return skipped("IAP gives no session")
	case e.Version == "":
		return e.fail(&gce.NotSSHError{Ref: e.Ref, Port: e.Port, Said: e.Said, Err: e.SSH})
	}
	return pass("%s", strings.TrimPrefix(e.Version, "SSH-2.0-"))
}

func (e *exam) hostKey() Check {
	var refused *knownhosts.RefusedError
	switch {
	case !e.reached() || e.Version == "":
		return skipped("there is no SSH server")
	case e.HostProof != "":
		return pass("%s, by %s", e.HostKey, e.HostProof)
	case errors.As(e.SSH, &refused) && !refused.Learnable():
		check := e.fail(e.SSH)
		check.Proof = fmt.Sprintf("%s is not the key that is known of it. %s", e.HostKey, check.Proof)
		return check
	}
	return e.fail(e.SSH)
}

func (e *exam) login() Check {
	var denied *sshclient.AuthError
	switch {
	case !e.passed("host key"):
		return skipped("nobody knows who the server is")
	case e.Login != "":
		return pass("as %s, by %s", e.User, e.Login)
	case errors.As(e.SSH, &denied) && denied.Partial:
		return Check{Status: Unknown, Proof: "the server takes the key, and then asks questions, which are not answered here", Fix: "connect from a terminal"}
	}
	check := e.fail(e.SSH)
	if denied != nil {
		check.Proof += tried(denied)
	}
	return check
}

// tried says which keys did not serve.
func tried(denied *sshclient.AuthError) string {
	var keys []string
	for _, t := range denied.Tried {
		key := t.Source
		if t.Err != nil {
			key += " (" + t.Err.Error() + ")"
		}
		keys = append(keys, key)
	}
	if keys == nil {
		return " There is no key to offer."
	}
	return " Offered: " + strings.Join(keys, ", ")
}
