package tty

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"
)

// maxAnswer is how many bytes of an answer are kept, as in readpassphrase(3).
const maxAnswer = 1024

// maxConfirm bounds how often a yes or no is asked for.
const maxConfirm = 5

// Ask writes the prompt and reads one line, returned without its end. With echo
// off, as for passphrases, what is typed does not show. When ctx ends before the
// user has answered, Ask returns its error. At end of input the error is io.EOF. The
// terminal is back in its former mode in any case.
func (t *Terminal) Ask(ctx context.Context, prompt string, echo bool) (string, error) {
	undo, err := t.beginAsking(echo)
	if err != nil {
		return "", err
	}
	defer undo()
	if t.owned {
		job := watchAsking(t, prompt, echo)
		defer job.end()
	}
	if _, err := io.WriteString(t.out, prompt); err != nil {
		return "", err
	}
	reader, err := NewReader(t.in)
	if err != nil {
		return "", err
	}
	defer reader.Close()
	release := context.AfterFunc(ctx, reader.Interrupt)
	defer release()
	answer, err := readLine(reader)
	if !echo || err != nil {
		io.WriteString(t.out, "\n")
	}
	if errors.Is(err, ErrInterrupted) {
		err = context.Cause(ctx)
	}
	return answer, err
}

// Confirm asks the question, and again instead of it, until the answer is yes or no.
// Too many others count as no.
func (t *Terminal) Confirm(ctx context.Context, question, again string) (bool, error) {
	for range maxConfirm {
		answer, err := t.Ask(ctx, question, true)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "yes", "y":
			return true, nil
		case "no", "n":
			return false, nil
		}
		question = again
	}
	return false, nil
}

// beginAsking puts the terminal into the mode for a question. undo takes that
// back, unless Restore has done more already.
func (t *Terminal) beginAsking(echo bool) (undo func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !IsTerminal(t.in) {
		return nil, ErrNoTerminal
	}
	raw := t.changed
	if !raw {
		if t.before, err = term.GetState(int(t.in.Fd())); err != nil {
			return nil, err
		}
		t.undoOut = nil
	}
	back, err := askMode(t.in, echo)
	if err != nil {
		return nil, err
	}
	t.changed = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch {
		case !t.changed:
		case raw:
			back()
		default:
			t.restore()
		}
	}, nil
}

// readLine reads up to and with a line end, one byte at a time: the rest is not
// ours. What exceeds maxAnswer is dropped.
func readLine(from io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		n, err := from.Read(one)
		switch {
		case n == 0 && errors.Is(err, io.EOF) && len(line) > 0:
			return string(bytes.TrimRight(line, "\r")), nil
		case n == 0 && err != nil:
			return "", err
		case n == 1 && one[0] == '\n':
			return string(bytes.TrimRight(line, "\r")), nil
		case n == 1 && len(line) < maxAnswer:
			line = append(line, one[0])
		}
	}
}
