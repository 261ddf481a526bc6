package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"time"
)

const (
	entrySuffix = ".json"
	lockSuffix  = ".lock"

	// version is of the format of an entry.
	version = 1
	// maxEntry is far above any value that is worth keeping, in bytes.
	maxEntry = 1 << 20
	// maxLife bounds every lifetime. What has not been written for longer is swept away, temporary files and locks included.
	maxLife = 30 * 24 * time.Hour
)

// entry is the content of a file.
type entry struct {
	Version int             `json:"v"`
	Key     Key             `json:"key"`
	Expires time.Time       `json:"expires"`
	Value   json.RawMessage `json:"value"`
}

// base is the name of an entry's files without suffix. It tells nothing to who only sees names.
func (k Key) base() string {
	text, _ := json.Marshal(k) // strings always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Get reads an entry into value, a pointer, and says whether there was one that has not expired. Without one, what value points
// at is undefined.
func (s *Shelf) Get(kind, name string, value any) bool {
	if s == nil {
		return false
	}
	key := s.key(kind, name)
	e, ok := s.cache.read(key.base() + entrySuffix)
	return ok && e.Key == key && time.Now().Before(e.Expires) && json.Unmarshal(e.Value, value) == nil
}

// Put keeps value for a lifetime of at most 30 days. What cannot be written is not kept.
func (s *Shelf) Put(kind, name string, value any, life time.Duration) {
	if s == nil || life <= 0 {
		return
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return
	}
	key := s.key(kind, name)
	text, err := json.Marshal(entry{Version: version, Key: key, Expires: time.Now().Add(min(life, maxLife)), Value: encoded})
	if err != nil || len(text) > maxEntry {
		return
	}
	s.cache.sweep()
	s.cache.write(key.base()+entrySuffix, text)
}

// Drop removes an entry that proved wrong.
func (s *Shelf) Drop(kind, name string) {
	if s != nil {
		_ = s.cache.root.Remove(s.key(kind, name).base() + entrySuffix) // absent, or in the way of nobody but us
	}
}

// read opens an entry's file. Whose it is and whether it has expired is the caller's to see.
func (c *Cache) read(name string) (entry, bool) {
	var e entry
	f, err := c.root.Open(name)
	if err != nil {
		return e, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err != nil || len(text) > maxEntry || json.Unmarshal(text, &e) != nil {
		return e, false
	}
	return e, e.Version == version && e.Key.base()+entrySuffix == name
}

// write replaces a file as a whole: no reader sees half of it.
func (c *Cache) write(name string, text []byte) {
	temporary := name + "." + rand.Text()
	f, err := c.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = c.root.Rename(temporary, name)
	}
	if err != nil {
		_ = c.root.Remove(temporary) // or sweep does
	}
}

// sweep removes what is too old to be of use.
func (c *Cache) sweep() {
	names, err := c.names()
	if err != nil {
		return
	}
	for _, name := range names {
		info, err := c.root.Lstat(name)
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > maxLife {
			_ = c.root.Remove(name)
		}
	}
}
