package detach

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// bequeath hands the second process its two files. It returns arguments that tell of them.
func bequeath(cmd *exec.Cmd, plan, ready *os.File) ([]string, error) {
	attr := &syscall.SysProcAttr{}
	var words []string
	for _, f := range []*os.File{plan, ready} {
		handle := windows.Handle(f.Fd())
		if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
			return nil, err
		}
		attr.AdditionalInheritedHandles = append(attr.AdditionalInheritedHandles, syscall.Handle(handle))
		words = append(words, strconv.FormatUint(uint64(handle), 10))
	}
	cmd.SysProcAttr = attr
	return words, nil
}

// inherited are the two files.
func inherited() (plan, ready *os.File) { return fileOf(2), fileOf(3) }

// fileOf is the file whose handle an argument is, nil if it is none.
func fileOf(argument int) *os.File {
	if len(os.Args) <= argument {
		return nil
	}
	handle, err := strconv.ParseUint(os.Args[argument], 10, 64)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(handle), "inherited")
}

// leaveSession leaves the console, whose end would be ours. To have none is as good.
func leaveSession() error {
	windows.NewLazySystemDLL("kernel32.dll").NewProc("FreeConsole").Call()
	return nil
}

// emptyFiles gives the standard files up, but for those to keep: who waits for their end must not wait for us.
func emptyFiles(keep []*os.File) error {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if !slices.Contains(keep, f) {
			f.Close()
		}
	}
	return nil
}

func keepFromChildren(f *os.File) {
	windows.SetHandleInformation(windows.Handle(f.Fd()), windows.HANDLE_FLAG_INHERIT, 0)
}
