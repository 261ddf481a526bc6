package tty

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// IsCygwin says whether the file is a terminal of Cygwin's or Git Bash's: a pipe, for
// programs that are not theirs.
func IsCygwin(f *os.File) bool {
	var info struct {
		length uint32 // in bytes
		name   [windows.MAX_PATH]uint16
	}
	size := uint32(unsafe.Sizeof(info))
	if windows.GetFileInformationByHandleEx(windows.Handle(f.Fd()), windows.FileNameInfo, (*byte)(unsafe.Pointer(&info)), size) != nil {
		return false
	}
	length := min(int(info.length/2), len(info.name))
	return cygwinPipe.MatchString(windows.UTF16ToString(info.name[:length]))
}
