package sshclient

import (
	"errors"
	"io"

	"golang.org/x/crypto/ssh"
)

// offer is a key as x/crypto offers it. The server is first asked whether it
// would take the public key; only then is it signed with, and a passphrase asked for.
type offer struct {
	candidate
	auth *authenticator
}

func (o *offer) PublicKey() ssh.PublicKey { return o.public }

func (o *offer) Algorithms() []string { return o.algorithms(o.auth.policy.accepted) }

func (o *offer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return o.SignWithAlgorithm(rand, data, o.Algorithms()[0])
}

// SignWithAlgorithm signs, and records a failure: x/crypto forgets it when the
// next key is offered.
func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	o.auth.log(Debug1, "Server accepts key: %s", o.describe())
	sig, err := o.sign(rand, data, algorithm)
	if err != nil {
		o.auth.tried[len(o.auth.tried)-1].Err = err
		level := Error
		if errors.Is(err, errLocked) { // the user knows
			level = Debug1
		}
		o.auth.log(level, "sign_and_send_pubkey: signing failed for %s \"%s\"%s: %v",
			keyName(o.public), o.source, o.from(), err)
	}
	return sig, err
}

func (o *offer) sign(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := o.open(o.auth.ctx, o.auth.passphrase)
	if err != nil {
		return nil, err
	}
	if o.signer == nil {
		o.auth.shareWithAgent(o.file)
	}
	if s, ok := signer.(ssh.AlgorithmSigner); ok {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

func (o *offer) from() string {
	if o.agent {
		return " from agent"
	}
	return ""
}
