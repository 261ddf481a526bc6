package sshclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// HostTrust decides whether a host key is the host's. Its methods are called
// from goroutines of this package, never two at once for one connection.
type HostTrust interface {
	// Algorithms lists the host key algorithms to ask the server for, most
	// preferred first: those of keys on file before others, so that a known
	// host is not asked for a key that we could not recognise. Nil means
	// DefaultAlgorithms(HostKeyAlgorithms).
	Algorithms() []string

	// Check is asked once per connection, at its first key exchange, and may ask
	// the user. host is Config.Host; key may be an *ssh.Certificate. The
	// signature over the exchange has been verified. An error refuses the key;
	// Handshake returns it unchanged inside a *HandshakeError.
	Check(ctx context.Context, host string, remote net.Addr, key ssh.PublicKey) (Verdict, error)

	// Learn receives the keys that the server, now authenticated, says it has
	// (hostkeys-00@openssh.com), the one in use among them. Nothing vouches for
	// those that are not on file yet until prove returns them: it makes the server
	// sign with each. A key that it signs for too weakly is left out; a wrong
	// signature is an error, and then nothing it told is to be believed. Learn is
	// not called for a degraded connection, whose server may be anyone.
	Learn(keys []ssh.PublicKey, prove func(keys []ssh.PublicKey) (proved []ssh.PublicKey, err error))
}

// Verdict is what HostTrust says of a key it does not refuse.
type Verdict struct {
	// Degraded is true when the key was accepted although it is not known to
	// be the host's, as with StrictHostKeyChecking=no and a changed key. No
	// secret may then be handed to the server: no password, no forwarded agent.
	Degraded bool
}

// ErrHostKeyChanged says that a server came with another key in a later key
// exchange of the same connection.
var ErrHostKeyChanged = errors.New("host key changed within the connection")

// TrustKeys is a HostTrust that accepts exactly the given keys: for tools that
// know them beforehand, and for tests.
func TrustKeys(keys ...ssh.PublicKey) HostTrust { return fixedTrust(keys) }

// fixedTrust is the HostTrust of TrustKeys.
type fixedTrust []ssh.PublicKey

// UnknownHostKeyError is the refusal of [TrustKeys].
type UnknownHostKeyError struct {
	Host string
	Key  ssh.PublicKey
}

func (e *UnknownHostKeyError) Error() string {
	return fmt.Sprintf("host key %s of %s is not among those trusted", ssh.FingerprintSHA256(e.Key), e.Host)
}

func (t fixedTrust) Algorithms() []string {
	var names []string
	for _, key := range t {
		if key.Type() == ssh.KeyAlgoRSA {
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			names = append(names, key.Type())
		}
	}
	return names
}

func (t fixedTrust) Check(_ context.Context, host string, _ net.Addr, key ssh.PublicKey) (Verdict, error) {
	for _, known := range t {
		if bytes.Equal(known.Marshal(), key.Marshal()) {
			return Verdict{}, nil
		}
	}
	return Verdict{}, &UnknownHostKeyError{Host: host, Key: key}
}

// Learn does nothing: the keys are fixed.
func (t fixedTrust) Learn([]ssh.PublicKey, func([]ssh.PublicKey) ([]ssh.PublicKey, error)) {}

// hostKeyMemo is the host key callback of one connection. x/crypto calls it at
// every key exchange; HostTrust is asked at the first, and later exchanges must
// show the same key.
type hostKeyMemo struct {
	ctx      context.Context // the handshake's: Check runs within it only
	trust    HostTrust
	host     string
	asking   func(ssh.PublicKey) // called before trust is asked
	trusted  func()              // called when it has accepted
	exchange func(ssh.PublicKey) // called with the key at each exchange, before it is judged
	taken    func()              // called when the key of an exchange has been accepted

	mu      sync.Mutex
	key     ssh.PublicKey // guarded by mu; nil until accepted
	verdict Verdict       // guarded by mu
	refusal error         // guarded by mu
}

func (m *hostKeyMemo) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exchange(key)
	if m.key != nil {
		if !bytes.Equal(m.key.Marshal(), key.Marshal()) {
			return ErrHostKeyChanged
		}
		m.taken()
		return nil
	}
	m.asking(key)
	m.verdict, m.refusal = m.trust.Check(m.ctx, m.host, remote, key)
	if m.refusal == nil {
		m.key = key
		m.trusted()
		m.taken()
	}
	return m.refusal
}

// accepted returns the key in use, nil before there is one, and what was said of it.
func (m *hostKeyMemo) accepted() (ssh.PublicKey, Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.key, m.verdict
}

// degraded says whether the server may be anyone.
func (m *hostKeyMemo) degraded() bool {
	_, verdict := m.accepted()
	return verdict.Degraded
}

// refused returns HostTrust's error.
func (m *hostKeyMemo) refused() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refusal
}
