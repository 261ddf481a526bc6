package iaptest

import "encoding/binary"

// The relay's messages, one in each binary websocket message, big-endian, the
// tag first. (SSH Relay v4 as libapps' relay-protocol.md, gcloud and IAP Desktop
// have it.)

const (
	tagConnectSID   = 0x0001 // u32 length, SID                   relay → client
	tagReconnectAck = 0x0002 // u64 bytes received                relay → client
	tagData         = 0x0004 // u32 length, payload               both
	tagAck          = 0x0007 // u64 bytes received                both
	tagLongClose    = 0x000A // u32 code, u32 length, reason      relay → client

	maxData    = 16384
	dataHeader = 6
	ackSize    = 10
)

// The close codes of the relay, as IAP Desktop and gcloud know them.
const (
	codeNormal      = 1000
	noStatus        = 1005 // stands for a close frame without payload
	codeUnknownSID  = 4001
	codeSIDInUse    = 4002
	codeNoBackend   = 4003
	codeExpired     = 4004
	codeBadAck      = 4005
	codeInvalidAck  = 4006
	codeInvalidOp   = 4007
	codeInvalidTag  = 4008
	codeWriteFailed = 4009
	codeReadFailed  = 4010
	codeInvalidData = 4013
	codeDenied      = 4033
	codeNoInstance  = 4047
	codeNoRewind    = 4074
)

// message is what a client may say: DATA or ACK.
type message struct {
	tag  uint16
	data []byte // DATA
	ack  uint64 // ACK
	rest int    // bytes after the message that belong to nothing
}

func parseMessage(p []byte) (message, error) {
	if len(p) < 2 {
		return message{}, misusef(Truncated, codeInvalidTag, "message of %d bytes", len(p))
	}
	m := message{tag: binary.BigEndian.Uint16(p)}
	switch m.tag {
	case tagData:
		if len(p) < dataHeader {
			return m, misusef(Truncated, codeInvalidData, "DATA of %d bytes", len(p))
		}
		n, body := binary.BigEndian.Uint32(p[2:]), p[dataHeader:]
		switch {
		case n == 0:
			return m, misusef(EmptyData, codeInvalidData, "DATA without payload")
		case n > maxData:
			return m, misusef(OversizeData, codeInvalidData, "DATA of %d bytes", n)
		case uint64(n) > uint64(len(body)):
			return m, misusef(Truncated, codeInvalidData, "DATA says %d bytes, has %d", n, len(body))
		}
		m.data, m.rest = body[:n], len(body)-int(n)
	case tagAck:
		if len(p) < ackSize {
			return m, misusef(Truncated, codeInvalidAck, "ACK of %d bytes", len(p))
		}
		m.ack, m.rest = binary.BigEndian.Uint64(p[2:]), len(p)-ackSize
	default:
		return m, misusef(UnknownTag, codeInvalidTag, "%#04x", m.tag)
	}
	return m, nil
}

// The following append one message as one whole websocket frame.

func appendSID(dst []byte, sid string) []byte {
	dst = appendHead(dst, finBit|opBinary, dataHeader+len(sid))
	dst = binary.BigEndian.AppendUint16(dst, tagConnectSID)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(sid)))
	return append(dst, sid...)
}

func appendAck(dst []byte, tag uint16, n uint64) []byte {
	dst = appendHead(dst, finBit|opBinary, ackSize)
	dst = binary.BigEndian.AppendUint16(dst, tag)
	return binary.BigEndian.AppendUint64(dst, n)
}

// appendDataHead appends all of a DATA frame but its n bytes of payload.
func appendDataHead(dst []byte, n int) []byte {
	dst = appendHead(dst, finBit|opBinary, dataHeader+n)
	dst = binary.BigEndian.AppendUint16(dst, tagData)
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}
