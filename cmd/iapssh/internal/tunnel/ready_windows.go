package tunnel

import "os"

// Inherited opens a handle that whoever started us has left open for us.
func Inherited(fd int) (*os.File, error) { return os.NewFile(uintptr(fd), "ready-fd"), nil }
