package control

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
)

// version is the protocol's. There has been no other since OpenSSH 5.4.
const version = 4

// Message types. Those with an M are the client's requests, those with an S the
// master's answers; after the type of each but hello and the two about a running
// session comes a request id, which an answer repeats.
const (
	msgHello = 0x00000001 // uint32 version, then pairs of strings: extension, value

	mNewSession   = 0x10000002 // newSession; then, one byte each, three files
	mAliveCheck   = 0x10000004 //
	mTerminate    = 0x10000005 //
	mOpenForward  = 0x10000006 // forward
	mCloseForward = 0x10000007 // forward
	mStdioForward = 0x10000008 // stdioForward; then two files
	mStopListen   = 0x10000009 //
	mProxy        = 0x1000000f //
	mInfo         = 0x20000001 // string name; if the master's hello has the extension "info"

	sOK            = 0x80000001 //
	sDenied        = 0x80000002 // string reason: the user said no
	sFailure       = 0x80000003 // string reason
	sExit          = 0x80000004 // sessionExit
	sAlive         = 0x80000005 // uint32 process id
	sSessionOpened = 0x80000006 // uint32 session
	sRemotePort    = 0x80000007 // uint32 port
	sNoTerminal    = 0x80000008 // sessionNoTerminal
	sProxy         = 0x8000000f // what follows on the connection is SSH
	sInfo          = 0x90000001 // infoText
)

// infoExtension is the one extension of OpenSSH's; its value is "0". linkExtension is ours,
// of a client that listens to sshclient.LinkRequest when it is proxied, and of a master that
// tells it.
const (
	infoExtension = "info"
	linkExtension = sshclient.LinkRequest
)

// The names that mInfo knows.
const (
	infoConnection = "connection"
	infoChannels   = "channels"
)

type hello struct {
	Version    uint32
	Extensions []byte `ssh:"rest"`
}

// newSession asks for a passenger's session. The flags are 0 or 1.
type newSession struct {
	Reserved                               string
	WantTTY, WantX11, WantAgent, Subsystem uint32
	Escape                                 uint32 // the escape character; 0xffffffff for none
	Term, Command                          string
	Environment                            []byte `ssh:"rest"` // strings NAME=value
}

type stdioForward struct {
	Reserved, Host string
	Port           uint32
}

// forward names a forward: of kind forwardLocal, forwardRemote or forwardDynamic. A
// port of unixSocket says that the host before it is the path of one. An empty
// ConnectHost with port 0 is no destination.
type forward struct {
	Kind        uint32
	ListenHost  string
	ListenPort  uint32
	ConnectHost string
	ConnectPort uint32
}

const (
	forwardLocal   = 1
	forwardRemote  = 2
	forwardDynamic = 3

	unixSocket = 0xfffffffe
)

type sessionExit struct{ Session, Status uint32 }

type sessionNoTerminal struct{ Session uint32 }

type infoText struct {
	Status uint32 // 1 if the name was known
	Text   string
}

type text struct{ S string }

type number struct{ N uint32 }

// message is what goes over the socket: a type, and its body.
type message struct {
	kind uint32
	body []byte
}

// newMessage makes a message of a type and, in order, of structs that
// [ssh.Marshal] knows.
func newMessage(kind uint32, parts ...any) message {
	m := message{kind: kind}
	for _, part := range parts {
		m.body = append(m.body, ssh.Marshal(part)...)
	}
	return m
}

// parse reads the body of a message, all of it.
func (m message) parse(into any) error {
	if err := ssh.Unmarshal(m.body, into); err != nil {
		return fmt.Errorf("%w: message 0x%08x: %w", errProtocol, m.kind, err)
	}
	return nil
}

// cutID takes the request id off the body.
func (m message) cutID() (id uint32, rest message, err error) {
	var head struct {
		ID   uint32
		Rest []byte `ssh:"rest"`
	}
	err = m.parse(&head)
	return head.ID, message{m.kind, head.Rest}, err
}

// cutStrings reads a body that is nothing but strings, at most limit of them.
func cutStrings(body []byte, limit int) ([]string, error) {
	var all []string
	for len(body) > 0 {
		var next struct {
			S    string
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(body, &next); err != nil {
			return nil, fmt.Errorf("%w: %w", errProtocol, err)
		}
		if len(all) == limit {
			return nil, fmt.Errorf("%w: more than %d strings", errProtocol, limit)
		}
		all, body = append(all, next.S), next.Rest
	}
	return all, nil
}

// maxExtensions bounds the extensions of a hello.
const maxExtensions = 64

// helloMessage is the first thing that each side says.
func helloMessage(extensions ...string) message {
	m := newMessage(msgHello, hello{Version: version})
	for _, s := range extensions {
		m.body = append(m.body, ssh.Marshal(text{s})...)
	}
	return m
}

// parseHello checks the other side's hello, and returns its extensions.
func parseHello(m message) (map[string]string, error) {
	var h hello
	if m.kind != msgHello {
		return nil, fmt.Errorf("%w: 0x%08x instead of a hello", errProtocol, m.kind)
	}
	if err := m.parse(&h); err != nil {
		return nil, err
	}
	if h.Version != version {
		return nil, fmt.Errorf("%w: Unsupported multiplexing protocol version %d (expected %d)", errProtocol, h.Version, version)
	}
	words, err := cutStrings(h.Extensions, 2*maxExtensions)
	if err != nil || len(words)%2 != 0 {
		return nil, errors.Join(errProtocol, err)
	}
	extensions := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		extensions[words[i]] = words[i+1]
	}
	return extensions, nil
}

// errProtocol says that the other side does not keep to the protocol.
var errProtocol = errors.New("multiplexing protocol")
