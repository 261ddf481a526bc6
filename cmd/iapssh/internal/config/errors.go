package config

import (
	"fmt"
	"strings"
)

// A UsageError is a command line that cannot be read. Text is worded as ssh
// words it where ssh has the same complaint.
type UsageError struct {
	Text     string
	Synopsis bool // print Synopsis after the text, as ssh does for this complaint
	Ours     bool // the complaint is about our own grammar: say who complains
}

func (e *UsageError) Error() string {
	if e.Text == "" {
		return "usage error"
	}
	return e.Text
}

// usage is a complaint about our own grammar.
func usage(text string) error { return &UsageError{Ours: true, Text: text} }

// A ConfigError is a configuration that cannot be read. A file with several
// bad lines yields one joined error (errors.Join) that lists them all.
type ConfigError struct {
	File string // "command-line" for -o
	Line int    // 0 for the command line and for a whole file
	Text string // complete, with file and line as OpenSSH words them
}

func (e *ConfigError) Error() string { return e.Text }

// A MissingError is a fact that nothing on the command line, in ssh_config, in
// the environment or in gcloud's configuration tells.
type MissingError struct {
	What string // "project" or "zone"
	Host string // as the user typed it
	Fix  string // what to type, one line
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("no %s known for %q", e.What, e.Host)
}

// An UnsupportedError refuses an option whose silent absence would change
// where the connection goes, what protects it, or what the user gets.
type UnsupportedError struct {
	Option string // "-L", "ProxyJump"
	Where  string // "file line 3", empty when typed as a flag
	Fix    string // a way round it, may be empty
}

func (e *UnsupportedError) Error() string {
	if e.Where == "" {
		return e.Option + " is not supported yet"
	}
	return fmt.Sprintf("%s: %s is not supported yet", e.Where, e.Option)
}

// visible makes text fit for a terminal, in octal as ssh does: a configuration
// file may hold anything.
func visible(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\t' || c > '~' {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
