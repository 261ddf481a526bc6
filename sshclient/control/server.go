package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

// maxClients bounds how many processes share a connection.
const maxClients = 4096

// ServerConfig is what a [Server] needs to know. Client is required.
type ServerConfig struct {
	Client *sshclient.Client
	Host   string // the server's name in questions

	// Confirm asks the user before a client gets what it wants; nil means that it
	// does. It is called from several goroutines.
	Confirm func(ctx context.Context, question string) bool

	// Passengers drives sessions of clients that pass their files; nil means that
	// they are turned away, and only proxied clients are served.
	Passengers Passengers

	// X11 gives the display for the sessions of proxied clients that want theirs forwarded; nil, or
	// a nil display, means that there is none. It is called from several goroutines.
	X11 func(ctx context.Context) *sshclient.X11

	// Log receives messages, as sshclient.Config.Log does.
	Log func(level sshclient.Level, line string)
}

// Server shares a client's connection. It runs accept, and for each process that
// connects a goroutine, serving.run, and those that this one names; all are joined by
// Close.
type Server struct {
	cfg      ServerConfig
	listener *Listener
	life     context.Context // ends with Close
	end      context.CancelFunc
	work     sync.WaitGroup
	exit     chan struct{} // closed when a client has asked for the end
	news     chan struct{} // one waits when clients has changed

	mu       sync.Mutex
	clients  map[*serving]bool // guarded by mu
	channels map[int]string    // guarded by mu; what clients have open, by number
	exiting  bool              // guarded by mu; exit is closed
}

// Serve starts to serve who connects, until Close.
func Serve(listener *Listener, cfg ServerConfig) *Server {
	s := &Server{
		cfg: cfg, listener: listener, exit: make(chan struct{}), news: make(chan struct{}, 1),
		clients: map[*serving]bool{}, channels: map[int]string{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.work.Add(1)
	go s.accept()
	return s
}

func (s *Server) accept() {
	defer s.work.Done()
	for {
		socket, err := s.listener.AcceptUnix()
		if err != nil {
			return // closed
		}
		v := &serving{server: s, socket: socket, conn: &conn{Conn: socket}}
		if !s.enter(v) {
			socket.Close()
			continue
		}
		go v.run()
	}
}

// enter lists a client, unless there are too many or all is over.
func (s *Server) enter(v *serving) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil || len(s.clients) >= maxClients {
		return false
	}
	s.work.Add(1)
	s.clients[v] = true
	s.tell()
	return true
}

func (s *Server) leave(v *serving) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, v)
	s.tell()
}

// tell wakes Wait.
func (s *Server) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// busy says whether anybody uses the connection.
func (s *Server) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) > 0
}

// number lists something that a client has open, as ssh numbers its channels.
func (s *Server) number(name string) (number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.channels[number] != "" {
		number++
	}
	s.channels[number] = name
	return number
}

func (s *Server) forget(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, number)
}

// Wait returns when nobody has used the connection for the given time, a client has
// asked for the end, the connection has ended or ctx has. To have a connection over a
// forward is to use it, unless the time is 0. Forever, as a time, is not waited for. Wait
// is for one goroutine.
func (s *Server) Wait(ctx context.Context, idle time.Duration) {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		expired := timer.C
		if idle == Forever || s.busy() {
			expired = nil
		}
		select {
		case <-expired:
			if idle > 0 && len(s.cfg.Client.Forwards().Connections()) > 0 {
				timer.Reset(idle) // they need no client
				continue
			}
			return
		case <-s.news:
			timer.Reset(idle)
		case <-s.exit:
			return
		case <-s.cfg.Client.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// Forever is no time at all, for Wait.
const Forever time.Duration = -1

// Exit is closed when a client has asked for the end.
func (s *Server) Exit() <-chan struct{} { return s.exit }

func (s *Server) askToExit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.exiting {
		s.exiting = true
		close(s.exit)
	}
}

// Close stops to listen, sends all clients away, and returns when the server's
// goroutines have ended. What waits for the server at the other end of the connection
// only ends with that: close the client first.
func (s *Server) Close() {
	s.listener.Close()
	s.mu.Lock()
	s.end()
	for v := range s.clients {
		v.hangUp()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// confirm asks the user, if he wants to be asked.
func (s *Server) confirm(ctx context.Context, format string, args ...any) bool {
	return s.cfg.Confirm == nil || s.cfg.Confirm(ctx, fmt.Sprintf(format, args...))
}

func (s *Server) log(level sshclient.Level, format string, args ...any) {
	if s.cfg.Log != nil {
		s.cfg.Log(level, fmt.Sprintf(format, args...))
	}
}
