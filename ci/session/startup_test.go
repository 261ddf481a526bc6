package session

import (
	"os"
	"testing"
	"time"
)

// BenchmarkStartup runs a command that does nothing, with each client in turn, from the process's start to its end.
func BenchmarkStartup(b *testing.B) {
	needLab(b)
	const rounds = 31
	clients := map[string]client{"ours": ours, "stock": stock, "plain": plain}
	times := map[string][]time.Duration{}
	for range rounds {
		for name, c := range clients {
			begin := time.Now()
			if err := c.command("true").Run(); err != nil {
				b.Fatal(err)
			}
			times[name] = append(times[name], time.Since(begin))
		}
	}
	for name := range clients {
		b.ReportMetric(float64(median(times[name]).Microseconds())/1000, name+"-ms")
	}
	b.ReportMetric(float64(median(times["ours"]))/float64(median(times["stock"])), "ours/stock")
	b.ReportMetric(float64(median(times["ours"]))/float64(median(times["plain"])), "ours/plain")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFirstOutput counts round trips from the process's start to a command's first output, on a line that has nothing but
// delay: what a longer line costs more than a shorter one, by the difference in length.
func BenchmarkFirstOutput(b *testing.B) {
	needLab(b)
	const near, far = 20 * time.Millisecond, 220 * time.Millisecond // round trips
	trips := map[string]float64{}
	for name, c := range map[string]client{"ours": ours, "stock": stock} {
		more := firstOutput(b, c, far) - firstOutput(b, c, near)
		trips[name] = float64(more) / float64(far-near)
		b.ReportMetric(trips[name], name+"-trips")
	}
	b.ReportMetric(trips["ours"]-trips["stock"], "ours-stock")
	b.ReportMetric(0, "ns/op")
}

// firstOutput is the least of some tries over a line to the relay: other work on the machine only adds.
func firstOutput(b *testing.B, c client, roundTrip time.Duration) time.Duration {
	l, relay := wayToRelay(b, roundTrip)
	defer l.Close()
	least := time.Hour
	for range 11 {
		cmd := c.command("echo out; sleep 0.1") // the end is no part of it
		cmd.Env = append(os.Environ(), relay)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 3)); err != nil {
			b.Fatal(err)
		}
		least = min(least, time.Since(begin))
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	return least
}
