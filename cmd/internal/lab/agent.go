package lab

import (
	"bytes"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// Spread has what the guest agent learns take effect only after a while, as at Google's.
func (l *Lab) Spread(after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spread = after
}

// changed tells the guest agent that metadata or the login profile has changed.
func (l *Lab) changed() {
	l.mu.Lock()
	after := l.spread
	if after > 0 {
		l.spreading = append(l.spreading, time.AfterFunc(after, l.syncKeys))
	}
	l.mu.Unlock()
	if after == 0 {
		l.syncKeys()
	}
}

// syncKeys is the VM's guest agent: it lets in who the lab's own key, metadata and OS Login let in.
func (l *Lab) syncKeys() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pushed = nil
	for _, line := range l.Google.AuthorizedKeys(Project, Zone, VM) {
		if key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err == nil {
			l.pushed = append(l.pushed, key)
		}
	}
	if l.keysFile == "" {
		return
	}
	var text bytes.Buffer
	for _, key := range append(l.keys[:len(l.keys):len(l.keys)], l.pushed...) {
		text.Write(ssh.MarshalAuthorizedKey(key))
	}
	// Replaced as a whole: sshd may be reading it. A lab that cannot write lets nobody new in.
	if os.WriteFile(l.keysFile+".new", text.Bytes(), 0o600) == nil {
		_ = os.Rename(l.keysFile+".new", l.keysFile)
	}
}

// authorized is the same for the embedded server.
func (l *Lab) authorized(key ssh.PublicKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, known := range append(l.keys[:len(l.keys):len(l.keys)], l.pushed...) {
		if bytes.Equal(known.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}
