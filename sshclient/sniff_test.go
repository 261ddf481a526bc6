package sshclient

import (
	"bytes"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// recorder keeps what a server says.
type recorder struct {
	net.Conn
	heard bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.heard.Write(p[:n])
	return n, err
}

// recorded is a server's side of a connection, and the session identifier.
func recorded(t *testing.T, kex string) (heard []byte, sessionID []byte, hostKey ssh.PublicKey) {
	t.Helper()
	server := sshtest.NewServer()
	server.AllowAll = true
	server.KeyExchanges = []string{kex}
	defer server.Close()
	conn := &recorder{Conn: server.Dial()}
	config := labConfig(server)
	config.KexAlgorithms = kex
	client, err := Handshake(t.Context(), conn, config)
	if err != nil {
		t.Fatal(err)
	}
	sessionID = client.conn.SessionID()
	client.Close()
	return conn.heard.Bytes(), sessionID, server.HostKey()
}

func (p exchangeProof) valid(sessionID []byte, hostKey ssh.PublicKey) bool {
	var sig ssh.Signature
	return bytes.Equal(p.hostKey, hostKey.Marshal()) && ssh.Unmarshal(p.signature, &sig) == nil &&
		hostKey.Verify(sessionID, &sig) == nil
}

func TestSniffer(t *testing.T) {
	for _, kex := range []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512} {
		heard, sessionID, hostKey := recorded(t, kex)
		heard = append([]byte("a line before\r\n"), heard...)
		for _, piece := range []int{1, 7, 100, len(heard)} {
			s := &sniffer{}
			for rest := heard; len(rest) > 0; {
				n := min(piece, len(rest))
				s.watch(rest[:n])
				rest = rest[n:]
			}
			if !s.over || !s.proof.valid(sessionID, hostKey) {
				t.Errorf("%s in pieces of %d: no proof", kex, piece)
			}
		}
	}
}

func TestSnifferOfOtherThings(t *testing.T) {
	for name, data := range map[string][]byte{
		"no SSH":         bytes.Repeat([]byte("x"), maxSniffed+1),
		"huge packet":    []byte("SSH-2.0-x\r\n\xff\xff\xff\xff\x04"),
		"empty payload":  []byte("SSH-2.0-x\r\n\x00\x00\x00\x05\x04...."),
		"all padding":    []byte("SSH-2.0-x\r\n\x00\x00\x00\x04\xff...."),
		"new keys first": []byte("SSH-2.0-x\r\n\x00\x00\x00\x06\x04\x15...."),
	} {
		s := &sniffer{}
		s.watch(data)
		if !s.over || s.proof.hostKey != nil || s.pending != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	group := ssh.Marshal(struct {
		Number byte
		P, G   []byte
	}{msgKexReply, make([]byte, 256), []byte{2}})
	s := &sniffer{greeted: true}
	s.message(group)
	if s.over {
		t.Error("the group of a group exchange was taken for a reply")
	}
}

func FuzzSniffer(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n\x00\x00\x00\x06\x04\x15...."), 3)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		s := &sniffer{}
		for piece = max(1, piece); len(data) > 0; {
			n := min(piece, len(data))
			s.watch(data[:n])
			data = data[n:]
		}
		if len(s.pending) > maxSniffed {
			t.Errorf("%d bytes kept", len(s.pending))
		}
	})
}
