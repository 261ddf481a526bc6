package report

// The exit codes of modes that are not in ssh's place. docs/exit-codes.md promises them.
const (
	ExitFailed = 1  // of no other kind; a local port that is taken
	ExitUsage  = 2  // the command line or the configuration cannot be followed
	ExitRetry  = 75 // it may work later as it is: sysexits.h's EX_TEMPFAIL
	ExitDenied = 77 // who asks may not, or is nobody yet: EX_NOPERM
)

// Exit gives the exit code for an error, in a mode that is not in ssh's place.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	switch f := Of(err, Facts{}); {
	case f.Stage == StageConfig:
		return ExitUsage
	case f.Denied:
		return ExitDenied
	case f.Retryable:
		return ExitRetry
	}
	return ExitFailed
}
