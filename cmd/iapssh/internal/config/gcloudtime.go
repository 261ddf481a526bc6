package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// maxKeyLife is more than a key's life will be, and less than overflows.
const maxKeyLife = math.MaxInt32 * time.Second

// keyLife is for how long the key is to let its owner in; 0: as by default.
func (g gcloudLine) keyLife(now time.Time) (time.Duration, error) {
	if value, given := g.flags["--ssh-key-expire-after"]; given {
		life, ok := parseGCloudDuration(value)
		if !ok || life < time.Second {
			return 0, usage(fmt.Sprintf("argument --ssh-key-expire-after: %q is no duration of at least a second, such as 2m, 1d12h or PT30M", value))
		}
		return life, nil
	}
	value, given := g.flags["--ssh-key-expiration"]
	if !given {
		return 0, nil
	}
	end, ok := parseGCloudTime(value, now.Location())
	if !ok {
		return 0, usage(fmt.Sprintf("argument --ssh-key-expiration: Failed to parse date/time: %q, which is wanted as 2030-01-31T10:00:00Z", value))
	}
	if life := end.Sub(now); life >= time.Second {
		return min(life, maxKeyLife), nil
	}
	return 0, usage(fmt.Sprintf("argument --ssh-key-expiration: %s is not in the future", value))
}

// parseGCloudDuration reads 1w2d3h4m5s or its form in ISO 8601, P1W2DT3H4M5S. An m
// is a minute, unless ISO 8601 makes a month of it, which has no fixed length; a
// number alone is seconds.
func parseGCloudDuration(s string) (time.Duration, bool) {
	s = lower(s)
	if iso, ok := strings.CutPrefix(s, "p"); ok {
		days, hours, hasTime := strings.Cut(iso, "t")
		if strings.ContainsAny(days, "ym") || hasTime && hours == "" {
			return 0, false
		}
		s = days + hours
	}
	n, ok := parseTime(s)
	return time.Duration(n) * time.Second, ok
}

// parseGCloudTime reads a point in time; without a zone it is in here's.
func parseGCloudTime(s string, here *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
		"2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, here); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
