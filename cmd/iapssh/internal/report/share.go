package report

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/sshclient/control"
)

// ofSharing explains what went wrong between us and a master, in ssh's words where it has any.
func ofSharing(err error) (Failure, bool) {
	var master *control.MasterError
	var refused *control.RefusedError
	var long *control.PathError
	var none *control.NoSessionError
	var bind *control.BindError
	switch {
	case errors.As(err, &bind):
		return unbound(bind), true
	case errors.As(err, &none):
		return verbatim(none.Error()), true
	case errors.As(err, &long):
		return verbatim(long.Error()), true
	case errors.As(err, &master):
		return verbatim(fmt.Sprintf("Control socket connect(%.100s): %s", master.Path, systemCause(master.Err))), true
	case errors.As(err, &refused) && refused.Denied:
		return verbatim("Master refused request: " + refused.Reason), true
	case errors.As(err, &refused):
		return verbatim("request failed: " + refused.Reason), true
	case errors.Is(err, control.ErrNoInfo):
		return verbatim(err.Error()), true
	}
	return Failure{}, false
}

func unbound(e *control.BindError) Failure {
	f := verbatim(fmt.Sprintf("unix_listener: cannot bind to path %s: %s", e.Path, systemCause(e.Err)))
	if errors.Is(e.Err, fs.ErrNotExist) {
		f.Fix = "make the directory that ControlPath names: mkdir -p -m 700 " + filepath.Dir(e.Path)
	}
	return f
}

// systemCause is a system's error as the C library words it, or what else it is.
func systemCause(err error) string {
	if errno := sockerr.Errno(err); errno != 0 {
		return capital(errno.Error())
	}
	return err.Error()
}
