package iap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

// payload checks a DATA message's header and gives what it carries.
func payload(t *testing.T, msg []byte) []byte {
	t.Helper()
	if binary.BigEndian.Uint16(msg) != uint16(wire.TagData) || int(binary.BigEndian.Uint32(msg[2:])) != len(msg)-wire.DataHeader {
		t.Fatalf("header % x of a message of %d bytes", msg[:wire.DataHeader], len(msg))
	}
	return msg[wire.DataHeader:]
}

func TestSendLedgerSplitsAtPages(t *testing.T) {
	var l sendLedger
	if n := l.append(make([]byte, 40000)); n != 40000 {
		t.Fatalf("took %d bytes", n)
	}
	for _, want := range []int{16384, 16384, 7232} {
		if got := len(payload(t, l.next())); got != want {
			t.Errorf("message of %d bytes, want %d", got, want)
		}
	}
	if l.next() != nil {
		t.Error("a message from nothing")
	}
}

func TestSendLedgerBounds(t *testing.T) {
	var l sendLedger
	if n := l.append(make([]byte, 2*maxUnsent)); n != maxUnsent {
		t.Fatalf("took %d unsent bytes, want %d", n, maxUnsent)
	}
	total := maxUnsent
	for l.next() != nil || l.room() > 0 {
		l.flushed()
		total += l.append(make([]byte, maxUnsent))
	}
	if total != maxUnconfirmed {
		t.Errorf("took %d unconfirmed bytes, want %d", total, maxUnconfirmed)
	}
	if err := l.confirm(100); err != nil || l.room() != 100 {
		t.Errorf("after an ACK of 100 bytes: %v, room for %d", err, l.room())
	}
}

func TestSendLedgerRefusesAcks(t *testing.T) {
	var l sendLedger
	l.append(make([]byte, 3000))
	l.next()
	l.append(make([]byte, 500))
	for _, tc := range []struct {
		ack uint64
		ok  bool
	}{{1000, true}, {1000, true}, {999, false}, {3001, false}, {3500, false}, {1 << 63, false}, {3000, true}} {
		err := l.confirm(tc.ack)
		var protocol *ProtocolError
		if (err == nil) != tc.ok || err != nil && !errors.As(err, &protocol) {
			t.Errorf("ACK of %d: %v", tc.ack, err)
		}
	}
}

// Random sequences of writes, sends and ACKs deliver the stream that was written, whatever the ACKs cut through.
func TestSendLedgerKeepsTheStream(t *testing.T) {
	for seed := range byte(50) {
		noise := rand.NewChaCha8([32]byte{1, seed})
		rng := rand.New(noise)
		var l sendLedger
		var written, sent []byte
		for range 200 {
			switch rng.IntN(3) {
			case 0:
				p := make([]byte, rng.IntN(1<<rng.IntN(17)))
				noise.Read(p)
				written = append(written, p[:l.append(p)]...)
			case 1:
				if msg := l.next(); msg != nil {
					sent = append(sent, payload(t, msg)...)
					l.flushed()
				}
			case 2:
				if err := l.confirm(l.confirmed + rng.Uint64N(l.sent-l.confirmed+1)); err != nil {
					t.Fatal(err)
				}
			}
			if kept := uint64(len(l.pages)) * wire.MaxPayload; kept < l.written-l.base || l.base > l.confirmed {
				t.Fatalf("seed %d: %d bytes kept from %d for %d…%d", seed, kept, l.base, l.confirmed, l.written)
			}
		}
		for msg := l.next(); msg != nil; msg = l.next() {
			sent = append(sent, payload(t, msg)...)
		}
		if !bytes.Equal(written, sent) {
			t.Fatalf("seed %d: the stream differs", seed)
		}
	}
}

func TestSendLedgerForKeystrokes(t *testing.T) {
	var l sendLedger
	for range 100_000 {
		l.append([]byte{'x'})
		l.next()
		l.flushed()
	}
	if got, want := len(l.pages), 100_000/wire.MaxPayload+1; got != want {
		t.Errorf("100000 unconfirmed bytes, sent singly, hold %d pages, want %d", got, want)
	}
}

// Random sequences of arrivals and reads give what came, while the next arrival is being filled in.
func TestRecvLedgerKeepsTheStream(t *testing.T) {
	for seed := range byte(50) {
		noise := rand.NewChaCha8([32]byte{2, seed})
		rng := rand.New(noise)
		var l recvLedger
		var came, read []byte
		for range 100 {
			in := l.reserve(1 + rng.IntN(1<<rng.IntN(17)))
			for range rng.IntN(3) {
				out := make([]byte, rng.IntN(1<<rng.IntN(17)))
				read = append(read, out[:l.take(out)]...)
			}
			noise.Read(in)
			came = append(came, in...)
			l.commit(len(in))
		}
		out := make([]byte, l.waiting())
		read = append(read, out[:l.take(out)]...)
		if !bytes.Equal(came, read) || l.waiting() != 0 || len(l.runs) != 0 {
			t.Fatalf("seed %d: the stream differs, or %d runs are left", seed, len(l.runs))
		}
	}
}

func TestAckDue(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		received, taken, acked uint64
		withData, idle         bool
		want                   bool
	}{
		{"nothing came", 0, 0, 0, true, true, false},
		{"not taken by the caller", 1 << 20, 0, 0, true, true, false},
		{"a little", 100, 100, 0, false, false, false},
		{"a little, with data", 100, 100, 0, true, false, false},
		{"a little, idle", 100, 100, 0, false, true, true},
		{"half, with data", 16384, 16384, 0, true, false, true},
		{"half", 16384, 16384, 0, false, false, false},
		{"enough", 32768, 32768, 0, false, false, true},
		{"one short", 32767, 32767, 0, false, false, false},
		{"since the last one", 100_000, 32768, 100, false, false, false},
		{"all confirmed", 100_000, 100_000, 100_000, true, true, false},
	} {
		l := recvLedger{received: tc.received, taken: tc.taken, acked: tc.acked}
		count, due := l.ackDue(tc.withData, tc.idle)
		if due != tc.want || count != tc.taken {
			t.Errorf("%s: %v of %d, want %v of %d", tc.name, due, count, tc.want, tc.taken)
		}
	}
}
