package knownhosts

import (
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Status is what the files say of a key.
type Status int

const (
	// Unknown: no line is about the host.
	Unknown Status = iota
	// Trusted: a line has this key for the host.
	Trusted
	// TrustedByCA: a @cert-authority line has the key that signed the host's
	// certificate, and the certificate holds for the host now.
	TrustedByCA
	// Changed: lines are about the host, and none has this key. As in
	// OpenSSH this is so even if the known keys are all of other types:
	// that is why [Store.Algorithms] asks for the known types first.
	Changed
	// Revoked: a @revoked line about the host has this key, or the key that
	// signed the certificate.
	Revoked
)

// A Query is one question to a [Store].
type Query struct {
	Target
	Key ssh.PublicKey // a plain key or a certificate
	Now time.Time     // for the validity of certificates

	// Algorithms lists the host key algorithms that are accepted; nil means
	// all. It matters for the plain key in a certificate that is of no use.
	Algorithms []string
	// CASignatures lists the signature algorithms accepted on certificates;
	// nil means OpenSSH's default.
	CASignatures []string
	// ReadOnly says that there is no file to learn new keys into
	// (UserKnownHostsFile none). OpenSSH then refuses unknown hosts.
	ReadOnly bool

	// CheckAddress has Address looked up as well (CheckHostIP).
	CheckAddress bool
	// Told has lines about the host that stand in none of the store's files,
	// as KnownHostsCommand prints them; ToldOfAddress has those about Address.
	Told, ToldOfAddress []File

	Show Display
}

// A Display says how keys are shown to the user.
type Display struct {
	Hash   FingerprintHash
	Visual bool   // show pictures too (VisualHostKey)
	Home   string // the directory that is written "~"; empty: none
}

// A Verdict is the answer to a [Query], with its reasons. What to do with it
// is up to a [Policy].
type Verdict struct {
	// Query is what was asked. Its Key is the one that was judged in the end:
	// the plain key, if a certificate could not be used. It is ReadOnly also
	// if the host's name cannot be stored, or by the word of those who Told.
	Query
	Status Status

	// By is the line that decided: for Trusted the line with the key, for
	// TrustedByCA the authority's, for Revoked the revoking one. Else nil.
	By *Entry
	// OtherPort says that By is not about the port, but about the host on the
	// usual one, which is good enough.
	OtherPort bool
	// AtAddress is what the files say of the key for the address. It is nil if
	// that was not asked, or makes no sense: for a certificate, for the machine
	// itself, or where the address is the host's name.
	AtAddress *AddressVerdict
	// Offending has the lines about the host that Changed compared with the
	// key, never none.
	Offending []Entry
	// OtherNames has, for Unknown, the lines that know the key as another
	// host's.
	OtherNames []Entry
	// CertErr says why a certificate of a known authority was not used; then
	// the plain key inside it was judged. Else nil.
	CertErr *CertError
	// NotPermitted says that a certificate was of no use, and that the plain
	// key inside it is of a type that may not be used.
	NotPermitted bool
	// Skipped has the lines about the host that could not be used.
	Skipped []Warning
}

// Decide says what the files know of a key. It touches nothing but its
// arguments, and is to be asked once per connection: the key of a later key
// exchange need only be the same.
//
// It follows OpenSSH's sshconnect.c check_host_key. A certificate that does not
// lead to trust is judged once more as the plain key in it. A key that is
// unknown on a port other than 22 is trusted if it is trusted for the host's
// plain name. Stricter than OpenSSH, a key that is revoked there, or for the
// address, is Revoked.
func (s *Store) Decide(q Query) Verdict {
	q.ReadOnly = q.ReadOnly || !q.recordable()
	entries, skipped := lookup(slices.Concat(s.Files, asTold(q.Told)), q.Name())
	var fallback []Entry
	if name := q.fallback(); name != "" {
		fallback, _ = s.Lookup(name)
	}
	v := judge(q, entries, fallback)
	v.Skipped = skipped
	if v.Status == Unknown {
		v.OtherNames = slices.DeleteFunc(elsewhere(s.Files, v.Key, v.Name()), func(e Entry) bool { return e.Marker != NoMarker })
	}
	if q.AddressName() != "" && !isCert(q.Key.Type()) { // certificates are for names
		s.lookAtAddress(&v)
	}
	return v
}

// asTold makes the files those of no file.
func asTold(files []File) []File {
	told := slices.Clone(files)
	for i := range told {
		told[i].Origin = Told
	}
	return told
}

// judge decides by the entries about the host's name and, where these leave the
// key unknown, by those about its fallback name.
func judge(q Query, entries, fallback []Entry) Verdict {
	v := check(q, entries)
	if v.Status == Unknown && v.CertErr == nil && len(fallback) > 0 {
		plain := judge(q, fallback, nil)
		if plain.Status == Trusted || plain.Status == TrustedByCA || plain.Status == Revoked {
			plain.OtherPort = true
			return plain
		}
		v.CertErr = plain.CertErr
	}
	cert, ok := q.Key.(*ssh.Certificate)
	if !ok || v.Status == TrustedByCA || v.Status == Revoked {
		return v
	}
	if !q.permits(cert.Key) {
		v.NotPermitted = true
		return v
	}
	q.Key, q.ReadOnly = cert.Key, v.ReadOnly
	retry := judge(q, entries, fallback)
	retry.CertErr = v.CertErr
	return retry
}

// permits tells whether a plain key may be used as a host key.
func (q Query) permits(key ssh.PublicKey) bool {
	return q.Algorithms == nil || slices.ContainsFunc(q.Algorithms, func(name string) bool { return keyFormat(name) == key.Type() })
}

// check compares one key, plain or certificate, with the entries about a name.
// (hostfile.c check_key_in_hostkeys)
func check(q Query, entries []Entry) Verdict {
	v := Verdict{Query: q}
	if e := revokedBy(entries, q.Key); e != nil {
		v.Status, v.By = Revoked, e
		return v
	}
	if cert, ok := q.Key.(*ssh.Certificate); ok {
		return checkCert(v, cert, entries)
	}
	for i := range entries {
		e := &entries[i]
		if e.Marker != NoMarker {
			continue
		}
		if equal(e.Key, q.Key) {
			q.ReadOnly = q.ReadOnly || e.Origin == Told
			return Verdict{Query: q, Status: Trusted, By: e}
		}
		v.Status = Changed
		v.Offending = append(v.Offending, *e)
	}
	return v
}

// revokedBy returns the entry that revokes key, or the authority that signed
// it; nil if there is none.
func revokedBy(entries []Entry, key ssh.PublicKey) *Entry {
	for i := range entries {
		e := &entries[i]
		if e.Marker != RevokedKey {
			continue
		}
		if revokes(e.Key, key) {
			return e
		}
	}
	return nil
}
