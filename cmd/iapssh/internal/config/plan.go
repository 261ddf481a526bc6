package config

import (
	"strings"
	"time"
)

// NoEscape is Plan.EscapeChar when escapes are off.
const NoEscape = -1

// A Plan is everything that the command line, the configuration files and the
// environment decide, and nothing that only the network can tell. It is a
// plain value: it can be printed, compared with reflect.DeepEqual, and sent to
// a child process as JSON. It holds no secret.
//
// For ModeVersion, ModeSSHVersion and ModeHelp only Mode is set; for ModeConfig
// Output and Warnings too, for ModeDryRun Output, for ModeQuery and ModeExplain Query, for ModeForget VMs,
// for ModeHostKeys and ModePlan Each, for ModeDoctor JSON too.
// For ModeStdio Mode, Failing, Original, Host, Port, Route, RouteReason, IAP,
// Remembered, Projects, Wait, GCloud, Impersonate, NoTokenCache, Reason, RelayURL, Universe,
// PSC, Proxy, ClientCertificate, APIs, CACertsFile, LogLevel, LogFile, Speaker and
// Warnings are set, with EnsureKey also User, UserGiven, SSHDir, KeyFile, KeyLifetime
// and PushKey. For ModeTunnel Mode, Failing, Original, Tunnel, Fork, LogLevel,
// LogFile, Speaker and Warnings are; for ModeList, ModeConfigSSH and ModeCompletion
// Fleet, Projects and what ModeStdio has of Google, of keys and of messages.
type Plan struct {
	Mode    Mode
	Output  string   // what -G prints, or --dry-run
	Query   string   // a subject of ssh -Q: "cipher", "key-sig", "help"; or an error's code
	VMs     []Target // of ModeForget, as far as their names tell
	Each    []Plan   // of ModeHostKeys, ModeDoctor and ModePlan: those of sessions
	JSON    bool     // of ModeDoctor: for programs
	Tunnel  Tunnel
	Fleet   Fleet
	Speaker string // in whose name errors are told, "gcloud.compute.ssh"; empty: ours

	Failing Failing

	Original string // the host as typed
	Host     string // after HostName, lower case unless an address
	User     string
	Port     int

	UserGiven  bool // User was typed or configured: it is not just the local name
	UserYields bool // though given, to OS Login's name where that is in force

	Route       Route
	RouteReason string // one clause for -v: "IAP yes", "is an address"
	RouteFix    string // what to do if a RouteDirect was not meant; may be empty

	IAP          Target   // of RouteIAP, RouteLookup, RouteAddress and RouteEither
	Address      string   // of RouteAddress: "internal" or "external"
	Remembered   bool     // IAP's zone, and maybe its project, is from the cache, which may be out of date
	ProjectFrom  string   // who said so, as is IAP.Project: "--project", "file line 3", "the name", "gcloud"; empty: nobody
	ZoneFrom     string   // the same for IAP.Zone
	Projects     []string // where to look for the VM, in order, if IAP is not complete
	Jump         []string // of RouteJump: the command line to the jump host, for a Resolve of its own
	ProxyCommand string   // of RouteProxyCommand: for the user's shell, tokens expanded
	ProxyFD      bool     // ProxyCommand hands us a connected socket (ProxyUseFdpass)

	Wait time.Duration // how long a VM that is being created or starts up is waited for; 0: not at all

	GCloud            GCloud
	Impersonate       []string // service accounts: the last to act as, each before it delegates to the next
	NoTokenCache      bool     // access tokens must not be kept for other processes
	Reason            string   // for Google's audit logs; may be empty
	RelayURL          string   // replaces scheme and host of the relay; empty: Google's
	Universe          string   // domain of the cloud that is meant; empty: Google's public one
	Proxy             Proxy
	ClientCertificate ClientCertificate
	PSC               string // endpoint of Private Service Connect through which Google is reached; empty: none
	APIs              APIs
	CACertsFile       string // extra roots for TLS to Google, PEM; may be empty

	Sharing    Sharing
	Forwarding Forwarding
	Reconnect  bool // IAPReconnect; see Reconnects

	StdioForward Endpoint // -W: what stdin and stdout are connected to, in place of a session; zero: nothing

	SessionType   string // "default", "none" (-N, -W), "subsystem" (-s)
	Command       string // remote command or subsystem name; empty: a shell
	RequestTTY    string // "auto", "no", "yes", "force"; see WantTTY
	StdinNull     bool
	EscapeChar    int    // one byte, or NoEscape
	EscapeCommand bool   // ~C opens a command line
	Fork          bool   // into the background, once authenticated
	LocalCommand  string // to run here, once connected; empty: none
	PermitLocal   bool   // PermitLocalCommand: the command line of ~C may run commands here
	OfUser        OfUser
	SendEnv       []string // patterns of names; see Environment
	SetEnv        []string // NAME=VALUE
	BatchMode     bool
	NoPrompts     bool // gcloud's core/disable_prompts: nothing is asked but what ssh asks
	LogLevel      LogLevel
	LogFile       string // -E
	LogFormat     string // "json"; empty: text
	Timing        bool   // tell how long each phase of the connect took
	AuditLog      string // a file, or "syslog"; empty: none
	AuditCommands bool   // with the command
	Syslog        string // -y: the facility to log to; empty: stderr
	AddressFamily string // "any", "inet", "inet6"; of a direct route
	BindAddress   string // ours, of a direct route: an address or a name; may be empty
	BindInterface string // whose addresses serve in its place

	ConnectTimeout      time.Duration // 0: the system's
	ConnectionAttempts  int
	ServerAliveInterval time.Duration // 0: off
	ServerAliveCountMax int
	ChannelTimeouts     []ChannelTimeout // the first that fits a channel; see TimeoutOf
	VersionAddendum     string           // to our SSH identification
	TCPKeepAlive        bool
	RekeyBytes          int64         // 0: the server decides
	RekeyInterval       time.Duration // asked for; nothing here heeds it

	IdentityFiles            []string // in the order to try, expanded; need not exist
	IdentitiesExplicit       bool     // some IdentityFile was given: these are not the defaults
	IdentitiesOnly           bool
	KeyFile                  string        // that Google's VMs may be given the public half of; made if it is missing
	KeyLifetime              time.Duration // of what they are given
	OverwriteKey             bool          // KeyFile may be replaced by a new key if it cannot be read
	PushKey                  string        // "auto", "no", "instance", "project": where it may be put
	EnsureKey                bool          // of ModeStdio: KeyFile is to be good for a while when the connection is there
	CertificateFiles         []string
	AgentSocket              string        // empty: no agent
	ForwardAgent             string        // socket of the agent to forward; empty: none
	AddKeysToAgent           string        // "yes", "no", "ask", "confirm"
	AddedKeysLifetime        time.Duration // in the agent; 0: for ever
	PubkeyAuthentication     bool
	PasswordAuthentication   bool
	KbdInteractive           bool
	PreferredAuthentications string // empty: the default order
	NumberOfPasswordPrompts  int

	HostKeyAlias          string // empty: none given
	UserKnownHostsFiles   []string
	KnownHostsGiven       bool   // UserKnownHostsFile was given: these are not the defaults
	SSHDir                string // ~/.ssh, where gcloud's files lie too
	GlobalKnownHostsFiles []string
	StrictHostKeyChecking string // "yes", "no", "ask", "accept-new"
	HashKnownHosts        bool
	UpdateHostKeys        string // "yes", "no", "ask"
	FingerprintHash       string // "sha256" or "md5"
	VisualHostKey         bool
	CheckHostIP           bool
	RevokedHostKeys       []string
	KnownHostsCommand     []string // see ExpandLate; empty: none
	TrustLocalhost        bool     // NoHostAuthenticationForLocalhost
	RequiredRSASize       int      // bits

	// Algorithm lists as given, with a leading +, - or ^; empty: the default.
	Ciphers, MACs, KexAlgorithms, HostKeyAlgorithms string
	PubkeyAcceptedAlgorithms, CASignatureAlgorithms string

	Ignored  []Ignored // keywords of OpenSSH that were read and have no effect
	Warnings []string  // complete lines for stderr, unless LogLevel is LogQuiet
}

// OfUser has the commands of the configuration with %r left in them, and %% for
// every other %, since the login name may be settled only once the VM has been
// read: see [Plan.As]. Empty: none.
type OfUser struct{ Local, Remote string }

// ToVM says that the way leads to a VM of Google's, as far as that is known.
func (p Plan) ToVM() bool {
	return (p.Route == RouteIAP || p.Route == RouteAddress || p.Route == RouteEither) && p.IAP.IsVM()
}

// ToWorkload says that the way leads to a workload of Cloud Run.
func (p Plan) ToWorkload() bool { return p.Route == RouteIAP && p.IAP.Workload.Type != "" }

// MustLocate says that the VM's project or zone, whether there is such a VM, which
// way leads to it, or a workload's revision or its project's number, is still to be
// found out.
func (p Plan) MustLocate() bool {
	return p.Route == RouteLookup || p.Route == RouteEither || (p.Route == RouteIAP || p.Route == RouteAddress) && !p.IsPlaced()
}

// IsPlaced says that the target's project and zone are known.
func (p Plan) IsPlaced() bool { return p.IAP.complete() }

// Reconnects says that a connection which is lost is replaced by another: that is
// asked for, and nothing runs over it but forwards, which can begin anew. A master
// that ControlPersist has started is replaced by its next client.
func (p Plan) Reconnects() bool {
	return p.Reconnect && p.SessionType == "none" && p.StdioForward == (Endpoint{}) && !p.Sharing.Holder
}

// Failing is what programs want to be told of a failure of ours.
type Failing struct {
	FD   int    // descriptor that gets a line of JSON; 0: none
	File string // or a file
	Code int    // to exit with in the place of 255; 0: that
}

// Ignored names a keyword that OpenSSH knows and that has no effect here.
type Ignored struct {
	Keyword string // as OpenSSH prints it, in lower case
	Where   string // "file line 3" or "command-line line 0"
}

// WantTTY decides whether to ask for a terminal, by ssh's rules. refused says
// that one was wanted and stdin cannot give it, which ssh mentions.
func (p Plan) WantTTY(stdinIsTerminal bool) (want, refused bool) {
	want = p.RequestTTY == "yes" || p.RequestTTY == "force" || p.Command == ""
	if p.RequestTTY == "no" || p.SessionType == "none" {
		want = false
	}
	if (!stdinIsTerminal || p.StdinNull) && p.RequestTTY != "force" {
		return false, want
	}
	return want, false
}

// Environment returns the NAME=VALUE pairs to ask the server for: those of
// environ whose name SendEnv matches, then SetEnv's.
func (p Plan) Environment(environ []string) []string {
	var send []string
	for _, pair := range environ {
		name, _, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			continue
		}
		for _, pattern := range p.SendEnv {
			if matchPattern(name, pattern) {
				send = append(send, pair)
				break
			}
		}
	}
	return append(send, p.SetEnv...)
}
