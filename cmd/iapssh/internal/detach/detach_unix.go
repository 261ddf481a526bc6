//go:build unix

package detach

import (
	"os"
	"os/exec"
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
	cmd.ExtraFiles = []*os.File{plan, ready}
	return nil, nil
}

// inherited are the two files.
func inherited() (plan, ready *os.File) {
	return os.NewFile(planFD, "plan"), os.NewFile(readyFD, "ready")
}

func leaveSession() error {
	_, err := syscall.Setsid()
	return err
}

// emptyFiles replaces the standard files by the empty one.
func emptyFiles(keepOutputs bool) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	if keepOutputs {
		files = files[:1]
	}
	for _, f := range files {
		if err := unix.Dup2(int(null.Fd()), int(f.Fd())); err != nil {
			return err
		}
	}
	return nil
}

func keepFromChildren(f *os.File) { syscall.CloseOnExec(int(f.Fd())) }
