package knownhosts

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Whatever a file holds: lines about others stay, in their order, and a second
// replacement changes nothing.
func FuzzReplaced(f *testing.F) {
	const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(ed25519))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("# mine\r\nweb "+ed25519+" c\nweb,db "+other+"\n@revoked web "+other+"\n"+HashName("web")+" "+other, "web", false)
	f.Add("", strings.Repeat("w", maxPattern), false)
	f.Add("web x y\n\n", "[web]:22", true)
	f.Fuzz(func(t *testing.T, text, name string, hash bool) {
		after, err := replaced(text, []string{name}, []ssh.PublicKey{key}, hash)
		if err != nil {
			return // a name that cannot be stored
		}
		rest := after
		for l := range (File{Text: text}).Lines() {
			if l.Marker == NoMarker && l.Matches(name) {
				continue
			}
			var found bool
			if _, rest, found = strings.Cut(rest, l.Raw); !found {
				t.Fatalf("%q is lost from %q", l.Raw, after)
			}
		}
		entries, _ := (&Store{Files: []File{{Text: after}}}).Lookup(name)
		known := false
		for _, e := range entries {
			if e.Marker == NoMarker && !equal(e.Key, key) {
				t.Fatalf("another key is left in %q", after)
			}
			known = known || e.Marker == NoMarker
		}
		if !known {
			t.Fatalf("the key is not in %q", after)
		}
		if again, err := replaced(after, []string{name}, []ssh.PublicKey{key}, hash); err != nil || again != after {
			t.Fatalf("again: %q, %v, first %q", again, err, after)
		}
	})
}
