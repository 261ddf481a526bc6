// Package jsonlog writes messages as JSON, one object a line: "time", "level", "msg", and what an event has beside.
//
// Levels are ssh's, in lower case: error, info, verbose, debug1, debug2, debug3.
package jsonlog

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// Writer is what messages for a person are written to, as whole lines. Its methods may be called concurrently.
type Writer struct {
	log *slog.Logger
}

// New writes to another writer, one Write for each line.
func New(to io.Writer) *Writer {
	return &Writer{log: slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: slog.Level(-100), ReplaceAttr: replace}))}
}

// levels are slog's numbers for ours.
var levels = map[string]slog.Level{"error": slog.LevelError, "info": slog.LevelInfo, "verbose": -2, "debug1": -4, "debug2": -5, "debug3": -6}

// replace gives a level its name.
func replace(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey {
		for name, l := range levels {
			if l == level {
				return slog.String(slog.LevelKey, name)
			}
		}
	}
	return a
}

// Event writes one object.
func (w *Writer) Event(level, msg string, attrs ...slog.Attr) {
	w.log.LogAttrs(context.Background(), levels[level], msg, attrs...)
}

// Write writes an object for each line of a text, at the level that the line begins with.
func (w *Writer) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			level, msg := split(line)
			w.Event(level, msg)
		}
	}
	return len(p), nil
}

// split finds the level of a line in ssh's form.
func split(line string) (level, msg string) {
	if name, rest, ok := strings.Cut(line, ": "); ok {
		switch name {
		case "debug1", "debug2", "debug3":
			return name, rest
		case "iapssh", "ssh", "ERROR":
			return "error", line
		}
	}
	return "info", line
}
