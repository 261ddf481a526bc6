package sshclient

import (
	"crypto/rsa"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// testdata/putty_rsa.ppk is what puttygen 0.78 makes of testdata/putty_rsa (-O private --ppk-param version=2).
func TestMarshalPPK(t *testing.T) {
	text, err := os.ReadFile("testdata/putty_rsa")
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/putty_rsa.ppk")
	if err != nil {
		t.Fatal(err)
	}
	got, err := marshalPPK(private.(*rsa.PrivateKey), "me@here")
	if err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
