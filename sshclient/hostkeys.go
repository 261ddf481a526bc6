package sshclient

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// The extension by which a server shows all its host keys, and proves to hold
// them, is in section 2.5 of OpenSSH's PROTOCOL.
const (
	hostKeysOffer = "hostkeys-00@openssh.com"
	hostKeysProve = "hostkeys-prove-00@openssh.com"

	// maxHostKeys bounds what one server may offer; OpenSSH servers have three.
	maxHostKeys = 32
)

var errBadProof = errors.New("server's proof of a host key is not valid")

// learnHostKeys hands the keys of a hostkeys-00 request to trust. It runs apart
// from the goroutine that serves requests, since a proof waits for a reply.
func (c *Client) learnHostKeys(offer []byte) {
	defer c.work.Done()
	keys := parseHostKeys(offer)
	if len(keys) > 0 {
		c.trust.Learn(keys, c.proveHostKeys)
	}
}

// parseHostKeys reads the blobs of a hostkeys-00 request, leaving out keys of
// types that we do not know.
func parseHostKeys(offer []byte) []ssh.PublicKey {
	var keys []ssh.PublicKey
	for len(keys) < maxHostKeys {
		blob, rest, ok := cutString(offer)
		if !ok {
			break
		}
		if key, err := ssh.ParsePublicKey(blob); err == nil {
			keys = append(keys, key)
		}
		offer = rest
	}
	return keys
}

// proveHostKeys asks the server for a signature with each key, and returns the keys
// that it gave a good one for.
func (c *Client) proveHostKeys(keys []ssh.PublicKey) ([]ssh.PublicKey, error) {
	var request []byte
	for _, key := range keys {
		request = append(request, ssh.Marshal(struct{ Blob []byte }{key.Marshal()})...)
	}
	ok, reply, err := c.conn.SendRequest(hostKeysProve, true, request)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errBadProof
	}
	agreed := c.conn.(ssh.AlgorithmsConnMetadata).Algorithms().HostKey
	return provedKeys(c.conn.SessionID(), agreed, keys, reply)
}

// provedKeys verifies the signatures in a reply to hostkeys-prove-00: one per key, in
// order, over the request's name, the session identifier and the key. agreed is the
// algorithm of the connection's own host key. (OpenSSH: clientloop.c
// client_global_hostkeys_prove_confirm.)
func provedKeys(sessionID []byte, agreed string, keys []ssh.PublicKey, reply []byte) ([]ssh.PublicKey, error) {
	var proved []ssh.PublicKey
	for _, key := range keys {
		blob, rest, ok := cutString(reply)
		if !ok {
			return nil, errBadProof
		}
		reply = rest
		var sig ssh.Signature
		if err := ssh.Unmarshal(blob, &sig); err != nil {
			return nil, errBadProof
		}
		if isWeakProof(agreed, key, sig.Format) {
			continue
		}
		signed := ssh.Marshal(struct {
			Name         string
			Session, Key []byte
		}{hostKeysProve, sessionID, key.Marshal()})
		if err := key.Verify(signed, &sig); err != nil {
			return nil, fmt.Errorf("%w: %s", errBadProof, ssh.FingerprintSHA256(key))
		}
		proved = append(proved, key)
	}
	if len(reply) > 0 {
		return nil, errBadProof
	}
	return proved, nil
}

// isWeakProof tells of an RSA signature with SHA-1, as servers before OpenSSH 8.9 prove
// their RSA key when the connection goes by another. It serves where the user had the
// connection itself go by it.
func isWeakProof(agreed string, key ssh.PublicKey, format string) bool {
	return key.Type() == ssh.KeyAlgoRSA && format == ssh.KeyAlgoRSA && agreed != ssh.KeyAlgoRSA
}

// cutString takes one length-prefixed string (RFC 4251 section 5) off data.
func cutString(data []byte) (s, rest []byte, ok bool) {
	var field struct {
		S    []byte
		Rest []byte `ssh:"rest"`
	}
	if len(data) == 0 || ssh.Unmarshal(data, &field) != nil {
		return nil, nil, false
	}
	return field.S, field.Rest, true
}
