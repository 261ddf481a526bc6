package report

import (
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/transport/iap"
)

// Stage says in what part of the way a failure lies. The values are for programs: they do not change.
type Stage string

// Of a connection, in the order in which they come.
const (
	StageConfig  Stage = "config"  // the command line, configuration files, what they leave out
	StageSignIn  Stage = "sign-in" // getting an access token
	StageLookup  Stage = "lookup"  // finding the target by its name
	StageProxy   Stage = "proxy"   // on the way to the relay
	StageConnect Stage = "connect" // name lookup and TCP, to the relay or to a host that is dialled directly
	StageTLS     Stage = "tls"     // with the relay
	StageUpgrade Stage = "upgrade" // HTTP and the WebSocket handshake with the relay
	StageSession Stage = "session" // the relay's verdict on the target
	StageSSH     Stage = "ssh"     // key exchange, host key, authentication
	StageAPI     Stage = "api"     // what is asked of Google beside all that
	StageEnded   Stage = "ended"   // a session that had begun
)

var stages = []Stage{StageConfig, StageSignIn, StageLookup, StageProxy, StageConnect, StageTLS, StageUpgrade, StageSession, StageSSH, StageAPI, StageEnded}

// Codes of ours that others decide by.
const (
	CodeAuth        = "auth"        // the server lets the user in by nothing that there is
	CodeForward     = "forward"     // something cannot be forwarded
	CodeCertificate = "certificate" // somebody else answers in Google's place
)

// A row says what a failure means and what mends it. Words in braces are replaced, see details.
type row struct {
	stage Stage
	// codes are separated by spaces: a close code of the relay, an HTTP status ("4xx" for those that have no row of their own), an
	// API's or OAuth's word for it, or ours. A row without any is for what has no other.
	codes   string
	granted bool // the role is there, so that something else is missing
	retry   bool // the same may succeed later, with nothing changed
	denied  bool // who asks may not, or is nobody yet

	missing    string // the role or the rule that is missing
	cause, fix string
}

const (
	webSocket    = "Error while connecting [Handshake status {status}]."
	connected    = "Error while connecting {close}."
	ended        = "IAP ended the session with {what} {close}: "
	network      = "check the network, or set HTTPS_PROXY if a proxy leads outside"
	inTheWay     = "try again; if it persists, look for a proxy or firewall on the way to tunnel.cloudproxy.app"
	portal       = "a captive portal or a proxy? Sign in there, or set HTTPS_PROXY"
	webSocketFix = "a proxy or an organisation policy may forbid WebSockets to tunnel.cloudproxy.app"
)

// table is what is known of the failures that others report by a code. Where gcloud has words that scripts look for, they are its.
var table = []row{
	{stage: StageSignIn, codes: "invalid_rapt rapt_required invalid_grant", denied: true, cause: "cannot sign in to Google: {error}", fix: "{mend}"},
	{stage: StageSignIn, codes: "PERMISSION_DENIED", denied: true, missing: "{tokenCreator}", cause: "cannot sign in to Google: {error}", fix: "{mend}"},
	{stage: StageSignIn, codes: "timeout", retry: true, cause: "cannot sign in to Google: no answer in time about {who}", fix: network},
	{stage: StageSignIn, codes: "temporary", retry: true, cause: "cannot sign in to Google: {error}", fix: network},
	{stage: StageSignIn, codes: "408 429 5xx", retry: true, cause: "cannot sign in to Google: {error}", fix: "try again in a little while"},
	{stage: StageSignIn, codes: "1xx 2xx", cause: "cannot sign in to Google: {error}", fix: portal},
	{stage: StageSignIn, denied: true, cause: "cannot sign in to Google: {error}", fix: "{mend}"},

	{stage: StageConnect, codes: "dns", retry: true, cause: "Could not resolve hostname {name}: {error}", fix: network},
	{stage: StageConnect, codes: "timeout", retry: true, cause: "the relay could not be reached in time", fix: network},
	{stage: StageConnect, codes: "files", retry: true, cause: "the relay could not be reached: {error}", fix: "allow more connections at a time: ulimit -n 4096"},
	{stage: StageConnect, retry: true, cause: "the relay could not be reached: {error}", fix: network},
	{stage: StageTLS, codes: CodeCertificate, cause: "the relay's certificate is not trusted: {error}",
		fix: inspectFix},
	{stage: StageTLS, retry: true, cause: "no TLS connection to the relay: {error}", fix: "check for a proxy or firewall that does not let TLS through"},

	{stage: StageUpgrade, codes: "3xx", cause: webSocket + " Something between you and Google answered with a redirect to {location}",
		fix: portal},
	{stage: StageUpgrade, codes: "1xx 2xx", cause: webSocket + " Something other than IAP answered in its place", fix: portal},
	{stage: StageUpgrade, codes: "401", denied: true, cause: webSocket + " (May be due to missing permissions) The access token of {who} was refused", fix: "{signIn}"},
	{stage: StageUpgrade, codes: "403", denied: true, cause: webSocket + " (May be due to missing permissions) The WebSocket was refused",
		fix: webSocketFix},
	{stage: StageUpgrade, codes: "404", cause: webSocket + " {place} is not known in project {project}, or there is no such target", fix: "see: {list}"},
	{stage: StageUpgrade, codes: "407", cause: webSocket + " The proxy wants credentials", fix: "set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"},
	{stage: StageUpgrade, codes: "429 5xx", retry: true, cause: webSocket + " IAP is not able to answer at the moment", fix: "try again in a little while"},
	{stage: StageUpgrade, codes: "4xx", cause: webSocket + " The relay, or a proxy before it, does not take the request", fix: "check --project, --zone or --region, and the name"},
	{stage: StageUpgrade, codes: "hung-up", retry: true, cause: "the relay hung up before it said anything about {on}: {error}", fix: inTheWay},
	{stage: StageUpgrade, codes: "timeout", retry: true, cause: "the relay took the connection and did not answer in time", fix: inTheWay},
	{stage: StageUpgrade, codes: "protocol", cause: "cannot speak with the relay: {error}", fix: "check for a proxy that alters WebSockets on the way to tunnel.cloudproxy.app"},

	{stage: StageSession, codes: "4003", retry: true, missing: "{rule}", cause: connected + " (Failed to connect to port {port}) IAP cannot reach {on}", fix: "{admit}"},
	{stage: StageSession, codes: "4033", denied: true, missing: "roles/iap.tunnelResourceAccessor", cause: connected + " IAP does not let {who} reach {whole}",
		fix: "{first}check the project's name, or grant the role (it takes minutes to work): {grant}"},
	{stage: StageSession, codes: "4033", granted: true, denied: true, missing: "an access level or a condition", cause: connected + " {who} has the role for {whole}, and IAP refuses all the same: an access level or a condition is not met",
		fix: "{other}check from which network and device you ask, and for how long the role was granted: " +
			"gcloud projects get-iam-policy {project} --flatten=bindings --filter=bindings.role:roles/iap.tunnelResourceAccessor"},
	{stage: StageSession, codes: "4047 4051", retry: true, cause: connected + " There is no {whole}, or it is still being created", fix: "see: {list}; if it is not behind IAP, -o IAP=no dials it directly"},
	{stage: StageSession, codes: "4009 4010", retry: true, cause: connected + " The connection to {on} was closed or reset there", fix: "try again"},
	{stage: StageSession, codes: "4004", denied: true, cause: connected + " The sign-in of {who} has expired", fix: "{signIn}"},
	{stage: StageSession, codes: "4000", retry: true, cause: connected + " IAP reported an internal error", fix: "try again"},
	{stage: StageSession, codes: "1000", retry: true, cause: "IAP ended the connection to {on} before it began", fix: "try again"},
	{stage: StageSession, codes: "4005 4006 4007 4008 4013", cause: connected + " IAP found fault with what we sent", fix: "please report this"},
	{stage: StageSession, codes: "timeout", retry: true, missing: "{rule}", cause: "IAP gave no answer about {on}",
		fix: "it may be stopped or starting, or a firewall may drop tcp:{port} from 35.235.240.0/20"},
	{stage: StageSession, retry: true, cause: connected + " IAP gave no session with {on}", fix: "try again"},

	{stage: StageAPI, codes: "forbidden PERMISSION_DENIED IAM_PERMISSION_DENIED", denied: true, missing: "{permission}", cause: "Google refused {error}", fix: "{mend}"},
	{stage: StageAPI, codes: "401 UNAUTHENTICATED", denied: true, cause: "Google refused {error}", fix: "{signIn}"},
	{stage: StageAPI, codes: "accessNotConfigured SERVICE_DISABLED", missing: "{service}", cause: "Google refused {error}", fix: "{mend}"},
	{stage: StageAPI, codes: "429 5xx rateLimitExceeded RATE_LIMIT_EXCEEDED RESOURCE_EXHAUSTED backendError UNAVAILABLE", retry: true,
		cause: "Google refused {error}", fix: "{mend}"},
	{stage: StageAPI, cause: "Google refused {error}", fix: "{mend}"},

	{stage: StageEnded, codes: "4009 4010", retry: true, cause: "Connection to {what} closed by remote host. {close}", fix: "it, or what listens there, reset the connection"},
	{stage: StageEnded, codes: "401", denied: true, cause: ended + "after an outage the access token of {who} was refused", fix: "{signIn}"},
	{stage: StageEnded, codes: "403", denied: true, cause: ended + "after an outage the WebSocket that was to resume it was refused", fix: webSocketFix},
	{stage: StageEnded, codes: "4001 4002 4074 1xx 2xx 3xx 4xx 5xx", retry: true, cause: ended + "after an outage it could not be resumed", fix: "connect again"},
	{stage: StageEnded, codes: "4033", denied: true, missing: "roles/iap.tunnelResourceAccessor", cause: ended + "{who} may no longer use it",
		fix: "the role may have been withdrawn, or an access level is no longer met; {signIn}"},
	{stage: StageEnded, codes: "4004", denied: true, cause: ended + "the sign-in has expired", fix: "{signIn}"},
	{stage: StageEnded, codes: "4047 4051", retry: true, cause: ended + "it is gone", fix: "see: {list}"},
	{stage: StageEnded, codes: "4005 4006 4007 4008 4013", cause: ended + "it found fault with what we sent", fix: "please report this"},
	{stage: StageEnded, codes: "link", retry: true, cause: "the connection to {what} broke: {error}", fix: "check the network and connect again"},
	{stage: StageEnded, codes: "protocol", cause: "{error}", fix: "please report this"},
	{stage: StageEnded, retry: true, cause: ended + "no reason is known", fix: "connect again"},
}

// find gives the row for a code: its own, or that of its class ("5xx"), or that of its stage.
func find(stage Stage, code string, granted bool) (row, bool) {
	wanted := []string{code, ""}
	if len(code) == 3 {
		wanted = []string{code, code[:1] + "xx", ""}
	}
	for _, want := range wanted {
		for _, r := range table {
			if r.stage == stage && r.has(want) && r.granted == granted {
				return r, true
			}
		}
	}
	if granted { // which makes no difference to it
		return find(stage, code, false)
	}
	return row{}, false
}

func (r row) has(code string) bool {
	if code == "" {
		return r.codes == ""
	}
	for _, c := range strings.Fields(r.codes) {
		if c == code {
			return true
		}
	}
	return false
}

// details are what is put in the place of the words in braces.
type details struct {
	facts  Facts
	target iap.Target

	err      string // what the error says, where the row does not say it better
	name     string // a host name
	status   string // "404 Not Found"
	location string // of a redirect
	close    string // the relay's words
	mend     string // "run: ...", or empty
	creator  string // the service account whose tokens are wanted, or empty

	permission, service string // that are missing, as far as an API says so
}

// failure fills in a row.
func (d details) failure(stage Stage, code string) Failure {
	r, ok := find(stage, code, d.facts.Granted)
	if !ok {
		return Failure{Stage: stage, Code: code, Cause: fmt.Sprintf("cannot reach IAP (%s): %s", stage, d.err), Fix: "try again; -v tells each step"}
	}
	t := d.target
	tokenCreator := ""
	if d.creator != "" {
		tokenCreator = "roles/iam.serviceAccountTokenCreator on " + d.creator
	}
	words := strings.NewReplacer(
		"{error}", d.err, "{name}", d.name, "{status}", d.status, "{location}", d.location, "{close}", d.close, "{mend}", d.mend,
		"{permission}", d.permission, "{service}", d.service,
		"{who}", d.facts.who(), "{signIn}", d.facts.signIn(), "{first}", expired(d.facts)+d.facts.other(), "{other}", d.facts.other(),
		"{what}", what(t), "{whole}", whole(t), "{on}", on(t), "{place}", place(t), "{project}", t.Project, "{port}", fmt.Sprint(t.Port),
		"{list}", list(t), "{admit}", admit(t), "{grant}", grant(t, d.facts.member()), "{tokenCreator}", tokenCreator,
		"{rule}", fmt.Sprintf("a firewall rule that admits 35.235.240.0/20 to tcp:%d", t.Port),
	)
	return Failure{
		Stage: stage, Code: code, Retryable: r.retry, Denied: r.denied,
		Missing: words.Replace(r.missing), Cause: words.Replace(r.cause), Fix: words.Replace(r.fix),
	}
}

// Explain tells all that the table has on a code, whatever the stage; ok is false if that is nothing.
func Explain(code string) (text string, ok bool) {
	example := details{
		target: iap.Target{Project: "PROJECT", Zone: "ZONE", Instance: "NAME", Port: 22},
		err:    "...", name: "HOST", status: code, location: "...", close: "[" + code + "]", mend: "run the command that the error names", creator: "ROBOT", permission: "PERMISSION", service: "API",
	}
	var b strings.Builder
	for _, stage := range stages {
		for _, granted := range []bool{false, true} {
			r, _ := find(stage, code, granted)
			if r.codes == "" || r.granted != granted { // none, or the one for all others
				continue
			}
			example.facts.Granted = granted
			example.failure(stage, code).explain(&b)
		}
	}
	return b.String(), b.Len() > 0
}

// explain writes what Explain tells of a row.
func (f Failure) explain(b *strings.Builder) {
	fmt.Fprintf(b, "%s at stage %s:\n  cause:    %s\n", f.Code, f.Stage, f.Cause)
	if f.Missing != "" {
		fmt.Fprintf(b, "  missing:  %s\n", f.Missing)
	}
	if f.Fix != "" {
		fmt.Fprintf(b, "  fix:      %s\n", f.Fix)
	}
	fmt.Fprintf(b, "  retry:    %s\n", map[bool]string{false: "changes nothing", true: "may help"}[f.Retryable])
}
