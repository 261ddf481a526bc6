package control

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

// helloPatience is how long a client may take to greet, and to pass its files.
const helloPatience = 10 * time.Second

// serving is the service of one client: run reads its requests, one after the other.
// A passenger's session has a goroutine of its own, passenger.run.
type serving struct {
	server *Server
	socket *net.UnixConn
	conn   *conn
	work   sync.WaitGroup // the passenger's goroutine
	taken  bool           // there is or was a passenger; used by run alone

	extensions map[string]string // of the client's hello
}

// errOver ends the service of a client that has had its answer.
var errOver = errors.New("over")

func (v *serving) run() {
	defer v.server.work.Done()
	defer v.server.leave(v)
	defer v.work.Wait()
	ctx, hungUp := context.WithCancel(v.server.life)
	defer v.hangUp()
	defer hungUp() // the client has gone: its session ends
	err := v.greet()
	for err == nil {
		err = v.serve(ctx)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, errOver) && !errors.Is(err, net.ErrClosed) {
		v.server.log(sshclient.Debug1, "multiplexing client: %v", err)
	}
}

// hangUp ends the connection to the client.
func (v *serving) hangUp() { v.socket.Close() }

// greet checks who has come, and exchanges hellos.
func (v *serving) greet() error {
	if err := checkPeer(v.socket); err != nil {
		v.server.log(sshclient.Error, "multiplexing client refused: %v", err)
		return errOver
	}
	v.socket.SetReadDeadline(time.Now().Add(helloPatience))
	defer v.socket.SetReadDeadline(time.Time{})
	if err := v.conn.write(helloMessage(infoExtension, "0", linkExtension, "0")); err != nil {
		return err
	}
	m, err := v.conn.read()
	if err != nil {
		return err
	}
	v.extensions, err = parseHello(m)
	return err
}

// serve reads one request and answers it. An error ends the service.
func (v *serving) serve(ctx context.Context) error {
	m, err := v.conn.read()
	if err != nil {
		return err
	}
	id, request, err := m.cutID()
	if err != nil {
		return err
	}
	switch m.kind {
	case mAliveCheck:
		return v.conn.write(newMessage(sAlive, number{id}, number{uint32(os.Getpid())}))
	case mInfo:
		return v.info(id, request)
	case mTerminate:
		return v.terminate(ctx, id)
	case mStopListen:
		return v.stopListening(ctx, id)
	case mProxy:
		return v.proxy(ctx, id)
	case mNewSession:
		return v.newSession(ctx, id, request)
	case mStdioForward:
		return v.stdioForward(ctx, id, request)
	case mOpenForward, mCloseForward:
		return v.forward(ctx, id, request)
	}
	return v.fail(id, "unsupported request")
}

func (v *serving) ok(id uint32) error { return v.conn.write(newMessage(sOK, number{id})) }

func (v *serving) fail(id uint32, reason string) error {
	return v.conn.write(newMessage(sFailure, number{id}, text{reason}))
}

// deny is the answer when the user has said no.
func (v *serving) deny(id uint32) error {
	return v.conn.write(newMessage(sDenied, number{id}, text{"Permission denied"}))
}

func (v *serving) terminate(ctx context.Context, id uint32) error {
	if !v.server.confirm(ctx, "Terminate shared connection to %s? ", v.server.cfg.Host) {
		return v.deny(id)
	}
	err := v.ok(id)
	v.server.askToExit()
	return err
}

func (v *serving) stopListening(ctx context.Context, id uint32) error {
	if !v.server.confirm(ctx, "Disable further multiplexing on shared connection to %s? ", v.server.cfg.Host) {
		return v.deny(id)
	}
	v.server.listener.Close()
	return v.ok(id)
}

// proxy carries the client's channels until it hangs up.
func (v *serving) proxy(ctx context.Context, id uint32) error {
	if v.taken {
		return v.fail(id, "Multiple sessions not supported")
	}
	if !v.server.confirm(ctx, "Allow multiplex proxy connection?") {
		return v.deny(id)
	}
	if err := v.conn.write(newMessage(sProxy, number{id})); err != nil {
		return err
	}
	_, listens := v.extensions[linkExtension]
	if err := v.server.carry(v.socket, listens); err != nil {
		return err
	}
	return errOver
}
