// Package completion has what shells need to complete the names of VMs: a script for each, which asks us for the names
// (--completion=names). They come from the cache, so that no key waits for the network.
package completion

import _ "embed"

//go:embed iapssh.bash
var bash string

//go:embed iapssh.zsh
var zsh string

//go:embed iapssh.fish
var fish string

// Script is what a shell, "bash", "zsh" or "fish", is to read at its start; empty for others.
func Script(shell string) string {
	switch shell {
	case "bash":
		return bash
	case "zsh":
		return zsh
	case "fish":
		return fish
	}
	return ""
}
