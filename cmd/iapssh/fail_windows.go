package main

// isOpen believes in handles, which have no order that could be guessed at.
func isOpen(int) bool { return true }
