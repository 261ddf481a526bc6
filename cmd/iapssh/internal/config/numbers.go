package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Readers of numbers: of ports, and of times in seconds.

// A portOf reads a port: a number, or the name of a service.
type portOf func(text string) (int, bool)

// A portReader is a reader of what may hold ports.
type portReader func(ports portOf, args []string, text string) (value, rest []string, complaint string)

func port(ports portOf, args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	n, ok := ports(args[0])
	if !ok {
		return nil, nil, fmt.Sprintf("Bad port '%s'.", args[0])
	}
	return []string{strconv.Itoa(n)}, args[1:], ""
}

// integer reads a number from 0 to MaxInt32.
func integer(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "integer value missing."
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	switch {
	case err != nil && strings.Trim(args[0], "0123456789") != "":
		return nil, nil, "integer value invalid."
	case n < 0:
		return nil, nil, "integer value too small."
	case err != nil || n > math.MaxInt32:
		return nil, nil, "integer value too large."
	}
	return []string{strconv.FormatInt(n, 10)}, args[1:], ""
}

// seconds reads a time. "none" leaves it unset, so that a later line may set it.
func seconds(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "missing time value."
	}
	if args[0] == "none" {
		return nil, args[1:], ""
	}
	n, ok := parseTime(args[0])
	if !ok {
		return nil, nil, "invalid time value."
	}
	return []string{strconv.Itoa(n)}, args[1:], ""
}

// parseTime reads sshd_config(5)'s TIME FORMATS, 90 or 1h30m, as seconds.
func parseTime(s string) (int, bool) {
	units := map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
	total := 0
	for s != "" {
		i := 0
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		n, err := strconv.ParseInt(s[:i], 10, 32)
		if err != nil {
			return 0, false
		}
		unit := 1
		if s = s[i:]; s != "" {
			if unit = units[s[0]|0x20]; unit == 0 {
				return 0, false
			}
			s = s[1:]
		}
		if total += int(n) * unit; total > math.MaxInt32 || total < 0 {
			return 0, false
		}
	}
	return total, true
}

// parsePort reads a port, 1 to 65535, in decimal digits and nothing else.
func parsePort(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && 1 <= n && n <= 65535
}
