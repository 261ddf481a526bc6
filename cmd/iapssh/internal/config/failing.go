package config

import (
	"fmt"
	"strconv"
)

// envErrorFile names the file that gets a line of JSON about a failure.
const envErrorFile = "IAPSSH_ERROR_FILE"

// failing reads what programs want of a failure.
func failing(flags map[string]string, effects Effects) (Failing, error) {
	var f Failing
	f.File, _ = effects.LookupEnv(envErrorFile)
	var err error
	if f.FD, err = number(flags, "--error-fd", 1, 1<<16); err != nil {
		return Failing{}, err
	}
	if f.FD != 0 {
		f.File = ""
	}
	if f.Code, err = number(flags, "--fail-code", 1, 255); err != nil {
		return Failing{}, err
	}
	return f, nil
}

// number reads a flag's number, 0 if the flag was not given.
func number(flags map[string]string, name string, least, most int) (int, error) {
	value, given := flags[name]
	if !given {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, usage(fmt.Sprintf("%s wants a number from %d to %d, not %q", name, least, most, value))
	}
	return n, nil
}
