package sshclient

import "golang.org/x/crypto/ssh"

// OpenChannel opens a channel of any kind, for those who share the connection. It
// waits for as long as that lives. The error is an *ssh.OpenChannelError or why the
// connection ended. The caller must serve the requests.
func (c *Client) OpenChannel(kind string, data []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	channel, requests, err := c.conn.OpenChannel(kind, data)
	if err != nil {
		return nil, nil, c.explain(err)
	}
	return channel, requests, nil
}

// ForwardsAgent says whether the commands of all sessions may use the agent of Config.ForwardAgent.
func (c *Client) ForwardsAgent() bool { return c.agentPath != "" }

// Algorithms returns what the two sides have agreed on; of a joined connection nothing is known.
func (c *Client) Algorithms() ssh.NegotiatedAlgorithms {
	return c.conn.(ssh.AlgorithmsConnMetadata).Algorithms()
}

// Way says how the server is reached, as ssh does: its address, or "via proxy".
func (c *Client) Way() string { return way(c.conn.RemoteAddr()) }
