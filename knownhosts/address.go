package knownhosts

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// An AddressVerdict is what the files say of a host's key as the key of the
// address that was connected to. (ssh_config: CheckHostIP.)
type AddressVerdict struct {
	Name   string // the form under which the address is stored
	Status Status // Unknown, Trusted or Changed
	// By is the line with the key or, if Changed, the last one with another.
	By *Entry
}

// AddressName returns the form under which the address is stored, or "" if it
// is not to be looked up or can say nothing that the name does not.
func (q Query) AddressName() string {
	if !q.CheckAddress || q.Address == "" {
		return ""
	}
	if a, err := netip.ParseAddr(q.Address); err == nil && a.IsLoopback() {
		return ""
	}
	name := Name(q.Address, q.Port)
	if lower(q.Host) == name || q.Name() == name {
		return ""
	}
	return name
}

// lookAtAddress completes a verdict about the name. A key that is trusted for
// the usual port of the name is looked up for that of the address too.
func (s *Store) lookAtAddress(v *Verdict) {
	a, revoked := s.addressVerdict(v.Query, v.AddressName(), v.ToldOfAddress)
	if revoked == nil && v.OtherPort && a.Status != Changed {
		a, revoked = s.addressVerdict(v.Query, Name(v.Address, 0), nil)
	}
	if revoked != nil {
		v.Status, v.By, v.Offending, v.OtherNames = Revoked, revoked, nil, nil
		return
	}
	v.AtAddress = &a
}

func (s *Store) addressVerdict(q Query, name string, told []File) (a AddressVerdict, revoked *Entry) {
	entries, _ := lookup(slices.Concat(s.Files, asTold(told)), name)
	v := check(q, entries)
	a = AddressVerdict{Name: name, Status: v.Status, By: v.By}
	switch v.Status {
	case Revoked:
		return a, v.By
	case Changed:
		a.By = v.offender()
	}
	return a, nil
}

// Names returns the forms under which an unknown key is to be stored: the
// host's and, if it is unknown for that too, the address's.
func (v Verdict) Names() []string {
	names := []string{v.Name()}
	if v.AtAddress != nil && v.AtAddress.Status == Unknown {
		names = append(names, v.AtAddress.Name)
	}
	return names
}

// AddressAction returns what p makes of a key whose verdict's own Action was to
// accept it, seeing what is known of the address: Accept; AcceptAndAdd, which
// is to store the key of a known host under AtAddress.Name; AskUser, which is
// [Verdict.AddressQuestion]; or Refuse.
func (v Verdict) AddressAction(p Policy, batch bool) Action {
	a := v.AtAddress
	switch {
	case a == nil || a.Status == Trusted || v.Status == Changed:
		return Accept
	case a.Status == Unknown && v.Status == Trusted && !v.addressReadOnly():
		return AcceptAndAdd
	case a.Status == Unknown || p == Off:
		return Accept
	case p == Ask && !batch:
		return AskUser
	}
	return Refuse
}

// addressReadOnly tells whether no address may be stored beside the name.
func (v Verdict) addressReadOnly() bool { return v.ReadOnly || v.OtherPort }

// AddressNotice returns what OpenSSH prints about the address before acting on
// AddressAction; else "".
func (v Verdict) AddressNotice(p Policy) string {
	a := v.AtAddress
	switch {
	case a == nil:
	case a.Status == Unknown && v.Status == Trusted && v.addressReadOnly():
		return fmt.Sprintf("%s host key for IP address '%s' not in list of known hosts.", TypeName(v.Key), printable(a.Name))
	case a.Status != Changed || v.Status == Changed:
	case p == Off:
		return v.addressDiffers()
	case p != Ask:
		return v.addressDiffers() + "\nExiting, you have requested strict checking."
	}
	return ""
}

func (v Verdict) addressDiffers() string {
	text := fmt.Sprintf("Warning: the %s host key for '%s' differs from the key for the IP address '%s'\nOffending key for IP in %s",
		TypeName(v.Key), v.shownName(), printable(v.AtAddress.Name), printable(v.AtAddress.By.Place()))
	if v.Status == Trusted {
		text += "\nMatching host key in " + printable(v.By.Place())
	}
	return text
}

// AddressQuestion asks about an address that is known by another key.
func (v Verdict) AddressQuestion() Question {
	return Question{Text: v.addressDiffers() + "\nAre you sure you want to continue connecting (yes/no)? ", Again: "Please type 'yes' or 'no': "}
}

// AddressAdded returns the line that tells the user that the key of a known host
// was stored for its address.
func (v Verdict) AddressAdded() string {
	return fmt.Sprintf("Warning: Permanently added the %s host key for IP address '%s' to the list of known hosts.", TypeName(v.Key), printable(v.AtAddress.Name))
}

// AddressNotAdded returns the line that tells the user that it could not be.
func (v Verdict) AddressNotAdded(file string) string {
	return fmt.Sprintf("Failed to add the %s host key for IP address '%s' to the list of known hosts (%s).", TypeName(v.Key), printable(v.AtAddress.Name), printable(file))
}

// spoofing returns the alarm that goes before that about a changed key, if the
// address is not known by the same other key as the name; else "".
func (v Verdict) spoofing() string {
	a := v.AtAddress
	if a == nil || a.Status == Changed && equal(a.By.Key, v.offender().Key) {
		return ""
	}
	state := map[Status]string{Unknown: "is unknown", Trusted: "is unchanged", Changed: "has a different value"}[a.Status]
	lines := []string{
		atSigns,
		"@       WARNING: POSSIBLE DNS SPOOFING DETECTED!          @",
		atSigns,
		fmt.Sprintf("The %s host key for %s has changed,", TypeName(v.Key), v.shownName()),
		fmt.Sprintf("and the key for the corresponding IP address %s", printable(a.Name)),
		state + ". This could either mean that",
		"DNS SPOOFING is happening or the IP address for the host",
		"and its host key have changed at the same time.",
	}
	if a.By != nil {
		lines = append(lines, "Offending key for IP in "+printable(a.By.Place()), remedy(a.By.Line, printable(a.Name)))
	}
	return strings.Join(lines, "\n") + "\n"
}
