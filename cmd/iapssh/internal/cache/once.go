package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/iapssh/iapssh/knownhosts/filelock"
)

const (
	minWait = 5 * time.Millisecond
	maxWait = 100 * time.Millisecond

	// patience is how long another process is waited for. One that was suspended in the midst of it holds its lock for as long
	// as it pleases; doing a thing twice is better than not at all.
	patience = 20 * time.Second
)

// Once gets an entry into value, a pointer: the one that is there if good approves of it, else what renew puts there, which is
// then kept for the lifetime that renew returns. Of all processes that want the entry one at a time calls renew; the others wait
// until its result is there, or until it has failed and the next one tries.
//
// ctx bounds the waiting, and is handed to renew. The error is renew's or wraps that of ctx.
func (s *Shelf) Once(ctx context.Context, kind, name string, value any, good func() bool, renew func(context.Context) (time.Duration, error)) error {
	began := time.Now()
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		if s.Get(kind, name, value) && good() {
			return nil
		}
		if s == nil || time.Since(began) >= patience {
			return s.renew(ctx, kind, name, value, renew)
		}
		if lock, held := s.cache.tryLock(s.key(kind, name).base() + lockSuffix); held {
			if lock != nil {
				defer lock.Close()
			}
			if s.Get(kind, name, value) && good() {
				return nil // another was faster
			}
			return s.renew(ctx, kind, name, value, renew)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return fmt.Errorf("waiting for another process: %w", ctx.Err())
		}
	}
}

func (s *Shelf) renew(ctx context.Context, kind, name string, value any, renew func(context.Context) (time.Duration, error)) error {
	life, err := renew(ctx)
	if err == nil {
		s.Put(kind, name, value, life)
	}
	return err
}

// tryLock takes a lock that lasts until the file is closed, or says that another holds it. Where nothing can be locked, as in a
// directory that is read only, everybody may go on, without a file.
func (c *Cache) tryLock(name string) (lock *os.File, held bool) {
	f, err := c.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, true
	}
	held, err = filelock.Try(f)
	if err != nil {
		f.Close()
		return nil, true
	}
	if !held || !c.isAt(f, name) {
		f.Close()
		return nil, false
	}
	now := time.Now()
	_ = c.root.Chtimes(name, now, now) // keeps sweep away
	return f, true
}

// isAt says that f, which was opened by name, has not been removed since.
func (c *Cache) isAt(f *os.File, name string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := c.root.Stat(name)
	return err == nil && os.SameFile(opened, there)
}
