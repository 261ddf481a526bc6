//go:build unix

package main

import (
	"io"
	"log/syslog"
)

// openSyslog leads messages to the system's log, for -y. Where there is none they are dropped, as by ssh.
func openSyslog(facility string) io.Writer {
	priorities := map[string]syslog.Priority{
		"DAEMON": syslog.LOG_DAEMON, "AUTH": syslog.LOG_AUTH, "AUTHPRIV": syslog.LOG_AUTHPRIV,
		"LOCAL0": syslog.LOG_LOCAL0, "LOCAL1": syslog.LOG_LOCAL1, "LOCAL2": syslog.LOG_LOCAL2, "LOCAL3": syslog.LOG_LOCAL3,
		"LOCAL4": syslog.LOG_LOCAL4, "LOCAL5": syslog.LOG_LOCAL5, "LOCAL6": syslog.LOG_LOCAL6, "LOCAL7": syslog.LOG_LOCAL7,
	}
	priority, ok := priorities[facility]
	if !ok {
		priority = syslog.LOG_USER
	}
	w, err := syslog.New(priority|syslog.LOG_INFO, "iapssh")
	if err != nil {
		return nowhere{}
	}
	return w
}
