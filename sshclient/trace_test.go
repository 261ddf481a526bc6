package sshclient

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// stepsOf makes a trace that notes its calls.
func stepsOf(steps *[]string) *Trace {
	note := func(step string) { *steps = append(*steps, step) }
	return &Trace{
		Line:     func(line string) { note("line " + line) },
		HostKey:  func(key ssh.PublicKey) { note("host key " + key.Type()) },
		Accepted: func() { note("accepted") },
	}
}

func TestTrace(t *testing.T) {
	for _, test := range []struct {
		name   string
		config func(*Config)
		want   []string
	}{
		{"whole", func(*Config) {}, []string{"line SSH-2.0-Go", "host key ssh-ed25519", "accepted"}},
		{"refused", func(c *Config) { c.Trust = TrustKeys(sshtest.NewKey().PublicKey()) }, []string{"line SSH-2.0-Go", "host key ssh-ed25519"}},
	} {
		server := sshtest.NewServer()
		server.AllowAll = true
		cfg, steps := labConfig(server), []string{}
		test.config(&cfg)
		cfg.Trace = stepsOf(&steps)
		client, err := Handshake(t.Context(), server.Dial(), cfg)
		if err == nil {
			client.Close()
		}
		server.Close()
		if !slices.Equal(steps, test.want) {
			t.Errorf("%s: %q, want %q", test.name, steps, test.want)
		}
	}
}

// A server that turns us away may say why before it identifies itself, or in its place.
func TestTraceLinesBefore(t *testing.T) {
	near, far := net.Pipe()
	go turnAway(far, "Exceeded \x1b[2JMaxStartups\r\n")
	steps := []string{}
	cfg := Config{User: "alice", Host: "lab", Trust: TrustKeys(sshtest.NewKey().PublicKey()), Trace: stepsOf(&steps)}
	_, err := Handshake(t.Context(), near, cfg)
	if want := []string{`line Exceeded \033[2JMaxStartups`}; err == nil || !slices.Equal(steps, want) {
		t.Errorf("%q, want %q (%v)", steps, want, err)
	}
}

// turnAway says a line, and hangs up once the client has spoken.
func turnAway(conn net.Conn, line string) {
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	io.Copy(conn, strings.NewReader(line))
}
