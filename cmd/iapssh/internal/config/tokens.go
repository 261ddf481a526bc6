package config

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// tokens maps the letter of a %-token to what it stands for. %% is always known.
type tokens map[byte]string

// connection is what the tokens are made of.
type connection struct {
	local
	original string // %n
	host     string // %h
	port     int    // %p
	user     string // %r
	keyAlias string // %k
	jump     string // %j
}

// tokens is the set that most keywords know.
func (c connection) tokens() tokens {
	port := strconv.Itoa(c.port)
	sum := sha1.Sum([]byte(c.local.host + c.host + port + c.user + c.jump))
	return tokens{
		'C': hex.EncodeToString(sum[:]),
		'L': c.shortHost,
		'd': c.home,
		'h': c.host,
		'i': c.uid,
		'j': c.jump,
		'k': c.keyAlias,
		'l': c.local.host,
		'n': c.original,
		'p': port,
		'r': c.user,
		'u': c.local.user,
	}
}

// proxyTokens is the set that ProxyCommand knows.
func (c connection) proxyTokens() tokens {
	all := c.tokens()
	return tokens{'h': all['h'], 'k': all['k'], 'n': all['n'], 'p': all['p'], 'r': all['r']}
}

// userTokens is the set that User knows: without itself and what it is part of.
func (c connection) userTokens() tokens {
	t := c.tokens()
	delete(t, 'r')
	delete(t, 'C')
	return t
}

// ExpandLate replaces the tokens that are left in an argument of
// [Plan.KnownHostsCommand]: %f, %H, %I, %K and %t, which only the connection can
// tell, and %r, which may be told by the VM.
func ExpandLate(arg string, values map[byte]string) (string, error) {
	return expander{tokens: values}.expand(arg)
}

// early returns an expander that leaves some tokens for ExpandLate as they are, and
// doubles every % that is none.
func (c connection) early(late string, env func(string) (string, bool)) expander {
	double := func(s string) string { return strings.ReplaceAll(s, "%", "%%") }
	t := tokens{'%': "%%"}
	for letter, value := range c.tokens() {
		t[letter] = double(value)
	}
	for _, letter := range []byte(late) {
		t[letter] = "%" + string(letter)
	}
	if env == nil {
		return expander{tokens: t}
	}
	return expander{t, func(name string) (string, bool) {
		value, set := env(name)
		return double(value), set
	}}
}

// As is the plan with another login name, which is told where a command says %r.
func (p Plan) As(user string) Plan {
	p.User = user
	set := func(command *string, template string) {
		if template != "" {
			*command, _ = ExpandLate(template, map[byte]string{'r': user}) // all else in it has been expanded
		}
	}
	set(&p.LocalCommand, p.OfUser.Local)
	set(&p.Command, p.OfUser.Remote)
	return p
}

// An expander replaces %-tokens and, where env is set, ${NAME}.
type expander struct {
	tokens tokens
	env    func(string) (string, bool)
}

func (x expander) expand(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case x.env != nil && strings.HasPrefix(s[i:], "${"):
			name, _, closed := strings.Cut(s[i+2:], "}")
			if !closed {
				return "", fmt.Errorf("environment variable '%s' missing closing '}'", name)
			}
			if name == "" {
				return "", errors.New("zero-length environment variable")
			}
			value, set := x.env(name)
			if !set {
				return "", fmt.Errorf("env var ${%s} has no value", name)
			}
			b.WriteString(value)
			i += len("${}") + len(name) - 1
		case x.tokens != nil && s[i] == '%':
			i++
			if i == len(s) {
				return "", errors.New("invalid format: % at the end")
			}
			value, known := x.tokens[s[i]]
			if s[i] == '%' && !known {
				value, known = "%", true
			}
			if !known {
				return "", fmt.Errorf("unknown key %%%c", s[i])
			}
			b.WriteString(value)
		default:
			b.WriteByte(s[i])
		}
		if b.Len() > maxExpanded {
			return "", errors.New("expansion too long")
		}
	}
	return b.String(), nil
}

// maxExpanded bounds a value whose tokens multiply its length.
const maxExpanded = 1 << 20

// expandTilde replaces a leading ~ or ~user.
func expandTilde(path, home string, homeOf func(string) (string, error)) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path, nil
	}
	name, rest, _ := strings.Cut(rest, "/")
	if name != "" {
		var err error
		if home, err = homeOf(name); err != nil {
			return "", fmt.Errorf("no such user %s", name)
		}
	}
	return strings.TrimRight(home, "/") + "/" + strings.TrimLeft(rest, "/"), nil
}
