// Package filelock locks open files against other processes. A lock ends with its file, and so with the process that holds it,
// however that dies. filelock_unix.go and filelock_windows.go are the systems' ways.
package filelock
