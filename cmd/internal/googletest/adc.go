package googletest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
)

// TokenURL is the address of the token endpoint, and the audience that a JWT
// must name.
func (s *Server) TokenURL() string { return s.URL + tokenPath }

// AuthorizedUser returns the application_default_credentials.json that
// `gcloud auth application-default login` writes, for Account. Call it after
// Start.
func (s *Server) AuthorizedUser() []byte {
	file := map[string]string{
		"type":            "authorized_user",
		"client_id":       s.clientID,
		"client_secret":   s.clientSecret,
		"refresh_token":   s.currentRefreshToken(),
		"token_uri":       s.TokenURL(),
		"universe_domain": "googleapis.com",
	}
	if !s.OmitAccount {
		file["account"] = s.Account
	}
	return marshal(file)
}

// ServiceAccount returns the key file of ServiceEmail, as
// `gcloud iam service-accounts keys create` writes it. Call it after Start.
func (s *Server) ServiceAccount() []byte {
	key := theServiceKey()
	return marshal(map[string]string{
		"type":            "service_account",
		"project_id":      "lab-project",
		"client_email":    s.ServiceEmail,
		"private_key_id":  key.id,
		"private_key":     key.pem,
		"token_uri":       s.TokenURL(),
		"universe_domain": "googleapis.com",
	})
}

// Login returns the file that gcloud keeps of a login of Account, in
// legacy_credentials/ACCOUNT/adc.json. Call it after Start.
func (s *Server) Login() []byte {
	return marshal(map[string]string{
		"type":          "authorized_user",
		"client_id":     s.clientID,
		"client_secret": s.clientSecret,
		"refresh_token": s.currentRefreshToken(),
		"token_uri":     s.TokenURL(),
	})
}

// Secrets returns the strings that no output may ever hold: refresh token,
// client secret, each line of the private key and every access token issued.
func (s *Server) Secrets() []string {
	secrets := []string{s.currentRefreshToken(), s.clientSecret}
	for line := range strings.Lines(theServiceKey().pem) {
		// The last line may be so short that it occurs anywhere.
		line = strings.TrimSpace(line)
		if len(line) >= 32 && !strings.HasPrefix(line, "-----") {
			secrets = append(secrets, line)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.issued {
		secrets = append(secrets, token)
	}
	secrets = append(secrets, s.spent...)
	return secrets
}

type serviceKey struct {
	id      string
	private *rsa.PrivateKey
	pem     string // PKCS #8, as in Google's key files
}

// theServiceKey is ServiceEmail's, on all servers: to make one takes longer than the rest of a server.
var theServiceKey = sync.OnceValue(newServiceKey)

// newServiceKey panics only when the system has no randomness.
func newServiceKey() *serviceKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	return &serviceKey{id: rand.Text(), private: private, pem: string(pem.EncodeToMemory(block))}
}

func marshal(file map[string]string) []byte {
	b, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(b, '\n')
}
