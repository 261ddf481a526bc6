package sshclient

import (
	"io"
	"sync"
	"time"
)

// pumpStdout writes the command's output until its end. When nobody reads it any
// more, the server is told, so that the command gets SIGPIPE as in a local
// pipeline, and the rest is dropped.
func (s *Session) pumpStdout(to io.Writer, done *sync.WaitGroup, failed *error) {
	defer done.Done()
	if to == nil {
		to = io.Discard
	}
	_, err := pump(to, s.channel, sessionBuffer())
	if err == nil {
		return
	}
	*failed = err
	s.tell(endOfWrite, nil)
	grace := time.AfterFunc(outputGrace, s.giveUp)
	defer grace.Stop()
	pump(io.Discard, s.channel, sessionBuffer())
	<-s.ended
}

// giveUp closes a session whose output nobody reads. It is no Close by the caller.
func (s *Session) giveUp() { s.channel.Close() }

// pumpStderr writes the command's standard error until its end. It is always
// read, since both share one window: unread, it would stop the output too.
func (s *Session) pumpStderr(to io.Writer, done *sync.WaitGroup) {
	defer done.Done()
	if to == nil {
		to = io.Discard
	}
	if _, err := pump(to, s.channel.Stderr(), sessionBuffer()); err != nil {
		pump(io.Discard, s.channel.Stderr(), sessionBuffer())
	}
}

// pumpStdin sends input until its end, which it passes on.
func (s *Session) pumpStdin(from io.Reader, done chan<- struct{}) {
	defer close(done)
	if from != nil {
		pump(s.channel, from, sessionBuffer())
	}
	s.channel.CloseWrite()
}
