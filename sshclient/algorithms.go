package sshclient

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

// Kind is a class of negotiated algorithms, named after its ssh_config keyword.
type Kind string

// The kinds that [ResolveAlgorithms] knows.
const (
	KexAlgorithms     Kind = "KexAlgorithms"
	Ciphers           Kind = "Ciphers"
	MACs              Kind = "MACs"
	HostKeyAlgorithms Kind = "HostKeyAlgorithms"

	// CASignatureAlgorithms are for HostTrust: nothing here looks at certificates.
	CASignatureAlgorithms    Kind = "CASignatureAlgorithms"
	PubkeyAcceptedAlgorithms Kind = "PubkeyAcceptedAlgorithms"
)

// kexCurve25519LibSSH is the name that servers before OpenSSH 7.3 know
// curve25519-sha256 by. x/crypto adds it by itself wherever the latter is offered.
const kexCurve25519LibSSH = "curve25519-sha256@libssh.org"

// DefaultAlgorithms returns what is offered when nothing is configured, most
// preferred first. There is no SHA-1 in signatures or key exchange, and host keys
// rank as in OpenSSH (Ed25519 before ECDSA), so that both learn the same key on
// first use. Where the CPU has AES, AES-GCM goes first: it costs half of
// ChaCha20 there.
func DefaultAlgorithms(kind Kind) []string {
	switch kind {
	case KexAlgorithms:
		return []string{
			ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519,
			ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521,
			ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256,
		}
	case Ciphers:
		return defaultCiphers(hasAES())
	case MACs:
		return []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512, ssh.HMACSHA1}
	case HostKeyAlgorithms:
		return []string{
			ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
			ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
		}
	case CASignatureAlgorithms:
		return []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
		}
	case PubkeyAcceptedAlgorithms:
		hostKeys := DefaultAlgorithms(HostKeyAlgorithms)
		return append(hostKeys, ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256)
	}
	return nil
}

func defaultCiphers(aes bool) []string {
	ctr := []string{ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR}
	if aes {
		return append([]string{ssh.CipherAES128GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES256GCM}, ctr...)
	}
	return append([]string{ssh.CipherChaCha20Poly1305, ssh.CipherAES128GCM, ssh.CipherAES256GCM}, ctr...)
}

// hasAES says whether AES-GCM runs in hardware here.
func hasAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
}

// SupportedAlgorithms returns all that may be asked for: the defaults first, then
// what is used only when named, weak ones included.
func SupportedAlgorithms(kind Kind) []string {
	safe, weak := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	all := DefaultAlgorithms(kind)
	switch kind {
	case KexAlgorithms:
		all = slices.Concat(all, []string{kexCurve25519LibSSH}, safe.KeyExchanges, weak.KeyExchanges)
	case Ciphers:
		all = slices.Concat(all, safe.Ciphers, weak.Ciphers)
	case MACs:
		all = slices.Concat(all, safe.MACs, weak.MACs)
	case HostKeyAlgorithms:
		all = slices.Concat(all, safe.HostKeys, weak.HostKeys)
	case CASignatureAlgorithms:
		all = append(all, ssh.KeyAlgoRSA)
	case PubkeyAcceptedAlgorithms:
		all = append(all, ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01)
	}
	return unique(all)
}

// AlgorithmsError says that a list leaves nothing that we could offer.
type AlgorithmsError struct {
	Kind      Kind
	Spec      string   // as configured
	Supported []string // what could be named instead
}

func (e *AlgorithmsError) Error() string {
	return fmt.Sprintf("%s %q leaves no supported algorithm; supported are %s", e.Kind, e.Spec, strings.Join(e.Supported, ","))
}

// ResolveAlgorithms evaluates the value of an ssh_config keyword. An empty spec
// is the default list; a plain list replaces it; "+list" appends to it, "-list"
// removes from it and "^list" puts names at its head. Names may be patterns with
// * and ? except in a plain list. Names that we do not support are left out and
// returned in ignored. The error is an *[AlgorithmsError].
func ResolveAlgorithms(kind Kind, spec string) (use, ignored []string, err error) {
	defaults, supported := DefaultAlgorithms(kind), SupportedAlgorithms(kind)
	if spec == "" {
		return defaults, nil, nil
	}
	op, list := spec[0], spec
	if strings.IndexByte("+-^", op) >= 0 {
		list = spec[1:]
	}
	named, ignored := expand(strings.Split(list, ","), supported)
	switch op {
	case '+':
		use = unique(slices.Concat(defaults, named))
	case '^':
		use = unique(slices.Concat(named, defaults))
	case '-':
		use = slices.DeleteFunc(defaults, func(name string) bool { return slices.Contains(named, name) })
	default:
		use = unique(named)
	}
	if len(use) == 0 {
		return nil, ignored, &AlgorithmsError{Kind: kind, Spec: spec, Supported: supported}
	}
	return use, ignored, nil
}

// expand replaces each pattern by the supported names that it matches, and
// returns those that match none.
func expand(patterns, supported []string) (named, unknown []string) {
	for _, pattern := range patterns {
		before := len(named)
		for _, name := range supported {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				named = append(named, name)
			}
		}
		if len(named) == before {
			unknown = append(unknown, pattern)
		}
	}
	return named, unknown
}

// unique returns names with later repetitions left out.
func unique(names []string) []string {
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
