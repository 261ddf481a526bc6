package main

import (
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// later lets time pass: not on the clock, but everything with a date in it is so much older, on the side of Google as in the cache.
//
//	later 25h
func later(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: later DURATION")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	l := ts.Value(labKey{}).(*lab.Lab)
	l.Google.Elapse(d)
	entries, err := filepath.Glob(filepath.Join(l.Files.Home, ".cache", "iapssh", "*.json"))
	ts.Check(err)
	for _, path := range entries {
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, date.ReplaceAllFunc(text, func(old []byte) []byte {
			at, err := time.Parse(time.RFC3339Nano, string(old))
			ts.Check(err)
			return []byte(at.Add(-d).Format(time.RFC3339Nano))
		}), 0o600))
	}
}

// date is one as encoding/json writes it.
var date = regexp.MustCompile(`\b2\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
