package googletest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// AuthorizedKeys are the lines, "TYPE BASE64 COMMENT", that the guest agent of a VM lets in by metadata or by the OS Login
// profile, whoever the user.
func (s *Server) AuthorizedKeys(inProject, zone, name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, p := s.cloud.find(inProject, zone, name), s.cloud.projects[inProject]
	if i == nil {
		return nil
	}
	setting := func(key string) bool {
		value, ok := i.Metadata[key]
		if !ok {
			value = p.metadata[key]
		}
		return strings.EqualFold(value, "true")
	}
	var lines []string
	if setting("enable-oslogin") && setting("enable-oslogin-certificates") {
		return nil
	}
	if setting("enable-oslogin") {
		for _, fingerprint := range slices.Sorted(maps.Keys(s.cloud.login.keys)) {
			key := s.cloud.login.keys[fingerprint]
			if key.expires.IsZero() || time.Now().Before(key.expires) {
				lines = append(lines, key.line)
			}
		}
		return lines
	}
	sources := []string{i.Metadata["ssh-keys"], i.Metadata["sshKeys"]}
	if i.Metadata["sshKeys"] == "" && !strings.EqualFold(i.Metadata["block-project-ssh-keys"], "true") {
		sources = append(sources, p.metadata["ssh-keys"], p.metadata["sshKeys"])
	}
	for _, source := range sources {
		for line := range strings.Lines(source) {
			_, key, ok := strings.Cut(strings.TrimSpace(line), ":")
			if ok && !hasExpired(key) {
				lines = append(lines, key)
			}
		}
	}
	return lines
}

// hasExpired reads the comment that Google's guest agent heeds.
func hasExpired(line string) bool {
	_, text, found := strings.Cut(line, " google-ssh ")
	if !found {
		return false
	}
	var entry struct{ UserName, ExpireOn string }
	if json.Unmarshal([]byte(text), &entry) != nil {
		return true // an entry that cannot be read lets nobody in
	}
	expires, err := time.Parse("2006-01-02T15:04:05-0700", entry.ExpireOn)
	return err != nil || time.Now().After(expires)
}
