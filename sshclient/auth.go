package sshclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	methodPublicKey = "publickey"

	// maxOffers keeps below the 64 attempts after which x/crypto ends the
	// handshake with an error of its own.
	maxOffers = 60
)

// authenticator chooses the next thing to authenticate with, one per call: of
// several signers in one method, the first that fails to sign would end that
// method. All of it runs in Handshake's call tree.
type authenticator struct {
	ctx  context.Context // the handshake's
	auth Auth
	user string
	host string
	log  func(level Level, format string, args ...any)

	agent   io.Closer   // nil: none, or not dialled yet
	release func() bool // stops closing the agent when ctx ends

	greeted bool
	keys    []candidate // not offered yet
	listed  bool        // keys has been filled
	offered int
	tried   []Tried
	refusal *AuthError // set when nothing remained
	latest  string     // the method used last
}

func newAuthenticator(ctx context.Context, cfg Config, log func(Level, string, ...any)) *authenticator {
	return &authenticator{ctx: ctx, auth: cfg.Auth, user: cfg.User, host: cfg.Host, log: log, latest: "none"}
}

// next is the ssh.ClientAuthCallback: it is called when "none" has been refused,
// and again after each refusal or partial success.
func (a *authenticator) next(state *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if !a.greeted {
		a.greeted = true
		a.logNegotiated(state)
	}
	a.log(Debug1, "Authentications that can continue: %s", strings.Join(state.AllowedMethods, ","))
	if err := context.Cause(a.ctx); err != nil {
		return nil, err
	}
	if slices.Contains(state.AllowedMethods, methodPublicKey) {
		if key := a.nextKey(); key != nil {
			a.latest = methodPublicKey
			return ssh.PublicKeys(key), nil
		}
	}
	// Keyboard-interactive and password have their place here.
	a.refusal = &AuthError{User: a.user, Host: a.host, Methods: state.AllowedMethods, Tried: a.tried}
	return nil, a.refusal
}

// logNegotiated notes what the key exchange agreed on, in the words that programs
// look for in ssh's output.
func (a *authenticator) logNegotiated(state *ssh.ClientAuthContext) {
	algorithms := state.Algorithms
	software := strings.TrimPrefix(string(state.Metadata.ServerVersion()), "SSH-2.0-")
	a.log(Debug1, "Remote protocol version 2.0, remote software version %s", software)
	a.log(Debug1, "Authenticating to %s as '%s'", a.host, a.user)
	a.log(Debug1, "kex: algorithm: %s", algorithms.KeyExchange)
	a.log(Debug1, "kex: host key algorithm: %s", algorithms.HostKey)
	a.log(Debug1, "kex: server->client cipher: %s MAC: %s compression: none", algorithms.Read.Cipher, macName(algorithms.Read))
	a.log(Debug1, "kex: client->server cipher: %s MAC: %s compression: none", algorithms.Write.Cipher, macName(algorithms.Write))
}

func macName(d ssh.DirectionAlgorithms) string {
	if d.MAC == "" {
		return "<implicit>"
	}
	return d.MAC
}

// nextKey returns the next key that can be offered, nil when there is none left.
func (a *authenticator) nextKey() ssh.Signer {
	if !a.listed {
		a.listed = true
		a.keys = a.list()
	}
	for len(a.keys) > 0 && a.offered < maxOffers {
		key := a.keys[0]
		a.keys = a.keys[1:]
		if err := key.ready(a.ctx, a.passphrase); err != nil {
			a.giveUp(&key, err)
			continue
		}
		a.offered++
		a.log(Debug1, "Offering public key: %s", key.describe())
		a.tried = append(a.tried, Tried{Source: key.source, Key: key.public})
		return &offer{candidate: key, auth: a}
	}
	return nil
}

// list reads the configured identities and the agent's keys, in order of trial.
func (a *authenticator) list() []candidate {
	var configured []candidate
	for _, id := range a.auth.Identities {
		keys, err := readIdentity(id)
		if err != nil {
			a.unreadable(id, err)
		}
		configured = append(configured, keys...)
	}
	ranked := rank(configured, a.held(), a.auth.IdentitiesOnly)
	for i := range ranked {
		a.log(Debug1, "Will attempt key: %s", ranked[i].describe())
	}
	return ranked
}

// held returns the agent's keys; that there is no agent is no error.
func (a *authenticator) held() []candidate {
	if a.auth.AgentPath == "" {
		return nil
	}
	conn, err := DialAgent(a.auth.AgentPath)
	if err != nil {
		a.log(Debug1, "agent: %v", err)
		return nil
	}
	a.agent = conn
	a.release = context.AfterFunc(a.ctx, a.closeAgent)
	keys, err := heldKeys(agentClient(conn))
	if err != nil {
		a.log(Debug1, "agent: %v", err)
	}
	return keys
}

func (a *authenticator) closeAgent() { a.agent.Close() }

// close ends the connection to the agent.
func (a *authenticator) close() {
	if a.agent != nil && a.release() {
		a.closeAgent()
	}
}

// unreadable reports a file that is no key: a missing one only if it was asked for.
func (a *authenticator) unreadable(id Identity, err error) {
	a.tried = append(a.tried, Tried{Source: id.Path, Err: err})
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		a.log(Error, "Load key \"%s\": %v", id.Path, err)
	case id.Explicit:
		a.log(Error, "no such identity: %s: No such file or directory", id.Path)
	default:
		a.log(Debug1, "no such identity: %s", id.Path)
	}
}

// giveUp reports a key that cannot be offered.
func (a *authenticator) giveUp(key *candidate, err error) {
	a.tried = append(a.tried, Tried{Source: key.source, Key: key.public, Err: err})
	if open, ok := errors.AsType[*permissionsError](err); ok {
		for _, line := range open.warning() {
			a.log(Error, "%s", line)
		}
		a.log(Error, "Load key \"%s\": %v", key.source, err)
		return
	}
	a.log(Debug1, "Skipping key %s: %v", key.describe(), err)
}

// passphrase asks the user, unless nobody may be asked.
func (a *authenticator) passphrase(ctx context.Context, path string) (string, error) {
	if a.auth.Passphrase == nil || a.auth.BatchMode {
		a.log(Debug1, "will not query passphrase for %s in batch mode.", path)
		return "", errLocked
	}
	return a.auth.Passphrase(ctx, fmt.Sprintf("Enter passphrase for key '%s': ", path))
}

// denied returns the *AuthError if authentication came to its end, else nil.
func (a *authenticator) denied() error {
	if a.refusal == nil {
		return nil
	}
	return a.refusal
}

// method names what authentication succeeded with.
func (a *authenticator) method() string { return a.latest }
