package sshclient

import "golang.org/x/crypto/ssh"

// maxServerChannels bounds how many channels a server may have open, as in OpenSSH.
const maxServerChannels = 10000

// serveChannels answers the channels that the server opens. It never waits: x/crypto
// stops reading when a few are not answered. Each has a goroutine of its own.
func (c *Client) serveChannels(chans <-chan ssh.NewChannel) {
	defer c.work.Done()
	for open := range chans {
		if c.serverChannels.Add(1) > maxServerChannels {
			c.serverChannels.Add(-1)
			open.Reject(ssh.ResourceShortage, "too many")
			continue
		}
		c.work.Add(1)
		go c.serveChannel(open)
	}
}

// serveChannel answers one channel, and sees it to its end.
func (c *Client) serveChannel(open ssh.NewChannel) {
	defer c.work.Done()
	defer c.serverChannels.Add(-1)
	open = watchOpening(c.conn, open)
	switch kind := open.ChannelType(); {
	case kind == forwardedTCP, kind == forwardedUnix:
		c.forwards.serveForwarded(open)
	case c.joined: // the rest is the affair of who holds the connection
		open.Reject(ssh.UnknownChannelType, "unsupported channel type")
	case kind == x11Channel:
		c.forwards.serveX11(open)
	case kind == agentChannel:
		c.serveAgent(open)
	default:
		open.Reject(ssh.UnknownChannelType, "unsupported channel type")
	}
}

// warnOfUnasked tells of a server that wants to use what it was not offered, in ssh's words.
func (c *Client) warnOfUnasked(what string) {
	c.forwards.complain("Warning: ssh server tried %s forwarding.", what)
	c.forwards.complain("Warning: this is probably a break-in attempt by a malicious server.")
}
