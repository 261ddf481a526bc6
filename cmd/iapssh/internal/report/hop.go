package report

import (
	"errors"
	"fmt"

	"github.com/iapssh/iapssh/sshclient"
)

// HopError tells that the way to a host ends at a jump host.
type HopError struct {
	Host  string // the jump host, as it was named
	Facts Facts  // of the way to it
	Err   error
}

func (e *HopError) Error() string { return "jump host " + e.Host + ": " + e.Err.Error() }

func (e *HopError) Unwrap() error { return e.Err }

// ofHop explains what is wrong as for any host, and then which one it is.
func ofHop(err error, _ Facts) (Failure, bool) {
	var hop *HopError
	if !errors.As(err, &hop) {
		return Failure{}, false
	}
	f := Of(hop.Err, hop.Facts)
	f.Where = "the way ends at jump host " + hop.Host
	var refused *sshclient.OpenError
	if errors.As(hop.Err, &refused) {
		f.Fix = ""
		f.Where = fmt.Sprintf("jump host %s could not connect to host %s port %d", hop.Host, refused.To.Host, refused.To.Port)
	}
	return f, true
}
