package knownhosts

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Why [Store.Update] leaves the files as they are.
var (
	ErrUpToDate    = errors.New("no new or deprecated keys from server")
	ErrHandWritten = errors.New("CA/revocation marker, manual host list or wildcard host pattern found")
	ErrOtherNames  = errors.New("host key found matching a different name/address")
	ErrDuplicates  = errors.New("received duplicated host key")
)

// An Update is what has to change in the user's files for them to have the keys
// that a server says it has, and no others. (ssh_config: UpdateHostKeys.)
type Update struct {
	Names []string        // the host's and, with CheckHostIP, its address's stored form
	New   []ssh.PublicKey // in no file yet: the server has to prove that it holds them
	Kept  []ssh.PublicKey
	Old   []ssh.PublicKey // the server has them no longer
	Show  Display
}

// MayUpdate tells whether the server that showed the key is believed when it
// tells of its other keys: a line that connections may change has the key.
// It is true as well, as the caller knows, if the user answered a question with yes.
func (v Verdict) MayUpdate() bool {
	global := v.AtAddress != nil && v.AtAddress.Status == Trusted && v.AtAddress.By.Origin != User
	return v.Status == Trusted && !v.OtherPort && v.By.Origin == User && !global
}

// Update compares the keys that the server says it has with those that the
// user's files have for q's host; of q only the target, the permitted
// algorithms and Show are looked at. The store should have been read after the
// verdict was acted on.
//
// The error says that the files are to be left as they are: nothing is new, or
// their lines are more than a host and its address with keys, so that it is
// not for us to say what they mean. (OpenSSH: clientloop.c client_input_hostkeys.)
func (s *Store) Update(q Query, server []ssh.PublicKey) (Update, error) {
	u := Update{Names: []string{q.Name()}, Show: q.Show}
	if address := q.AddressName(); address != "" {
		u.Names = append(u.Names, address)
	}
	server, err := acceptable(q, server)
	if err != nil {
		return u, err
	}
	files := slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool { return f.Origin != User })
	about, _ := lookup(files, u.Names...)
	namesOf := namesIn(u.Names)
	for _, e := range about {
		if e.Marker != NoMarker || isHandWritten(e.Hosts) {
			return u, ErrHandWritten
		}
		if strings.Contains(e.Hosts, ",") && len(namesOf(e.Hosts)) < len(u.Names) {
			return u, ErrOtherNames
		}
		if !has(server, e.Key) {
			u.Old = append(u.Old, e.Key)
		}
	}
	for _, key := range server {
		if slices.ContainsFunc(about, func(e Entry) bool { return equal(e.Key, key) }) {
			u.Kept = append(u.Kept, key)
		} else {
			u.New = append(u.New, key)
		}
	}
	if len(u.New) == 0 && len(u.Old) == 0 || len(server) == 0 {
		return u, ErrUpToDate
	}
	for _, key := range slices.Concat(server, u.Old) {
		if len(elsewhere(files, key, u.Names...)) > 0 {
			return u, ErrOtherNames
		}
	}
	return u, nil
}

// acceptable returns the plain keys that may be used as host keys.
func acceptable(q Query, server []ssh.PublicKey) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for _, key := range server {
		switch {
		case isCert(key.Type()) || !q.permits(key):
		case has(keys, key):
			return nil, ErrDuplicates
		default:
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// isHandWritten tells of hosts that ssh does not write: patterns, or more than a
// name and an address.
func isHandWritten(hosts string) bool {
	return strings.ContainsAny(hosts, "*?") || strings.Count(hosts, ",") > 1
}

func has(keys []ssh.PublicKey, key ssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return equal(k, key) })
}

// Changes tells the user what the update, once it was proved, changes.
func (u Update) Changes() string {
	var lines []string
	for _, key := range u.New {
		lines = append(lines, fmt.Sprintf("Learned new hostkey: %s %s", TypeName(key), u.Show.Hash.Fingerprint(key)))
	}
	for _, key := range u.Old {
		lines = append(lines, fmt.Sprintf("Deprecating obsolete hostkey: %s %s", TypeName(key), u.Show.Hash.Fingerprint(key)))
	}
	return strings.Join(lines, "\n")
}

// Question asks whether to make the changes (UpdateHostKeys ask).
func (u Update) Question() Question {
	return Question{
		Text: "The server has updated its host keys.\nThese changes were verified by the server's existing trusted key.\n" +
			u.Changes() + "\nAccept updated hostkeys? (yes/no): ",
		Again: "Please enter \"yes\" or \"no\"\nAccept updated hostkeys? (yes/no): ",
	}
}

// Apply makes the changes in the user's files, of which the first gets the new
// keys. See [Replace] for what is not touched. Files that do not exist are not made.
func (u Update) Apply(files []string, hash bool) error {
	keys := slices.Concat(u.Kept, u.New)
	var failures []error
	for _, path := range files {
		if err := Replace(path, u.Names, keys, hash); err != nil {
			failures = append(failures, err)
		}
		keys = nil
	}
	return errors.Join(failures...)
}
