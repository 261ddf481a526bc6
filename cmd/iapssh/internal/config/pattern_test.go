package config

import (
	"strings"
	"testing"
)

func TestMatchPattern(t *testing.T) {
	for _, test := range []struct {
		s, pattern string
		want       bool
	}{
		{"", "", true}, {"a", "", false}, {"", "*", true}, {"", "?", false}, {"a", "?", true}, {"ab", "?", false},
		{"abc", "a*", true}, {"abc", "*c", true}, {"abc", "a*b*c", true}, {"abc", "a*d", false}, {"abab", "*ab", true},
		{"a", "A", false}, {"a*", "a\\*", false}, {"aaa", "a**?", true}, {"mississippi", "m*iss*p?", true},
		{strings.Repeat("a", 5000), strings.Repeat("*a", 2500) + "b", false},
	} {
		if got := matchPattern(test.s, test.pattern); got != test.want {
			t.Errorf("matchPattern(%.20q, %.20q) = %v", test.s, test.pattern, got)
		}
	}
}

func TestMatchList(t *testing.T) {
	for _, test := range []struct {
		s, list string
		want    bool
	}{
		{"a", "a", true}, {"a", "b,a", true}, {"a", "!a,*", false}, {"a", "*,!a", false}, {"b", "!a", false},
		{"b", "!a,*", true}, {"", "", false}, {"a", ",a", true},
	} {
		if got := matchList(test.s, test.list); got != test.want {
			t.Errorf("matchList(%q, %q) = %v", test.s, test.list, got)
		}
	}
}
