package sshclient

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config is what Handshake needs to know. Trust and User are required, the zero
// value of everything else is usable.
type Config struct {
	User  string
	Host  string // the host's name in messages and for HostTrust
	Trust HostTrust
	Auth  Auth

	// Values of the ssh_config keywords of the same names, see
	// [ResolveAlgorithms]. Empty means our defaults.
	KexAlgorithms, Ciphers, MACs string

	// ForwardAgent is the socket of an ssh-agent that the commands of all sessions
	// may use; empty means none. A server whose verdict is degraded gets none.
	ForwardAgent string

	Forwards ForwardOptions

	// RekeyBytes is after how many bytes in one direction we ask for new keys; 0
	// leaves that to the server. With channels that open and close while much is
	// being sent it can deadlock x/crypto: it is for connections with one session.
	RekeyBytes uint64

	// KexTimeout bounds the time from Handshake's start to the server's host
	// key; the user's answer to HostTrust's question is outside it. 0 means none.
	// (The context bounds everything.)
	KexTimeout time.Duration

	// ServerAliveInterval is the silence after which the server is asked for a
	// sign of life; 0 means never. When ServerAliveCountMax requests (0 means 3)
	// have stayed unanswered, the connection ends with ErrServerSilent.
	ServerAliveInterval time.Duration
	ServerAliveCountMax int

	// ChannelTimeouts closes channels that carry nothing for a time: by one of
	// [ChannelKinds], or [AllChannels].
	ChannelTimeouts map[string]time.Duration

	// Version is our identification after "SSH-2.0-"; empty means "Go".
	Version string

	// Banner shows text that the server sends before authentication. It is
	// already safe for a terminal.
	Banner func(text string)

	// Trace, if not nil, is told of each step.
	Trace *Trace

	// Log receives messages, each one line without prefix or newline. It is
	// called from several goroutines.
	Log func(level Level, line string)
}

// Auth says what to authenticate with. Certificates go first, then keys of the
// agent that are also named as identities, then the agent's others, then
// identities from files.
type Auth struct {
	// Methods are the methods to try, by their names in the protocol and in this
	// order: publickey, keyboard-interactive, password. Others are passed over.
	// Nil means those three.
	Methods []string

	Identities     []Identity
	IdentitiesOnly bool // offer no agent key that is not among Identities

	// IdentitiesFirst has Identities offered in their order and before the agent's other keys. First is the public key,
	// "TYPE BASE64", that goes before all if it is among them; empty: none.
	IdentitiesFirst bool
	First           string
	// MaxOffers bounds how many keys are offered; 0 means 60.
	MaxOffers int
	// More gives a key to offer when all others have been refused, and again when that was; false: none. It may take its time.
	// It is called once even if MaxOffers has been reached: then for what it does. Nil: there are no more.
	More func(ctx context.Context) (Identity, bool)

	// Certificates are files with certificates for keys that are among Identities
	// or in the agent. When there are some, those beside identities are not looked for.
	Certificates []string

	// AgentPath is the socket of an ssh-agent, on Windows also its pipe; empty
	// means none.
	AgentPath string

	// AcceptedAlgorithms is the value of PubkeyAcceptedAlgorithms, see
	// [ResolveAlgorithms]; empty means our defaults. MinRSABits is RequiredRSASize.
	AcceptedAlgorithms string
	MinRSABits         int

	// Ask asks the user for a passphrase, a password or what the server wants to
	// know; prompt is as OpenSSH words it. It is called from Handshake's call tree, and
	// for a passphrase only when the turn of its key has come. An error gives up
	// what was asked for. Nil means never to ask, as does BatchMode.
	Ask       func(ctx context.Context, prompt string, echo bool) (string, error)
	BatchMode bool

	// MaxPrompts is NumberOfPasswordPrompts: how often each of a passphrase, a
	// password and the server's questions is asked for. 0 means 3.
	MaxPrompts int

	// PromptHost is the host's name in prompts; empty means Config.Host.
	PromptHost string

	AddToAgent AddToAgent
}

// AddToAgent says whether a private key that was read from a file, and is about to
// be used, is also handed to the agent (AddKeysToAgent).
type AddToAgent struct {
	Add      bool
	Ask      bool          // only after the user's yes, given to Auth.Ask
	Confirm  bool          // the agent has each use confirmed
	Lifetime time.Duration // in whole seconds; 0: for as long as the agent lives
}

// Identity names a key: a file or, for keys kept in other ways, a signer.
type Identity struct {
	// Path is a private key file in OpenSSH or PEM format; its public half may
	// lie beside it as Path.pub, its certificate as Path-cert.pub. Path may also be
	// a public key file, which then names a key that the agent holds.
	Path string

	// Certificate is a certificate for the key, "TYPE BASE64", which is offered in its place; empty: none.
	Certificate string

	// Explicit says that the user asked for this file: it is worth a message
	// when missing.
	Explicit bool

	// Signer is used instead of a file when set.
	Signer ssh.Signer
}

// Level is the importance of a log line, in OpenSSH's order.
type Level int

// The levels in use: what a user sees by default, and what -v and -vv add.
const (
	Error   Level = iota // something was refused or went wrong
	Info                 // worth knowing
	Verbose              // ssh -v, where OpenSSH puts no "debug1:" before it
	Debug1               // ssh -v
	Debug2               // ssh -vv
)

// clientConfig resolves the algorithm lists into what x/crypto takes, and returns
// the names that were left out. It replaces Auth.AcceptedAlgorithms by the names
// it stands for. The error is an *AlgorithmsError.
func (cfg *Config) clientConfig() (conf *ssh.ClientConfig, ignored []string, err error) {
	conf = &ssh.ClientConfig{
		User:              cfg.User,
		HostKeyAlgorithms: cfg.Trust.Algorithms(),
	}
	// A key exchange that the client starts can deadlock x/crypto: writers
	// queue 64 packets and then block holding locks that the reader needs to
	// reach the server's answer. The server starts them when it sees fit.
	conf.RekeyThreshold = math.MaxInt64
	if cfg.RekeyBytes > 0 {
		conf.RekeyThreshold = cfg.RekeyBytes
	}
	conf.ClientVersion = "SSH-2.0-" + cmp.Or(cfg.Version, "Go")
	if len(conf.HostKeyAlgorithms) == 0 {
		conf.HostKeyAlgorithms = DefaultAlgorithms(HostKeyAlgorithms)
	}
	var accepted []string
	for _, list := range []struct {
		kind Kind
		spec string
		into *[]string
	}{
		{KexAlgorithms, cfg.KexAlgorithms, &conf.KeyExchanges},
		{Ciphers, cfg.Ciphers, &conf.Ciphers},
		{MACs, cfg.MACs, &conf.MACs},
		{PubkeyAcceptedAlgorithms, cfg.Auth.AcceptedAlgorithms, &accepted},
	} {
		use, without, err := ResolveAlgorithms(list.kind, list.spec)
		if err != nil {
			return nil, nil, err
		}
		*list.into = use
		ignored = append(ignored, without...)
	}
	cfg.Auth.AcceptedAlgorithms = strings.Join(accepted, ",")
	return conf, ignored, nil
}
