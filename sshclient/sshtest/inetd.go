package sshtest

import (
	"io"
	"net"
	"os/exec"
	"sync"
	"time"
)

// Inetd runs a server program once for each connection, with the connection as its
// standard input and output. Such a program needs no port of its own choosing and no
// root, is ready at once, and leaves nothing behind.
type Inetd struct {
	Args   []string  // the program, by its full path, and its arguments
	Stderr io.Writer // where all of them complain, perhaps at once; nil: nowhere

	loops sync.WaitGroup // serve per listener, reap per program

	mu        sync.Mutex // guards the fields below
	listeners []net.Listener
	running   map[*exec.Cmd]struct{}
	closed    bool
}

// Dial returns a connection to a program of its own.
func (s *Inetd) Dial() (net.Conn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, err
	}
	served, err := listener.Accept()
	if err == nil {
		err = s.start(served)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Listen serves the connections to a TCP address, such as "127.0.0.1:0", until Close.
// Whom the program lets in has its powers.
func (s *Inetd) Listen(address string) (net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		listener.Close()
		return nil, net.ErrClosed
	}
	s.listeners = append(s.listeners, listener)
	s.loops.Go(func() { s.serve(listener) })
	return listener.Addr(), nil
}

func (s *Inetd) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.start(conn) // who is not served sees the connection end
	}
}

// start hands the connection over to a process.
func (s *Inetd) start(conn net.Conn) error {
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer file.Close()
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, s.Stderr
	cmd.WaitDelay = time.Second // what it leaves running may keep its Stderr open
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if s.running == nil {
		s.running = map[*exec.Cmd]struct{}{}
	}
	s.running[cmd] = struct{}{}
	s.loops.Go(func() { s.reap(cmd) })
	return nil
}

func (s *Inetd) reap(cmd *exec.Cmd) {
	cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, cmd)
}

// Kill kills the programs that run. Who connects after that gets one as ever.
func (s *Inetd) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cmd := range s.running {
		cmd.Process.Kill()
	}
}

// Close ends the listeners and kills the programs that still run.
func (s *Inetd) Close() {
	s.mu.Lock()
	s.closed = true
	for _, listener := range s.listeners {
		listener.Close()
	}
	s.mu.Unlock()
	s.Kill()
	s.loops.Wait()
}
