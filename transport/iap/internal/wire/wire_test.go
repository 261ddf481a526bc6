package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"
	"testing/iotest"
)

func room(n int) []byte { return make([]byte, n) }

// message joins a tag and its body.
func message(tag uint16, body ...[]byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, tag), bytes.Join(body, nil)...)
}

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

var whole = []struct {
	name string
	in   []byte
	want Message
}{
	{"session id", message(1, u32(3), []byte("abc")), Message{Tag: TagConnectSuccess, SID: "abc"}},
	{"resumed", message(2, u64(1<<40)), Message{Tag: TagReconnectSuccess, Ack: 1 << 40}},
	{"data", message(4, u32(5), []byte("hello")), Message{Tag: TagData, Data: []byte("hello")}},
	{"most data", message(4, u32(MaxPayloadIn), make([]byte, MaxPayloadIn)), Message{Tag: TagData, Data: make([]byte, MaxPayloadIn)}},
	{"no data", message(4, u32(0)), Message{Tag: TagData}},
	{"ack", message(7, u64(49152)), Message{Tag: TagAck, Ack: 49152}},
	{"long close", message(10, u32(4010), u32(4), []byte("gone")), Message{Tag: TagLongClose, Code: 4010, Reason: "gone"}},
}

func TestDecode(t *testing.T) {
	for _, tc := range whole {
		var d Decoder
		for _, r := range []io.Reader{bytes.NewReader(tc.in), iotest.OneByteReader(bytes.NewReader(tc.in)), iotest.DataErrReader(bytes.NewReader(tc.in))} {
			got, err := d.Decode(r, room)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s: got %v, %v", tc.name, got, err)
			}
		}
	}
}

func TestDecodeSkips(t *testing.T) {
	inner := message(1, u32(1), []byte("x"))
	for name, in := range map[string][]byte{
		"unknown tag":     message(5, inner, message(4, u32(1), []byte("y")), message(7, u64(9))),
		"deprecated tag":  message(3),
		"trailing bytes":  message(7, u64(3), inner, make([]byte, 1000)),
		"trailing to sid": message(1, u32(1), []byte("s"), inner),
	} {
		r := bytes.NewReader(in)
		m, err := new(Decoder).Decode(r, room)
		if err != nil || r.Len() != 0 || m.Data != nil {
			t.Errorf("%s: got %v, %v with %d bytes left", name, m, err, r.Len())
		}
	}
}

func TestDecodeTruncatedAtEachByte(t *testing.T) {
	for _, tc := range whole {
		for n := range min(len(tc.in), 64) {
			if n == len(tc.in) {
				break
			}
			_, err := new(Decoder).Decode(bytes.NewReader(tc.in[:n]), room)
			var format *FormatError
			if !errors.As(err, &format) {
				t.Errorf("%s cut after %d bytes: %v", tc.name, n, err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"empty message":      {},
		"one byte":           {0},
		"too much data":      message(4, u32(MaxPayloadIn+1), make([]byte, MaxPayloadIn+1)),
		"length of 4 GiB":    message(4, u32(1<<32-1)),
		"empty session id":   message(1, u32(0)),
		"huge session id":    message(1, u32(1<<31)),
		"huge close reason":  message(10, u32(4000), u32(1<<31)),
		"data beyond length": message(4, u32(9), []byte("short")),
	} {
		_, err := new(Decoder).Decode(bytes.NewReader(in), room)
		var format *FormatError
		if !errors.As(err, &format) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodePassesReadErrorsOn(t *testing.T) {
	broken := errors.New("line cut")
	for n := range 12 {
		r := io.MultiReader(bytes.NewReader(message(4, u32(6), []byte("abcdef"))[:n]), iotest.ErrReader(broken))
		if _, err := new(Decoder).Decode(r, room); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestEncode(t *testing.T) {
	if got, want := AppendAck(nil, 0x0102030405060708), message(7, u64(0x0102030405060708)); !bytes.Equal(got, want) {
		t.Errorf("ACK: % x, want % x", got, want)
	}
	got := make([]byte, DataHeader)
	PutDataHeader(got, MaxPayload)
	if want := message(4, u32(16384)); !bytes.Equal(got, want) {
		t.Errorf("DATA header: % x, want % x", got, want)
	}
}

func TestDecodeAllocatesNothingForData(t *testing.T) {
	in := message(4, u32(MaxPayload), make([]byte, MaxPayload))
	buf := make([]byte, MaxPayload)
	into := func(n int) []byte { return buf[:n] }
	var d Decoder
	r := bytes.NewReader(in)
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(in)
		if _, err := d.Decode(r, into); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a DATA message", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, tc := range whole {
		f.Add(tc.in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		asked := 0
		m, err := new(Decoder).Decode(bytes.NewReader(in), func(n int) []byte {
			if n < 1 || n > MaxPayloadIn {
				t.Fatalf("room for %d bytes", n)
			}
			asked = n
			return make([]byte, n)
		})
		if err == nil && len(m.Data) != asked {
			t.Fatalf("%d bytes asked for, %d given", asked, len(m.Data))
		}
	})
}
