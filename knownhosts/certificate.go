package knownhosts

import (
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// A CertError is why a host certificate of a known authority cannot be used.
// Reason is OpenSSH's text for it.
type CertError struct{ Reason string }

func (e *CertError) Error() string { return e.Reason }

// checkCert looks for the authority of cert among the entries. Other authorities
// do not make it Changed: one for all hosts need not sign each of them.
func checkCert(v Verdict, cert *ssh.Certificate, entries []Entry) Verdict {
	for i := range entries {
		e := &entries[i]
		if e.Marker == CertAuthority && equal(e.Key, cert.SignatureKey) {
			v.ReadOnly = v.ReadOnly || e.Origin == Told
			if v.CertErr = v.checkCertificate(cert); v.CertErr == nil {
				v.Status, v.By = TrustedByCA, e
			}
			return v
		}
	}
	return v
}

// checkCertificate tells whether a certificate holds for the target. (OpenSSH:
// sshkey.c sshkey_cert_check_host.) As OpenSSH does since 10.3, it takes
// patterns as principals, and no certificate without any.
func (q Query) checkCertificate(cert *ssh.Certificate) *CertError {
	now := uint64(max(q.Now.Unix(), 0))
	principal := slices.IndexFunc(cert.ValidPrincipals, func(pattern string) bool {
		return matchPattern(q.principal(), pattern)
	})
	switch {
	case cert.CertType != ssh.HostCert:
		return &CertError{"Certificate invalid: not a host certificate"}
	case now < cert.ValidAfter:
		return &CertError{"Certificate invalid: not yet valid"}
	case now >= cert.ValidBefore:
		return &CertError{"Certificate invalid: expired"}
	case len(cert.ValidPrincipals) == 0:
		return &CertError{"Certificate lacks principal list"}
	case principal < 0:
		return &CertError{"Certificate invalid: name is not a listed principal"}
	case len(cert.CriticalOptions) > 0:
		return &CertError{"Certificate contains unsupported critical options"}
	case cert.Signature == nil || !slices.Contains(q.caSignatures(), cert.Signature.Format):
		return &CertError{"Certificate signed with disallowed algorithm"}
	}
	// Left for the library is the signature itself.
	checker := ssh.CertChecker{Clock: func() time.Time { return q.Now }}
	if err := checker.CheckCert(cert.ValidPrincipals[principal], cert); err != nil {
		return &CertError{"Certificate invalid: " + err.Error()}
	}
	return nil
}

func (q Query) caSignatures() []string {
	if q.CASignatures != nil {
		return q.CASignatures
	}
	return DefaultCASignatures()
}
