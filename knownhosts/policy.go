package knownhosts

import "fmt"

// A Policy is a value of ssh_config's StrictHostKeyChecking.
type Policy int

const (
	Ask       Policy = iota // ask the user before a new key is learned
	Strict                  // "yes": never learn a key
	AcceptNew               // learn new keys without asking
	Off                     // "no": learn new keys, and go on, degraded, even with a changed or revoked one
)

// ParsePolicy returns the policy that ssh_config calls value.
func ParsePolicy(value string) (Policy, error) {
	switch value {
	case "ask":
		return Ask, nil
	case "yes", "true":
		return Strict, nil
	case "accept-new":
		return AcceptNew, nil
	case "no", "false", "off":
		return Off, nil
	}
	return Ask, fmt.Errorf("unsupported option %q for StrictHostKeyChecking: want yes, no, ask, off or accept-new", value)
}

// An Action is what is to be done with a connection.
type Action int

const (
	// Refuse ends the connection, with [VerificationFailed].
	Refuse Action = iota
	// Accept goes on.
	Accept
	// AcceptAndAdd goes on and stores the key: see [Append] and [Verdict.Added].
	AcceptAndAdd
	// AskUser asks [Verdict.Question]; "yes" then means AcceptAndAdd, all else Refuse.
	AskUser
	// AcceptDegraded goes on with a host that may be an impostor: without
	// password and keyboard-interactive authentication, without forwarding of
	// the agent, X11, ports or tunnels, and without learning keys from it.
	AcceptDegraded
)

// Action returns what p makes of the verdict. In batch mode nobody can be
// asked, and the answer is no.
//
// A changed or revoked key is never accepted but by Off, and then degraded.
func (v Verdict) Action(p Policy, batch bool) Action {
	switch v.Status {
	case Trusted, TrustedByCA:
		return Accept
	case Changed, Revoked:
		if p == Off {
			return AcceptDegraded
		}
		return Refuse
	}
	switch {
	case v.ReadOnly || v.NotPermitted || p == Strict:
		return Refuse
	case p == AcceptNew || p == Off:
		return AcceptAndAdd
	case batch:
		return Refuse
	}
	return AskUser
}

// RefusedError ends a connection whose host key is not trusted. What is wrong
// with the key, which Verdict.Warning tells, has been shown by then.
type RefusedError struct{ Verdict Verdict }

func (e *RefusedError) Error() string { return VerificationFailed }

// Learnable tells whether the key is only unknown: [AcceptNew], or an answer of
// yes, would have accepted it.
func (e *RefusedError) Learnable() bool {
	v := e.Verdict
	differs := v.AtAddress != nil && v.AtAddress.Status == Changed
	return v.Status == Unknown && !v.ReadOnly && !v.NotPermitted && !differs
}
