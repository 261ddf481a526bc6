package detach

import (
	"errors"
	"os"
)

var errNotHere = errors.New("going into the background is not possible on Windows")

// Child does not occur: Start fails.
type Child struct{}

// Start fails.
func Start(string, []byte, ...string) (*Child, error) { return nil, errNotHere }

// Wait does nothing.
func (c *Child) Wait() int { return 255 }

// Signal does nothing.
func (c *Child) Signal(os.Signal) {}

func leaveSession() error { return errNotHere }

func emptyFiles(bool) error { return errNotHere }

func keepFromChildren(*os.File) {}
