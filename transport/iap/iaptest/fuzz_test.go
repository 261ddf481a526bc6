package iaptest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
)

// Every parser of what a client sends: no panic, no more memory than allowed,
// and no error but its own or that of the connection.

func FuzzFrames(f *testing.F) {
	f.Add(rawFrame(0x82, dataMessage([]byte("x"))))
	f.Add(rawFrame(0x88, closePayload(1000, "bye")))
	f.Add([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := frameReader{br: bufio.NewReader(bytes.NewReader(stream))}
		for {
			fr, err := r.next()
			var wrong *misuse
			if err != nil {
				if !errors.As(err, &wrong) && err != io.EOF && err != io.ErrUnexpectedEOF {
					t.Fatal(err)
				}
				return
			}
			switch fr.op {
			case opClose:
				_, _, err = parseClose(fr.payload)
			case opBinary:
				_, err = parseMessage(fr.payload)
			}
			if err != nil && !errors.As(err, &wrong) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /v4/connect?project=p&zone=z&instance=i&interface=nic0&port=22 HTTP/1.1\r\nHost: x\r\n" +
		"Authorization: Bearer t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
	f.Add([]byte("GET /v4/connect?project=p&region=r&network=n&host=h&port=22 HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("GET /v4/connect?project=p&region=r&project_number=1&cr_workload_type=job&cr_deployment_name=j&port=22 HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("GET /v4/reconnect?sid=a%20b&ack=18446744073709551616 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		if req, status, wrong := checkRequest(r, hello{}); status == 0 && req.place == (place{}) {
			t.Fatalf("accepted %+v, %v", req, wrong)
		}
	})
}

// TestTruncated ends the stream at every byte.
func TestTruncated(t *testing.T) {
	whole := rawFrame(0x82, dataMessage(bytes.Repeat([]byte("x"), 200)))
	for n := range whole {
		r := frameReader{br: bufio.NewReader(bytes.NewReader(whole[:n]))}
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := r.next(); err != want {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	message := dataMessage([]byte("abc"))
	for n := range message {
		var wrong *misuse
		if _, err := parseMessage(message[:n]); !errors.As(err, &wrong) || wrong.kind != Truncated {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestRing(t *testing.T) {
	src := randomBytes(t, 1<<20)
	var r ring
	var got []byte
	for i, n := 0, 0; r.end < uint64(len(src)); i++ {
		n = min(1+i*37%9000, len(src)-int(r.end))
		r.append(src[r.end : int(r.end)+n])
		got = r.appendTo(got, r.start, r.len()/2)
		r.discard(r.start + uint64(r.len()/2))
	}
	got = r.appendTo(got, r.start, r.len())
	if !bytes.Equal(got, src) {
		t.Error("the ring changed its bytes")
	}
	if len(r.buf) > 64<<10 {
		t.Errorf("the ring has grown to %d bytes", len(r.buf))
	}
}
