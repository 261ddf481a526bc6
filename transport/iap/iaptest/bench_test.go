package iaptest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// The relay's side in one process with a client that does as little as it can,
// so that a benchmark of a real client is not one of the relay.

func BenchmarkUpload(b *testing.B) {
	srv := newTestServer(b, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) { io.Copy(io.Discard, c) }))
	c, _ := open(b, srv, 22)
	f := rawFrame(0x82, dataMessage(make([]byte, 16384)))
	b.SetBytes(16384)
	b.ReportAllocs()
	go io.Copy(io.Discard, c.br)
	for b.Loop() {
		c.write(f)
	}
}

func BenchmarkDownload(b *testing.B) {
	srv := newTestServer(b, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		for buf := make([]byte, 64<<10); ; {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}))
	c, _ := open(b, srv, 22)
	var got, acked uint64
	frame := make([]byte, 4+6+16384)
	b.SetBytes(16384)
	b.ReportAllocs()
	for b.Loop() {
		for want := got + 16384; got < want; {
			n, err := io.ReadFull(c.br, frame[:4])
			if err != nil {
				b.Fatal(n, err)
			}
			size := int(binary.BigEndian.Uint16(frame[2:]))
			if frame[1] != 126 {
				b.Fatalf("frame %x", frame[:4])
			}
			if _, err := io.ReadFull(c.br, frame[4:4+size]); err != nil {
				b.Fatal(err)
			}
			got += uint64(size - 6)
			if got-acked >= 32<<10 {
				acked = got
				c.ack(acked)
			}
		}
	}
}
