//go:build unix

package tty

import (
	"os"

	"golang.org/x/sys/unix"
)

// character is a special character's opcode and index in Termios.Cc.
type character struct {
	op    byte
	index int
}

// bit is a mode's opcode and flag in one of Termios's fields.
type bit struct {
	op   byte
	mask uint64
}

// Opcodes of what all Unix systems have; each adds its own, see systemCharacters
// and systemInput.
func characters() []character {
	return append([]character{
		{1, unix.VINTR}, {2, unix.VQUIT}, {3, unix.VERASE}, {4, unix.VKILL}, {5, unix.VEOF},
		{6, unix.VEOL}, {7, unix.VEOL2}, {8, unix.VSTART}, {9, unix.VSTOP}, {10, unix.VSUSP},
		{12, unix.VREPRINT}, {13, unix.VWERASE}, {14, unix.VLNEXT}, {18, unix.VDISCARD},
	}, systemCharacters()...)
}

func inputBits() []bit {
	return append([]bit{
		{30, unix.IGNPAR}, {31, unix.PARMRK}, {32, unix.INPCK}, {33, unix.ISTRIP}, {34, unix.INLCR},
		{35, unix.IGNCR}, {36, unix.ICRNL}, {38, unix.IXON}, {39, unix.IXANY}, {40, unix.IXOFF},
		{41, unix.IMAXBEL}, {42, unix.IUTF8},
	}, systemInput()...)
}

func localBits() []bit {
	return []bit{
		{50, unix.ISIG}, {51, unix.ICANON}, {53, unix.ECHO}, {54, unix.ECHOE}, {55, unix.ECHOK},
		{56, unix.ECHONL}, {57, unix.NOFLSH}, {58, unix.TOSTOP}, {59, unix.IEXTEN}, {60, unix.ECHOCTL},
		{61, unix.ECHOKE}, {62, unix.PENDIN},
	}
}

func outputBits() []bit {
	return []bit{{70, unix.OPOST}, {72, unix.ONLCR}, {73, unix.OCRNL}, {74, unix.ONOCR}, {75, unix.ONLRET}}
}

// terminalModes reads the settings of a terminal, nil if the file is none.
func terminalModes(f *os.File) []mode {
	settings, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return nil
	}
	modes := []mode{{opInSpeed, speed(uint64(settings.Ispeed))}, {opOutSpeed, speed(uint64(settings.Ospeed))}}
	for _, c := range characters() {
		value := settings.Cc[c.index]
		if value == switchedOff {
			value = disabled
		}
		modes = append(modes, mode{c.op, uint32(value)})
	}
	for _, field := range []struct {
		bits []bit
		set  uint64
	}{
		{inputBits(), uint64(settings.Iflag)},
		{localBits(), uint64(settings.Lflag)},
		{outputBits(), uint64(settings.Oflag)},
	} {
		for _, b := range field.bits {
			modes = append(modes, flag(b.op, field.set&b.mask != 0))
		}
	}
	control := uint64(settings.Cflag)
	return append(modes,
		flag(90, control&unix.CSIZE == unix.CS7), flag(91, control&unix.CSIZE == unix.CS8),
		flag(92, control&unix.PARENB != 0), flag(93, control&unix.PARODD != 0))
}

// speed is what a terminal that has no line calls its speed, if it names none.
func speed(bits uint64) uint32 {
	if bits == 0 || bits > 1<<31 {
		return 38400
	}
	return uint32(bits)
}
