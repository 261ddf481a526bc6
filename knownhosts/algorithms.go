package knownhosts

import (
	"slices"

	"golang.org/x/crypto/ssh"
)

// DefaultAlgorithms returns the host key algorithms to offer where ssh_config's
// HostKeyAlgorithms says nothing, in OpenSSH's order: certificates, then plain
// keys; Ed25519 before ECDSA before RSA. Neither SHA-1 nor DSA is among them.
// (OpenSSH: myproposal.h KEX_DEFAULT_PK_ALG.)
func DefaultAlgorithms() []string {
	return append([]string{
		ssh.CertAlgoED25519v01,
		ssh.CertAlgoECDSA256v01,
		ssh.CertAlgoECDSA384v01,
		ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoSKED25519v01,
		ssh.CertAlgoSKECDSA256v01,
		ssh.CertAlgoRSASHA512v01,
		ssh.CertAlgoRSASHA256v01,
	}, DefaultCASignatures()...)
}

// DefaultCASignatures returns the algorithms with which certificates may be
// signed where ssh_config's CASignatureAlgorithms says nothing.
func DefaultCASignatures() []string {
	return []string{
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256,
		ssh.KeyAlgoECDSA384,
		ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519,
		ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoRSASHA512,
		ssh.KeyAlgoRSASHA256,
	}
}

// Algorithms returns the host key algorithms of offered (nil means
// [DefaultAlgorithms]) in the order in which to ask t for them: first those of
// keys that the files, or lines told of beside them, have for it, and certificates if they have an authority,
// so that a server with several keys shows one that can be checked. Otherwise
// the order is kept, and all of it if the first choice is known. (OpenSSH:
// sshconnect2.c order_hostkeyalgs.)
func (s *Store) Algorithms(t Target, offered []string, told ...File) []string {
	if offered == nil {
		offered = DefaultAlgorithms()
	}
	entries, _ := lookup(slices.Concat(s.Files, told), t.Name())
	known := knownFormats(entries)
	authority := slices.ContainsFunc(entries, func(e Entry) bool { return e.Marker == CertAuthority })
	if len(offered) > 0 && known[plainFormat(offered[0])] {
		return slices.Clone(offered)
	}
	var first, last []string
	for _, name := range offered {
		if known[plainFormat(name)] || authority && isCert(name) {
			first = append(first, name)
		} else {
			last = append(last, name)
		}
	}
	return append(first, last...)
}

// knownFormats tells of which formats there are plain keys. As in OpenSSH, the
// first key of each counts, and does not if it is revoked.
func knownFormats(entries []Entry) map[string]bool {
	known := map[string]bool{}
	for _, e := range entries {
		if _, seen := known[e.Key.Type()]; e.Marker == NoMarker && !seen {
			known[e.Key.Type()] = revokedBy(entries, e.Key) == nil
		}
	}
	return known
}
