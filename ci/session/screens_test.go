package session

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tmux is a terminal whose screen can be looked at, with a client's shell in it.
type tmux struct {
	t      *testing.T
	name   string // of the client
	socket string
}

const patience = 30 * time.Second

// newTmux starts the client in a window of 90 columns and 28 lines and waits for its shell, which prompts with "> ".
func newTmux(t *testing.T, name string, c client) *tmux {
	m := &tmux{t, name, filepath.Join(t.TempDir(), "tmux")}
	// The end of the client leaves its window, to be looked at.
	m.do("-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "28", strings.Join(c, " ")+"; echo client ended with $?; cat")
	t.Cleanup(func() { m.do("kill-server") })
	m.await("[$#]$")
	m.typed(`export LC_ALL=C.UTF-8 LESS= PS1='> '; cd "$(mktemp -d)"; unset PROMPT_COMMAND; clear`)
	m.await("^>$")
	return m
}

func (m *tmux) do(args ...string) string {
	m.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-S", m.socket}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// typed types a line.
func (m *tmux) typed(line string) { m.t.Helper(); m.keys("-l", line); m.keys("Enter") }

// keys sends keys by their names, or with -l a text as it is.
func (m *tmux) keys(keys ...string) { m.t.Helper(); m.do(append([]string{"send-keys"}, keys...)...) }

// screen is what is seen, and where the cursor is.
func (m *tmux) screen() string {
	return m.do("capture-pane", "-p") + m.do("display-message", "-p", "cursor #{cursor_x},#{cursor_y} alternate #{alternate_on}")
}

// await waits until some line of the screen matches, and nothing has changed for a while, and returns the screen.
func (m *tmux) await(pattern string) string {
	m.t.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	last := ""
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(250 * time.Millisecond) {
		now := m.screen()
		if now == last && want.MatchString(strings.TrimRight(now[:strings.LastIndex(now, "cursor ")], "\n")) {
			return now
		}
		last = now
	}
	m.t.Fatalf("no %q on the screen of %s:\n%s", pattern, m.name, last)
	return ""
}

// A screen is brought about by act, and is there when a line matches.
type screen struct {
	name  string
	act   func(*tmux)
	until string
	level *regexp.Regexp // what differs between any two runs
}

func types(text string) func(*tmux) { return func(m *tmux) { m.typed(text) } }

func keys(names ...string) func(*tmux) { return func(m *tmux) { m.keys(names...) } }

// numbers come with what is put between them and their neighbours to fill their columns.
var numbers = regexp.MustCompile(`[ ,]*[0-9][0-9.:]*`)

// screens are looked at one after the other.
var screens = []screen{
	{name: "UTF-8", act: types(`printf 'äöü €  漢字  e\314\201 🙂 |\n'`), until: `\|$`},
	{name: "vi", act: types("seq 200 >numbers; vi -u NONE numbers"), until: "^22"},
	{name: "vi, far down", act: keys("G"), until: "^200"},
	{name: "vi, inserted", act: func(m *tmux) { m.keys("-l", "Oängström"); m.keys("Escape") }, until: "^ängström"},
	{name: "vi, left", act: types(":wq"), until: "^>$"},
	{name: "less", act: types("clear; less numbers"), until: "^27"},
	{name: "less, a page", act: keys("Space"), until: "^54"},
	{name: "less, searched", act: types("/ängs"), until: "^ängs"},
	{name: "less, left", act: keys("q"), until: ">$"},
	{name: "top", act: types("clear; top -d 300 -p $$"), until: "bash$", level: numbers},
	{name: "top, left", act: keys("q"), until: "^>$", level: numbers},
	{name: "resized", act: func(m *tmux) { m.do("resize-window", "-x", "70", "-y", "20"); m.typed("clear; stty size") }, until: "^20 70$"},
	{name: "resized in vi", act: func(m *tmux) {
		m.typed("vi -u NONE numbers")
		m.await("^14")
		m.do("resize-window", "-x", "90", "-y", "28")
	}, until: "^22"},
	{name: "left again", act: types(":q"), until: ">$"},
	{name: "interrupted", act: func(m *tmux) {
		m.typed("clear; echo asleep; sleep 1000")
		m.await("^asleep$")
		m.keys("C-c")
		m.await(`^\^C\n>$`)
		m.typed("echo status $?")
	}, until: "^status 130$"},
	{name: "stopped", act: func(m *tmux) {
		m.typed("clear; echo cat; cat")
		m.await("^cat$")
		m.typed("one")
		m.await("^one\none$")
		m.keys("C-z")
	}, until: "Stopped.*cat"},
	{name: "continued", act: func(m *tmux) {
		m.typed("fg")
		m.await("fg\ncat$")
		m.typed("two")
		m.await("^two\ntwo$")
		m.keys("C-d")
	}, until: "^>$"},
	{name: "pasted", act: func(m *tmux) {
		// Neither by lines nor echoed: with so much at once a loaded kernel's terminal can stop for ever in the midst of a line (sshd
		// polls for room, cat waits for the line's end) or drop some of the echo, with stock ssh as well.
		text := pasted() + "end of paste\n"
		m.typed(fmt.Sprintf("clear; stty -icanon -echo; echo head; head -c %d >pasted; stty icanon echo", len(text)))
		m.await("^head$")
		path := filepath.Join(m.t.TempDir(), "paste")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
		m.do("load-buffer", path)
		m.do("paste-buffer")
		m.await(`^head\n>$`)
		m.typed("clear; sha256sum <pasted; wc -c <pasted; fold -w 60 pasted | tail -n 3")
	}, until: "^end of paste$"},
}

// pasted is 100 kB in lines.
func pasted() string {
	rng := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	for text.Len() < 100_000 {
		fmt.Fprintf(&text, "%d ä%x\n", text.Len(), rng.Uint64())
	}
	return text.String()
}

// What is seen of programs that take the whole screen, of jobs and of a large paste is what is seen through stock ssh.
func TestScreens(t *testing.T) {
	needLab(t)
	a, b := newTmux(t, "iapssh", ours), newTmux(t, "ssh", plain)
	for _, s := range screens {
		var seen [2]string
		for i, m := range []*tmux{a, b} {
			s.act(m)
			seen[i] = m.await(s.until)
			if s.level != nil {
				seen[i] = strings.Join(strings.Fields(s.level.ReplaceAllString(seen[i], "N")), " ")
			}
		}
		if seen[0] != seen[1] {
			t.Errorf("%s: iapssh shows\n%s\nssh shows\n%s", s.name, seen[0], seen[1])
		}
	}
}
