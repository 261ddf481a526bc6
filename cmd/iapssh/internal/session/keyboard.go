package session

import (
	"io"
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
)

// maxTyped bounds what has been typed, or pasted, and not been sent. Beyond it the
// input is left with the terminal.
const maxTyped = 4 << 20

// keyboard is the standard input of a session with escapes. Its goroutine, listen,
// takes input as it comes and never waits for the connection, so that an escape
// acts however much waits to be sent.
type keyboard struct {
	in   *tty.Reader
	esc  escapes       // used by listen
	obey func(escape)  // called by listen
	done chan struct{} // closed by listen

	mu    sync.Mutex
	moved sync.Cond // typed or over has changed
	typed []byte    // guarded by mu; to be sent
	over  error     // guarded by mu; set when nothing more will be typed
}

// newKeyboard starts to listen.
func newKeyboard(in *tty.Reader, char byte, obey func(escape)) *keyboard {
	k := &keyboard{in: in, esc: escapes{char: char}, obey: obey, done: make(chan struct{})}
	k.moved.L = &k.mu
	go k.listen()
	return k
}

func (k *keyboard) listen() {
	defer close(k.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := k.in.Read(buf)
		for in := buf[:n]; len(in) > 0; {
			send, do, rest := k.esc.next(in)
			k.put(send)
			if do != escNone {
				k.obey(do)
			}
			in = rest
		}
		if err != nil {
			k.end(err)
			return
		}
	}
}

// put adds to what is to be sent.
func (k *keyboard) put(typed []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.typed) > maxTyped && k.over == nil {
		k.moved.Wait()
	}
	k.typed = append(k.typed, typed...)
	k.moved.Broadcast()
}

// end is the end of the input, after what has been typed.
func (k *keyboard) end(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over == nil {
		k.over = err
	}
	k.moved.Broadcast()
}

// Read returns what is to be sent next.
func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.typed) == 0 || k.over == tty.ErrInterrupted {
		if k.over != nil {
			return 0, k.over
		}
		k.moved.Wait()
	}
	n := copy(p, k.typed)
	if k.typed = k.typed[n:]; len(k.typed) == 0 {
		k.typed = nil
	}
	k.moved.Broadcast()
	return n, nil
}

// Interrupt ends a Read in progress and all later ones, whatever is left to be sent.
func (k *keyboard) Interrupt() {
	k.mu.Lock()
	k.over = tty.ErrInterrupted
	k.moved.Broadcast()
	k.mu.Unlock()
	k.in.Interrupt()
}

// hangUp is the end of the input as if it had been typed: end of file, and nothing
// more is taken from the terminal.
func (k *keyboard) hangUp() {
	const endOfTransmission = 4
	k.put([]byte{endOfTransmission})
	k.end(io.EOF)
	k.in.Interrupt()
}

// close ends listening, and returns when it has ended.
func (k *keyboard) close() {
	k.Interrupt()
	<-k.done
}
