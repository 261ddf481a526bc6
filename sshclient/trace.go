package sshclient

import "golang.org/x/crypto/ssh"

// Trace holds hooks that Handshake calls as it goes, in the manner of net/http/httptrace. Any may be nil. They must not block.
type Trace struct {
	// Line is called with each line that the server sends before the key exchange, less its end and safe for a terminal. The last
	// is its identification, "SSH-2.0-..."; a server that turns us away may say why in one, and no more.
	Line func(line string)
	// HostKey is called when the server has shown that it holds a host key, which HostTrust is asked about next.
	HostKey func(key ssh.PublicKey)
	// Accepted is called when HostTrust has accepted that key: authentication comes next.
	Accepted func()
}

// maxLine bounds what Line is told, as RFC 4253 does the identification.
const maxLine = 255

func (t *Trace) hostKey(key ssh.PublicKey) {
	if t != nil && t.HostKey != nil {
		t.HostKey(key)
	}
}

func (t *Trace) accepted() {
	if t != nil && t.Accepted != nil {
		t.Accepted()
	}
}
