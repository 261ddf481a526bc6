package tty

import "regexp"

// cygwinPipe is how Cygwin, and MSYS with it, names the pipes that it makes of a terminal:
// `\msys-1888ae32e00d56aa-pty0-from-master`.
var cygwinPipe = regexp.MustCompile(`^\\(cygwin|msys)-[0-9a-f]+-pty[0-9]+-(from|to)-master$`)
