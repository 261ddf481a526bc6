// Package detach lets a program go into the background though its language cannot
// fork: it starts itself again before it connects, hands the second process what to
// do, and ends when that one says that it needs the terminal no more.
//
//	first process                     second process
//	Start(plan) ------- plan ------>  Inherited() → plan
//	Wait()                            asks its questions on the same terminal
//	     <------ ready byte --------  Detach(): setsid, then the byte
//	exits 0                           serves
//
// The plan goes through an inherited pipe, never through arguments, which all users
// of the machine can see. The second process stays in the first's session until
// Detach: one of its own could not open /dev/tty. (On Windows it is the console that
// both have, until Detach.) If it ends before Detach, its exit
// status is the first's.
//
// detach.go is the first process, child.go the second.
package detach

import (
	"errors"
	"io"
	"os"
)

// Argument is the first argument of the second process. It is of no use to a person.
const Argument = "--inherited-plan"

// maxPlan bounds what is read as a plan.
const maxPlan = 16 << 20

// ErrNotInherited says that Argument was given by somebody else than Start.
var ErrNotInherited = errors.New("there is no plan to inherit")

// Self is the second process, seen from inside.
type Self struct {
	ready *os.File
}

// Inherited returns what the first process handed over.
func Inherited() (plan []byte, self *Self, err error) {
	in, out := inherited()
	if !isPipe(in) || !isPipe(out) { // the runtime may have opened files of its own there
		return nil, nil, ErrNotInherited
	}
	defer in.Close()
	plan, err = io.ReadAll(io.LimitReader(in, maxPlan))
	if err != nil || len(plan) == 0 {
		return nil, nil, errors.Join(ErrNotInherited, err)
	}
	keepFromChildren(out)
	return plan, &Self{ready: out}, nil
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// Detach leaves the terminal's session, and lets the first process end. The standard
// files become empty, but for those to keep, which are still used.
func (s *Self) Detach(keep ...*os.File) error {
	if err := leaveSession(); err != nil {
		return err
	}
	if err := emptyFiles(keep); err != nil {
		return err
	}
	_, err := s.ready.Write([]byte{1})
	return errors.Join(err, s.ready.Close())
}
