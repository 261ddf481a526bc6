package tty

import (
	"os"
	"time"
)

// pixelSize knows no pixels here.
func pixelSize(*os.File) (Size, bool) { return Size{}, false }

type resizeEvent = time.Time

// resizeInterval is how often the console is looked at: it sends no signal, and
// its input events belong to whoever reads it.
const resizeInterval = 250 * time.Millisecond

// resizeNews returns a channel of times to look, and what releases it.
func resizeNews() (<-chan resizeEvent, func()) {
	ticker := time.NewTicker(resizeInterval)
	return ticker.C, ticker.Stop
}
