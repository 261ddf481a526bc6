package tty

import "testing"

func TestCygwinPipe(t *testing.T) {
	for name, want := range map[string]bool{
		`\msys-1888ae32e00d56aa-pty0-from-master`:   true,
		`\cygwin-e022582115c10879-pty12-to-master`:  true,
		`\cygwin-e022582115c10879-pty4-echoloop`:    false,
		`\msys-1888ae32e00d56aa-3048-pipe-0x1`:      false,
		`\Device\NamedPipe\msys-1-pty0-from-master`: false,
		`\x-msys-1888-pty0-from-master`:             false,
		``:                                          false,
	} {
		if got := cygwinPipe.MatchString(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
