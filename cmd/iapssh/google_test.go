package main

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// google changes what the lab's Google says. In stories whose name begins with google_ the account may see VMs and projects, in
// others it may use the tunnel and nothing else.
//
//	google project NAME                    another project
//	google vm PROJECT ZONE NAME            another VM
//	google remove PROJECT ZONE NAME        takes one away
//	google grant PERMISSION...             google revoke PERMISSION...
//	google disable SERVICE                 switches an API off
//	google fail CALL STATUS                answers the next such call with an HTTP status
//	google calls                           prints the calls since it was asked last
func google(ts *testscript.TestScript, neg bool, args []string) {
	g := ts.Value(labKey{}).(*lab.Lab).Google
	if neg || len(args) == 0 {
		ts.Fatalf("usage: google VERB [ARG...]")
	}
	verb, args := args[0], args[1:]
	wants, known := map[string]int{"project": 1, "vm": 3, "remove": 3, "disable": 1, "fail": 2, "calls": 0, "grant": len(args), "revoke": len(args)}[verb]
	if !known || wants != len(args) {
		ts.Fatalf("google %s: no such verb, or not its arguments", verb)
	}
	switch verb {
	case "project":
		g.AddProject(args[0], nil)
	case "vm":
		g.AddInstance(args[0], googletest.Instance{Zone: args[1], Name: args[2]})
	case "remove":
		g.RemoveInstance(args[0], args[1], args[2])
	case "grant":
		g.Grant(args...)
	case "revoke":
		g.Revoke(args...)
	case "disable":
		g.Disable(args[0])
	case "fail":
		status := 0
		_, err := fmt.Sscan(args[1], &status)
		ts.Check(err)
		g.Fail(args[0], status, 1)
	case "calls":
		fmt.Fprint(ts.Stdout(), strings.Join(append(g.Calls(), ""), "\n"))
		g.ForgetCalls()
	}
}
