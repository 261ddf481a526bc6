package control

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// info answers the requests of OpenSSH 10.1 and later about the connection.
func (v *serving) info(id uint32, request message) error {
	var name text
	if err := request.parse(&name); err != nil {
		return err
	}
	reply := infoText{Status: 1}
	switch name.S {
	case infoConnection:
		reply.Text = v.server.describe()
	case infoChannels:
		reply.Text = v.server.list()
	default:
		reply = infoText{Text: "info request type not supported"}
	}
	return v.conn.write(newMessage(sInfo, number{id}, reply))
}

// describe tells of the connection, in lines like those of OpenSSH.
func (s *Server) describe() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	client := s.cfg.Client
	stats, algorithms := client.Stats(), client.Algorithms()
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("Connection information for %s pid %d", host, os.Getpid())
	line("  %s", client.Way())
	line("  duration %s", time.Since(stats.Since).Round(time.Second))
	line("  kexalgorithm %s", algorithms.KeyExchange)
	line("  hostkeyalgorithm %s", algorithms.HostKey)
	line("  cipher %s", both(algorithms.Write.Cipher, algorithms.Read.Cipher))
	line("  mac %s", both(algorithms.Write.MAC, algorithms.Read.MAC))
	line("  compression none")
	line("  traffic %d bytes in, %d bytes out", stats.Received, stats.Sent)
	return b.String()
}

// both names what is used in the two directions.
func both(out, in string) string {
	switch {
	case out == in && out == "":
		return "none" // the cipher's own
	case out == in:
		return out
	}
	return out + ", " + in + " in"
}

// list tells what is open, in lines like those of OpenSSH.
func (s *Server) list() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	b.WriteString("The following connections are open:\r\n")
	for _, number := range slices.Sorted(maps.Keys(s.channels)) {
		fmt.Fprintf(&b, "  #%d %s\r\n", number, s.channels[number])
	}
	return b.String()
}
