package lab

import (
	"bytes"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// revision is the one of Service that gets its traffic.
const revision = Service + "-00001-abc"

// certificateLife is that of the certificates that users get.
const certificateLife = time.Hour

// signUser is OS Login's certificate for a user.
func (l *Lab) signUser(publicKey, user string) string {
	return sshtest.Certify(l.signer(), publicKey, user, time.Now().Add(certificateLife))
}

func (l *Lab) signer() ssh.Signer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.authority
}

// NewAuthority changes whose signature users' certificates bear; no others are taken from then on.
func (l *Lab) NewAuthority() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.authority = sshtest.NewKey()
	return os.WriteFile(l.Files.authority, ssh.MarshalAuthorizedKey(l.authority.PublicKey()), 0o644)
}

// startContainer starts the service of Cloud Run: a server that shows a certificate under the name of all such, and takes nothing but
// certificates for root.
func (l *Lab) startContainer() error {
	host := sshtest.NewKey()
	cert := &ssh.Certificate{Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"cloud-run-default"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, l.signer()); err != nil {
		return err
	}
	signer, err := ssh.NewCertSigner(cert, host)
	if err != nil {
		return err
	}
	l.container = &sshtest.Server{HostKeys: []ssh.Signer{signer}, Authorize: l.isRoot, Dir: l.Files.Home}
	l.container.Start()
	l.Google.AddRunWorkload(Project, googletest.RunWorkload{
		Type: "service", Region: Region, Name: Service, ServiceAccount: l.Google.ServiceEmail, Traffic: map[string]int{revision: 100, "lab-service-00000-old": 0},
	})
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(l.signer().PublicKey())))
	l.Google.PublishAuthorities(Region, line)
	return nil
}

// isRoot judges a key that is shown to the container.
func (l *Lab) isRoot(key ssh.PublicKey) bool {
	cert, ok := key.(*ssh.Certificate)
	checker := ssh.CertChecker{IsUserAuthority: func(key ssh.PublicKey) bool {
		return bytes.Equal(key.Marshal(), l.signer().PublicKey().Marshal())
	}}
	return ok && cert.CertType == ssh.UserCert && slices.Contains(cert.ValidPrincipals, "root") &&
		checker.IsUserAuthority(cert.SignatureKey) && checker.CheckCert("root", cert) == nil
}
