package amount

import (
	"fmt"
	"testing"
	"time"
)

func Example() {
	fmt.Println(Bytes(512), Bytes(1536), Bytes(3<<20), Bytes(5<<40))
	fmt.Println(Round(1234567*time.Nanosecond), Round(1500*time.Millisecond), Round(3*time.Hour+999*time.Millisecond))
	// Output:
	// 512 B 1.5 KiB 3 MiB 5120 GiB
	// 1.2ms 1.5s 3h0m1s
}

func TestBytes(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1 << 30: "1 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}
