package tty

import (
	"os"

	"golang.org/x/sys/windows"
)

// openControlling opens the console of this process.
func openControlling() (in, out *os.File, err error) {
	in, err = os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// prepareOutput makes the console obey terminal sequences, and leave the line feed
// at the end of a full line to the other side.
func prepareOutput(f *os.File) (undo func()) {
	console := windows.Handle(f.Fd())
	var before uint32
	if windows.GetConsoleMode(console, &before) != nil {
		return nil
	}
	mode := before | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	if windows.SetConsoleMode(console, mode|windows.DISABLE_NEWLINE_AUTO_RETURN) != nil &&
		windows.SetConsoleMode(console, mode) != nil {
		return nil
	}
	return func() { windows.SetConsoleMode(console, before) }
}

// askMode makes the console edit lines, with Ctrl-C on and echo as said. It
// returns what takes that back.
func askMode(f *os.File, echo bool) (undo func(), err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, err
	}
	mode := before&^windows.ENABLE_VIRTUAL_TERMINAL_INPUT | windows.ENABLE_LINE_INPUT |
		windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
	if !echo {
		mode &^= windows.ENABLE_ECHO_INPUT
	}
	if err := windows.SetConsoleMode(console, mode); err != nil {
		return nil, err
	}
	return func() { windows.SetConsoleMode(console, before) }, nil
}
