package config

import "fmt"

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

// logFormat reads the value of --log-format.
func logFormat(value string) (string, error) {
	switch value {
	case "", "text":
		return "", nil
	case "json":
		return value, nil
	}
	return "", usage(fmt.Sprintf("--log-format must be text or json, not %q", value))
}

// parseLogLevel reads a name as String gives it; any other is LogInfo.
func parseLogLevel(name string) LogLevel {
	for i, known := range logLevelNames {
		if name == known {
			return LogLevel(i)
		}
	}
	return LogInfo
}
