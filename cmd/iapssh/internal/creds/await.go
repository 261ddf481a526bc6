package creds

import (
	"context"
	"time"
)

// How often a credential is looked at while somebody may be signing in.
const awaitInterval = time.Second

// AwaitSignIn waits until the credential is no longer the one that last gave no
// token: somebody has signed in, in another terminal. The error is that of ctx.
func (s *Source) AwaitSignIn(ctx context.Context) error {
	ticker := time.NewTicker(awaitInterval)
	defer ticker.Stop()
	for {
		s.mu.Lock()
		failed := s.failed
		s.mu.Unlock()
		if now := s.credential.fingerprint(); now != failed {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
