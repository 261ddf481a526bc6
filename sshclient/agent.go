package sshclient

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// DialAgent connects to the ssh-agent at a Unix socket or, on Windows, at a named
// pipe such as \\.\pipe\openssh-ssh-agent.
func DialAgent(path string) (io.ReadWriteCloser, error) { return dialAgent(path) }

// agentClient talks to an agent one request at a time. The conn's Close is kept
// from x/crypto, whose pipelining would leave a goroutine with an agent that
// answers what it was not asked.
func agentClient(conn io.ReadWriter) agent.ExtendedAgent {
	return agent.NewClient(struct{ io.ReadWriter }{conn})
}

// heldKeys lists the keys of an agent. Types that we do not know are left out.
func heldKeys(a agent.ExtendedAgent) ([]candidate, error) {
	keys, err := a.List()
	if err != nil {
		return nil, err
	}
	var held []candidate
	for _, key := range keys {
		public, err := ssh.ParsePublicKey(key.Blob)
		if err != nil {
			continue
		}
		held = append(held, candidate{
			source: key.Comment, public: public, agent: true,
			signer: agentSigner{agent: a, public: public},
		})
	}
	return held, nil
}

// addToAgent hands a decrypted key to an agent.
func addToAgent(a agent.ExtendedAgent, file *keyFile, how AddToAgent) error {
	return a.Add(agent.AddedKey{
		PrivateKey: file.private, Comment: file.path,
		LifetimeSecs: uint32(how.Lifetime / time.Second), ConfirmBeforeUse: how.Confirm,
	})
}

// agentSigner signs with a key of an agent.
type agentSigner struct {
	agent  agent.ExtendedAgent
	public ssh.PublicKey
}

func (s agentSigner) PublicKey() ssh.PublicKey { return s.public }

func (s agentSigner) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	return s.agent.Sign(s.public, data)
}

func (s agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	}
	sig, err := s.agent.SignWithFlags(s.public, data, flags)
	if err == nil && sig.Format != algorithm {
		// Old agents ignore the flags and sign with SHA-1.
		return nil, fmt.Errorf("agent signed with %s instead of %s", sig.Format, algorithm)
	}
	return sig, err
}
