package main

import "io"

// openSyslog drops messages: there is no syslog.
func openSyslog(string) io.Writer { return nowhere{} }
