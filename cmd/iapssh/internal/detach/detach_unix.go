//go:build unix

package detach

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors that the second process inherits beside the standard ones.
const (
	planFD  = 3
	readyFD = 4
)

// bequeath hands the second process its two files. It returns arguments that tell of them.
func bequeath(cmd *exec.Cmd, plan, ready *os.File) ([]string, error) {
	closeOthers()
	cmd.ExtraFiles = []*os.File{plan, ready}
	return nil, nil
}

// closeOthers closes to our children what we have inherited beside the standard files, as ssh does: somebody may
// wait for the end of a pipe that a process in the background would hold open.
func closeOthers() {
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, f := range files {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// inherited are the two files.
func inherited() (plan, ready *os.File) {
	return os.NewFile(planFD, "plan"), os.NewFile(readyFD, "ready")
}

func leaveSession() error {
	_, err := syscall.Setsid()
	return err
}

// emptyFiles replaces the standard files, but for those to keep, by the empty one.
func emptyFiles(keep []*os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if slices.Contains(keep, f) {
			continue
		}
		if err := unix.Dup2(int(null.Fd()), int(f.Fd())); err != nil {
			return err
		}
	}
	return nil
}

func keepFromChildren(f *os.File) { syscall.CloseOnExec(int(f.Fd())) }
