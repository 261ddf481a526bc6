package timing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// barWidth is that of the whole time.
const barWidth = 32

// Draw gives the picture, in lines: each phase with its name, when it began, how long it took in milliseconds, and as a bar. Phases
// are in the order of their beginnings; the time of one that failed has a mark. No spans give no lines.
func Draw(spans []Span) []string {
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Compare(a.Begin, b.Begin) })
	var total time.Duration
	width := 0
	for _, s := range spans {
		total, width = max(total, s.End), max(width, len(s.Name))
	}
	if len(spans) == 0 {
		return nil
	}
	lines := []string{fmt.Sprintf("%-*s %9s %9s  ms, %s in all", width, "", "at", "took", milliseconds(total))}
	for _, s := range spans {
		mark := ""
		if s.Failed {
			mark = " failed"
		}
		lines = append(lines, fmt.Sprintf("%-*s %9s %9s  %s%s", width, s.Name, milliseconds(s.Begin), milliseconds(s.End-s.Begin), bar(s, total), mark))
	}
	return lines
}

// bar covers the part of the whole time in which the phase ran, one column at least.
func bar(s Span, total time.Duration) string {
	column := func(at time.Duration) int {
		if total == 0 {
			return 0
		}
		return int(int64(at) * barWidth / int64(total))
	}
	from := min(column(s.Begin), barWidth-1)
	return strings.Repeat(" ", from) + strings.Repeat("#", max(1, column(s.End)-from))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}
