package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// oauth changes how signing in goes, or checks how it went.
//
//	oauth refuse CODE [SUBTYPE]     every request for a token is refused
//	oauth busy N                    the next N are answered with 429
//	oauth allow                     no more of that
//	oauth login FILE                the account signs in anew, which writes FILE; what it had is no longer good
//	oauth actas WHO ROBOT           WHO may act as the service account ROBOT
//	oauth counts TOKEN EXCHANGE GENERATE   how many requests there were to each, since the last time
//	oauth expire                    no access token is good any more
//	oauth token FILE                writes an access token that is
//	oauth damage DIR                cuts off what is kept there
//	oauth reason TEXT               what the last request for a service account's token gave as its reason
func oauth(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value(labKey{}).(*lab.Lab)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: oauth VERB [ARG...]")
	}
	args = append(args, "", "", "")
	switch args[0] {
	case "refuse":
		l.Google.Refuse(googletest.Refusal{Error: args[1], Subtype: args[2]})
	case "busy":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		l.Google.RefuseNext(n, googletest.Refusal{Status: 429, Error: "rate_limit_exceeded"})
	case "allow":
		l.Google.Allow()
	case "login":
		l.Google.SignInAgain()
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), l.Google.Login(), 0o600))
	case "actas":
		l.Google.AllowActAs(args[1], args[2])
	case "counts":
		c := l.Google.Counts()
		if got, want := fmt.Sprint(c.Token, c.Exchange, c.Generate), fmt.Sprint(args[1], " ", args[2], " ", args[3]); got != want {
			ts.Fatalf("requests for tokens, exchanges, tokens of service accounts: %s, want %s", got, want)
		}
		l.Google.ForgetCounts()
	case "expire":
		l.Google.ExpireAll()
	case "token":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(l.Google.Issue()), 0o600))
	case "damage":
		entries, err := filepath.Glob(filepath.Join(args[1], "*.json"))
		ts.Check(err)
		if len(entries) == 0 {
			ts.Fatalf("nothing in %s", args[1])
		}
		for _, entry := range entries {
			ts.Check(os.Truncate(entry, 40))
		}
	case "reason":
		reasons := l.Google.Reasons()
		if len(reasons) == 0 || reasons[len(reasons)-1] != args[1] {
			ts.Fatalf("reasons: %q", reasons)
		}
	default:
		ts.Fatalf("oauth %s: no such verb", args[0])
	}
}
