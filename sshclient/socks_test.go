package sshclient

import (
	"bytes"
	"io"
	"testing"
)

// conversation is a SOCKS client that has said everything at once.
type conversation struct {
	io.Reader
	heard bytes.Buffer
}

func (c *conversation) Write(p []byte) (int, error) { return c.heard.Write(p) }

func TestReadSOCKS(t *testing.T) {
	for _, test := range []struct {
		name, say string
		want      string // where to; empty: refused
		heard     string
	}{
		{"4", "\x04\x01\x00\x50\x0a\x01\x02\x03me\x00", "10.1.2.3:80", ""},
		{"4a", "\x04\x01\x1f\x90\x00\x00\x00\x07\x00db.internal\x00", "db.internal:8080", ""},
		{"4, to listen", "\x04\x02\x00\x50\x0a\x01\x02\x03\x00", "", "\x00\x5b\x00\x00\x00\x00\x00\x00"},
		{"4, endless user", "\x04\x01\x00\x50\x0a\x01\x02\x03" + string(bytes.Repeat([]byte("u"), 5000)), "", ""},
		{"5, IPv4", "\x05\x01\x00\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x16", "10.1.2.3:22", "\x05\x00"},
		{"5, name", "\x05\x02\x02\x00\x05\x01\x00\x03\x02db\x00\x16", "db:22", "\x05\x00"},
		{"5, four letters", "\x05\x01\x00\x05\x01\x00\x03\x04host\x00\x16", "host:22", "\x05\x00"},
		{"5, IPv6", "\x05\x01\x00\x05\x01\x00\x04" + string(make([]byte, 15)) + "\x01\x01\xbb", "[::1]:443", "\x05\x00"},
		{"5, with a password", "\x05\x01\x02", "", "\x05\xff"},
		{"5, to listen", "\x05\x01\x00\x05\x02\x00\x01\x0a\x01\x02\x03\x00\x16", "", "\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x16"},
		{"5, unknown address", "\x05\x01\x00\x05\x01\x00\x09", "", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"5, no name", "\x05\x01\x00\x05\x01\x00\x03\x00\x00\x16", "", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "", ""},
		{"nothing", "", "", ""},
	} {
		client := &conversation{Reader: bytes.NewReader([]byte(test.say + "rest"))}
		request, err := readSOCKS(client)
		if got := request.to.String(); (err == nil) != (test.want != "") || err == nil && got != test.want || client.heard.String() != test.heard {
			t.Errorf("%s: to %s, heard %q, %v", test.name, got, client.heard.String(), err)
		}
		if rest, _ := io.ReadAll(client); err == nil && string(rest) != "rest" {
			t.Errorf("%s: left %q", test.name, rest)
		}
		for i := range test.say { // a client that goes away in the middle
			if _, err := readSOCKS(&conversation{Reader: bytes.NewReader([]byte(test.say[:i]))}); err == nil {
				t.Errorf("%s: %d bytes are enough", test.name, i)
			}
		}
	}
}

func FuzzReadSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x02\x02\x00\x05\x01\x00\x03\x02db\x00\x16"))
	f.Add([]byte("\x04\x01\x1f\x90\x00\x00\x00\x07\x00db.internal\x00"))
	f.Fuzz(func(t *testing.T, said []byte) {
		client := &conversation{Reader: bytes.NewReader(said)}
		request, err := readSOCKS(client)
		if err == nil && (request.to.Port > maxPort || len(request.to.Host) > maxSOCKS4Text) {
			t.Errorf("to %v", request.to)
		}
		if client.heard.Len() > 32 {
			t.Errorf("said %q", client.heard.String())
		}
	})
}
