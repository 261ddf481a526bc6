package tty

import "os"

// terminalModes returns the settings of an ordinary Unix terminal for a console,
// which has none of its own to send; nil if the file is none.
func terminalModes(f *os.File) []mode {
	if !IsTerminal(f) {
		return nil
	}
	return []mode{
		{opInSpeed, 38400}, {opOutSpeed, 38400},
		{1, 3}, {2, 28}, {3, 127}, {4, 21}, {5, 4}, // INTR ^C, QUIT ^\, ERASE DEL, KILL ^U, EOF ^D
		{6, disabled}, {7, disabled}, {8, 17}, {9, 19}, {10, 26}, // EOL, EOL2, START ^Q, STOP ^S, SUSP ^Z
		{12, 18}, {13, 23}, {14, 22}, {18, 15}, // REPRINT ^R, WERASE ^W, LNEXT ^V, DISCARD ^O
		{36, 1}, {38, 1}, {41, 1}, {42, 1}, // ICRNL, IXON, IMAXBEL, IUTF8
		{50, 1}, {51, 1}, {53, 1}, {54, 1}, {55, 1}, {59, 1}, {60, 1}, {61, 1}, // ISIG ICANON ECHO ECHOE ECHOK IEXTEN ECHOCTL ECHOKE
		{70, 1}, {72, 1}, // OPOST, ONLCR
		{91, 1}, // CS8
	}
}
