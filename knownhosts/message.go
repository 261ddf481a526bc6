package knownhosts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The texts of OpenSSH that do not depend on a verdict. All texts of this
// package have "\n" between lines and none at the end.
const (
	// VerificationFailed is the last line before a refused connection ends.
	VerificationFailed = "Host key verification failed."

	// What is said of each thing that AcceptDegraded takes away, if it was
	// wanted.
	NoPassword            = "Password authentication is disabled to avoid man-in-the-middle attacks."
	NoKeyboardInteractive = "Keyboard-interactive authentication is disabled to avoid man-in-the-middle attacks."
	NoAgentForwarding     = "Agent forwarding is disabled to avoid man-in-the-middle attacks."
	NoX11Forwarding       = "X11 forwarding is disabled to avoid man-in-the-middle attacks."
	NoPortForwarding      = "Port forwarding is disabled to avoid man-in-the-middle attacks."
	NoTunnelForwarding    = "Tunnel forwarding is disabled to avoid man-in-the-middle attacks."
	NoUpdateHostKeys      = "UpdateHostkeys is disabled because the host key is not trusted."
)

const atSigns = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"

// Warning returns what OpenSSH prints, before acting on the verdict, about a
// key that policy p does not simply accept or ask about; else "". File is the
// first known_hosts file, the one that the user is told to edit, if any.
//
// (sshconnect.c check_host_key and warn_changed_key. The "remove with" lines
// are Debian's addition.)
func (v Verdict) Warning(p Policy, file string) string {
	kind, host := TypeName(v.Key), v.shownName()
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	if v.CertErr != nil {
		say("%s", printable(v.CertErr.Reason))
	}
	if v.NotPermitted {
		say("host key %s not permitted by HostkeyAlgorithms", plainKey(v.Key).Type())
	}
	switch v.Status {
	case Changed:
		b.WriteString(v.spoofing())
		say(atSigns)
		say("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @")
		say(atSigns)
		say("IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!")
		say("Someone could be eavesdropping on you right now (man-in-the-middle attack)!")
		say("It is also possible that a host key has just been changed.")
		say("The fingerprint for the %s key sent by the remote host is\n%s.", kind, v.fingerprint())
		say("Please contact your system administrator.")
		if file != "" {
			say("Add correct host key in %s to get rid of this message.", printable(file))
		}
		if last := v.offender(); last != nil {
			say("Offending %s key in %s", TypeName(last.Key), printable(last.Place()))
			if last.Origin != Told { // of what stands in no file nothing can be removed
				say("%s", remedy(last.Line, host))
			}
		}
		if p != Off {
			say("Host key for %s has changed and you have requested strict checking.", host)
		}
	case Revoked:
		say(atSigns)
		say("@       WARNING: REVOKED HOST KEY DETECTED!               @")
		say(atSigns)
		say("The %s host key for %s is marked as revoked.", kind, host)
		say("This could mean that a stolen key is being used to")
		say("impersonate this host.")
		if p != Off {
			say("%s host key for %s was revoked and you have requested strict checking.", kind, host)
		}
	case Unknown:
		if p == Strict && !v.ReadOnly && !v.NotPermitted {
			say("No %s host key is known for %s and you have requested strict checking.", kind, host)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// remedy tells how to remove a line that is about the shown name.
func remedy(l Line, name string) string {
	return fmt.Sprintf("  remove with:\n  ssh-keygen -f \"%s\" -R \"%s\"", printable(l.File), name)
}

// offender returns the line that OpenSSH names of those that Changed compared
// with: the last.
func (v Verdict) offender() *Entry {
	if len(v.Offending) == 0 {
		return nil
	}
	return &v.Offending[len(v.Offending)-1]
}

func (v Verdict) fingerprint() string { return v.Show.Hash.Fingerprint(v.Key) }

// Shown returns what VisualHostKey shows of a trusted key; else "". As in
// OpenSSH, what is to be said of the address comes in its place.
func (v Verdict) Shown() string {
	trusted := v.Status == Trusted || v.Status == TrustedByCA
	if !v.Show.Visual || !trusted || v.AtAddress != nil && v.AtAddress.Status == Unknown {
		return ""
	}
	return fmt.Sprintf("Host key fingerprint is %s\n%s", v.fingerprint(), v.Show.Hash.Randomart(v.Key))
}

// Added returns the line that tells the user that the key was stored under
// [Verdict.Names].
func (v Verdict) Added() string {
	return fmt.Sprintf("Warning: Permanently added '%s' (%s) to the list of known hosts.", printable(strings.Join(v.Names(), ",")), TypeName(v.Key))
}

// NotAdded returns the line that tells the user that it could not be.
func (v Verdict) NotAdded(file string) string {
	return fmt.Sprintf("Failed to add the host to the list of known hosts (%s).", printable(file))
}

func (v Verdict) shownName() string { return printable(v.Name()) }

// printable makes a text from a file, an argument or the network harmless for a
// terminal: whatever is not printable becomes octal bytes.
func printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			b.WriteString(s[:size])
		} else {
			for i := range size {
				fmt.Fprintf(&b, `\%03o`, s[i])
			}
		}
		s = s[size:]
	}
	return b.String()
}
