package sshtest

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"
)

// keyExtension carries the key that a client authenticated with.
const keyExtension = "sshtest-key"

var (
	errNotAuthorized = errors.New("not authorized")
	errRefused       = errors.New("the source is penalised")
)

// config is the server's side of one connection.
func (s *Server) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{NoClientAuth: s.AllowAll, MaxAuthTries: -1}
	config.Ciphers, config.KeyExchanges, config.MACs = s.Ciphers, s.KeyExchanges, s.MACs
	config.RekeyThreshold = s.RekeyThreshold
	if s.Banner != "" {
		config.BannerCallback = s.banner
	}
	callbacks := s.callbacks(s.Steps)
	config.PublicKeyCallback = callbacks.PublicKeyCallback
	config.PasswordCallback = callbacks.PasswordCallback
	config.KeyboardInteractiveCallback = callbacks.KeyboardInteractiveCallback
	for _, key := range s.HostKeys {
		config.AddHostKey(key)
	}
	return config
}

func (s *Server) banner(ssh.ConnMetadata) string { return s.Banner }

// callbacks takes the first of the steps and goes on with the others; without steps
// it takes any method, and is done.
func (s *Server) callbacks(steps []string) ssh.ServerAuthCallbacks {
	gate := step{server: s}
	if len(steps) > 0 {
		gate.rest = steps[1:]
	}
	wants := func(method string, otherwise bool) bool {
		if len(steps) > 0 {
			return steps[0] == method
		}
		return otherwise || slices.Contains(s.Methods, method)
	}
	var c ssh.ServerAuthCallbacks
	if wants("publickey", true) {
		c.PublicKeyCallback = gate.checkKey
	}
	if wants("password", s.Password != "") {
		c.PasswordCallback = gate.checkPassword
	}
	if wants("keyboard-interactive", len(s.Questions) > 0) {
		c.KeyboardInteractiveCallback = gate.checkAnswers
	}
	return c
}

// step is one part of an authentication.
type step struct {
	server *Server
	rest   []string // the steps after it
}

// pass is the answer to who has passed the step.
func (g step) pass(p *ssh.Permissions) (*ssh.Permissions, error) {
	if len(g.rest) > 0 {
		return nil, &ssh.PartialSuccessError{Next: g.server.callbacks(g.rest)}
	}
	return p, nil
}

func (g step) checkKey(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	blob := key.Marshal()
	known := slices.ContainsFunc(g.server.AuthorizedKeys, func(known ssh.PublicKey) bool { return bytes.Equal(known.Marshal(), blob) })
	if !known && (g.server.Authorize == nil || !g.server.Authorize(key)) {
		return nil, errNotAuthorized
	}
	return g.pass(&ssh.Permissions{Extensions: map[string]string{keyExtension: string(blob)}})
}

func (g step) checkPassword(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	if g.server.Password == "" || subtle.ConstantTimeCompare(password, []byte(g.server.Password)) != 1 {
		return nil, errNotAuthorized
	}
	return g.pass(nil)
}

func (g step) checkAnswers(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	var texts []string
	var echos []bool
	for _, q := range g.server.Questions {
		texts, echos = append(texts, q.Text), append(echos, q.Echo)
	}
	if len(texts) == 0 {
		return nil, errNotAuthorized
	}
	answers, err := ask("", g.server.Instruction, texts, echos)
	if err != nil {
		return nil, err
	}
	for i, q := range g.server.Questions {
		if answers[i] != q.Answer {
			return nil, errNotAuthorized
		}
	}
	return g.pass(nil)
}
