package sshclient

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestResolveAlgorithms(t *testing.T) {
	defaults := DefaultAlgorithms(MACs)
	for _, test := range []struct {
		spec          string
		want, ignored string
	}{
		{spec: "", want: strings.Join(defaults, ",")},
		{spec: "hmac-sha2-512,hmac-sha2-256", want: "hmac-sha2-512,hmac-sha2-256"},
		{spec: "umac-64@openssh.com,hmac-sha2-256", want: "hmac-sha2-256", ignored: "umac-64@openssh.com"},
		{spec: "+hmac-sha1-96", want: strings.Join(defaults, ",") + ",hmac-sha1-96"},
		{spec: "+hmac-sha1", want: strings.Join(defaults, ",")},
		{spec: "-hmac-sha1*", want: strings.Join(defaults[:4], ",")},
		{spec: "-*etm@openssh.com,hmac-sha1", want: "hmac-sha2-256,hmac-sha2-512"},
		{spec: "^hmac-sha2-512", want: "hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha1"},
		{spec: "+", want: strings.Join(defaults, ","), ignored: ""},
		{spec: "umac-64@openssh.com", ignored: "umac-64@openssh.com"},
		{spec: "-*"},
		{spec: "[", ignored: "["},
	} {
		use, ignored, err := ResolveAlgorithms(MACs, test.spec)
		if got := strings.Join(use, ","); got != test.want {
			t.Errorf("%q: use %s, want %s", test.spec, got, test.want)
		}
		if got := strings.Join(ignored, ","); got != test.ignored {
			t.Errorf("%q: ignored %q, want %q", test.spec, got, test.ignored)
		}
		var none *AlgorithmsError
		if errors.As(err, &none) != (test.want == "") {
			t.Errorf("%q: error %v", test.spec, err)
		}
		if none != nil && !strings.Contains(none.Error(), "hmac-sha2-256-etm@openssh.com") {
			t.Errorf("%q: error %q does not say what is supported", test.spec, none)
		}
	}
}

func TestDefaultAlgorithms(t *testing.T) {
	for _, kind := range []Kind{KexAlgorithms, Ciphers, MACs, HostKeyAlgorithms} {
		supported := SupportedAlgorithms(kind)
		for _, name := range DefaultAlgorithms(kind) {
			if !slices.Contains(supported, name) {
				t.Errorf("%s: default %s is not supported", kind, name)
			}
			sha1 := strings.HasSuffix(name, "-sha1") && kind != MACs
			if sha1 || name == "ssh-rsa" || name == "ssh-dss" || name == "hmac-sha1-96" || strings.Contains(name, "cbc") {
				t.Errorf("%s: %s is offered by default", kind, name)
			}
		}
	}
	if first := defaultCiphers(true)[0]; first != "aes128-gcm@openssh.com" {
		t.Errorf("with AES in hardware %s goes first", first)
	}
	if first := defaultCiphers(false)[0]; first != "chacha20-poly1305@openssh.com" {
		t.Errorf("without AES in hardware %s goes first", first)
	}
}
