package session

import (
	"context"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// commandHelp is ssh's answer to "help" and "?" on its command line.
const commandHelp = `Commands:
      -L[bind_address:]port:host:hostport    Request local forward
      -R[bind_address:]port:host:hostport    Request remote forward
      -D[bind_address:]port                  Request dynamic forward
      -KL[bind_address:]port                 Cancel local forward
      -KR[bind_address:]port                 Cancel remote forward
      -KD[bind_address:]port                 Cancel dynamic forward
`

// localHelp is more of it, with PermitLocalCommand.
const localHelp = `      !args                                  Execute local command
`

// A lineCommand is what was typed on the command line of ~C.
type lineCommand struct {
	answer string         // if that is all there is to it
	local  string         // what to run here
	open   config.Forward // without one of the others
	cancel []config.Forward
}

// parseLine reads the command line as ssh does (clientloop.c, process_cmdline), with its answers. mayRun permits commands to run here.
func parseLine(line string, mayRun bool) lineCommand {
	line = strings.TrimPrefix(strings.TrimLeft(line, " \t"), "-")
	if line == "" {
		return lineCommand{}
	}
	if strings.ContainsRune("hH?", rune(line[0])) {
		if mayRun {
			return lineCommand{answer: commandHelp + localHelp}
		}
		return lineCommand{answer: commandHelp}
	}
	if command, ok := strings.CutPrefix(line, "!"); ok && mayRun {
		return lineCommand{local: command}
	}
	rest, cancel := strings.CutPrefix(line, "K")
	if rest == "" || !strings.Contains("LRD", rest[:1]) {
		return lineCommand{answer: "Invalid command."}
	}
	option, spec := rest[0], strings.TrimLeft(rest[1:], " \t")
	if cancel {
		return parseCancel(option, spec)
	}
	forward, ok := config.ParseForward(option, spec)
	switch {
	case ok:
		return lineCommand{open: forward}
	case option == 'R':
		return lineCommand{answer: "Bad remote forwarding specification."}
	}
	return lineCommand{answer: "Bad local forwarding specification."}
}

// parseCancel reads -KL, -KR and -KD. Which kind of remote forward is meant is not said.
func parseCancel(option byte, spec string) lineCommand {
	listen, ok := config.ParseListen(spec)
	if !ok {
		return lineCommand{answer: "Bad forwarding close specification."}
	}
	kinds := map[byte][]config.ForwardKind{
		'L': {config.LocalForward}, 'D': {config.DynamicForward}, 'R': {config.RemoteForward, config.RemoteDynamicForward},
	}[option]
	var command lineCommand
	for _, kind := range kinds {
		command.cancel = append(command.cancel, config.Forward{Kind: kind, Listen: listen})
	}
	return command
}

// obey does what was typed, and shows the answer.
func (r *run) obey(command lineCommand) {
	if answer := r.follow(command); answer != "" {
		r.out.info(answer)
	}
}

// follow does what was typed, and gives the answer.
func (r *run) follow(command lineCommand) string {
	switch {
	case command.answer != "":
		return command.answer
	case command.cancel != nil:
		return r.cancelForward(command.cancel)
	case command.open.Kind == "":
		return ""
	}
	var err error
	if remote := command.open.Kind == config.RemoteForward || command.open.Kind == config.RemoteDynamicForward; remote {
		err = r.openRemote(context.Background(), command.open)
	} else {
		err = r.openLocal(context.Background(), command.open)
	}
	if err != nil {
		return "Port forwarding failed."
	}
	return "Forwarding port."
}

func (r *run) cancelForward(kinds []config.Forward) string {
	for _, forward := range kinds {
		if r.client.Forwards().Cancel(context.Background(), forwardOf(forward)) == nil {
			return "Canceled forwarding."
		}
	}
	return "Unknown port forwarding."
}

// connections is the answer to ~#, in ssh's words.
func connections(forwards *sshclient.Forwards) string {
	var list strings.Builder
	list.WriteString("The following connections are open:\n  #0 client-session\n")
	for _, c := range forwards.Connections() {
		list.WriteString("  " + c + "\n")
	}
	return list.String()
}
