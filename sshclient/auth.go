package sshclient

import (
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// The methods of RFC 4252 and 4256 that we know.
const (
	methodPublicKey = "publickey"
	methodQuestions = "keyboard-interactive"
	methodPassword  = "password"
)

const (
	// maxOffers keeps below the 64 attempts after which x/crypto ends the
	// handshake with an error of its own.
	maxOffers = 60

	// defaultPrompts is OpenSSH's NumberOfPasswordPrompts.
	defaultPrompts = 3
)

// authenticator chooses the next thing to authenticate with, one per call: of
// several signers in one method, the first that fails to sign would end that
// method. All of it runs in Handshake's call tree.
type authenticator struct {
	ctx      context.Context // the handshake's
	auth     Auth
	policy   policy
	user     string
	host     string
	log      func(level Level, format string, args ...any)
	broken   func() error // why the connection cannot be used any more, else nil
	degraded func() bool  // the server may be anyone
	proof    func() exchangeProof

	agent     agent.ExtendedAgent // nil: none, or not dialled yet
	agentConn io.Closer
	release   func() bool // stops closing the agent when ctx ends

	sessionID []byte
	greeted   bool
	keys      []candidate // not offered yet
	listed    bool        // keys has been filled
	asked     bool        // Auth.More was called
	offered   int
	used      []ssh.PublicKey // served for a partial success
	questions counter
	passwords counter
	partial   int // partial successes so far
	tried     []Tried
	refusal   *AuthError // set when nothing remained
	latest    string     // the method used last
}

// counter is how often a method was begun, and whether it has been given up.
type counter struct {
	begun int
	over  bool
}

func newAuthenticator(ctx context.Context, cfg Config, log func(Level, string, ...any)) *authenticator {
	a := &authenticator{ctx: ctx, auth: cfg.Auth, user: cfg.User, host: cfg.Host, log: log, latest: "none"}
	a.policy = policy{accepted: strings.Split(cfg.Auth.AcceptedAlgorithms, ","), minRSA: cfg.Auth.MinRSABits}
	if a.auth.Methods == nil {
		a.auth.Methods = []string{methodPublicKey, methodQuestions, methodPassword}
	}
	if a.auth.PromptHost == "" {
		a.auth.PromptHost = a.host
	}
	if a.auth.MaxOffers == 0 || a.auth.MaxOffers > maxOffers {
		a.auth.MaxOffers = maxOffers
	}
	if a.auth.MaxPrompts == 0 {
		a.auth.MaxPrompts = defaultPrompts
	}
	return a
}

// next is the ssh.ClientAuthCallback: it is called when "none" has been refused,
// and again after each refusal or partial success.
func (a *authenticator) next(state *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.greet(state.Metadata, state.Algorithms)
	a.sessionID = state.Metadata.SessionID()
	if err := context.Cause(a.ctx); err != nil {
		return nil, err
	}
	if err := a.broken(); err != nil {
		return nil, err // nobody is asked for what cannot be sent
	}
	if len(state.PartialSuccessMethods) > a.partial {
		a.partial = len(state.PartialSuccessMethods)
		a.log(Verbose, "Authenticated using %q with partial success.", a.latest)
		a.again()
	}
	a.log(Debug1, "Authentications that can continue: %s", strings.Join(state.AllowedMethods, ","))
	for _, name := range a.auth.Methods {
		if !slices.Contains(state.AllowedMethods, name) {
			continue
		}
		if method := a.begin(name); method != nil {
			if name != a.latest {
				a.log(Debug1, "Next authentication method: %s", name)
			}
			a.latest = name
			return method, nil
		}
	}
	a.log(Debug1, "No more authentication methods to try.")
	a.refusal = &AuthError{User: a.user, Host: a.host, Methods: state.AllowedMethods, Partial: a.partial > 0, Tried: a.tried}
	return nil, a.refusal
}

// begin returns the next attempt with a method, nil when there is none left.
func (a *authenticator) begin(method string) ssh.AuthMethod {
	switch method {
	case methodPublicKey:
		if key := a.nextKey(); key != nil {
			return ssh.PublicKeys(key)
		}
	case methodQuestions:
		return a.nextQuestions()
	case methodPassword:
		return a.nextPassword()
	}
	return nil
}

// again makes the keys available for the next step of an authentication in several,
// without the one that has done its part.
func (a *authenticator) again() {
	if a.latest == methodPublicKey {
		a.used = append(a.used, a.tried[len(a.tried)-1].Key)
		a.tried = a.tried[:len(a.tried)-1]
	}
	a.listed = false
}

// greet notes, once, whom the first key exchange was with and what it agreed on.
func (a *authenticator) greet(peer ssh.ConnMetadata, algorithms ssh.NegotiatedAlgorithms) {
	if a.greeted {
		return
	}
	a.greeted = true
	software := strings.TrimPrefix(string(peer.ServerVersion()), "SSH-2.0-")
	a.log(Debug1, "SSH2_MSG_NEWKEYS received")
	a.log(Debug1, "Remote protocol version 2.0, remote software version %s", software)
	a.log(Debug1, "Authenticating to %s as '%s'", a.host, a.user)
	logNegotiated(a.log, algorithms)
}

// logNegotiated notes what a key exchange agreed on, in the words that programs
// look for in ssh's output.
func logNegotiated(log func(Level, string, ...any), algorithms ssh.NegotiatedAlgorithms) {
	log(Debug1, "kex: algorithm: %s", algorithms.KeyExchange)
	log(Debug1, "kex: host key algorithm: %s", algorithms.HostKey)
	log(Debug1, "kex: server->client cipher: %s MAC: %s compression: none", algorithms.Read.Cipher, macName(algorithms.Read))
	log(Debug1, "kex: client->server cipher: %s MAC: %s compression: none", algorithms.Write.Cipher, macName(algorithms.Write))
}

func macName(d ssh.DirectionAlgorithms) string {
	if d.MAC == "" {
		return "<implicit>"
	}
	return d.MAC
}

// close ends the connection to the agent.
func (a *authenticator) close() {
	if a.agentConn != nil && a.release() {
		a.closeAgent()
	}
}

// denied returns the *AuthError if authentication came to its end, else nil.
func (a *authenticator) denied() error {
	if a.refusal == nil {
		return nil
	}
	return a.refusal
}

// key is the public key that authentication succeeded with, nil if it was another method.
func (a *authenticator) key() ssh.PublicKey {
	if a.latest != methodPublicKey || len(a.tried) == 0 {
		return nil
	}
	return a.tried[len(a.tried)-1].Key
}

// method names what authentication succeeded with.
func (a *authenticator) method() string { return a.latest }

// login is how it succeeded in the end.
func (a *authenticator) login() Login {
	return Login{Method: a.latest, Key: a.key()}
}

// Login is how the user was authenticated, the last step of several.
type Login struct {
	Method string        // as in RFC 4252: "publickey", "password", "none", …
	Key    ssh.PublicKey // of publickey; else nil
}
