package sshclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
)

// The protocols by which a program says where a connection shall go: SOCKS 4 and 4a, and
// version 5 (RFC 1928). Only to connect is known, and nobody has to identify himself, as with ssh.
const (
	socksConnect = 1

	socks5NoAuth     = 0
	socks5NoMethod   = 0xff
	socks5IPv4       = 1
	socks5Name       = 3
	socks5IPv6       = 4
	socks5Failed     = 1
	socks5Prohibited = 2
	socks5NoCommand  = 7
	socks5NoAddress  = 8

	socks4Granted  = 90
	socks4Rejected = 91

	maxSOCKS4Text = 1024 // of a user or a host, as in OpenSSH
)

// errSOCKS says that a client speaks no SOCKS, or asks for what is not there.
var errSOCKS = errors.New("not a SOCKS request to connect")

// socksRequest is where a client wants to go.
type socksRequest struct {
	version byte
	to      Endpoint
}

// readSOCKS reads a request, and not a byte of what follows. A client that asks for
// something else is told so.
func readSOCKS(client io.ReadWriter) (socksRequest, error) {
	version, err := readBytes(client, 1)
	if err != nil {
		return socksRequest{}, err
	}
	r := socksRequest{version: version[0]}
	switch r.version {
	case 4:
		err = r.read4(client)
	case 5:
		err = r.read5(client)
	default:
		err = errSOCKS
	}
	return r, err
}

func (r *socksRequest) read4(client io.ReadWriter) error {
	head, err := readBytes(client, 7) // command, port, address
	if err != nil {
		return err
	}
	if _, err := readText(client); err != nil { // the user
		return err
	}
	r.to.Port = int(binary.BigEndian.Uint16(head[1:]))
	address := [4]byte(head[3:])
	if address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0 { // 4a
		if r.to.Host, err = readText(client); err != nil {
			return err
		}
	} else {
		r.to.Host = netip.AddrFrom4(address).String()
	}
	if head[0] != socksConnect {
		client.Write(r.answer(socks5NoCommand))
		return errSOCKS
	}
	return nil
}

func (r *socksRequest) read5(client io.ReadWriter) error {
	count, err := readBytes(client, 1)
	if err != nil {
		return err
	}
	methods, err := readBytes(client, int(count[0]))
	if err != nil {
		return err
	}
	if !bytes.Contains(methods, []byte{socks5NoAuth}) {
		client.Write([]byte{5, socks5NoMethod})
		return errSOCKS
	}
	if _, err := client.Write([]byte{5, socks5NoAuth}); err != nil {
		return err
	}
	head, err := readBytes(client, 4) // version, command, reserved, kind of address
	if err != nil {
		return err
	}
	if head[0] != 5 || head[2] != 0 {
		return errSOCKS
	}
	known, err := r.readAddress5(client, head[3])
	switch {
	case err != nil:
		return err
	case !known:
		client.Write(r.answer(socks5NoAddress))
		return errSOCKS
	case head[1] != socksConnect:
		client.Write(r.answer(socks5NoCommand))
		return errSOCKS
	}
	return nil
}

func (r *socksRequest) readAddress5(client io.Reader, kind byte) (known bool, err error) {
	size := map[byte]int{socks5IPv4: 4, socks5IPv6: 16}[kind]
	if kind == socks5Name {
		length, err := readBytes(client, 1)
		if err != nil {
			return false, err
		}
		size = int(length[0])
	}
	if size == 0 {
		return false, nil
	}
	b, err := readBytes(client, size+2)
	if err != nil {
		return false, err
	}
	r.to.Host = string(b[:size])
	if address, ok := netip.AddrFromSlice(b[:size]); ok && kind != socks5Name {
		r.to.Host = address.String()
	}
	r.to.Port = int(binary.BigEndian.Uint16(b[size:]))
	return true, nil
}

// granted is the answer that lets the client go on.
func (r *socksRequest) granted() []byte { return r.answer(0) }

// answer is one of version 5's codes, 0 if all is well, in the client's version.
func (r *socksRequest) answer(code byte) []byte {
	if r.version == 4 {
		result := byte(socks4Rejected)
		if code == 0 {
			result = socks4Granted
		}
		return []byte{0, result, 0, 0, 0, 0, 0, 0}
	}
	return binary.BigEndian.AppendUint16([]byte{5, code, 0, socks5IPv4, 0, 0, 0, 0}, uint16(r.to.Port))
}

func readBytes(from io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(from, b)
	return b, err
}

// readText reads up to a zero byte.
func readText(from io.Reader) (string, error) {
	var text []byte
	for len(text) < maxSOCKS4Text {
		b, err := readBytes(from, 1)
		if err != nil {
			return "", err
		}
		if b[0] == 0 {
			return string(text), nil
		}
		text = append(text, b[0])
	}
	return "", errSOCKS
}
