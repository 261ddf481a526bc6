package sshclient

import (
	"cmp"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// AllChannels stands in Config.ChannelTimeouts for all channels together: its time has
// passed when nothing has gone over any of them.
const AllChannels = "global"

// ChannelKinds are the kinds of channels that a timeout can be set for, by the names
// that ssh_config's ChannelTimeout has for them.
func ChannelKinds() []string {
	return []string{"session", "agent-connection", "x11-connection", directTCP, directUnix, forwardedTCP, forwardedUnix}
}

// kindOf is the kind of a channel of a type.
func kindOf(channelType string) string {
	kinds := map[string]string{agentChannel: "agent-connection", x11Channel: "x11-connection"}
	return cmp.Or(kinds[channelType], channelType)
}

// algorithmsConn is what x/crypto makes of a connection.
type algorithmsConn interface {
	ssh.Conn
	ssh.AlgorithmsConnMetadata
}

// watchIdle watches the channels of a connection, if there are any limits.
func watchIdle(conn ssh.Conn, limits map[string]time.Duration, log func(Level, string, ...any)) ssh.Conn {
	if len(limits) == 0 {
		return conn
	}
	return &idleConn{algorithmsConn: conn.(algorithmsConn), limits: limits, clock: time.Now(), log: log}
}

// watchOpening has a channel watched that the server opens.
func watchOpening(conn ssh.Conn, open ssh.NewChannel) ssh.NewChannel {
	if idle, ok := conn.(*idleConn); ok {
		return idleOpening{open, idle}
	}
	return open
}

// idleConn is a connection whose channels are closed when nothing has gone over them
// for as long as their kind has (ChannelTimeout).
type idleConn struct {
	algorithmsConn
	limits map[string]time.Duration // by kind, and AllChannels
	clock  time.Time
	used   atomic.Int64 // when something last went over any channel: nanoseconds since clock
	log    func(Level, string, ...any)
}

// OpenChannel opens a channel that is watched.
func (c *idleConn) OpenChannel(name string, data []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	channel, reqs, err := c.algorithmsConn.OpenChannel(name, data)
	if err == nil {
		channel = c.watch(channel, kindOf(name))
	}
	return channel, reqs, err
}

// idleOpening is a channel that the server opens, and that is watched once accepted.
type idleOpening struct {
	ssh.NewChannel
	conn *idleConn
}

func (o idleOpening) Accept() (ssh.Channel, <-chan *ssh.Request, error) {
	channel, reqs, err := o.NewChannel.Accept()
	if err == nil {
		channel = o.conn.watch(channel, kindOf(o.ChannelType()))
	}
	return channel, reqs, err
}

func (c *idleConn) watch(channel ssh.Channel, kind string) ssh.Channel {
	limit, all := c.limits[kind], c.limits[AllChannels]
	if limit == 0 && all == 0 {
		return channel
	}
	i := &idleChannel{Channel: channel, conn: c, kind: kind, limit: limit, all: all}
	i.touch()
	i.mu.Lock()
	i.timer = time.AfterFunc(cmp.Or(limit, all), i.look)
	i.mu.Unlock()
	return i
}

// idleChannel is a channel that is watched.
type idleChannel struct {
	ssh.Channel
	conn       *idleConn
	kind       string
	limit, all time.Duration // 0: none
	used       atomic.Int64  // like idleConn's, of this channel

	mu    sync.Mutex
	timer *time.Timer // guarded by mu; nil when closed
}

func (i *idleChannel) touch() {
	now := int64(time.Since(i.conn.clock))
	i.used.Store(now)
	i.conn.used.Store(now)
}

// look closes the channel if its time has passed, and else looks again when it may have.
func (i *idleChannel) look() {
	now := time.Since(i.conn.clock)
	left := untilIdle(now-time.Duration(i.used.Load()), i.limit, now-time.Duration(i.conn.used.Load()), i.all)
	if left <= 0 {
		i.conn.log(Debug1, "closing %s channel: nothing has gone over it for too long", i.kind)
		i.Close()
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.timer != nil {
		i.timer.Reset(left)
	}
}

// untilIdle says how long a channel may still be unused, itself and with all others;
// 0 or less when that is over. A limit of 0 is none; one of them is set.
func untilIdle(unused, limit, allUnused, all time.Duration) time.Duration {
	left, allLeft := limit-unused, all-allUnused
	switch {
	case all == 0:
		return left
	case limit == 0:
		return allLeft
	}
	return min(left, allLeft)
}

func (i *idleChannel) Read(p []byte) (int, error)  { return i.note(i.Channel.Read(p)) }
func (i *idleChannel) Write(p []byte) (int, error) { return i.note(i.Channel.Write(p)) }

func (i *idleChannel) note(n int, err error) (int, error) {
	if n > 0 {
		i.touch()
	}
	return n, err
}

// Stderr is a stream of the channel's as well.
func (i *idleChannel) Stderr() io.ReadWriter { return idleStderr{i, i.Channel.Stderr()} }

type idleStderr struct {
	channel *idleChannel
	stream  io.ReadWriter
}

func (s idleStderr) Read(p []byte) (int, error)  { return s.channel.note(s.stream.Read(p)) }
func (s idleStderr) Write(p []byte) (int, error) { return s.channel.note(s.stream.Write(p)) }

func (i *idleChannel) Close() error {
	i.mu.Lock()
	if i.timer != nil {
		i.timer.Stop()
		i.timer = nil
	}
	i.mu.Unlock()
	return i.Channel.Close()
}
