package knownhosts

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"slices"
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
func (l Line) Matches(name string) bool { return matcher(name)(l.Hosts) }

// matcher returns a function that tells whether the hosts of a line match any
// of the names.
func matcher(names ...string) func(hosts string) bool {
	hashers := make([]*hasher, len(names))
	for i, name := range names {
		hashers[i] = newHasher(lower(name))
	}
	return func(hosts string) bool {
		if hosts == "" {
			return false
		}
		if hosts[0] != '|' {
			list := lower(hosts)
			return slices.ContainsFunc(hashers, func(h *hasher) bool { return matchList(h.name, list) })
		}
		salt, sum, ok := cutHash(hosts)
		return ok && slices.ContainsFunc(hashers, func(h *hasher) bool { return h.sum(&salt) == sum })
	}
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
	hashLength = len(hashMagic) + sumLength + len("|") + sumLength
)

// HashName returns the hashed form of name, with a new random salt. Only the
// form of one exact name can be hashed, never a pattern.
func HashName(name string) string {
	var salt [sha1.Size]byte
	rand.Read(salt[:]) // never fails
	sum := newHasher(lower(name)).sum(&salt)
	return hashMagic + base64.StdEncoding.EncodeToString(salt[:]) + "|" + string(sum[:])
}

// A base64Sum is 20 bytes in base64.
type base64Sum [28]byte

const sumLength = len(base64Sum{})

// cutHash takes a hashed name apart. The sum is left as it is, to be compared.
func cutHash(hosts string) (salt [sha1.Size]byte, sum base64Sum, ok bool) {
	if len(hosts) != hashLength || hosts[:len(hashMagic)] != hashMagic || hosts[len(hashMagic)+sumLength] != '|' {
		return salt, sum, false
	}
	var buf [sha1.Size + 1]byte // the characters may stand for one byte more
	n, err := base64.StdEncoding.Strict().Decode(buf[:], []byte(hosts[len(hashMagic):len(hashMagic)+sumLength]))
	copy(salt[:], buf[:])
	copy(sum[:], hosts[hashLength-sumLength:])
	return salt, sum, err == nil && n == len(salt)
}

// A hasher makes HMAC-SHA1 sums of one name under many salts. A crypto/hmac
// would have to be made anew for each salt, which more than doubles the time
// that a search takes; here only the salt's bytes of its two inputs change.
type hasher struct {
	name  string
	inner []byte                           // pad ^ salt, name
	outer [sha1.BlockSize + sha1.Size]byte // pad ^ salt, SHA-1 of inner
}

const innerPad, outerPad = 0x36, 0x5c

func newHasher(name string) *hasher {
	h := &hasher{name: name, inner: make([]byte, sha1.BlockSize, sha1.BlockSize+len(name))}
	for i := range sha1.BlockSize {
		h.inner[i], h.outer[i] = innerPad, outerPad
	}
	h.inner = append(h.inner, name...)
	return h
}

func (h *hasher) sum(salt *[sha1.Size]byte) (text base64Sum) {
	for i, b := range salt {
		h.inner[i], h.outer[i] = innerPad^b, outerPad^b
	}
	sum := sha1.Sum(h.inner)
	copy(h.outer[sha1.BlockSize:], sum[:])
	sum = sha1.Sum(h.outer[:])
	base64.StdEncoding.Encode(text[:], sum[:])
	return text
}
