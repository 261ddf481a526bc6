package main

import (
	"errors"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
)

func TestWithoutMaster(t *testing.T) {
	lacks := func(err error) error { return &control.MasterError{Path: "s", Err: err} }
	refused := &control.NoSessionError{Err: control.ErrOpenRefused}
	for _, test := range []struct {
		name    string
		sharing config.Sharing
		err     error
		want    lack
		ok      bool
	}{
		{"there is one", config.Sharing{Master: "auto"}, nil, lack{}, false},
		{"no socket", config.Sharing{Master: "auto"}, lacks(control.ErrNone), lack{share: true}, true},
		{"nobody listens", config.Sharing{Master: "auto"}, lacks(control.ErrStale), lack{replace: true, share: true}, true},
		{"nobody listens, and we will not", config.Sharing{Master: "no"}, lacks(control.ErrStale), lack{tell: true, share: true}, true},
		{"it hangs", config.Sharing{Master: "autoask"}, lacks(control.ErrSilent), lack{tell: true, replace: true, share: true}, true},
		{"it hangs, and we will not", config.Sharing{Master: "no"}, lacks(control.ErrSilent), lack{tell: true, share: true}, true},
		{"another user's", config.Sharing{Master: "auto"}, lacks(control.ErrForeign), lack{tell: true}, true},
		{"no session left", config.Sharing{Master: "auto"}, refused, lack{tell: true}, true},
		{"asked for it", config.Sharing{Master: "auto", Command: "proxy"}, lacks(control.ErrNone), lack{}, false},
		{"no path of a socket", config.Sharing{Master: "auto"}, lacks(&control.PathError{}), lack{}, false},
		{"the session is lost", config.Sharing{Master: "auto"}, &sshclient.LostError{Err: errors.New("gone")}, lack{}, false},
	} {
		if got, ok := withoutMaster(test.sharing, test.err); got != test.want || ok != test.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}
