package sshclient

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// NegotiationError says that the server has no algorithm of a kind that we offered.
type NegotiationError struct {
	Kind  Kind     // the keyword of our offer; empty for compression
	Offer []string // the server's
}

// Error is in ssh's words.
func (e *NegotiationError) Error() string {
	what := map[Kind]string{
		KexAlgorithms: "key exchange method", HostKeyAlgorithms: "host key type", Ciphers: "cipher", MACs: "MAC", "": "compression method",
	}[e.Kind]
	return fmt.Sprintf("no matching %s found. Their offer: %s", what, visibleLine(strings.Join(e.Offer, ","), 1024))
}

// Allowable returns what both sides have, and we did not offer; empty if there is none.
func (e *NegotiationError) Allowable() string {
	for _, name := range SupportedAlgorithms(e.Kind) {
		if slices.Contains(e.Offer, name) {
			return name
		}
	}
	return ""
}

// negotiationError has x/crypto's error in our form.
func negotiationError(err *ssh.AlgorithmNegotiationError) *NegotiationError {
	e := &NegotiationError{Offer: err.RequestedAlgorithms}
	switch {
	case err.What == "key exchange":
		e.Kind = KexAlgorithms
	case err.What == "host key":
		e.Kind = HostKeyAlgorithms
	case strings.HasSuffix(err.What, " cipher"): // in one direction
		e.Kind = Ciphers
	case strings.HasSuffix(err.What, " MAC"):
		e.Kind = MACs
	}
	return e
}
