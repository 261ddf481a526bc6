package configssh

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

func TestText(t *testing.T) {
	f := File{
		Program: "/opt/Google Cloud/it's 100%/iapssh", Args: []string{"--ensure-key=/home/a li/.ssh/key", "--account=a@b.example"}, KeyFile: `/home/a li/.ssh/k"e\y%`,
		KnownHosts: []string{"/home/a li/.ssh/google_compute_known_hosts", "/home/a li/.ssh/known_hosts"},
		Projects: []Project{
			{ID: "my-project", User: "ali", VMs: []VM{
				{Name: "web-1", Zone: "europe-west1-b", ID: "42", User: "ali_example_com"},
				{Name: "web-2", Zone: "europe-west1-b", ID: "43", User: "John Smith"}, // no user of any VM's
				{Name: "$(evil)", Zone: "europe-west1-b", ID: "1"},
				{Name: "web-3", Zone: "a\nb", ID: "1"},
				{Name: "web-4", Zone: "europe-west1-b", ID: "1\n"},
			}},
			{ID: "example.com:p", User: "ali"},
		},
	}
	command := `'/opt/Google Cloud/it'\''s 100%%/iapssh' --listen-on-stdin '--ensure-key=/home/a li/.ssh/key' --account=a@b.example`
	common := `
    IdentityFile "/home/a li/.ssh/k\"e\\y%%"
    IdentitiesOnly yes
    UserKnownHostsFile "/home/a li/.ssh/google_compute_known_hosts" "/home/a li/.ssh/known_hosts"
    HashKnownHosts no
    ProxyCommand ` + command
	want := heading + `
Host web-1.europe-west1-b.my-project
    User ali_example_com
    HostKeyAlias compute.42` + common + ` -l ali_example_com --project=my-project --zone=europe-west1-b web-1 %p

Host web-2.europe-west1-b.my-project
    HostKeyAlias compute.43` + common + ` --project=my-project --zone=europe-west1-b web-2 %p

Host *.*-*-*.my-project "!*'*"
    User ali` + common + ` -l ali '%h' %p

Host *.*-*-*.example.com:p "!*'*"
    User ali` + common + ` -l ali '%h' %p
`
	got, err := f.Text()
	if err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

func TestWindowsText(t *testing.T) {
	f := File{
		Program: `C:\Program Files\iapssh\iapssh.exe`, Args: []string{`--ensure-key=C:\Users\A li\.ssh\key`}, KeyFile: `C:\Users\A li\.ssh\key`,
		KnownHosts: []string{`C:\Users\A li\.ssh\known_hosts`}, Windows: true, Projects: []Project{{ID: "p", VMs: []VM{{Name: "vm", Zone: "z", ID: "1", User: "ali"}}}},
	}
	got, err := f.Text()
	for _, want := range []string{
		`    IdentityFile "C:/Users/A li/.ssh/key"` + "\n",
		`    UserKnownHostsFile "C:/Users/A li/.ssh/known_hosts"` + "\n",
		`    ProxyCommand "C:\Program Files\iapssh\iapssh.exe" --listen-on-stdin "--ensure-key=C:\Users\A li\.ssh\key" -l ali --project=p --zone=z vm %p` + "\n",
		"Host *.*-*-*.p \"!*$*\" \"!*`*\" \"!*\\\"*\"\n",
		`    ProxyCommand "C:\Program Files\iapssh\iapssh.exe" --listen-on-stdin "--ensure-key=C:\Users\A li\.ssh\key" "%h" %p` + "\n",
	} {
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%v, %s is not in\n%s", err, want, got)
		}
	}
}

func TestWordsThatCannotBeWritten(t *testing.T) {
	good := func() File { return File{Program: "/p", KeyFile: "/k", KnownHosts: []string{"/h"}} }
	for name, change := range map[string]func(*File){
		"a path of two lines":            func(f *File) { f.KeyFile = "/a\nProxyCommand evil" },
		"a program of two lines":         func(f *File) { f.Program = "/a\nb" },
		"an argument of two lines":       func(f *File) { f.Args = []string{"--account=a\rb"} },
		"a path that ssh would read":     func(f *File) { f.KnownHosts = []string{"/home/${x}/h"} },
		"a project that is no project's": func(f *File) { f.Projects = []Project{{ID: "* !x"}} },
	} {
		f := good()
		change(&f)
		var word *WordError
		if _, err := f.Text(); !errors.As(err, &word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What ssh makes of the text, and what we do.
func TestAsSSHReadsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a "b'  50% [x] *`)
	if runtime.GOOS == "windows" {
		dir = filepath.Join(t.TempDir(), "a b")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := File{Program: dir + "/iapssh", KeyFile: dir + "/key", KnownHosts: []string{dir + "/one", dir + "/two"}, Windows: runtime.GOOS == "windows",
		Projects: []Project{{ID: "p-1", User: "any", VMs: []VM{{Name: "vm", Zone: "us-east1-b", ID: "7", User: "ali"}}}}}
	text, err := f.Text()
	if err != nil {
		t.Fatal(err)
	}
	include := Include{File: dir + "/iapssh_config", Windows: f.Windows}
	apply(t, include, dir+"/config", text)
	for host, want := range map[string][]string{
		"vm.us-east1-b.p-1":  {"user ali", "hostkeyalias compute.7", "userknownhostsfile " + dir + "/one " + dir + "/two", "identitiesonly yes"},
		"new.us-east1-b.p-1": {"user any", "identityfile " + strings.ReplaceAll(dir, "%", "%%") + "/key"},
	} {
		out, err := exec.Command("ssh", "-G", "-F", dir+"/config", host).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		ours, err := config.Resolve(t.Context(), "iapssh", []string{"-G", "-F", dir + "/config", host}, config.System())
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want {
			for who, text := range map[string]string{"ssh": string(out), "iapssh": ours.Output} {
				if !strings.Contains("\n"+text, "\n"+line+"\n") {
					t.Errorf("%s, by %s: no %q in\n%s", host, who, line, text)
				}
			}
		}
	}
}

// The block for VMs that come later is still theirs, by both forms of quotes, and not that of names which end the quotes. Most versions
// of ssh, and we, take such a name for no host's, block or not: TestText and TestWindowsText have the patterns.
func TestHostsThatCannotBeQuoted(t *testing.T) {
	for _, windows := range []bool{false, true} {
		f := File{Program: "/iapssh", KeyFile: "/key", KnownHosts: []string{"/hosts"}, Windows: windows, Projects: []Project{{ID: "p-1", User: "any"}}}
		text, err := f.Text()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, good := range map[string]bool{"vm": true, "x'$(id)": false} {
			argv := []string{"-G", "-F", path, name + ".us-east1-b.p-1"}
			out, sshErr := exec.Command("ssh", argv...).CombinedOutput()
			ours, ourErr := config.Resolve(t.Context(), "iapssh", argv, config.System())
			for who, got := range map[string]bool{
				"ssh":    sshErr == nil && strings.Contains(string(out), "\nproxycommand "),
				"iapssh": ourErr == nil && strings.Contains(ours.Output, "\nproxycommand "),
			} {
				if got != good {
					t.Errorf("%s, by %s, Windows %v: a block: %v (%v, %v)", name, who, windows, got, sshErr, ourErr)
				}
			}
		}
	}
}

func TestInclude(t *testing.T) {
	i := Include{File: "/home/ali/.ssh/iapssh_config", SSHDir: "/home/ali/.ssh", Home: "/home/ali"}
	line := `Include "/home/ali/.ssh/iapssh_config"` + "\n"
	google := "# Google Compute Engine Section\n#\n# The following has been auto-generated\nHost x\n    HostName 1.2.3.4\n\n# End of Google Compute Engine Section\n"
	for _, test := range []struct{ name, text, added, removed string }{
		{"nothing", "", line, ""},
		{"text of the user's and gcloud's", "User ali\n\nHost *\n\tPort 22" + google, line + "User ali\n\nHost *\n\tPort 22" + google, "User ali\n\nHost *\n\tPort 22" + google},
		{"no end of line", "User ali", line + "User ali", "User ali"},
		{"lines of Windows", "User ali\r\nPort 1\r\n", strings.TrimSuffix(line, "\n") + "\r\nUser ali\r\nPort 1\r\n", "User ali\r\nPort 1\r\n"},
		{"there already", line + "User ali\n", line + "User ali\n", "User ali\n"},
		{"further below", "# mine\n" + line + "Host *\n", "# mine\n" + line + "Host *\n", "# mine\nHost *\n"},
		{"in a block, where it is of no use", "Host *\n" + line, line + "Host *\n", "Host *\n"},
		{"as people write it", "\tinclude = iapssh_config\nMatch all\n", "\tinclude = iapssh_config\nMatch all\n", "Match all\n"},
		{"from home", "Include ~/.ssh/iapssh_config\n", "Include ~/.ssh/iapssh_config\n", ""},
		{"another's", "Include /home/bob/.ssh/iapssh_config\nInclude config.d/*\n", line + "Include /home/bob/.ssh/iapssh_config\nInclude config.d/*\n",
			"Include /home/bob/.ssh/iapssh_config\nInclude config.d/*\n"},
		{"a comment, and a value", "#Include iapssh_config\nUser Include\n", line + "#Include iapssh_config\nUser Include\n", "#Include iapssh_config\nUser Include\n"},
	} {
		added, removed := i.AddTo(test.text), i.RemoveFrom(test.text)
		if added != test.added || removed != test.removed {
			t.Errorf("%s: added %q, removed %q", test.name, added, removed)
		}
		if i.AddTo(added) != added {
			t.Errorf("%s: added again: %q", test.name, i.AddTo(added))
		}
	}
	windows := Include{File: `C:\Users\A li\.ssh\iapssh_config`, SSHDir: `C:\Users\A li/.ssh`, Home: `C:\Users\A li`, Windows: true}
	if got := windows.Line(); got != `Include "C:/Users/A li/.ssh/iapssh_config"` || windows.AddTo(got) != got || windows.AddTo("Include iapssh_config") != "Include iapssh_config" {
		t.Error(got)
	}
}

// apply installs a text, and names the files that changed.
func apply(t *testing.T, include Include, config, text string) (paths []string) {
	t.Helper()
	changes, err := Install(include, config, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Base(c.Path))
	}
	return paths
}

// A link to the file of blocks stays as one to the user's file does, and goes with what is behind it.
func TestLinkedBlocks(t *testing.T) {
	dir := t.TempDir()
	include, config := Include{File: filepath.Join(dir, "iapssh_config"), SSHDir: dir}, filepath.Join(dir, "config")
	behind := filepath.Join(dir, "dotfiles")
	if err := os.WriteFile(behind, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(behind, include.File); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("links want a privilege on Windows")
		}
		t.Fatal(err)
	}
	apply(t, include, config, "blocks")
	link, err := os.Lstat(include.File)
	text, readErr := os.ReadFile(behind)
	if err != nil || readErr != nil || link.Mode()&os.ModeSymlink == 0 || string(text) != "blocks" {
		t.Errorf("%v, %v, %q, %v", link.Mode(), err, text, readErr)
	}
	changes, err := Uninstall(include, config)
	if err != nil || len(changes) != 3 {
		t.Fatalf("%+v, %v", changes, err)
	}
	for _, c := range changes {
		if err := c.Apply(); err != nil {
			t.Error(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// Twice changes nothing, links stay links, modes stay what they are, and what was installed goes again.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	include := Include{File: filepath.Join(dir, "iapssh_config"), SSHDir: dir, Home: filepath.Dir(dir)}
	dotfiles := filepath.Join(dir, "dotfiles")
	if err := os.WriteFile(dotfiles, []byte("User ali\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config")
	if err := os.Symlink(dotfiles, config); err != nil && runtime.GOOS == "windows" {
		t.Skip("links want a privilege on Windows") // the rest is as elsewhere
	}
	install := func(text string) []string {
		t.Helper()
		return apply(t, include, config, text)
	}
	state := func() string {
		var b strings.Builder
		for _, path := range []string{config, include.File} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(info.Mode().String() + info.ModTime().Format(time.RFC3339Nano) + string(text))
		}
		return b.String()
	}
	if got := strings.Join(install("blocks"), " "); got != "iapssh_config dotfiles" {
		t.Errorf("first: %s", got)
	}
	first := state()
	if !strings.Contains(first, "-rw-r-----") || !strings.Contains(first, "-rw-------") || !strings.Contains(first, include.Line()+"\nUser ali\n") {
		t.Errorf("%s", first)
	}
	if got := install("blocks"); got != nil || state() != first {
		t.Errorf("again: %q", got)
	}
	if info, err := os.Lstat(config); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has gone: %v", err)
	}
	if err := os.Chmod(include.File, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(install("blocks"), " "); got != "iapssh_config" {
		t.Errorf("too open: %s", got)
	}
	changes, err := Uninstall(include, config)
	if err != nil || len(changes) != 2 || changes[0].Path != dotfiles || changes[0].Text != "User ali\n" || !changes[1].Remove {
		t.Errorf("%+v, %v", changes, err)
	}
	if changes, err := Uninstall(include, filepath.Join(dir, "none")); err != nil || len(changes) != 1 {
		t.Errorf("without a config: %+v, %v", changes, err)
	}
	if err := os.Remove(dotfiles); err != nil {
		t.Fatal(err)
	}
	if changes, err := Install(include, config, "blocks"); err == nil || !strings.Contains(err.Error(), "is a link to") {
		t.Errorf("a link to nowhere: %+v, %v", changes, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".iapssh-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A home that is missing is not made.
func TestNoHome(t *testing.T) {
	c := Change{Path: filepath.Join(t.TempDir(), "home", ".ssh", "config")}
	if err := c.Apply(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
