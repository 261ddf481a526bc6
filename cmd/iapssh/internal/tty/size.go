package tty

import "golang.org/x/term"

// Size is a terminal's, in characters and in pixels; pixels are 0 when unknown.
type Size struct {
	Columns, Rows, Width, Height uint32
}

// Size returns the terminal's size now.
func (t *Terminal) Size() (Size, error) {
	if size, ok := pixelSize(t.out); ok {
		return size, nil
	}
	columns, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil {
		return Size{}, err
	}
	return Size{Columns: uint32(columns), Rows: uint32(rows)}, nil
}

// SizeWatcher tells of changes of a terminal's size.
type SizeWatcher struct {
	// C receives each new size. Only the latest waits to be received.
	C <-chan Size

	terminal *Terminal
	latest   chan Size
	last     Size // owned by watch
	stop     chan struct{}
	done     chan struct{}
}

// WatchSize starts to watch the terminal's size. Close ends it.
func (t *Terminal) WatchSize() *SizeWatcher {
	w := &SizeWatcher{terminal: t, latest: make(chan Size, 1), stop: make(chan struct{}), done: make(chan struct{})}
	w.C = w.latest
	w.last, _ = t.Size()
	news, release := resizeNews()
	go w.watch(news, release)
	return w
}

// watch looks at the size whenever there may be news.
func (w *SizeWatcher) watch(news <-chan resizeEvent, release func()) {
	defer close(w.done)
	defer release()
	for {
		select {
		case <-w.stop:
			return
		case <-news:
		}
		size, err := w.terminal.Size()
		if err != nil || size == w.last {
			continue
		}
		w.last = size
		select {
		case <-w.latest: // superseded
		default:
		}
		w.latest <- size
	}
}

// Close ends watching. C is not closed.
func (w *SizeWatcher) Close() {
	close(w.stop)
	<-w.done
}
