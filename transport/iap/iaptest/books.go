package iaptest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what a server remembers; the oldest is forgotten first.
const (
	maxEvents     = 1 << 14
	maxViolations = 1 << 10
	maxEnded      = 1 << 12 // sessions that are over
)

// Side is an end of a link.
type Side string

const (
	Client Side = "client"
	Relay  Side = "relay"
)

// EventKind says what an Event is.
type EventKind string

const (
	Requested EventKind = "request" // from the client: Text is the path without its query
	Answered  EventKind = "status"  // from the relay: N is the HTTP status
	Connected EventKind = "sid"     // from the relay: the success frame of /connect
	Resumed   EventKind = "resumed" // from the relay: the success frame of /reconnect; N is its count
	Data      EventKind = "data"    // N is the length of the payload
	Ack       EventKind = "ack"     // N is the count
	Ping      EventKind = "ping"    // N is the length of the payload
	Pong      EventKind = "pong"    // N is the length of the payload
	Closed    EventKind = "close"   // N is the close code, 1005 for none; Text is the reason
	Gone      EventKind = "gone"    // the link has ended; Text says how
	Struck    EventKind = "fault"   // from the relay: Text is the fault
)

// An Event is one entry of the transcript, in the order in which the relay read
// or was about to write it.
type Event struct {
	Time time.Time
	Link int    // counts the connections of the server from 1
	SID  string // once the link has a session
	From Side
	Kind EventKind
	N    int64
	Text string
}

func (e Event) String() string {
	s := fmt.Sprintf("link %d %s %s %d", e.Link, e.From, e.Kind, e.N)
	if e.Text != "" {
		s += fmt.Sprintf(" %q", e.Text)
	}
	return s
}

// ViolationKind is a rule that a client broke.
type ViolationKind string

// The rules of TLS and HTTP.
const (
	OfferedH2         ViolationKind = "ALPN offers h2"
	BadServerName     ViolationKind = "TLS server name missing or not the Host"
	NoClientCert      ViolationKind = "mTLS host without a client certificate"
	BadRequest        ViolationKind = "malformed HTTP request"
	BadMethod         ViolationKind = "method is not GET"
	BadHTTPVersion    ViolationKind = "not HTTP/1.1"
	BadPath           ViolationKind = "unknown path"
	BadUpgrade        ViolationKind = "bad websocket upgrade headers"
	BadOrigin         ViolationKind = "wrong Origin"
	BadSubprotocol    ViolationKind = "wrong subprotocol"
	BadAuthorization  ViolationKind = "Authorization is not one bearer token"
	TokenInURL        ViolationKind = "token in the URL"
	MissingParameter  ViolationKind = "query parameter missing"
	UnknownParameter  ViolationKind = "query parameter unknown"
	RepeatedParameter ViolationKind = "query parameter repeated"
	BadParameter      ViolationKind = "query parameter malformed"
	WrongRelay        ViolationKind = "host of a relay that serves other targets"
)

// The rules of RFC 6455.
const (
	Unmasked        ViolationKind = "unmasked frame"
	ReservedBits    ViolationKind = "reserved bits set"
	UnknownOpcode   ViolationKind = "unknown opcode"
	Fragmented      ViolationKind = "fragmented message"
	LongLength      ViolationKind = "length not encoded minimally"
	OversizeControl ViolationKind = "control frame above 125 bytes"
	OversizeMessage ViolationKind = "message above every limit"
	BadClose        ViolationKind = "malformed close frame"
	SecondClose     ViolationKind = "second close frame"
	FrameAfterClose ViolationKind = "frame after close"
	NoCloseEcho     ViolationKind = "close frame not answered"
	NoClose         ViolationKind = "gone without a close frame" // and never resumed
)

// The rules of the relay.
const (
	TextMessage   ViolationKind = "text message"
	BeforeSuccess ViolationKind = "message before the success frame"
	UnknownTag    ViolationKind = "unknown tag"
	Truncated     ViolationKind = "truncated message"
	TrailingBytes ViolationKind = "trailing bytes"
	EmptyData     ViolationKind = "empty DATA"
	OversizeData  ViolationKind = "DATA above 16384 bytes"
	AckBeyondSent ViolationKind = "ACK beyond what was sent"
	AckBackward   ViolationKind = "ACK moves backward"
	AckRepeated   ViolationKind = "ACK repeated"
)

// A Violation is something a client should not have done.
type Violation struct {
	Time   time.Time
	Link   int
	SID    string // once the link has a session
	Kind   ViolationKind
	Detail string
}

func (v Violation) String() string {
	s := fmt.Sprintf("link %d: %s", v.Link, v.Kind)
	if v.Detail != "" {
		s += ": " + v.Detail
	}
	return s
}

// State says where a session stands.
type State string

const (
	Attached State = "attached" // it has a link
	Detached State = "detached" // its link was lost, it may be resumed
	Ended    State = "ended"
)

// SessionInfo is the account of one session. Counts are bytes of payload since
// its start, over all its links.
type SessionInfo struct {
	SID    string
	Target Target

	Links     int    // how many links it has had
	Received  uint64 // from the client
	Delivered uint64 // of these, taken by the backend
	AckedUp   uint64 // the highest count told to the client
	Sent      uint64 // to the client, each byte counted once
	Acked     uint64 // of these, confirmed by the client
	Resent    uint64 // bytes sent again after a resume

	State  State
	Code   int    // the close code that ended it; 0 while it lives, 1006 if it was never resumed
	Reason string // the close reason that ended it
}

func (i SessionInfo) String() string {
	return fmt.Sprintf("%s:%d %s, %d links, up %d received %d delivered %d acked, down %d sent %d acked, code %d %s",
		i.Target.name(), i.Target.Port, i.State, i.Links, i.Received, i.Delivered, i.AckedUp, i.Sent, i.Acked, i.Code, i.Reason)
}

// books is what a server remembers for those who ask.
type books struct {
	mu sync.Mutex
	// guarded by mu
	events     []Event // a ring once it is full
	oldest     int     // index into events
	violations []Violation
}

func (b *books) event(e Event) {
	e.Time = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) < maxEvents {
		b.events = append(b.events, e)
		return
	}
	b.events[b.oldest] = e
	b.oldest = (b.oldest + 1) % maxEvents
}

func (b *books) violation(v Violation) {
	v.Time = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.violations) < maxViolations {
		b.violations = append(b.violations, v)
	}
}

func (b *books) transcript() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Concat(b.events[b.oldest:], b.events[:b.oldest])
}

// Transcript returns what passed over all links, oldest first. Of a long run
// only the last 16384 events are kept.
func (s *Server) Transcript() []Event { return s.books.transcript() }

// Violations returns every rule that clients have broken so far, the first 1024
// of them. A session whose link went without a close frame counts as long as it
// is not resumed, unless the server itself cut the link.
func (s *Server) Violations() []Violation {
	s.books.mu.Lock()
	all := slices.Clone(s.books.violations)
	s.books.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.live() {
		if v, ok := ss.abandoned(); ok {
			all = append(all, v)
		}
	}
	return all
}

// Sessions returns the accounts of all sessions: first those that are over, in
// the order of their end, then those that live, in the order of their start.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.ended)
	for _, ss := range s.live() {
		all = append(all, ss.info())
	}
	return all
}

// Report joins violations, one a line; it is empty if there are none.
func Report(violations []Violation) string {
	var b strings.Builder
	for _, v := range violations {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}
