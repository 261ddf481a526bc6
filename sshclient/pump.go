package sshclient

import (
	"io"
	"sync"
	"time"
)

const (
	// smallBuffer holds one SSH packet, enough for keystrokes and their echo.
	smallBuffer = 32 << 10

	// bulkBuffer is read into once data comes in quantity: fewer hand-overs
	// between goroutines, at a third less CPU per byte.
	bulkBuffer = 256 << 10
)

// pumpStdout writes the command's output until its end. When nobody reads it any
// more, the server is told, so that the command gets SIGPIPE as in a local
// pipeline, and the rest is dropped.
func (s *Session) pumpStdout(to io.Writer, done *sync.WaitGroup, failed *error) {
	defer done.Done()
	if to == nil {
		to = io.Discard
	}
	_, err := pump(to, s.channel)
	if err == nil {
		return
	}
	*failed = err
	s.tell(endOfWrite, nil)
	grace := time.AfterFunc(outputGrace, s.giveUp)
	defer grace.Stop()
	pump(io.Discard, s.channel)
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
	if _, err := pump(to, s.channel.Stderr()); err != nil {
		pump(io.Discard, s.channel.Stderr())
	}
}

// pumpStdin sends input until its end, which it passes on.
func (s *Session) pumpStdin(from io.Reader, done chan<- struct{}) {
	defer close(done)
	if from != nil {
		pump(s.channel, from)
	}
	s.channel.CloseWrite()
}

// pump copies until the end of from, or the first error in writing, which it
// returns. An error in reading is an end as well. Its buffer grows when a read fills it.
func pump(to io.Writer, from io.Reader) (written int64, err error) {
	buf := make([]byte, smallBuffer)
	for {
		n, readErr := from.Read(buf)
		if n > 0 {
			w, err := to.Write(buf[:n])
			written += int64(w)
			if err != nil {
				return written, err
			}
		}
		if readErr != nil {
			return written, nil
		}
		if n == len(buf) && n < bulkBuffer {
			buf = make([]byte, 2*n)
		}
	}
}
