// Package cache keeps what is expensive to learn, an access token or the zone of a VM, in files of the user's, from one process
// to the next. It does not know what it keeps: values are JSON, and whoever reads one judges it.
//
// [Open] opens the directory that [Dir] names; [Cache.For] gives the [Shelf] of one [Owner], so that what one account may see is
// never shown to another. [Shelf.Once] has one process do what many want done, while the others wait for its result.
//
// Nothing here is needed: where the directory cannot be made, read or written, and with a nil *Cache, nothing is found and
// nothing kept, without an error. A file that is damaged, expired or somebody else's counts as absent.
//
//   - cache.go: the directory, and whose entries are where
//   - entry.go: one entry as a file: a header with its key and expiry, written to a temporary name and renamed
//   - once.go: the lock between processes
//   - private_unix.go, private_windows.go: a directory that is the user's alone
package cache

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// envCacheDir names the environment variable that replaces the directory.
const envCacheDir = "IAPSSH_CACHE_DIR"

// Dir is where the cache is on a system (runtime.GOOS), by its conventions; "" if the environment does not tell.
func Dir(goos string, getenv func(string) string) string {
	if dir := getenv(envCacheDir); dir != "" {
		return dir
	}
	switch goos {
	case "windows":
		return below(getenv("LOCALAPPDATA"), "iapssh", "cache")
	case "darwin":
		return below(getenv("HOME"), "Library", "Caches", "iapssh")
	}
	if xdg := getenv("XDG_CACHE_HOME"); filepath.IsAbs(xdg) { // a relative one is void, says the specification
		return below(xdg, "iapssh")
	}
	return below(getenv("HOME"), ".cache", "iapssh")
}

func below(dir string, elements ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, elements...)...)
}

// Cache is an open cache directory. Its methods may be called concurrently, and those of a nil *Cache too, which is empty. It
// holds one file descriptor for as long as the process lives.
type Cache struct {
	root *os.Root
}

// ErrNotPrivate says that others than the user could read or change what is in a directory.
var ErrNotPrivate = errors.New("is not a directory of this user's alone")

// Open opens dir, and makes it, for the user alone, if it is missing; but not home, if that is above it. The error, ErrNotPrivate
// or the system's, says why there is no cache; then the nil *Cache beside it serves.
func Open(dir, home string) (*Cache, error) {
	if dir == "" {
		return nil, errors.New("no cache: the environment names no directory for it")
	}
	root, err := openPrivate(dir, home)
	if err != nil {
		return nil, fmt.Errorf("no cache in %s: %w", dir, err)
	}
	return &Cache{root}, nil
}

// checkHome fails if dir is below a home that is missing: who has none wants none.
func checkHome(dir, home string) error {
	if below, err := filepath.Rel(home, dir); home == "" || err != nil || !filepath.IsLocal(below) {
		return nil
	}
	_, err := os.Stat(home)
	return err
}

func openPrivate(dir, home string) (*os.Root, error) {
	if err := checkHome(dir, home); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := makePrivate(dir); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() { // nor a link to one
		return nil, ErrNotPrivate
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(root); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// Owner is on whose behalf something was learnt. Any field may be empty.
type Owner struct {
	Account     string `json:"account"`     // e-mail
	Credential  string `json:"credential"`  // a hash of what signs in
	Impersonate string `json:"impersonate"` // the chain of service accounts, as given
	Scopes      string `json:"scopes"`      // of the access token
}

// Key names an entry: whose, of what kind, and which.
type Key struct {
	Owner Owner  `json:"owner"`
	Kind  string `json:"kind"` // "token", "vm"
	Name  string `json:"name"`
}

// Shelf is the part of a cache that is one owner's. A nil *Shelf is empty.
type Shelf struct {
	cache *Cache
	owner Owner
}

// For returns the owner's part.
func (c *Cache) For(owner Owner) *Shelf {
	if c == nil {
		return nil
	}
	return &Shelf{cache: c, owner: owner}
}

func (s *Shelf) key(kind, name string) Key { return Key{Owner: s.owner, Kind: kind, Name: name} }

// Keys lists the entries of a kind that have not expired, of any owner, in no order.
func (c *Cache) Keys(kind string) []Key {
	var keys []Key
	c.each(func(_ string, e entry) {
		if e.Key.Kind == kind && time.Now().Before(e.Expires) {
			keys = append(keys, e.Key)
		}
	})
	return keys
}

// Forget removes the entries that match, of any owner, and says how many these were. The first error sticks.
func (c *Cache) Forget(match func(Key) bool) (removed int, err error) {
	listErr := c.each(func(name string, e entry) {
		if !match(e.Key) {
			return
		}
		if removeErr := c.root.Remove(name); removeErr == nil {
			removed++
		} else if err == nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = removeErr
		}
	})
	return removed, cmp.Or(listErr, err)
}

// each calls do for every entry that can be read, with the name of its file.
func (c *Cache) each(do func(name string, e entry)) error {
	if c == nil {
		return nil
	}
	names, err := c.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, entrySuffix) {
			continue
		}
		if e, ok := c.read(name); ok {
			do(name, e)
		}
	}
	return nil
}

// names lists what lies in the directory.
func (c *Cache) names() ([]string, error) {
	dir, err := c.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}
