package config

import "strings"

// matchPattern is ssh_config(5)'s pattern: * is any run, ? is exactly one byte.
// Its time is at most the product of the lengths.
func matchPattern(s, pattern string) bool {
	star, mark := -1, 0 // where the last * stands, and what of s it has taken
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}

// matchList matches s against a comma-separated list of patterns. A negated
// pattern that matches decides against the list wherever it stands; negated
// patterns alone never match.
func matchList(s, list string) bool {
	matched := false
	for list != "" {
		var pattern string
		pattern, list, _ = strings.Cut(list, ",")
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(s, pattern) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchHostList is matchList without regard to case, as host names want.
func matchHostList(host, list string) bool {
	return matchList(lower(host), lower(list))
}

// lower is ASCII lower case: OpenSSH's files and names know no other.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
