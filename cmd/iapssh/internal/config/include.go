package config

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

func systemDir(effects Effects) string {
	if effects.OS == "windows" {
		data, _ := effects.LookupEnv("PROGRAMDATA")
		return first(data, `C:\ProgramData`) + `\ssh`
	}
	return "/etc/ssh"
}

// include walks the files that the patterns name, under the state that holds
// where the line stands; what Host and Match say in them ends with them.
func (ev *evaluator) include(sc *scope, args []string, complain func(string, ...any) error) error {
	for _, arg := range args {
		if arg == "" {
			return complain("keyword include empty argument")
		}
		path, err := expander{ev.connection().tokens(), ev.effects.LookupEnv}.expand(arg)
		if err != nil {
			return complain("Unable to expand user config file '%s': %v", arg, err)
		}
		if strings.HasPrefix(path, "~") && !sc.user {
			return complain("bad include path %s.", path)
		}
		switch {
		case strings.HasPrefix(path, "~"):
			if path, err = expandTilde(path, ev.me.home, ev.effects.HomeOf); err != nil {
				continue // matches nothing
			}
		case isAbsolute(path, ev.effects.OS):
		case sc.user:
			path = ev.me.home + "/.ssh/" + path
		default:
			path = systemDir(ev.effects) + "/" + path
		}
		names, err := ev.effects.Glob(path)
		if err != nil {
			return complain("glob failed for %s.", path)
		}
		for _, name := range names {
			if err := ev.includeFile(*sc, name, complain); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ev *evaluator) includeFile(sc scope, name string, complain func(string, ...any) error) error {
	if sc.depth++; sc.depth > maxIncludeDepth {
		return &stopError{&ConfigError{File: name, Text: "Too many recursive configuration includes"}}
	}
	if st, err := ev.effects.Stat(name); err == nil && st.Mode.IsDir() {
		return nil // a pattern may match one, and ssh reads nothing there
	}
	sc.file = name
	sc.parse = sc.parse || !sc.active
	if err := ev.checkOwner(name); err != nil {
		return &stopError{err}
	}
	err := ev.readFile(sc)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, errCannotOpen):
		return complain("Can't open user config file %s: %s.", name, reason(err))
	case err != nil:
		return &stopError{err}
	}
	return nil
}

// checkOwner refuses a file that someone else could have written.
func (ev *evaluator) checkOwner(name string) error {
	if ev.effects.OS == "windows" {
		return nil
	}
	st, err := ev.effects.Stat(name)
	if err != nil {
		return nil // then it is not read either
	}
	strange := st.UID > 0 && strconv.Itoa(st.UID) != ev.me.uid
	shared := st.Mode&0o020 != 0 && !ev.isOwnGroup(st.GID)
	if strange || shared || st.Mode&0o002 != 0 {
		return &ConfigError{File: name, Text: "Bad owner or permissions on " + name}
	}
	return nil
}

// isOwnGroup says whether nobody but the user is in a group, as far as the system's files tell. Where each user has a group of
// his own, new files are writable for it (umask 002), and Debian's and Ubuntu's ssh takes them.
func (ev *evaluator) isOwnGroup(gid int) bool {
	users, err := ev.effects.ReadFile("/etc/passwd")
	if err != nil {
		return false
	}
	groups, err := ev.effects.ReadFile("/etc/group")
	return err == nil && onlyMember(string(users), string(groups), strconv.Itoa(gid)) == ev.me.uid
}

// onlyMember returns the user id of the only member of a group, whose main group it is; empty if there is none such. The files
// are passwd(5) and group(5).
func onlyMember(users, groups, gid string) string {
	name, uid := "", ""
	for line := range strings.Lines(users) {
		if f := strings.Split(line, ":"); len(f) > 3 && f[3] == gid {
			if uid != "" {
				return ""
			}
			name, uid = f[0], f[2]
		}
	}
	for line := range strings.Lines(groups) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > 3 && f[2] == gid && f[3] != "" && f[3] != name {
			return ""
		}
	}
	return uid
}

// reason is the system's part of an error about a file, in the system's words.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, os.ErrPermission):
		return "Permission denied"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func isAbsolute(path, goos string) bool {
	if strings.HasPrefix(path, "/") {
		return true
	}
	return goos == "windows" && (strings.HasPrefix(path, `\`) || len(path) > 2 && path[1] == ':')
}
