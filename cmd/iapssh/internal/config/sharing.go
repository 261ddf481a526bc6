package config

import "time"

// Sharing is what a plan says of sharing its connection with other processes.
type Sharing struct {
	Path    string        // of the control socket; empty: none
	Master  string        // "no", "yes", "auto", "ask", "autoask"; "no" without Path
	Persist bool          // the master goes into the background and stays
	Idle    time.Duration // for how long without clients; 0: for ever
	Command string        // -O: "check", "forward", "cancel", "exit", "stop", "proxy", "conninfo", "channels"; empty: none

	// Holder says that this process was started to be the master that stays. Resolve leaves it false.
	Holder bool
}

// Joins says whether to look for a master.
func (s Sharing) Joins() bool {
	return s.Path != "" && !s.Holder && (s.Command != "" || s.Master != "yes" && s.Master != "ask")
}

// Shares says whether to be a master if there is none.
func (s Sharing) Shares() bool { return s.Master != "no" && s.Command == "" }

// Confirms says whether a master asks its user before it does what others want.
func (s Sharing) Confirms() bool { return s.Master == "ask" || s.Master == "autoask" }

// Alone is what becomes of it for a connection of one's own: whoever shared it, shares it.
func (s Sharing) Alone() Sharing {
	switch s.Master {
	case "auto":
		s.Master = "yes"
	case "autoask":
		s.Master = "ask"
	case "no":
		return Sharing{Master: "no"}
	}
	return s
}

// sharing sets the Control keywords and -O.
func (b *builder) sharing(p *Plan) {
	p.Sharing = Sharing{Master: "no", Command: b.s.word(kwMuxCommand)}
	if !b.s.isGiven("controlpath") {
		return
	}
	p.Sharing.Path = b.expand("controlpath", b.s.word("controlpath"))
	p.Sharing.Master = first(b.s.word("controlmaster"), "no")
	if persist := b.s.word("controlpersist"); persist != "" && persist != "no" {
		p.Sharing.Persist = true
		p.Sharing.Idle = time.Duration(b.s.integer("controlpersist", 0)) * time.Second
		if p.UpdateHostKeys == "ask" { // there will be nobody to ask
			p.UpdateHostKeys = "no"
		}
	}
}

// muxCommand obeys -O.
func muxCommand(ev *evaluator, o option, put func(name, value string)) error {
	switch {
	case ev.settings.word(kwStdioForward) != "":
		return &UsageError{Text: "Cannot specify multiplexing command with -W"}
	case ev.settings.word(kwMuxCommand) != "":
		return &UsageError{Text: "Multiplexing command already specified"}
	}
	switch o.arg {
	case "check", "conninfo", "channels", "forward", "exit", "stop", "cancel", "proxy":
		put(kwMuxCommand, o.arg)
		return nil
	}
	return &UsageError{Text: "Invalid multiplex command."}
}
