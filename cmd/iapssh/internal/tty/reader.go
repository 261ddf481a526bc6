package tty

import "errors"

// ErrInterrupted is what a Reader returns after its Interrupt.
var ErrInterrupted = errors.New("reading interrupted")
