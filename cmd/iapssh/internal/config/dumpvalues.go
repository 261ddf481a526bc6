package config

import (
	"fmt"
	"strings"
)

func literal(value func(*dumper) string) func(*dumper, string) {
	return func(d *dumper, keyword string) { d.put(keyword, value(d)) }
}

// text writes a value as it was read.
func text(otherwise string) func(*dumper, string) {
	return func(d *dumper, keyword string) { d.put(keyword, first(d.s.word(keyword), otherwise)) }
}

// given writes a value that "none" unsets.
func given(d *dumper, keyword string) {
	if d.s.isGiven(keyword) {
		d.put(keyword, d.s.word(keyword))
	}
}

// expanded writes a path with its tokens expanded.
func expanded(d *dumper, keyword string) {
	value := d.s.word(keyword)
	if keyword == "controlpath" && !d.s.isGiven(keyword) {
		return
	}
	d.put(keyword, d.expand(keyword, value))
}

func (b *builder) expandTokens(keyword, value string) string {
	value, err := expander{b.conn.tokens(), b.effects.LookupEnv}.expand(value)
	b.fail(keyword, err)
	return value
}

// state writes one of several names: ssh prints yes and no as true and false
// where there are others.
func state(otherwise string) func(*dumper, string) {
	return func(d *dumper, keyword string) { d.put(keyword, trueFalse(first(d.s.word(keyword), otherwise))) }
}

func trueFalse(value string) string {
	switch value {
	case "yes":
		return "true"
	case "no":
		return "false"
	}
	return value
}

func oneLine(otherwise string) func(*dumper, string) {
	return func(d *dumper, keyword string) {
		d.put(keyword, first(strings.Join(d.s[lower(keyword)].value, " "), otherwise))
	}
}

// names writes what a list of algorithms comes to.
func names(d *dumper, keyword string) {
	value := d.s.word(keyword)
	if d.effects.Algorithms != nil {
		list, err := d.effects.Algorithms(keyword, value)
		d.fail(keyword, err)
		fmt.Fprintf(&d.out, "%s %s\n", keyword, strings.Join(list, ","))
		return
	}
	d.put(keyword, value)
}

func forwardings(d *dumper, keyword string) {
	if d.s.flag("clearallforwardings", false) {
		return
	}
	for _, value := range d.s[keyword].value {
		listen, connect, _ := strings.Cut(value, endsMark)
		value := d.forwardEnd(keyword, listen)
		switch {
		case connect != "":
			value += " " + d.forwardEnd(keyword, connect)
		case keyword == "remoteforward":
			value += " [socks]:0"
		}
		d.put(keyword, value)
	}
}

// identities is what -G prints of IdentityFile: as written.
func (d *dumper) identities() []string {
	if files := d.s["identityfile"].value; files != nil {
		return files
	}
	var files []string
	for _, name := range defaultIdentities {
		files = append(files, "~/.ssh/"+name)
	}
	return files
}

// askedHostKeys is UpdateHostKeys, for which there must be somebody to ask.
func (d *dumper) askedHostKeys() string {
	value := d.updateHostKeys()
	persists := d.s.word("controlpersist") != "" && d.s.word("controlpersist") != "no" && d.s.isGiven("controlpath")
	unattended := d.line.hasCommand || d.s.isGiven("remotecommand") || d.s.word("requesttty") == "no"
	if value == "ask" && (persists || unattended || d.s.word("loglevel") != "" && parseLogLevel(d.s.word("loglevel")) < LogInfo) {
		return "no"
	}
	return value
}

// agentKeys writes AddKeysToAgent: a state, or a time.
func agentKeys(d *dumper, keyword string) {
	value := first(d.s.word(keyword), "no")
	if kind, life, timed := strings.Cut(value, " "); timed {
		fmt.Fprintf(&d.out, "%s %s %s\n", keyword, kind, life)
		return
	}
	d.put(keyword, trueFalse(value))
}

// escapeText is an escape character through vis(3).
func escapeText(c int) string {
	switch {
	case c == NoEscape:
		return "none"
	case c == ' ':
		return `\040`
	case c < ' ':
		return fmt.Sprintf(`\^%c`, c+'@')
	case c == 0x7f:
		return `\^?`
	case c >= 0x80 && c&0x7f < ' ':
		return fmt.Sprintf(`\M^%c`, c&0x7f+'@')
	case c > 0x80 && c != 0xff:
		return fmt.Sprintf(`\M-%c`, c&0x7f)
	case c == '\\':
		return `\\`
	}
	return string(rune(c))
}
