package sshclient

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A key that the server signs for with SHA-1 is left out; a false or missing signature
// makes all of its word doubtful.
func TestProvedKeys(t *testing.T) {
	session := []byte("session")
	ed, ecdsa, rsa := newTestKey(t, "ed25519"), newTestKey(t, "ecdsa"), newTestKey(t, "rsa")
	prove := func(key testKey, algorithm string, session []byte) []byte {
		t.Helper()
		signer, err := ssh.NewSignerFromKey(key.private)
		if err != nil {
			t.Fatal(err)
		}
		data := ssh.Marshal(struct {
			Name         string
			Session, Key []byte
		}{"hostkeys-prove-00@openssh.com", session, key.public.Marshal()})
		signature, err := signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		return ssh.Marshal(struct{ Signature []byte }{ssh.Marshal(signature)})
	}
	edProof, ecdsaProof := prove(ed, ssh.KeyAlgoED25519, session), prove(ecdsa, ssh.KeyAlgoECDSA256, session)
	strong, weak := prove(rsa, ssh.KeyAlgoRSASHA512, session), prove(rsa, ssh.KeyAlgoRSA, session)
	for _, test := range []struct {
		name   string
		agreed string
		keys   []testKey
		reply  []byte
		proved []testKey
		bad    bool
	}{
		{name: "all", keys: []testKey{ed, rsa, ecdsa}, reply: slices.Concat(edProof, strong, ecdsaProof), proved: []testKey{ed, rsa, ecdsa}},
		{name: "one weak", keys: []testKey{ed, rsa, ecdsa}, reply: slices.Concat(edProof, weak, ecdsaProof), proved: []testKey{ed, ecdsa}},
		{name: "weak as the connection", agreed: ssh.KeyAlgoRSA, keys: []testKey{rsa}, reply: weak, proved: []testKey{rsa}},
		{name: "other order", keys: []testKey{ed, ecdsa}, reply: slices.Concat(ecdsaProof, edProof), bad: true},
		{name: "other session", keys: []testKey{ed}, reply: prove(ed, ssh.KeyAlgoED25519, []byte("other")), bad: true},
		{name: "one missing", keys: []testKey{ed, ecdsa}, reply: edProof, bad: true},
		{name: "one too many", keys: []testKey{ed}, reply: slices.Concat(edProof, ecdsaProof), bad: true},
		{name: "cut short", keys: []testKey{ed}, reply: edProof[:len(edProof)-1], bad: true},
		{name: "no signature", keys: []testKey{ed}, reply: []byte{0, 0, 0, 1, 'x'}, bad: true},
	} {
		proved, err := provedKeys(session, test.agreed, publics(test.keys), test.reply)
		if errors.Is(err, errBadProof) != test.bad || !slices.Equal(fingerprints(proved), fingerprints(publics(test.proved))) {
			t.Errorf("%s: %d keys proved, %v", test.name, len(proved), err)
		}
	}
}

func publics(keys []testKey) []ssh.PublicKey {
	var list []ssh.PublicKey
	for _, key := range keys {
		list = append(list, key.public)
	}
	return list
}

func fingerprints(keys []ssh.PublicKey) []string {
	var list []string
	for _, key := range keys {
		list = append(list, ssh.FingerprintSHA256(key))
	}
	return list
}
