package iaptest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Fault is something that goes wrong between a client and the relay, or that
// the relay does wrong. It is a value: a list of faults is a scenario.
//
//	srv.Faults = []iaptest.Fault{
//		{On: iaptest.OnSent, After: 64 << 10, Do: iaptest.Reset},             // every link, after 64 KiB
//		{On: iaptest.OnResume, Do: iaptest.Close, Code: 503, Times: 2},       // two resumes get an HTTP status
//		{On: iaptest.OnReceived, After: 1 << 20, Do: iaptest.Blackhole, For: time.Minute, Times: 1},
//	}
type Fault struct {
	On    Moment
	After int64 // OnSent, OnReceived: bytes of payload on the link
	Skip  int   // how many times it lets pass first
	Times int   // how often it strikes after that; 0 is every time

	Do     Action
	For    time.Duration // how long; 0 is for ever, that is until the link or the server ends
	Code   int           // HTTP status or close code
	Reason string
	N      int64  // bytes, an offset or a number, as the action says
	Frame  []byte // Say
}

func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.On, f.Do)
	for _, field := range []struct {
		name  string
		value any
		set   bool
	}{
		{"after", f.After, f.After != 0}, {"skip", f.Skip, f.Skip != 0}, {"times", f.Times, f.Times != 0},
		{"for", f.For, f.For != 0}, {"code", f.Code, f.Code != 0}, {"reason", f.Reason, f.Reason != ""},
		{"n", f.N, f.N != 0}, {"frame", f.Frame, f.Frame != nil},
	} {
		if field.set {
			fmt.Fprintf(&b, " %s=%v", field.name, field.value)
		}
	}
	return b.String()
}

// Moment is when a fault strikes.
type Moment string

const (
	OnConnect  Moment = "connect"  // a request for /v4/connect has come and is not answered
	OnResume   Moment = "resume"   // the same for /v4/reconnect
	OnSent     Moment = "sent"     // the link has carried After bytes to the client; 0 is just after the success frame
	OnReceived Moment = "received" // the link has brought After bytes; what follows in the same frame is lost with a cut
)

// Action is what happens then.
type Action string

// The link breaks; the session can be resumed. N bytes of a DATA frame come
// first that is never finished, if N is not 0.
const (
	Reset    Action = "RST"
	Fin      Action = "FIN"
	TLSClose Action = "TLS close" // close_notify, then FIN
)

// The link is slow, or seems dead.
const (
	Delay     Action = "delay"     // the relay says nothing, not even to the request, but listens
	Blackhole Action = "blackhole" // nothing passes either way, not even the client's FIN; then all goes on
	Withhold  Action = "withhold"  // OnConnect, OnResume: after status 101 the success frame does not come
	HoldAcks  Action = "hold ACKs"
)

// The relay ends the link. Close with a Code below 1000 is an HTTP status, for
// OnConnect and OnResume; otherwise it is a close code, 1005 for a close frame
// without payload. The session can be resumed after 1001, 1005, 1011-1014, 4000,
// 4002 and 4004, and is over after others.
const (
	Close     Action = "close"
	LongClose Action = "LONG_CLOSE" // the message of that name with Code and Reason, then Code alone
	Expire    Action = "expire"     // 4004, and the link's token is not good any more
)

// OnConnect and OnResume: the relay answers the request wrongly.
const (
	WrongAccept      Action = "wrong accept"
	WrongSubprotocol Action = "wrong subprotocol" // Reason, or none
	WrongSuccess     Action = "wrong success"     // RECONNECT_SUCCESS_ACK to connect, SID to reconnect
	WrongCount       Action = "wrong count"       // OnResume: off by N
)

// The relay says what it should not, or what few clients expect. OnConnect and
// OnResume, these come before the success frame.
const (
	SecondSuccess Action = "second success" // the SID again
	LateCount     Action = "late count"     // RECONNECT_SUCCESS_ACK within a session
	AckBeyond     Action = "ACK beyond"     // what the client has sent, by N, or by 1 GiB
	AckBackwards  Action = "ACK backward"   // a count and then one less
	Duplicate     Action = "duplicate"      // the last N bytes of data again, or 100
	Empty         Action = "empty DATA"
	Oversize      Action = "oversize DATA" // the next DATA is of N bytes, or 40000
	CutShort      Action = "cut short"     // DATA that says more than it has
	Trailing      Action = "trailing"      // the next DATA is followed by more in its message
	Text          Action = "text"
	Unknown       Action = "unknown tag" // with known tags inside
	SendPing      Action = "ping"
	Fragment      Action = "fragment" // from now on DATA comes in N fragments, or 3, with a ping among them
	Say           Action = "say"      // Frame as it is
)

// armed is a fault of a server with its count.
type armed struct {
	Fault
	mu     sync.Mutex
	passed int // guarded by mu: how often its moment has come
}

// strikes counts a moment and says whether the fault strikes in it.
func (a *armed) strikes() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passed++
	n := a.passed - a.Skip
	return n > 0 && (a.Times == 0 || n <= a.Times)
}

func arm(faults []Fault) []*armed {
	list := make([]*armed, len(faults))
	for i, f := range faults {
		list[i] = &armed{Fault: f}
	}
	return list
}

// at returns the faults of a moment.
func at(list []*armed, on Moment) []*armed {
	var of []*armed
	for _, a := range list {
		if a.On == on {
			of = append(of, a)
		}
	}
	return of
}

// counter counts the payload of one direction of a link, and knows the faults
// that lie ahead. It belongs to the goroutine that moves the payload.
type counter struct {
	n     int64
	ahead []*armed
}

// room is how many bytes may pass before the next fault.
func (c *counter) room() int64 {
	room := int64(1) << 62
	for _, a := range c.ahead {
		room = min(room, max(a.After-c.n, 0))
	}
	return room
}

// due takes out the faults that the count has reached.
func (c *counter) due() []*armed {
	var due []*armed
	c.ahead = slices.DeleteFunc(c.ahead, func(a *armed) bool {
		if a.After > c.n {
			return false
		}
		due = append(due, a)
		return true
	})
	return due
}

// resumable says whether a session survives that the relay closes its link so.
func resumable(code int) bool {
	switch code {
	case 1001, noStatus, 1011, 1012, 1013, 1014, 4000, codeSIDInUse, codeExpired:
		return true
	}
	return false
}
