package session

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkBulk takes the CPU that a client's process needs for a GiB, all of a tunnel included, beside stock ssh's without one.
// The least of some runs counts: other work on the machine only adds.
func BenchmarkBulk(b *testing.B) {
	needLab(b)
	b.Run("down", func(b *testing.B) { bulk(b, fmt.Sprintf("head -c %d /dev/zero", bulkSize), os.DevNull) })
	b.Run("up", func(b *testing.B) {
		input := filepath.Join(b.TempDir(), "zeros")
		if err := os.WriteFile(input, nil, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Truncate(input, bulkSize); err != nil {
			b.Fatal(err)
		}
		bulk(b, "cat >/dev/null", input)
	})
}

const bulkSize = 256 << 20

func bulk(b *testing.B, command, input string) {
	clients := map[string]client{"ours": ours, "plain": plain}
	least := map[string]time.Duration{"ours": time.Hour, "plain": time.Hour}
	for range 7 {
		for name, c := range clients {
			least[name] = min(least[name], cpu(b, c, command, input))
		}
	}
	for name, t := range least {
		b.ReportMetric(t.Seconds()*(1<<30)/bulkSize, name+"-cpu-s/GiB")
	}
	b.ReportMetric(float64(least["ours"])/float64(least["plain"]), "ours/plain")
	b.ReportMetric(0, "ns/op")
}

// cpu runs command with its input from a file, and drops its output.
func cpu(b *testing.B, c client, command, input string) time.Duration {
	cmd := c.command(command)
	file, err := os.Open(input)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	cmd.Stdin = file
	if cmd.Stdout, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		b.Fatal(err)
	}
	defer cmd.Stdout.(*os.File).Close()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
