package session

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/knownhosts"
)

// What a cloud says of the host's keys comes before everything but a line that knows the key.
func TestProof(t *testing.T) {
	proof := func(name string, seeds ...byte) Proof {
		p := Proof{Name: name}
		for _, seed := range seeds {
			p.Keys = append(p.Keys, strings.TrimSpace(keyLine(t, "", seed)))
		}
		return p
	}
	for _, test := range []struct {
		name    string
		before  string
		proof   Proof
		again   *Proof // what is said when it is asked anew; nil: nothing new
		policy  string // "ask" if empty
		alias   string
		trusted bool
		said    string
		after   string // of the file; "=": as before
	}{
		{name: "proved", proof: proof("compute.1", 1), trusted: true, after: keyLine(t, "compute.1", 1)},
		{name: "proved under the plan's name", proof: proof("", 1), trusted: true, after: keyLine(t, "web", 1)},
		{name: "proved under an alias", proof: proof("compute.1", 1), alias: "x", trusted: true, after: keyLine(t, "x", 1)},
		{name: "all of its keys are kept", proof: proof("compute.1", 1, 2), trusted: true, after: keyLine(t, "compute.1", 1) + keyLine(t, "compute.1", 2)},
		{name: "proved and known", before: keyLine(t, "compute.1", 1), proof: proof("compute.1", 1), trusted: true, after: "="},
		{name: "known, not proved", before: keyLine(t, "compute.1", 1), proof: proof("compute.1", 2), trusted: true, after: "="},
		{name: "known by a number that begins the same", before: keyLine(t, "compute.12", 1), proof: proof("compute.1"), after: "="},
		{name: "proved to be another", proof: proof("compute.1", 2), said: "IDENTIFICATION HAS CHANGED", after: "="},
		{name: "proved to be another, whatever the policy", policy: "accept-new", proof: proof("compute.1", 2), said: "IDENTIFICATION HAS CHANGED", after: "="},
		{name: "no proof, unknown", proof: proof("compute.1"), after: "="},
		{name: "no proof, unknown, learnt under the number", policy: "accept-new", proof: proof("compute.1"), trusted: true, said: "'compute.1'", after: keyLine(t, "compute.1", 1)},
		{name: "revoked and proved", before: "@revoked " + keyLine(t, "*", 1), proof: proof("compute.1", 1), said: "REVOKED", after: "="},

		{name: "recreated", before: keyLine(t, "compute.1", 2), proof: proof("compute.1", 2), again: new(proof("compute.2", 1)),
			trusted: true, said: "The VM was recreated: it was compute.1 and is compute.2.", after: keyLine(t, "compute.1", 2) + keyLine(t, "compute.2", 1)},
		{name: "recreated, without proof", before: keyLine(t, "compute.1", 2), proof: proof("compute.1"), again: new(proof("compute.2")),
			said: "recreated", after: "="},
		{name: "recreated, by somebody else", before: keyLine(t, "compute.1", 2), proof: proof("compute.1", 2), again: new(proof("compute.2", 3)),
			said: "IDENTIFICATION HAS CHANGED", after: "="},
		{name: "the same VM", before: keyLine(t, "compute.1", 2), proof: proof("compute.1", 2), again: new(proof("compute.1", 2)),
			said: "IDENTIFICATION HAS CHANGED", after: "="},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, file := trustPlan(t, test.before)
			plan.HostKeyAlias = test.alias
			if test.policy != "" {
				plan.StrictHostKeyChecking = test.policy
			}
			asked := 0
			test.proof.Again = func(context.Context) (Proof, bool) {
				if asked++; test.again == nil {
					return test.proof, false
				}
				return *test.again, true
			}
			said, err := checkProof(t, plan, test.proof)
			var refused *knownhosts.RefusedError
			if (err == nil) != test.trusted || err != nil && !errors.As(err, &refused) || !strings.Contains(said, test.said) || test.said == "" && said != "" {
				t.Errorf("%v, said %q", err, said)
			}
			if test.after == "=" {
				test.after = test.before
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != test.after {
				t.Errorf("stored %q, %v; want %q", text, err, test.after)
			}
			if asked > 1 {
				t.Errorf("asked anew %d times", asked)
			}
		})
	}
}
