// Package line is a slow line in user space, and what is measured on one.
//
// A Line carries TCP connections at a rate and with a delay, and holds at most a known number of bytes: the kernel's buffers at its
// ends are made small (a TCP echo on the line, idle and loaded, shows that they hide nothing). All connections of a Line share it,
// so that one's upload is before the other's keystroke, as behind a home router.
//
// A Delay has no rate: it is for tests that count what a client has to wait for.
//
// BenchmarkKeystroke is run by ci/keystroke inside a lab.
package line
