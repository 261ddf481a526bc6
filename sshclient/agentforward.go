package sshclient

import (
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Agent forwarding and the binding of agents to connections are in OpenSSH's
// PROTOCOL and PROTOCOL.agent.
const (
	agentRequest = "auth-agent-req@openssh.com" // of a session: its command may use the agent
	agentChannel = "auth-agent@openssh.com"     // opened by the server for each use
	agentBinding = "session-bind@openssh.com"

	// maxAgentChannels bounds how many uses a server may have open at once.
	maxAgentChannels = 64
)

// bind tells an agent whose connection it will be used for, and whether it is handed on
// there: keys that are meant for certain hosts serve on a bound connection alone.
func bind(a agent.ExtendedAgent, sessionID []byte, proof exchangeProof, forwarded bool) error {
	_, err := a.Extension(agentBinding, ssh.Marshal(struct {
		HostKey, SessionID, Signature []byte
		Forwarded                     bool
	}{proof.hostKey, sessionID, proof.signature, forwarded}))
	return err
}

// serveAgent connects one channel of the server's to the agent.
func (c *Client) serveAgent(open ssh.NewChannel) {
	if c.agentPath == "" {
		c.warnOfUnasked("agent")
		open.Reject(ssh.Prohibited, "agent forwarding was not asked for")
		return
	}
	defer c.agentUses.Add(-1)
	if c.agentUses.Add(1) > maxAgentChannels {
		open.Reject(ssh.ResourceShortage, "too many")
		return
	}
	conn, err := DialAgent(c.agentPath)
	if err != nil {
		c.log(Debug1, "agent: %v", err)
		open.Reject(ssh.ConnectionFailed, "no agent")
		return
	}
	defer conn.Close()
	if err := bind(agentClient(conn), c.conn.SessionID(), c.wire.proof(), true); err != nil {
		c.log(Debug2, "agent is not bound: %v", err)
	}
	channel, requests, err := open.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	use := &agentUse{agent: conn, channel: channel}
	use.work.Add(2)
	go use.serveRequests(requests)
	go use.copyRequests()
	io.Copy(channel, conn)
	channel.Close()
	use.work.Wait()
}

// agentUse is one use of a forwarded agent.
type agentUse struct {
	agent   io.ReadWriteCloser
	channel ssh.Channel
	work    sync.WaitGroup
}

func (u *agentUse) serveRequests(requests <-chan *ssh.Request) {
	defer u.work.Done()
	ssh.DiscardRequests(requests)
}

// copyRequests ends with the channel, and ends the other direction.
func (u *agentUse) copyRequests() {
	defer u.work.Done()
	io.Copy(u.agent, u.channel)
	u.agent.Close()
}
