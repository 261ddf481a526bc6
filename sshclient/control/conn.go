package control

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// maxMessage bounds what is read of a message, as in OpenSSH.
const maxMessage = 256 << 10

// conn carries messages. It reads no byte more than a message has: files come with the
// byte after it.
type conn struct {
	net.Conn
	writing sync.Mutex // keeps messages whole
}

func (c *conn) read() (message, error) {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return message{}, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > maxMessage {
		return message{}, fmt.Errorf("%w: a message of %d bytes", errProtocol, size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(c, data); err != nil {
		return message{}, noEOF(err)
	}
	return message{binary.BigEndian.Uint32(data), data[4:]}, nil
}

// noEOF makes an end within a message an error of its own.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// write sends messages, in one piece.
func (c *conn) write(all ...message) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.Write(encode(all...))
	return err
}

// encode is messages as they go over the socket: each after its length.
func encode(all ...message) []byte {
	var data []byte
	for _, m := range all {
		data = binary.BigEndian.AppendUint32(data, uint32(4+len(m.body)))
		data = binary.BigEndian.AppendUint32(data, m.kind)
		data = append(data, m.body...)
	}
	return data
}
