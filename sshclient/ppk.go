package sshclient

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// marshalPPK gives an RSA key in PuTTY's format, version 2, without a passphrase: gcloud on Windows holds its key for broken
// without such a file beside it. (PuTTY's manual, appendix C, "PPK file format".)
func marshalPPK(private *rsa.PrivateKey, comment string) ([]byte, error) {
	public, err := ssh.NewPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	private.Precompute()
	publicPart := public.Marshal()
	secretPart := ssh.Marshal(struct{ D, P, Q, QInv *big.Int }{private.D, private.Primes[0], private.Primes[1], private.Precomputed.Qinv})

	// What the MAC covers is what the lines say, as strings of SSH's.
	covered := ssh.Marshal(struct {
		Type, Encryption, Comment string
		Public, Secret            []byte
	}{public.Type(), "none", comment, publicPart, secretPart})
	macKey := sha1.Sum([]byte("putty-private-key-file-mac-key")) // and then the passphrase
	mac := hmac.New(sha1.New, macKey[:])
	mac.Write(covered)

	var b bytes.Buffer
	fmt.Fprintf(&b, "PuTTY-User-Key-File-2: %s\r\nEncryption: none\r\nComment: %s\r\n", public.Type(), comment)
	writePPKLines(&b, "Public-Lines", publicPart)
	writePPKLines(&b, "Private-Lines", secretPart)
	fmt.Fprintf(&b, "Private-MAC: %x\r\n", mac.Sum(nil))
	return b.Bytes(), nil
}

// writePPKLines writes a part in base64, 64 characters a line, after how many lines these are.
func writePPKLines(b *bytes.Buffer, name string, part []byte) {
	const width = 64
	text := base64.StdEncoding.EncodeToString(part)
	fmt.Fprintf(b, "%s: %d\r\n", name, (len(text)+width-1)/width)
	for ; len(text) > width; text = text[width:] {
		fmt.Fprintf(b, "%s\r\n", text[:width])
	}
	fmt.Fprintf(b, "%s\r\n", text)
}
