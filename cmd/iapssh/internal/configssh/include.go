package configssh

import "strings"

// An Include is the line in a user's ssh_config that reads the file of blocks. It stands before the first Host or Match, or else it
// would belong to that.
type Include struct {
	File    string // of blocks; absolute
	SSHDir  string // ~/.ssh: where a relative name is looked for
	Home    string // what ~ is
	Windows bool
}

// Line is the whole line. The name is a pattern there: what would make one of it is escaped, and what versions of ssh since 9.9
// take for tokens and variables, and earlier ones do not, is left to the pattern.
func (i Include) Line() string {
	path := File{Windows: i.Windows}.slashed(i.File)
	if !i.Windows {
		path = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
	}
	return "Include " + quoted(strings.NewReplacer("%", "?", "${", "?{").Replace(path))
}

// AddTo gives text with the line at its top; text as it is, if it has one before the first Host or Match.
func (i Include) AddTo(text string) string {
	for line := range strings.Lines(text) {
		if keyword, _ := directive(line); keyword == "host" || keyword == "match" {
			break
		}
		if i.is(line) {
			return text
		}
	}
	end := "\n"
	if first, _, found := strings.Cut(text, "\n"); found && strings.HasSuffix(first, "\r") {
		end = "\r\n"
	}
	return i.Line() + end + i.RemoveFrom(text)
}

// RemoveFrom gives text without the line, wherever it stands.
func (i Include) RemoveFrom(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !i.is(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// is says that a line includes the file and nothing else, in our spelling or in those that people use.
func (i Include) is(line string) bool {
	keyword, value := directive(line)
	if keyword != "include" {
		return false
	}
	_, ours := directive(i.Line())
	if value == ours {
		return true
	}
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	slashed := File{Windows: i.Windows}.slashed
	value, file := slashed(value), slashed(i.File)
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		value = slashed(i.Home) + "/" + rest
	} else if value != "" && !strings.ContainsAny(value, "/") {
		value = slashed(i.SSHDir) + "/" + value
	}
	return value == file
}

// directive splits a line into its keyword, in lower case, and the rest.
func directive(line string) (keyword, value string) {
	line = strings.Trim(line, " \t\r\n\f")
	end := strings.IndexAny(line, " \t=\"")
	if end < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimLeft(line[end:], " \t")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " \t")
	return strings.ToLower(line[:end]), value
}
