package config

// Sharing is what a plan says of sharing its connection with other processes.
type Sharing struct {
	Path    string // of the control socket; empty: none
	Command string // -O: "check", "exit", "stop", "proxy", "conninfo", "channels"; empty: none
}

// sharing sets ControlPath and -O.
func (b *builder) sharing(p *Plan) {
	if b.s.isGiven("controlpath") {
		p.Sharing.Path = b.expand("controlpath", b.s.word("controlpath"))
	}
	p.Sharing.Command = b.s.word(kwMuxCommand)
}
