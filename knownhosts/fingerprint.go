package knownhosts

import (
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A FingerprintHash is a value of ssh_config's FingerprintHash.
type FingerprintHash int

const (
	SHA256 FingerprintHash = iota
	MD5
)

// ParseFingerprintHash returns the hash that ssh_config calls value.
func ParseFingerprintHash(value string) (FingerprintHash, error) {
	switch value {
	case "sha256":
		return SHA256, nil
	case "md5":
		return MD5, nil
	}
	return SHA256, fmt.Errorf("unsupported option %q for FingerprintHash: want sha256 or md5", value)
}

func (h FingerprintHash) String() string {
	if h == MD5 {
		return "MD5"
	}
	return "SHA256"
}

// Fingerprint returns the fingerprint of key as ssh shows it: "SHA256:" and
// base64, or "MD5:" and hexadecimal bytes. A certificate has that of the key
// inside.
func (h FingerprintHash) Fingerprint(key ssh.PublicKey) string {
	if h == MD5 {
		return "MD5:" + ssh.FingerprintLegacyMD5(plainKey(key))
	}
	return ssh.FingerprintSHA256(plainKey(key))
}

func (h FingerprintHash) sum(key ssh.PublicKey) []byte {
	blob := plainKey(key).Marshal()
	if h == MD5 {
		sum := md5.Sum(blob)
		return sum[:]
	}
	sum := sha256.Sum256(blob)
	return sum[:]
}

const (
	artWidth  = 17
	artHeight = 9
	// artSymbols draw a square by how often it was visited; the last two are
	// the start and the end of the walk.
	artSymbols = " .o+=*BOX@%&#/^SE"
)

// Randomart returns the picture of a key's fingerprint that VisualHostKey
// shows: the walk of a drunken bishop, whose diagonal steps are the bits of the
// fingerprint, two for each. (OpenSSH: sshkey.c fingerprint_randomart.)
func (h FingerprintHash) Randomart(key ssh.PublicKey) string {
	const most, start, end = len(artSymbols) - 3, len(artSymbols) - 2, len(artSymbols) - 1
	var visits [artHeight][artWidth]int
	x, y := artWidth/2, artHeight/2
	for _, steps := range h.sum(key) {
		for range 4 {
			x = min(max(x-1+2*int(steps&1), 0), artWidth-1)
			y = min(max(y-1+int(steps&2), 0), artHeight-1)
			visits[y][x] = min(visits[y][x]+1, most)
			steps >>= 2
		}
	}
	visits[artHeight/2][artWidth/2] = start
	visits[y][x] = end

	var b strings.Builder
	b.WriteString(artBorder(artTitle(key)) + "\n")
	for _, row := range visits {
		b.WriteByte('|')
		for _, n := range row {
			b.WriteByte(artSymbols[n])
		}
		b.WriteString("|\n")
	}
	b.WriteString(artBorder("[" + h.String() + "]"))
	return b.String()
}

func artBorder(title string) string {
	left := (artWidth - len(title)) / 2
	return "+" + strings.Repeat("-", left) + title + strings.Repeat("-", artWidth-left-len(title)) + "+"
}

// artTitle names type and size, as far as there is room for both, and for the
// end of either: OpenSSH's buffer is one character shorter than the border.
func artTitle(key ssh.PublicKey) string {
	title := fmt.Sprintf("[%s %d]", TypeName(key), Bits(key))
	if len(title) > artWidth {
		title = fmt.Sprintf("[%s]", TypeName(key))
	}
	return title[:min(len(title), artWidth-1)]
}

// Bits returns the size of a key as ssh-keygen -l counts it; 0 if it has none.
func Bits(key ssh.PublicKey) int {
	switch plainFormat(key.Type()) {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoSKECDSA256:
		return 256
	case ssh.KeyAlgoECDSA384:
		return 384
	case ssh.KeyAlgoECDSA521:
		return 521
	case ssh.KeyAlgoRSA:
		if crypto, ok := plainKey(key).(ssh.CryptoPublicKey); ok {
			if key, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
				return key.N.BitLen()
			}
		}
	}
	return 0
}
