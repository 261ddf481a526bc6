package config

import (
	"context"
	"fmt"
	"strings"
)

// A builder turns settings into the fields of a plan. Its first error sticks.
type builder struct {
	ctx     context.Context
	s       settings
	me      local
	effects Effects
	conn    connection
	line    commandLine
	inLine  keySettings // of a ProxyCommand that is ours
	err     error
}

// expand replaces ~, tokens and ${ENV} in a value of a keyword.
func (b *builder) expand(keyword, value string) string {
	value, err := expandTilde(value, b.me.home, b.effects.HomeOf)
	if err == nil {
		value, err = expander{b.conn.tokens(), b.effects.LookupEnv}.expand(value)
	}
	b.fail(keyword, err)
	return value
}

// atHome replaces ~ alone.
func (b *builder) atHome(keyword string, paths []string) []string {
	var all []string
	for _, path := range paths {
		path, err := expandTilde(path, b.me.home, b.effects.HomeOf)
		b.fail(keyword, err)
		all = append(all, path)
	}
	return all
}

func (b *builder) fail(keyword string, err error) {
	if err != nil && b.err == nil {
		b.err = failed(keyword, b.s[keyword].at, err)
	}
}

// failed says that the value of a keyword cannot be used.
func failed(keyword string, at position, err error) error {
	return &ConfigError{File: at.file, Line: at.line, Text: visible(fmt.Sprintf("%s: %s: %v", at, keyword, err))}
}

func (b *builder) expandAll(keyword string, values []string) []string {
	var all []string
	for _, value := range values {
		if !strings.EqualFold(value, "none") {
			all = append(all, b.expand(keyword, value))
		}
	}
	return all
}
