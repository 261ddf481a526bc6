package cache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestDir(t *testing.T) {
	home := t.TempDir() // absolute on every system
	for _, tc := range []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": home}, filepath.Join(home, ".cache", "iapssh")},
		{"linux", map[string]string{"HOME": "h", "XDG_CACHE_HOME": home}, filepath.Join(home, "iapssh")},
		{"linux", map[string]string{"HOME": home, "XDG_CACHE_HOME": "relative"}, filepath.Join(home, ".cache", "iapssh")},
		{"linux", nil, ""},
		{"freebsd", map[string]string{"HOME": home}, filepath.Join(home, ".cache", "iapssh")},
		{"darwin", map[string]string{"HOME": home, "XDG_CACHE_HOME": "/x"}, filepath.Join(home, "Library", "Caches", "iapssh")},
		{"darwin", nil, ""},
		{"windows", map[string]string{"HOME": "h", "LOCALAPPDATA": home}, filepath.Join(home, "iapssh", "cache")},
		{"windows", map[string]string{"HOME": home}, ""},
		{"linux", map[string]string{"HOME": home, envCacheDir: "/elsewhere"}, "/elsewhere"},
	} {
		if got := Dir(tc.goos, func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%s %v: %q, want %q", tc.goos, tc.env, got, tc.want)
		}
	}
}

func open(t *testing.T) (*Cache, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parent", "iapssh")
	c, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.root.Close() })
	return c, dir
}

var alice = Owner{Account: "alice@example.com", Credential: "hash", Scopes: "cloud-platform"}

func TestEntriesAreTheirOwners(t *testing.T) {
	c, dir := open(t)
	c.For(alice).Put("vm", "p/vm", "zone-a", time.Hour)

	again, err := Open(dir, "") // the next process
	if err != nil {
		t.Fatal(err)
	}
	defer again.root.Close()
	var zone string
	if !again.For(alice).Get("vm", "p/vm", &zone) || zone != "zone-a" {
		t.Errorf("got %q", zone)
	}
	others := []Owner{{Account: "bob@example.com"}, alice, alice, alice, alice}
	others[1].Credential = "other"
	others[2].Impersonate = "robot@p.iam.gserviceaccount.com"
	others[3].Scopes = ""
	others[4].Account = ""
	for _, other := range others {
		if again.For(other).Get("vm", "p/vm", &zone) {
			t.Errorf("%+v sees %q", other, zone)
		}
	}
	if s := c.For(alice); s.Get("token", "p/vm", &zone) || s.Get("vm", "p/vm2", &zone) {
		t.Error("another kind or name is found")
	}
	c.For(alice).Drop("vm", "p/vm")
	if c.For(alice).Get("vm", "p/vm", &zone) {
		t.Error("dropped and found")
	}
}

func TestEntriesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t)
		s := c.For(alice)
		s.Put("vm", "short", 1, time.Minute)
		s.Put("vm", "long", 1, 1000*24*time.Hour)
		s.Put("vm", "never", 1, 0)
		var n int
		if s.Get("vm", "never", &n) {
			t.Error("no lifetime, and kept")
		}
		time.Sleep(time.Minute - 1)
		if !s.Get("vm", "short", &n) {
			t.Error("gone too early")
		}
		time.Sleep(time.Nanosecond)
		if s.Get("vm", "short", &n) {
			t.Error("expired, and found")
		}
		time.Sleep(maxLife)
		if s.Get("vm", "long", &n) {
			t.Error("kept longer than anything is")
		}
	})
}

// A file that is cut off anywhere, or is another's, is a miss.
func TestDamage(t *testing.T) {
	c, dir := open(t)
	s := c.For(alice)
	s.Put("vm", "a", map[string]string{"zone": "zone-a"}, time.Hour)
	s.Put("vm", "b", map[string]string{"zone": "zone-b"}, time.Hour)
	path := filepath.Join(dir, s.key("vm", "a").base()+entrySuffix)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, s.key("vm", "b").base()+entrySuffix))
	if err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{other, []byte("null"), []byte(`{"v":2}`), append(whole, 'x'), make([]byte, maxEntry+1)}
	for n := range whole {
		bad = append(bad, whole[:n])
	}
	for _, text := range bad {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var value map[string]string
		if s.Get("vm", "a", &value) {
			t.Fatalf("%.100q: got %v", text, value)
		}
	}
	s.Put("vm", "a", "mended", time.Hour)
	var value string
	if !s.Get("vm", "a", &value) || value != "mended" {
		t.Errorf("after a new Put: %q", value)
	}
	if s.Get("vm", "a", new(int)) {
		t.Error("a value of another type is found")
	}
}

func TestForget(t *testing.T) {
	c, _ := open(t)
	bob := Owner{Account: "bob@example.com"}
	for _, owner := range []Owner{alice, bob} {
		c.For(owner).Put("vm", "p/vm", 1, time.Hour)
		c.For(owner).Put("vm", "p/vm2", 1, time.Hour)
	}
	n, err := c.Forget(func(k Key) bool { return k.Kind == "vm" && k.Name == "p/vm" })
	if n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	var value int
	if c.For(bob).Get("vm", "p/vm", &value) || !c.For(bob).Get("vm", "p/vm2", &value) {
		t.Error("the wrong one")
	}
}

func TestSweep(t *testing.T) {
	c, dir := open(t)
	for _, name := range []string{"old.json", "old.lock", "old.json.TEMPORARY", "young.json"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name != "young.json" {
			long := time.Now().Add(-maxLife - time.Hour)
			if err := os.Chtimes(path, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.For(alice).Put("vm", "a", 1, time.Hour)
	names, err := c.names()
	if len(names) != 2 || err != nil {
		t.Errorf("left: %q, %v", names, err)
	}
}

// Whoever cannot have a cache has none, and does not notice.
func TestNoCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below", "it")} {
		c, err := Open(dir, "")
		if err == nil {
			t.Errorf("%q: no error", dir)
		}
		if n, err := c.Forget(func(Key) bool { return true }); n != 0 || err != nil {
			t.Errorf("%q: Forget: %d, %v", dir, n, err)
		}
		s := c.For(alice)
		s.Put("vm", "a", 1, time.Hour)
		s.Drop("vm", "a")
		value := 0
		if s.Get("vm", "a", &value) {
			t.Errorf("%q: found", dir)
		}
		set := func() (time.Duration, error) { value = 7; return time.Hour, nil }
		if err := s.Once(t.Context(), "vm", "a", &value, always, ignoring(set)); err != nil || value != 7 {
			t.Errorf("%q: Once: %d, %v", dir, value, err)
		}
	}
}

// The directory may become unusable while it is open.
func TestDirectoryRemoved(t *testing.T) {
	c, dir := open(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	value := 0
	set := func() (time.Duration, error) { value = 7; return time.Hour, nil }
	if err := c.For(alice).Once(t.Context(), "vm", "a", &value, always, ignoring(set)); err != nil || value != 7 {
		t.Errorf("Once: %d, %v", value, err)
	}
}

// A home that is missing stays so; elsewhere a cache is made.
func TestNoHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if c, err := Open(filepath.Join(home, ".cache", "iapssh"), home); c != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("below: %v", err)
	}
	if _, err := os.Stat(home); err == nil {
		t.Error("it was made")
	}
	for name, dir := range map[string]string{"beside": home + "2", "at another place": t.TempDir()} {
		if _, err := Open(filepath.Join(dir, ".cache", "iapssh"), home); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLinkIsRefused(t *testing.T) {
	_, dir := open(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err) // Windows wants a privilege for it
	}
	if _, err := Open(link, ""); !errors.Is(err, ErrNotPrivate) {
		t.Errorf("got %v", err)
	}
}
