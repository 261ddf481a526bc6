package report

import (
	"errors"
	"net/http"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
)

// The exit codes of modes that are not in ssh's place. docs/exit-codes.md promises them.
const (
	ExitFailed = 1  // of no other kind; a local port that is taken
	ExitUsage  = 2  // the command line or the configuration cannot be followed
	ExitRetry  = 75 // it may work later as it is: sysexits.h's EX_TEMPFAIL
	ExitDenied = 77 // who asks may not, or is nobody yet: EX_NOPERM
)

// Exit gives the exit code for an error, in a mode that is not in ssh's place. One that nothing says more of, the network's most
// often, may pass.
func Exit(err error) int {
	var closed *iap.CloseError
	var status *iap.HTTPError
	var dial *iap.DialError
	var refresh *creds.RefreshError
	switch {
	case err == nil:
		return 0
	case isUsage(err):
		return ExitUsage
	case errors.As(err, &closed):
		return exitOfCode(closed.Code)
	case errors.As(err, &status):
		return exitOfStatus(status.Status)
	case isSignIn(err):
		return ExitDenied
	case errors.As(err, &refresh), timedOut(err): // refresh is a passing one
		return ExitRetry
	case errors.As(err, &dial) && (dial.Stage == iap.StageConnect || dial.Stage == iap.StageUpgrade || dial.Stage == iap.StageSession):
		return ExitRetry
	}
	return ExitFailed
}

func exitOfCode(code int) int {
	switch code {
	case iap.CloseNotAuthorized, iap.CloseReauthenticate:
		return ExitDenied
	case iap.CloseBackendFailed, iap.CloseLookupFailed, iap.CloseLookupFailedResume, // a VM that starts up looks like these
		iap.CloseUnknownError, iap.CloseGoingAway, iap.CloseNoStatus, iap.CloseReadFailed, iap.CloseWriteFailed:
		return ExitRetry
	}
	return ExitFailed
}

func exitOfStatus(status int) int {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ExitDenied
	case status == http.StatusTooManyRequests || status >= 500:
		return ExitRetry
	}
	return ExitFailed
}

func isUsage(err error) bool {
	var usage *config.UsageError
	var bad *config.ConfigError
	var missing *config.MissingError
	var unsupported *config.UnsupportedError
	return errors.As(err, &usage) || errors.As(err, &bad) || errors.As(err, &missing) || errors.As(err, &unsupported)
}

// isSignIn says that there is no credential, or that it is no longer taken; not that Google could not be asked.
func isSignIn(err error) bool {
	var none *creds.NotFoundError
	var file *creds.FileError
	var refused *creds.RefusedError
	var refresh *creds.RefreshError
	return errors.As(err, &none) || errors.As(err, &file) || errors.As(err, &refused) || errors.As(err, &refresh) && !refresh.Temporary()
}
