package line

import (
	"io"
	"net"
	"testing"
	"time"
)

// Two questions on a connection are two flights, however many pieces each is written in.
func TestDelay(t *testing.T) {
	const oneWay = 20 * time.Millisecond
	addr := serve(t, echo)
	d, err := NewDelay(oneWay, func() (net.Conn, error) { return net.Dial("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for connections := 1; connections <= 2; connections++ {
		c, err := net.Dial("tcp", d.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for flights := 1; flights <= 2; flights++ {
			begin := time.Now()
			io.WriteString(c, "a")
			io.WriteString(c, "b")
			if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took < 2*oneWay {
				t.Errorf("there and back in %v", took)
			}
			if n, m := d.Counts(); n != connections || m != flights {
				t.Errorf("%d connections, %d flights; want %d, %d", n, m, connections, flights)
			}
		}
	}
}
