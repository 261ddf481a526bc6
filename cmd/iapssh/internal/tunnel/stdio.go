// Package tunnel carries plain bytes between a local side and sessions with the relay, with no SSH of ours in between.
//
//	stdio.go       Stdio, what a ProxyCommand needs: standard input and output on one side, one session on the other
//	server.go      Server: clients on local ports, each with a session of its own; who is let in, and how it ends
//	connection.go  a client and its session: both directions, and their ends
//	probe.go       the session that checks the way, and becomes the first client's
//	listen.go      a port on all addresses of a host
//	decide.go      how long for what: pure functions
//	stats.go       what there is to see: text.go tells it to a person, metrics.go to Prometheus
//	command.go, parent*.go, ready_*.go  the processes around a tunnel: a command beside it, who started it, who waits for it
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
)

// Conn is what Stdio and a Server need of a session: iap.Conn has it.
type Conn interface {
	net.Conn
	// CloseWrite says that no more will be written. The session delivers what was, and what the far side still sends, and then
	// ends.
	CloseWrite() error
	// Hurry has Close not wait for a link that is down.
	Hurry()
}

// OutputError tells that the local output no longer takes data.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return fmt.Sprintf("writing to standard output: %v", e.Err) }

func (e *OutputError) Unwrap() error { return e.Err }

// ReaderGone says that nobody reads the output any more, which is no failure of ours or the system's.
func (e *OutputError) ReaderGone() bool { return sockerr.Errno(e.Err) == syscall.EPIPE }

// Stdio copies in to conn and conn to out until the session ends, or ctx is done. It closes conn, having delivered what was
// written. The error is nil if the session ended cleanly; else it is conn's, that of in, an *OutputError, or the context's cause.
//
// A goroutine may be left reading in, since a read of a terminal or pipe cannot be interrupted: the caller is expected to exit.
func Stdio(ctx context.Context, conn Conn, in io.Reader, out io.Writer) error {
	defer conn.Close()
	down := make(chan error, 1)
	up := make(chan error, 1)
	go download(out, conn, down)
	go upload(conn, in, up)
	for {
		select {
		case err := <-down:
			return err
		case <-ctx.Done():
			conn.Hurry()
			return context.Cause(ctx)
		case err := <-up:
			var ended *net.OpError
			if err != nil && !errors.As(err, &ended) {
				return err
			}
			// The input is at its end, or the session is: download will tell, behind the last bytes that arrive.
			up = nil
		}
	}
}

// upload copies in to conn; nil is the end of in.
func upload(conn Conn, in io.Reader, done chan<- error) {
	_, err := io.CopyBuffer(writerOnly{conn}, readerOnly{in}, make([]byte, 64<<10))
	if err == nil {
		err = conn.CloseWrite()
	}
	done <- err
}

// download copies conn to out; nil is the session's clean end.
func download(out io.Writer, conn Conn, done chan<- error) {
	_, err := io.CopyBuffer(outputOnly{out}, readerOnly{conn}, make([]byte, 64<<10))
	done <- err
}

// readerOnly and writerOnly hide ReadFrom and WriteTo, which would choose buffers of their own.
type readerOnly struct{ io.Reader }
type writerOnly struct{ io.Writer }

// outputOnly also marks errors as the output's.
type outputOnly struct{ w io.Writer }

func (o outputOnly) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = &OutputError{err}
	}
	return n, err
}
