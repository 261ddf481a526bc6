// Package session measures the whole program beside stock ssh: how soon a command has run, what a gigabyte costs, what is left
// behind, what a terminal shows. Its tests run inside an iaplab whose VM is a real sshd; ci/sessions makes one,
// and has the bounds.
//
//	lab_test.go        the clients that are compared
//	startup_test.go    time and round trips to the first output
//	bulk_test.go       CPU for a gigabyte
//	endurance_test.go  a gigabyte there and back, a thousand sessions, an outage, a server that keeps changing keys
//	screens_test.go    what tmux shows of editors, pagers and jobs
package session
