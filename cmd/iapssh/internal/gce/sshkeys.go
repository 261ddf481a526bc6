package gce

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxValue is how long a value of metadata may be, in bytes.
const maxValue = 256 << 10

// ErrMetadataFull says that a key does not fit beside those of others.
var ErrMetadataFull = errors.New("the SSH keys there would exceed 256 KiB, the most that metadata takes")

// expiryLayout is that of expireOn: always in UTC.
const expiryLayout = "2006-01-02T15:04:05+0000"

// keyLine is an entry of the ssh-keys item: "USER:TYPE BASE64 google-ssh {"userName":…,"expireOn":…}". The guest agent reads the
// JSON; it has no spaces, and its names are in this order.
func keyLine(user, key string, expires time.Time) (string, error) {
	type comment struct {
		UserName string `json:"userName"`
		ExpireOn string `json:"expireOn"`
	}
	fields := strings.Fields(key)
	if len(fields) < 2 || strings.ContainsAny(user, ": \n") || user == "" {
		return "", fmt.Errorf("user %q and key %q make no entry", user, key)
	}
	text, err := json.Marshal(comment{user, expires.UTC().Format(expiryLayout)})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%s %s google-ssh %s", user, fields[0], fields[1], text), nil
}

// UsersOf tells whom an ssh-keys item lets in with a key now, and until when; zero: for good. Nil means nobody.
func UsersOf(value, key string, now time.Time) (users map[string]time.Time) {
	for line := range strings.Lines(value) {
		user, entry, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !sameKey(entry, key) {
			continue
		}
		if expires, ok := expiryOf(entry); ok && (expires.IsZero() || now.Before(expires)) {
			if users == nil {
				users = map[string]time.Time{}
			}
			if before, twice := users[user]; !twice || !before.IsZero() && (expires.IsZero() || expires.After(before)) {
				users[user] = expires
			}
		}
	}
	return users
}

// AddKey adds an entry to an ssh-keys item, in place of an earlier one of ours for the same user and key, and leaves out what has
// expired. Everything else stays as it is.
func AddKey(value, user, key string, expires, now time.Time) (string, error) {
	added, err := keyLine(user, key, expires)
	if err != nil {
		return "", err
	}
	var lines []string
	for line := range strings.Lines(value) {
		line = strings.TrimRight(line, "\r\n")
		name, entry, _ := strings.Cut(line, ":")
		ends, readable := expiryOf(entry)
		expired := readable && !ends.IsZero() && !now.Before(ends)
		replaced := name == user && sameKey(entry, key) && !ends.IsZero()
		if line != "" && !expired && !replaced {
			lines = append(lines, line)
		}
	}
	value = strings.Join(append(lines, added), "\n")
	if len(value) > maxValue {
		return "", ErrMetadataFull
	}
	return value, nil
}

// expiryOf reads when an entry ends, zero: never; ok is false if that cannot be read, as then the guest agent lets nobody in.
func expiryOf(entry string) (expires time.Time, ok bool) {
	_, text, found := strings.Cut(entry, " google-ssh ")
	if !found {
		return time.Time{}, true
	}
	var comment struct{ ExpireOn string }
	if json.Unmarshal([]byte(text), &comment) != nil {
		return time.Time{}, false
	}
	expires, err := time.Parse("2006-01-02T15:04:05-0700", comment.ExpireOn)
	return expires, err == nil
}

// OnVM lists the ssh-keys items that count on a VM: its own, and the project's unless they are shut out.
func OnVM(instance, project Metadata) []string {
	var values []string
	add := func(m Metadata) {
		for _, key := range []string{"ssh-keys", "sshKeys"} {
			if value, ok := m.Get(key); ok {
				values = append(values, value)
			}
		}
	}
	add(instance)
	if !ProjectKeysBlocked(instance) {
		add(project)
	}
	return values
}

// ProjectKeysBlocked says that keys in the project's metadata do not count on a VM: by its own word, or because it has the
// obsolete item sshKeys.
func ProjectKeysBlocked(instance Metadata) bool {
	_, legacy := instance.Get("sshKeys")
	return legacy || Enabled("block-project-ssh-keys", instance, Metadata{})
}
