package knownhosts

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// maxPattern is the length from which OpenSSH takes no pattern of a list
// (match.c match_pattern_list).
const maxPattern = 1023

// Matches tells whether the line is about the stored form name (see [Name]),
// whatever its marker and key.
//
// A plain pattern matches the whole name without regard to case: "host" is not
// about "[host]:2222", but "*" is. A negated pattern that matches makes the
// line not match, whatever else it lists. (match.c match_hostname)
func (l Line) Matches(name string) bool {
	if l.Hosts == "" {
		return false
	}
	name = lower(name)
	if l.Hosts[0] == '|' {
		h, ok := parseHash(l.Hosts)
		return ok && h.of(name)
	}
	return matchList(name, lower(l.Hosts))
}

func matchList(name, list string) bool {
	matched := false
	for list != "" {
		negated := list[0] == '!'
		if negated {
			list = list[1:]
		}
		var pattern string
		pattern, list, _ = strings.Cut(list, ",")
		if len(pattern) >= maxPattern {
			return false
		}
		if matchPattern(name, pattern) {
			if negated {
				return false
			}
			matched = true
		}
	}
	return matched
}

// matchPattern matches the whole of s, in which '*' stands for any run of
// bytes and '?' for any one.
func matchPattern(s, pattern string) bool {
	// Where to resume when a later byte does not fit: the last star takes one
	// more byte. An earlier star never needs another try.
	star, taken := -1, 0
	i, p := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			i++
			p++
		case star >= 0:
			taken++
			i, p = taken, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// hashMagic starts a hashed name: |1|base64(salt)|base64(HMAC-SHA1(salt, name)).
const (
	hashMagic  = "|1|"
	hashLength = len(hashMagic) + 28 + len("|") + 28
)

// A hash is a hashed name taken apart.
type hash struct{ salt, sum [sha1.Size]byte }

// HashName returns the hashed form of name, with a new random salt. Only the
// form of one exact name can be hashed, never a pattern.
func HashName(name string) string {
	var salt [sha1.Size]byte
	rand.Read(salt[:]) // never fails
	sum := hmacSHA1(salt, lower(name))
	enc := base64.StdEncoding
	return hashMagic + enc.EncodeToString(salt[:]) + "|" + enc.EncodeToString(sum[:])
}

func parseHash(hosts string) (h hash, ok bool) {
	rest, ok := strings.CutPrefix(hosts, hashMagic)
	salt, sum, found := strings.Cut(rest, "|")
	if !ok || !found || len(hosts) != hashLength {
		return hash{}, false
	}
	return h, decodeSum(&h.salt, salt) && decodeSum(&h.sum, sum)
}

func decodeSum(sum *[sha1.Size]byte, text string) bool {
	var buf [sha1.Size + 1]byte // 28 characters may stand for up to 21 bytes
	if len(text) > base64.StdEncoding.EncodedLen(len(buf)) {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(buf[:], []byte(text))
	return err == nil && n == copy(sum[:], buf[:n])
}

func (h hash) of(name string) bool { return hmacSHA1(h.salt, name) == h.sum }

// hmacSHA1 is HMAC with a key of 20 bytes. It is written out because every
// hashed line of a file has a key of its own: making a crypto/hmac for each more
// than doubles the time that a search takes.
func hmacSHA1(key [sha1.Size]byte, message string) [sha1.Size]byte {
	var space [2 * sha1.BlockSize]byte // enough for most names
	inner, outer := space[:sha1.BlockSize], [sha1.BlockSize + sha1.Size]byte{}
	for i := range sha1.BlockSize {
		inner[i], outer[i] = 0x36, 0x5c
	}
	for i, b := range key {
		inner[i] ^= b
		outer[i] ^= b
	}
	sum := sha1.Sum(append(inner, message...))
	copy(outer[sha1.BlockSize:], sum[:])
	return sha1.Sum(outer[:])
}
