package knownhosts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
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
	switch v.Status {
	case Changed:
		say(atSigns)
		say("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @")
		say(atSigns)
		say("IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!")
		say("Someone could be eavesdropping on you right now (man-in-the-middle attack)!")
		say("It is also possible that a host key has just been changed.")
		say("The fingerprint for the %s key sent by the remote host is\n%s.", kind, ssh.FingerprintSHA256(v.Key))
		say("Please contact your system administrator.")
		if file != "" {
			say("Add correct host key in %s to get rid of this message.", printable(file))
		}
		if n := len(v.Offending); n > 0 { // OpenSSH names the last one
			last := v.Offending[n-1]
			say("Offending %s key in %s", TypeName(last.Key), printable(last.Place()))
			say("  remove with:")
			say("  ssh-keygen -f \"%s\" -R \"%s\"", printable(last.File), host)
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
		if p == Strict && !v.ReadOnly {
			say("No %s host key is known for %s and you have requested strict checking.", kind, host)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Added returns the line that tells the user that a key was stored.
func (v Verdict) Added() string {
	return fmt.Sprintf("Warning: Permanently added '%s' (%s) to the list of known hosts.", v.shownName(), TypeName(v.Key))
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
