package config

import "strings"

// sshOptions is ssh.c's option string.
const sshOptions = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"

// A getopt scans options as BSD's getopt(3) does for ssh: letters may be
// clustered, an argument may be attached or stand next, "--" ends the options,
// and so does the first word that is none. In addition it knows long flags,
// which ssh has none of.
type getopt struct {
	argv    []string
	cluster string // what is left of a word of clustered letters
	last    string // the word read last, an option's argument included
}

// An option is one letter of sshOptions, or a long flag with its dashes.
type option struct {
	name string
	arg  string
}

// next returns the next option; ok is false when they have ended, and argv then
// begins with the first word after them. long are the long flags that may
// stand here; each takes a value, but for longSwitches.
func (g *getopt) next(long map[string]string) (o option, ok bool, err error) {
	if g.cluster == "" {
		if len(g.argv) == 0 || len(g.argv[0]) < 2 || g.argv[0][0] != '-' {
			return option{}, false, nil
		}
		word := g.shift()
		if word == "--" {
			return option{}, false, nil
		}
		if strings.HasPrefix(word, "--") {
			o, err = g.longFlag(word, long)
			return o, err == nil, err
		}
		g.cluster = word[1:]
	}
	letter := g.cluster[:1]
	g.cluster = g.cluster[1:]
	at := strings.Index(sshOptions, letter)
	if at < 0 || letter == ":" {
		return option{}, false, &UsageError{Text: "unknown option -- " + letter, Synopsis: true}
	}
	if !strings.HasPrefix(sshOptions[at+1:], ":") {
		return option{name: letter}, true, nil
	}
	arg := g.cluster
	g.cluster = ""
	if arg == "" {
		if len(g.argv) == 0 {
			return option{}, false, &UsageError{Text: "option requires an argument -- " + letter, Synopsis: true}
		}
		arg = g.shift()
	}
	return option{name: letter, arg: arg}, true, nil
}

func (g *getopt) longFlag(word string, long map[string]string) (option, error) {
	name, value, attached := strings.Cut(word, "=")
	if _, known := long[name]; !known {
		return option{}, &UsageError{Text: "unknown option -- " + word[1:], Synopsis: true}
	}
	if _, isSwitch := longSwitches[name]; isSwitch {
		if attached {
			return option{}, usage("option " + name + " takes no value")
		}
		return option{name: name, arg: longSwitches[name]}, nil
	}
	if usual, ok := longOptional[name]; ok && !attached {
		return option{name: name, arg: usual}, nil
	}
	if !attached {
		if len(g.argv) == 0 {
			return option{}, &UsageError{Text: "option requires an argument -- " + name[1:], Synopsis: true}
		}
		value = g.shift()
	}
	return option{name: name, arg: value}, nil
}

// wantsNext says that the argument of the option in word, the last one of a cluster, is the word that follows.
func wantsNext(word string) bool {
	if strings.HasPrefix(word, "--") {
		_, known := longFlags[word]
		_, isSwitch := longSwitches[word]
		_, isOptional := longOptional[word]
		return known && !isSwitch && !isOptional
	}
	for i, letter := range word[1:] {
		if at := strings.IndexRune(sshOptions, letter); at >= 0 && strings.HasPrefix(sshOptions[at+1:], ":") {
			return i == len(word)-2
		}
	}
	return false
}

func (g *getopt) shift() string {
	g.last, g.argv = g.argv[0], g.argv[1:]
	return g.last
}
