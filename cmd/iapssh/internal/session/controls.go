package session

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// breakLength is that of ~B, in milliseconds, as in ssh.
const breakLength = 1000

// controls obeys escapes, in the goroutine that listens to the keyboard. None waits
// for the server; what has to is left to a goroutine of its own.
type controls struct {
	run      *run
	work     *sync.WaitGroup // what has been begun; ends with the connection
	session  *sshclient.Session
	console  *console // nil: standard input is no terminal
	terminal *tty.Terminal
	keyboard *keyboard

	passenger bool // the terminal and the process are another's
}

func (c *controls) obey(do escape) {
	if c.passenger && !forPassengers(do) {
		c.say(fmt.Sprintf("%s escape not available to multiplexed sessions", do))
		return
	}
	switch do {
	case escDisconnect:
		c.say(".")
		c.run.abandoned = true
		c.work.Go(c.leave) // wakes who waits for the connection
	case escSuspend:
		c.say("^Z [suspend ssh]")
		tty.RequestStop()
	case escBackground:
		c.background()
	case escHelp:
		c.show(escapeHelp(c.char()))
	case escList:
		c.say("#\n" + connections(c.run.client.Forwards()))
	case escBreak:
		c.say("B")
		c.work.Go(c.sendBreak) // may wait behind what is being sent
	case escCommand:
		c.commandLine()
	case escRekey:
		c.say("R [not done: the server alone begins a key exchange here]")
	case escQuieter, escLouder:
		c.say(fmt.Sprintf("%s [LogLevel %s]", do, c.run.out.adjust(do == escLouder)))
	case escStats:
		c.say("s\n" + c.run.stats())
		c.work.Go(c.ping)
	}
}

// forPassengers says whether an escape leaves alone what is the passenger's or the master's.
func forPassengers(do escape) bool {
	return do != escSuspend && do != escBackground && do != escCommand
}

// leave ends the connection, or if that is another's the session.
func (c *controls) leave() {
	if c.passenger {
		c.session.Close()
		return
	}
	c.run.close()
}

func (c *controls) sendBreak() { c.session.Break(breakLength) }

func (c *controls) char() byte { return byte(c.run.plan.EscapeChar) }

// say shows what has been understood.
func (c *controls) say(text string) { c.show(string(rune(c.char())) + text) }

func (c *controls) show(text string) {
	text = strings.TrimSuffix(text, "\n") + "\n"
	io.WriteString(c.run.local.RemoteStderr, strings.ReplaceAll(text, "\n", "\r\n"))
}

// background gives the terminal back and lets the session go on. The process cannot
// divide itself, so it becomes a job of the shell's, as after ^Z and bg.
func (c *controls) background() {
	if c.console == nil {
		c.say("& [not done: standard input is no terminal]")
		return
	}
	if err := tty.ContinueSoon(); err != nil {
		c.say(fmt.Sprintf("& [not done: %v]", err))
		return
	}
	c.say("& [backgrounded]")
	c.console.detach()
	c.keyboard.hangUp()
	tty.RequestStop()
}

// commandLine is ~C: it adds and removes forwardings, and runs commands here.
func (c *controls) commandLine() {
	switch {
	case !c.run.plan.EscapeCommand:
		c.show("commandline disabled")
		return
	case c.console == nil:
		c.show("no terminal to ask on")
		return
	}
	c.console.cooked()
	defer c.console.resume()
	line, err := c.terminal.Ask(context.Background(), "\r\nssh> ", true)
	if err != nil {
		return
	}
	command := parseLine(line, c.run.plan.PermitLocal)
	if command.local != "" {
		c.run.runHere(context.Background(), command.local) // while the terminal is its own
		return
	}
	c.run.work.Go(func() { c.run.obey(command) }) // the server may take its time
}

// ping measures the way to the server and back.
func (c *controls) ping() {
	if text, ok := c.run.ping(); ok {
		c.show(text)
	}
}
