package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Readers of amounts: of data, of time, and of what sets them off.

// rekeyLimit reads BYTES [TIME]. The value is both as numbers, the time only
// where one is given.
func rekeyLimit(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	bytes := int64(0)
	if args[0] != "default" {
		var why string
		if bytes, why = parseScaled(args[0]); why != "" {
			return nil, nil, fmt.Sprintf("Bad number '%s': %s", args[0], why)
		}
		if bytes != 0 && bytes < 16 {
			return nil, nil, "RekeyLimit too small"
		}
	}
	value := []string{strconv.FormatInt(bytes, 10)}
	switch {
	case len(args) == 1:
		return value, nil, ""
	case args[1] == "none":
		return value, args[2:], ""
	}
	interval, rest, complaint := seconds(args[1:], "")
	return append(value, interval...), rest, complaint
}

// parseScaled is OpenBSD's scan_scaled(3): a decimal number with a unit of 1024.
func parseScaled(s string) (n int64, why string) {
	const invalid, tooLarge = "Invalid argument", "Numerical result out of range"
	digits := strings.TrimLeft(s, "+-0123456789.")
	number, unit := s[:len(s)-len(digits)], digits
	exponents := map[string]int{"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
	exponent, known := exponents[lower(unit)]
	if !known {
		return 0, invalid
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if whole == "" && fraction == "" {
		return 0, invalid
	}
	value, err := strconv.ParseFloat(first(whole, "0")+"."+first(fraction, "0"), 64)
	if err != nil {
		return 0, invalid
	}
	value *= math.Pow(1024, float64(exponent))
	if math.Abs(value) >= math.MaxInt64 {
		return 0, tooLarge
	}
	return int64(value), ""
}

// controlPersist reads yes, no or a time; 0 means no end. The value is "no",
// "yes" or seconds.
func controlPersist(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "Missing ControlPersist argument."
	}
	switch arg := args[0]; arg {
	case "no", "false":
		return []string{"no"}, args[1:], ""
	case "yes", "true":
		return []string{"yes"}, args[1:], ""
	default:
		n, ok := parseTime(arg)
		if !ok {
			return nil, nil, "Bad ControlPersist argument."
		}
		if n == 0 {
			return []string{"yes"}, args[1:], ""
		}
		return []string{strconv.Itoa(n)}, args[1:], ""
	}
}

// addKeysToAgent reads yes, no, ask, "confirm [TIME]" or a time. The value is as
// ssh -G prints it.
func addKeysToAgent(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "missing argument."
	}
	state := ""
	if word, _, complaint := states(flagStates, "ask", "ask", "confirm", "confirm")(args, ""); complaint == "" {
		state = word[0]
	}
	return agentLife(state, args)
}

func agentLife(state string, args []string) ([]string, []string, string) {
	switch {
	case state == "confirm" && len(args) > 1:
		n, ok := parseTime(args[1])
		if !ok {
			return nil, nil, "invalid time value."
		}
		if n > 0 {
			state = fmt.Sprintf("confirm %d", n)
		}
		return []string{state}, args[2:], ""
	case state == "" && len(args) == 1:
		n, ok := parseTime(args[0])
		if !ok {
			return nil, nil, "unsupported option"
		}
		if n == 0 {
			return []string{"yes"}, nil, ""
		}
		return []string{fmt.Sprintf("%d", n)}, nil, ""
	case state == "" || len(args) > 1:
		return nil, nil, "unsupported option"
	}
	return []string{state}, args[1:], ""
}

// keystrokeTiming reads ObscureKeystrokeTiming: yes, no or interval:MS.
func keystrokeTiming(args []string, _ string) ([]string, []string, string) {
	if len(args) > 1 {
		return nil, nil, "invalid arguments"
	}
	if len(args) == 0 {
		return nil, nil, "missing argument"
	}
	switch arg := args[0]; arg {
	case "yes", "true":
		return []string{"yes"}, nil, ""
	case "no", "false":
		return []string{"no"}, nil, ""
	default:
		ms, isInterval := strings.CutPrefix(arg, "interval:")
		if !isInterval {
			return nil, nil, fmt.Sprintf("unsupported argument \"%s\"", arg)
		}
		value, _, complaint := integer([]string{ms}, "")
		if complaint != "" {
			return nil, nil, complaint
		}
		if n, _ := strconv.Atoi(value[0]); n <= 0 || n > 1000 {
			return nil, nil, "value out of range."
		}
		if value[0] == "20" { // the default
			return []string{"yes"}, nil, ""
		}
		return value, nil, ""
	}
}

// channelTimeouts reads TYPE=TIME each, or "none".
func channelTimeouts(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "no KEYWORD specified"
	}
	for _, arg := range args {
		if strings.EqualFold(arg, "none") {
			if len(args) > 1 {
				return nil, nil, noneAlone
			}
			break
		}
		kind, after, _ := strings.Cut(arg, "=")
		if _, ok := parseTime(after); kind == "" || after == "" || !ok {
			return nil, nil, "invalid channel timeout " + arg
		}
	}
	return args, nil, ""
}

// A ChannelTimeout closes channels that carry nothing for a time.
type ChannelTimeout struct {
	Channels string        // pattern of the kinds of channels, or "global"
	After    time.Duration // 0: never
}

// channelTimeouts are those of the plan.
func (b *builder) channelTimeouts() []ChannelTimeout {
	var all []ChannelTimeout
	for _, word := range b.s["channeltimeout"].value {
		if channels, after, ok := strings.Cut(word, "="); ok {
			seconds, _ := parseTime(after)
			all = append(all, ChannelTimeout{channels, time.Duration(seconds) * time.Second})
		}
	}
	return all
}

// TimeoutOf is the time after which a kind of channels is closed when it carries nothing; 0 for never. "global" is no kind,
// and named by no pattern: it stands for all channels together.
func (p Plan) TimeoutOf(kind string) time.Duration {
	for _, t := range p.ChannelTimeouts {
		if t.Channels == kind || kind != "global" && t.Channels != "global" && matchPattern(kind, t.Channels) {
			return t.After
		}
	}
	return 0
}

// ipQoS are the names of service classes. OpenSSH since 10.1 takes the last three
// for "the system's default"; before, they were values of their own.
var ipQoS = map[string]int{
	"af11": 0x28, "af12": 0x30, "af13": 0x38, "af21": 0x48, "af22": 0x50, "af23": 0x58,
	"af31": 0x68, "af32": 0x70, "af33": 0x78, "af41": 0x88, "af42": 0x90, "af43": 0x98,
	"cs0": 0x00, "cs1": 0x20, "cs2": 0x40, "cs3": 0x60, "cs4": 0x80, "cs5": 0xa0, "cs6": 0xc0, "cs7": 0xe0,
	"ef": 0xb8, "le": 0x04, "va": 0xb0, "none": -1,
	"lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04,
}

// qualities reads IPQoS: one or two classes, by name or number. The value is
// both, as ssh -G prints them.
func qualities(args []string, _ string) ([]string, []string, string) {
	var value []string
	for _, arg := range args[:min(len(args), 2)] {
		name, ok := qualityName(arg)
		if !ok {
			return nil, nil, "Bad IPQoS value: " + arg
		}
		value = append(value, name)
	}
	switch len(value) {
	case 0:
		return nil, nil, "Bad IPQoS value: (null)"
	case 1:
		value = append(value, value[0])
	}
	return []string{strings.Join(value, " ")}, args[min(len(args), 2):], ""
}

func qualityName(s string) (string, bool) {
	if _, known := ipQoS[lower(s)]; known {
		if lower(s) == "reliability" {
			return "le", true // the same value, and listed before it
		}
		return lower(s), true
	}
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		return "", false
	}
	for _, name := range []string{"le", "lowdelay", "throughput"} {
		if ipQoS[name] == int(n) {
			return name, true
		}
	}
	for name, value := range ipQoS {
		if value == int(n) {
			return name, true
		}
	}
	return fmt.Sprintf("0x%02x", n), true
}

// mask reads the octal mode of StreamLocalBindMask.
func mask(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "Missing StreamLocalBindMask argument."
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(args[0], "+"), 8, 16)
	if err != nil || n > 0o777 {
		return nil, nil, "Bad mask."
	}
	return []string{fmt.Sprintf("0%o", n)}, args[1:], ""
}

// addendum reads VersionAddendum, whose text ends at a "#".
func addendum(_ []string, text string) ([]string, []string, string) {
	text, _, _ = strings.Cut(text, "#")
	text = strings.TrimRight(text, blanks)
	if strings.EqualFold(text, "none") {
		text = ""
	}
	return []string{text}, nil, ""
}
