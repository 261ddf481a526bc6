package report

import (
	"errors"
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/sshclient/control"
)

// ofSharing explains what went wrong between us and a master, in ssh's words where it has any.
func ofSharing(err error) (Failure, bool) {
	var master *control.MasterError
	var refused *control.RefusedError
	var long *control.PathError
	var none *control.NoSessionError
	switch {
	case errors.As(err, &none):
		return verbatim(none.Error()), true
	case errors.As(err, &long):
		return verbatim(long.Error()), true
	case errors.As(err, &master):
		return verbatim(fmt.Sprintf("Control socket connect(%.100s): %s", master.Path, masterCause(master))), true
	case errors.As(err, &refused) && refused.Denied:
		return verbatim("Master refused request: " + refused.Reason), true
	case errors.As(err, &refused):
		return verbatim("request failed: " + refused.Reason), true
	case errors.Is(err, control.ErrNoInfo):
		return verbatim(err.Error()), true
	}
	return Failure{}, false
}

// masterCause is a system's error as the C library words it, or what else it is.
func masterCause(e *control.MasterError) string {
	if errno := sockerr.Errno(e.Err); errno != 0 {
		return capital(errno.Error())
	}
	return e.Err.Error()
}
