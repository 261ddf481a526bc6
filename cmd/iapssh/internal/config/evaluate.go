package config

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

const (
	maxIncludeDepth = 16
	maxIdentities   = 100     // IdentityFile, CertificateFile: as in OpenSSH
	maxCollected    = 1000    // values of any other keyword that collects them
	maxDirectives   = 1 << 18 // of all files together: includes multiply
)

// An evaluator walks configuration files as OpenSSH does: one ordered pass over
// the directives, each of which is checked wherever it stands and obeyed where
// the enclosing Host or Match holds; and a second pass if a Match asks for it.
type evaluator struct {
	ctx     context.Context
	effects Effects
	me      local

	original string // host as typed
	command  string // remote command of the command line
	settings settings
	ignored  []Ignored
	offline  bool // look no name up

	final     bool // this is the second pass
	wantFinal bool // some "Match final" asks for one
	files     map[string][]directive
	walked    int // directives, against maxDirectives
}

// A scope is what a file's directives are read under.
type scope struct {
	file   string
	user   bool // a user's file: ~ and ~/.ssh in Include
	parse  bool // parse only: no Host or Match in it can hold
	depth  int
	active bool // the enclosing Host or Match holds
}

// readFiles walks the configuration files: the one that -F names, or the
// user's and then the system's. A file that cannot be opened is no error unless
// -F named it.
func (ev *evaluator) readFiles(named string) error {
	if strings.EqualFold(named, "none") {
		return nil
	}
	if named != "" {
		err := ev.readFile(scope{file: named, user: true, active: true})
		if errors.Is(err, errCannotOpen) {
			return &ConfigError{File: named, Text: fmt.Sprintf("Can't open user config file %s: %s", named, reason(err))}
		}
		return err
	}
	user := ev.me.home + "/.ssh/config"
	if err := ev.checkOwner(user); err != nil {
		return err
	}
	if err := ev.readFile(scope{file: user, user: true, active: true}); err != nil && !errors.Is(err, errCannotOpen) {
		return err
	}
	err := ev.readFile(scope{file: systemDir(ev.effects) + "/ssh_config", active: true})
	if errors.Is(err, errCannotOpen) {
		return nil
	}
	return err
}

var errCannotOpen = errors.New("cannot open")

// readFile walks one file. Bad lines are collected, as OpenSSH counts them, so
// that one run names them all.
func (ev *evaluator) readFile(sc scope) error {
	directives, cached := ev.files[sc.file]
	if !cached {
		data, err := ev.effects.ReadFile(sc.file)
		switch {
		case errors.Is(err, ErrTooLarge): // not to be passed over, as are files that are not there
			return &ConfigError{File: sc.file, Text: sc.file + ": " + err.Error()}
		case err != nil:
			return fmt.Errorf("%w: %w", errCannotOpen, err)
		}
		if directives, err = lex(sc.file, data); err != nil {
			return err
		}
		ev.files[sc.file] = directives
	}
	var bad []error
	for _, d := range directives {
		if ev.walked++; ev.walked > maxDirectives {
			return &ConfigError{File: sc.file, Line: d.line, Text: sc.file + ": too many configuration lines"}
		}
		if err := ev.ctx.Err(); err != nil {
			return err
		}
		err := ev.directive(&sc, d)
		var stop *stopError
		if errors.As(err, &stop) {
			return stop.err
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
	if len(bad) > 0 {
		text := fmt.Sprintf("%s: terminating, %d bad configuration options", sc.file, len(bad))
		return errors.Join(append(bad, &ConfigError{File: sc.file, Text: text})...)
	}
	return nil
}

// A stopError ends the walk at once, where OpenSSH does not go on counting.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// directive obeys one line.
func (ev *evaluator) directive(sc *scope, d directive) error {
	complain := func(format string, args ...any) error {
		text := fmt.Sprintf("%s line %d: %s", sc.file, d.line, fmt.Sprintf(format, args...))
		return &ConfigError{File: sc.file, Line: d.line, Text: visible(text)}
	}
	if d.text == "" {
		return complain("no argument after keyword \"%s\"", d.keyword)
	}
	structural := d.keyword == kwHost || d.keyword == kwMatch || d.keyword == kwInclude
	if _, known := lookup(d.keyword); !known && !structural {
		if matchHostList(d.keyword, ev.settings.word("ignoreunknown")) {
			return nil
		}
		// OpenSSH words this one differently.
		text := fmt.Sprintf("%s: line %d: Bad configuration option: %s", sc.file, d.line, d.keyword)
		return &ConfigError{File: sc.file, Line: d.line, Text: visible(text)}
	}
	args, err := splitArgs(d.text)
	if err != nil {
		return complain("%v", err)
	}
	switch d.keyword {
	case kwHost:
		return ev.host(sc, args, complain)
	case kwMatch:
		holds, err := ev.match(args, complain)
		sc.active = holds && !sc.parse
		return err
	case kwInclude:
		return ev.include(sc, args, complain)
	}
	complaint := ev.set(d.keyword, args, d.text, position{sc.file, d.line}, sc.active)
	if complaint != "" {
		return complain("%s", complaint)
	}
	if sc.active && d.keyword == "refuseconnection" {
		return &stopError{complain("RefuseConnection: %s", args[0])}
	}
	return nil
}

// option obeys one -o of the command line.
func (ev *evaluator) option(line string) error {
	line = trimLine(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	end := strings.IndexAny(line, blanks+"=")
	if end < 0 {
		end = len(line)
	}
	d := cutDirective(line, 0, end)
	switch d.keyword {
	case kwHost, kwMatch, kwInclude:
		name := strings.ToUpper(d.keyword[:1]) + d.keyword[1:]
		return &ConfigError{File: "command-line", Text: name + " directive not supported as a command-line option"}
	}
	return ev.directive(&scope{file: "command-line", user: true, active: true}, d)
}

// connection is what tokens stand for at this point of the walk.
func (ev *evaluator) connection() connection {
	c := connection{
		local:    ev.me,
		original: ev.original,
		host:     ev.currentHost(),
		port:     ev.settings.integer("port", 22),
		user:     first(ev.settings.word("user"), ev.me.user),
	}
	c.keyAlias = first(ev.settings.word("hostkeyalias"), c.host)
	if ev.settings.isGiven("proxyjump") {
		last, _, _ := parseJump(ev.effects.port, ev.settings.word("proxyjump"), false)
		c.jump = last.host
	}
	return c
}

// currentHost is the host as far as HostName is known. In the second pass it is
// what the first made of it.
func (ev *evaluator) currentHost() string {
	name := ev.settings.word("hostname")
	if name == "" {
		return ev.original
	}
	if ev.final {
		return name
	}
	host, err := expander{tokens: tokens{'h': ev.original}}.expand(name)
	if err != nil {
		return ev.original // said when HostName itself is taken into use
	}
	return host
}
