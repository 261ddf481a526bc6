package control

import (
	"context"
	"fmt"

	"github.com/iapssh/iapssh/sshclient"
)

// OpenForward asks the master for a forward, which stays when we go. bound is where
// it listens: the port may have been left to the server.
func (m *Master) OpenForward(f sshclient.Forward) (bound sshclient.Endpoint, err error) {
	m.id++
	if err := m.conn.write(newMessage(mOpenForward, number{m.id}, forwardOf(f))); err != nil {
		return bound, err
	}
	bound = f.Listen
	kind, body, err := m.read()
	switch {
	case err != nil:
		return bound, err
	case kind == sRemotePort:
		var port number
		err = body.parse(&port)
		bound.Port = int(port.N)
	case kind != sOK:
		err = unexpected(kind)
	}
	return bound, err
}

// CloseForward asks the master to cancel a forward. Connections over it go on.
func (m *Master) CloseForward(f sshclient.Forward) error {
	return m.request(mCloseForward, forwardOf(f), sOK, nil)
}

// socks is what OpenSSH calls the destination of a forward that has none.
const socks = "socks"

// forwardOf is a forward as it goes over the socket.
func forwardOf(f sshclient.Forward) forward {
	kind := map[sshclient.ForwardKind]uint32{
		sshclient.LocalForward: forwardLocal, sshclient.DynamicForward: forwardDynamic,
		sshclient.RemoteForward: forwardRemote, sshclient.RemoteDynamicForward: forwardRemote,
	}
	w := forward{Kind: kind[f.Kind]}
	w.ListenHost, w.ListenPort = hostPort(f.Listen)
	w.ConnectHost, w.ConnectPort = hostPort(f.Connect)
	if f.Connect == (sshclient.Endpoint{}) {
		w.ConnectHost = socks
	}
	return w
}

func hostPort(e sshclient.Endpoint) (host string, port uint32) {
	if e.Path != "" {
		return e.Path, unixSocket
	}
	return e.Host, uint32(e.Port)
}

// parse reads a forward, and says whether it is one. What is missing in it is judged as
// by OpenSSH.
func (w forward) parse() (f sshclient.Forward, ok bool) {
	f = sshclient.Forward{Listen: endpoint(w.ListenHost, w.ListenPort), Connect: endpoint(w.ConnectHost, w.ConnectPort)}
	const maxPort = 65535
	if f.Listen.Port > maxPort || f.Connect.Port > maxPort || w.ListenPort == unixSocket && w.ListenHost == "" {
		return f, false
	}
	anywhere := w.ConnectPort == 0
	if !anywhere && w.ConnectHost == "" {
		return f, false
	}
	switch {
	case w.Kind == forwardLocal && !anywhere:
		f.Kind = sshclient.LocalForward
	case w.Kind == forwardDynamic && f.Listen.Path == "":
		f.Kind, f.Connect = sshclient.DynamicForward, sshclient.Endpoint{}
	case w.Kind == forwardRemote && anywhere:
		f.Kind, f.Connect = sshclient.RemoteDynamicForward, sshclient.Endpoint{}
	case w.Kind == forwardRemote:
		f.Kind = sshclient.RemoteForward
	default:
		return f, false
	}
	return f, true
}

// describe is a forward in the words in which OpenSSH asks about it.
func describe(f sshclient.Forward) string {
	kind := map[sshclient.ForwardKind]string{
		sshclient.LocalForward: "local", sshclient.DynamicForward: "dynamic",
		sshclient.RemoteForward: "remote", sshclient.RemoteDynamicForward: "remote",
	}[f.Kind]
	to := "*"
	if f.Connect != (sshclient.Endpoint{}) {
		to = f.Connect.String()
	}
	return fmt.Sprintf("%s forward %s -> %s", kind, f.Listen, to)
}

// forward opens or closes a forward for the client.
func (v *serving) forward(ctx context.Context, id uint32, request message) error {
	var w forward
	if err := request.parse(&w); err != nil {
		return err
	}
	f, ok := w.parse()
	if !ok {
		return v.fail(id, "Invalid forwarding request")
	}
	forwards := v.server.cfg.Client.Forwards()
	if request.kind == mCloseForward {
		if err := forwards.Cancel(ctx, f); err != nil {
			return v.fail(id, "port not forwarded")
		}
		return v.ok(id)
	}
	for _, open := range forwards.List() {
		if open.Forward == f {
			return v.forwarded(id, open)
		}
	}
	if !v.server.confirm(ctx, "Open %s on %s?", describe(f), v.server.cfg.Host) {
		return v.deny(id)
	}
	bound, err := forwards.Open(ctx, f)
	if err != nil {
		v.server.log(sshclient.Info, "requested %s failed: %v", describe(f), err)
		return v.fail(id, failure(f))
	}
	return v.forwarded(id, sshclient.OpenForward{Forward: f, Bound: bound})
}

// failure says that a forward is not open, in OpenSSH's words.
func failure(f sshclient.Forward) string {
	switch {
	case f.Kind == sshclient.LocalForward || f.Kind == sshclient.DynamicForward:
		return "Port forwarding failed"
	case f.Listen.Path != "":
		return "remote port forwarding failed for listen path " + f.Listen.Path
	}
	return fmt.Sprintf("remote port forwarding failed for listen port %d", f.Listen.Port)
}

// forwarded tells of a forward that is open.
func (v *serving) forwarded(id uint32, open sshclient.OpenForward) error {
	remote := open.Kind == sshclient.RemoteForward || open.Kind == sshclient.RemoteDynamicForward
	if remote && open.Listen.Path == "" && open.Listen.Port == 0 {
		return v.conn.write(newMessage(sRemotePort, number{id}, number{uint32(open.Bound.Port)}))
	}
	return v.ok(id)
}
