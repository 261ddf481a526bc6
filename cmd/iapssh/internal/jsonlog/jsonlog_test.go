package jsonlog

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

type buffer struct{ bytes.Buffer }

func TestWriter(t *testing.T) {
	var to buffer
	w := New(&to)
	io.WriteString(w, "debug1: a \"quoted\" thing\n\r\niapssh: bad\nask\n")
	w.Event("verbose", "over", slog.Int("client", 7), slog.Duration("took", time.Second))
	want := [][2]string{{"debug1", `a "quoted" thing`}, {"error", "iapssh: bad"}, {"info", "ask"}, {"verbose", "over"}}
	lines := strings.Split(strings.TrimSpace(to.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), to.String())
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil || got["level"] != want[i][0] || got["msg"] != want[i][1] {
			t.Errorf("got %s, %v; want %v", line, err, want[i])
		}
		if i == 3 && got["client"] != 7.0 {
			t.Errorf("got %s", line)
		}
	}
}

func Example() {
	w := New(os.Stdout)
	w.log = slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(g []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // or the output would differ every time
		}
		return replace(g, a)
	}}))
	w.Event("info", "session opened", slog.Int("client", 1))
	// Output: {"level":"info","msg":"session opened","client":1}
}
