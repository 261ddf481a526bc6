package session

import (
	"reflect"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

func TestParseLine(t *testing.T) {
	port := func(n int) config.Endpoint { return config.Endpoint{Port: n} }
	to := config.Endpoint{Host: "h", Port: 2}
	open := func(kind config.ForwardKind, listen, connect config.Endpoint) lineCommand {
		return lineCommand{open: config.Forward{Kind: kind, Listen: listen, Connect: connect}}
	}
	cancel := func(listen config.Endpoint, kinds ...config.ForwardKind) (c lineCommand) {
		for _, kind := range kinds {
			c.cancel = append(c.cancel, config.Forward{Kind: kind, Listen: listen})
		}
		return c
	}
	for line, want := range map[string]lineCommand{
		"":               {},
		"  -":            {},
		"-L 1:h:2":       open(config.LocalForward, port(1), to),
		"L1:h:2":         open(config.LocalForward, port(1), to),
		" -R 0:h:2":      open(config.RemoteForward, port(0), to),
		"-R 1":           open(config.RemoteDynamicForward, port(1), config.Endpoint{}),
		"-D *:1":         open(config.DynamicForward, config.Endpoint{Host: "*", Port: 1}, config.Endpoint{}),
		"-KL 1":          cancel(port(1), config.LocalForward),
		"-KR/s":          cancel(config.Endpoint{Path: "/s"}, config.RemoteForward, config.RemoteDynamicForward),
		"KD localhost:1": cancel(config.Endpoint{Host: "localhost", Port: 1}, config.DynamicForward),
		"help":           {answer: commandHelp},
		"-?":             {answer: commandHelp},
		"-X":             {answer: "Invalid command."},
		"-K":             {answer: "Invalid command."},
		"!ls":            {answer: "Invalid command."},
		"-L 1":           {answer: "Bad local forwarding specification."},
		"-D 1:h:2":       {answer: "Bad local forwarding specification."},
		"-R x":           {answer: "Bad remote forwarding specification."},
		"-KL 1:h:2":      {answer: "Bad forwarding close specification."},
		"-L":             {answer: "Bad local forwarding specification."},
	} {
		if got := parseLine(line, false); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", line, got, want)
		}
	}
	for line, want := range map[string]lineCommand{
		" -!ls -l": {local: "ls -l"},
		"?":        {answer: commandHelp + localHelp},
		"!":        {},
	} {
		if got := parseLine(line, true); !reflect.DeepEqual(got, want) {
			t.Errorf("%q, permitted: got %+v, want %+v", line, got, want)
		}
	}
}
