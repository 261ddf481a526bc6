package tty

import (
	"io"
	"os"
	"sync"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// Reader reads a file in a way that Interrupt can end. A read from a console or
// pipe cannot be waited for together with something else here, so a goroutine,
// feed, does the reading, one piece per Read. When interrupted in a read it stays
// in it, and what that yet takes goes to nobody; it ends with the process.
type Reader struct {
	source io.Reader
	want   chan int      // how much the next Read would take
	pieces chan piece    // what feed has read
	stop   chan struct{} // closed by Interrupt
	once   sync.Once
	rest   piece // read, not yet returned
}

type piece struct {
	data []byte
	err  error
}

// NewReader returns a reader of f, which stays open and unchanged.
func NewReader(f *os.File) (*Reader, error) {
	r := &Reader{source: f, want: make(chan int), pieces: make(chan piece), stop: make(chan struct{})}
	if IsTerminal(f) {
		r.source = &consoleReader{console: windows.Handle(f.Fd())}
	}
	go r.feed()
	return r, nil
}

// feed reads when asked to.
func (r *Reader) feed() {
	for {
		select {
		case <-r.stop:
			return
		case size := <-r.want:
			buf := make([]byte, size)
			n, err := r.source.Read(buf)
			select {
			case r.pieces <- piece{buf[:n], err}:
			case <-r.stop:
				return
			}
		}
	}
}

// Read returns input as soon as there is any, or ErrInterrupted.
func (r *Reader) Read(p []byte) (int, error) {
	if len(r.rest.data) == 0 && r.rest.err == nil {
		select {
		case r.want <- len(p):
		case <-r.stop:
			return 0, ErrInterrupted
		}
		select {
		case r.rest = <-r.pieces:
		case <-r.stop:
			return 0, ErrInterrupted
		}
	}
	n := copy(p, r.rest.data)
	r.rest.data = r.rest.data[n:]
	if len(r.rest.data) == 0 {
		return n, r.rest.err
	}
	return n, nil
}

// Interrupt makes a Read in progress, and all later ones, return ErrInterrupted.
func (r *Reader) Interrupt() { r.once.Do(r.end) }

func (r *Reader) end() { close(r.stop) }

// Close frees the reader. The file stays open.
func (r *Reader) Close() error {
	r.Interrupt()
	return nil
}

// consoleReader reads a console as UTF-8. (os.File would take Ctrl-Z for the end.)
type consoleReader struct {
	console windows.Handle
	half    uint16 // the first half of a surrogate pair, whose other has not come yet
	text    []byte // decoded, not yet returned
}

func (c *consoleReader) Read(p []byte) (int, error) {
	for len(c.text) == 0 {
		units := make([]uint16, 2048)
		var n uint32
		if err := windows.ReadConsole(c.console, &units[0], uint32(len(units)), &n, nil); err != nil {
			return 0, err
		}
		c.decode(units[:n])
	}
	n := copy(p, c.text)
	c.text = c.text[n:]
	return n, nil
}

// decode appends the text of some UTF-16, keeping back half a character.
func (c *consoleReader) decode(units []uint16) {
	if c.half != 0 {
		units = append([]uint16{c.half}, units...)
		c.half = 0
	}
	if len(units) == 0 {
		return
	}
	const firstHigh, lastHigh = 0xd800, 0xdbff // surrogates that begin a pair
	if last := units[len(units)-1]; firstHigh <= last && last <= lastHigh {
		c.half, units = last, units[:len(units)-1]
	}
	c.text = append(c.text, string(utf16.Decode(units))...)
}
