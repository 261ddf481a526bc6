package session

import (
	"io"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

const (
	linkInterval = 250 * time.Millisecond // between looks at the link
	linkPatience = time.Second            // a link that is back sooner is not worth a word
)

// Sequences that every terminal knows. The line below the cursor is used: the first
// two make sure that there is one, whether or not the screen has to scroll.
const (
	showLine = "\n\x1b[A\x1b7\r\n\x1b[2m"
	endLine  = "\x1b[0m\x1b[K\x1b8"
	wipeLine = "\x1b7\r\n\x1b[2K\x1b8"
)

// linkNotice is the dim line that says that the link below the connection is being
// resumed. It is used by the goroutine of console. Nil, it shows nothing.
type linkNotice struct {
	link   sshclient.LinkState
	screen io.Writer
	ticker *time.Ticker
	shown  bool
}

func newLinkNotice(link sshclient.LinkState, screen io.Writer) *linkNotice {
	return &linkNotice{link: link, screen: screen, ticker: time.NewTicker(linkInterval)}
}

// tick says when to look.
func (n *linkNotice) tick() <-chan time.Time {
	if n == nil {
		return nil
	}
	return n.ticker.C
}

// look shows the line or takes it away.
func (n *linkNotice) look() {
	since, down := n.link.LinkDown()
	switch {
	case !down:
		n.wipe()
	case !n.shown && time.Since(since) >= linkPatience:
		n.shown = true
		io.WriteString(n.screen, showLine+"iapssh: the connection to IAP broke, resuming the session; ~. gives up"+endLine)
	}
}

func (n *linkNotice) wipe() {
	if n.shown {
		n.shown = false
		io.WriteString(n.screen, wipeLine)
	}
}

// hide ends the notice.
func (n *linkNotice) hide() {
	if n != nil {
		n.ticker.Stop()
		n.wipe()
	}
}
