package iaptest

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"
)

// What a server knows: its targets, its tokens, its links and its sessions.

// lookup finds the backend of a target, or says why the session is refused.
func (s *Server) lookup(t Target) (Backend, *closing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch ports := s.backends[t.name()]; {
	case !known(t.Project, s.Project), !known(t.Network, s.Network), !known(t.Group, s.Group):
		return nil, &closing{code: codeDenied, reason: "not authorized"}
	case ports == nil:
		return nil, &closing{code: codeNoInstance, reason: "Failed to lookup instance"}
	case ports[t.Port] == nil:
		return nil, &closing{code: codeNoBackend, reason: "failed to connect to backend"}
	default:
		return ports[t.Port], nil
	}
}

// known says whether a name that a client gives, if it does, is the only one that
// a server knows, if it knows but one.
func known(given, only string) bool { return given == "" || only == "" || given == only }

// authorized judges a token; stale says that it was good once.
func (s *Server) authorized(token string) (ok, stale bool) {
	s.mu.Lock()
	stale = s.stale[token]
	s.mu.Unlock()
	if s.Authorize != nil {
		return s.Authorize(token), stale
	}
	return token != "", stale
}

// expire makes a token stale.
func (s *Server) expire(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stale) < maxSessions {
		s.stale[token] = true
	}
}

func (s *Server) linkOpen(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[l] = struct{}{}
}

func (s *Server) linkGone(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, l)
}

// addSession starts a session, with its first link. It returns nil if the server
// is closed or full.
func (s *Server) addSession(l *link, backend net.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sessions) >= maxSessions {
		return nil
	}
	s.started++
	// The SID has what a query must escape: a client that does not is found out.
	sid := fmt.Sprintf("%d/%s+=", s.started, strings.ToLower(rand.Text()))
	ss := newSession(s, s.started, sid, l, backend)
	s.sessions[sid] = ss
	s.wg.Go(ss.run)
	return ss
}

func (s *Server) session(sid string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// bury moves a session that is over from the living to the books.
func (s *Server) bury(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss.sid)
	if len(s.ended) >= maxEnded {
		s.ended = slices.Delete(s.ended, 0, 1)
	}
	s.ended = append(s.ended, ss.info())
}

// live returns the sessions in the order of their start. The caller holds mu.
func (s *Server) live() []*session {
	all := make([]*session, 0, len(s.sessions))
	for _, ss := range s.sessions {
		all = append(all, ss)
	}
	slices.SortFunc(all, func(a, b *session) int { return a.number - b.number })
	return all
}
