package config

// A LogLevel is OpenSSH's LogLevel.
type LogLevel int

const (
	LogQuiet LogLevel = iota
	LogFatal
	LogError
	LogInfo
	LogVerbose
	LogDebug1
	LogDebug2
	LogDebug3
)

var logLevelNames = [...]string{"QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG2", "DEBUG3"}

func (l LogLevel) String() string {
	if l < 0 || int(l) >= len(logLevelNames) {
		return "LogLevel?"
	}
	return logLevelNames[l]
}
