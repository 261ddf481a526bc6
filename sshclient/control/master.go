package control

import (
	"errors"
	"fmt"

	"github.com/iapssh/iapssh/sshclient"
)

// Master is a connection to a master that is alive. Its methods are for one goroutine;
// each waits for the master's answer, and Close, from any goroutine, ends that. A
// refusal is a *[RefusedError].
type Master struct {
	// PID is the master's process.
	PID int

	conn       *conn
	extensions map[string]string
	id         uint32 // of the last request
}

// greet exchanges hellos and has the master prove that it is alive, in one round trip.
func (m *Master) greet() error {
	m.id++
	if err := m.conn.write(helloMessage(linkExtension, "0"), newMessage(mAliveCheck, number{m.id})); err != nil {
		return err
	}
	first, err := m.conn.read()
	if err != nil {
		return err
	}
	if m.extensions, err = parseHello(first); err != nil {
		return err
	}
	var pid number
	if err := m.answer(sAlive, &pid); err != nil {
		return err
	}
	m.PID = int(pid.N)
	return nil
}

func (m *Master) abort() { m.conn.Close() }

// Close ends the connection to the master, not the master.
func (m *Master) Close() error { return m.conn.Close() }

// request sends a request and reads the answer, of the given type, into a struct
// unless that is nil.
func (m *Master) request(kind uint32, body any, answer uint32, into any) error {
	m.id++
	parts := []any{number{m.id}}
	if body != nil {
		parts = append(parts, body)
	}
	if err := m.conn.write(newMessage(kind, parts...)); err != nil {
		return err
	}
	return m.answer(answer, into)
}

// answer reads the answer to the last request, of the given type.
func (m *Master) answer(kind uint32, into any) error {
	answered, body, err := m.read()
	switch {
	case err != nil:
		return err
	case answered != kind:
		return unexpected(answered)
	case into == nil:
		return nil
	}
	return body.parse(into)
}

// read reads the answer to the last request. A refusal is an error.
func (m *Master) read() (kind uint32, body message, err error) {
	reply, err := m.conn.read()
	if err != nil {
		return 0, message{}, err
	}
	id, body, err := reply.cutID()
	if err != nil {
		return 0, message{}, err
	}
	if id != m.id {
		return 0, message{}, fmt.Errorf("%w: out of sequence reply: my id %d theirs %d", errProtocol, m.id, id)
	}
	if reply.kind == sDenied || reply.kind == sFailure {
		var reason text
		if err := body.parse(&reason); err != nil {
			return 0, message{}, err
		}
		return 0, message{}, &RefusedError{Denied: reply.kind == sDenied, Reason: reason.S}
	}
	return reply.kind, body, nil
}

func unexpected(kind uint32) error {
	return fmt.Errorf("%w: unexpected response from master 0x%08x", errProtocol, kind)
}

// Join makes a client of the master's connection; the Master must not be used after
// that. Of cfg, what [sshclient.Join] says matters.
func (m *Master) Join(cfg sshclient.Config) (*sshclient.Client, error) {
	if err := m.request(mProxy, nil, sProxy, nil); err != nil {
		return nil, err
	}
	return sshclient.Join(newProxied(m.conn.Conn), cfg)
}

// Exit asks the master to end. That it ends before it answers is no error.
func (m *Master) Exit() error {
	err := m.request(mTerminate, nil, sOK, nil)
	if isHangUp(err) {
		return nil
	}
	return err
}

// StopListening asks the master to accept nobody more; sessions that it has go on.
func (m *Master) StopListening() error { return m.request(mStopListen, nil, sOK, nil) }

// ErrNoInfo says that a master, OpenSSH's before 10.1, cannot tell of itself.
var ErrNoInfo = errors.New("mux server does not support info request")

// ConnectionInfo returns the master's text about its connection, in lines.
func (m *Master) ConnectionInfo() (string, error) { return m.info(infoConnection) }

// ChannelInfo returns the master's text about the channels that are open, in lines.
func (m *Master) ChannelInfo() (string, error) { return m.info(infoChannels) }

func (m *Master) info(name string) (string, error) {
	if _, ok := m.extensions[infoExtension]; !ok {
		return "", ErrNoInfo
	}
	var info infoText
	if err := m.request(mInfo, text{name}, sInfo, &info); err != nil {
		return "", err
	}
	return info.Text, nil
}
