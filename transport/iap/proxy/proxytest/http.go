package proxytest

import (
	"io"
	"net/http"
)

// serveHTTP answers CONNECT, and nothing else.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	switch {
	case refuse != nil:
		refuse(w, r)
		return
	case r.Method != http.MethodConnect, r.Header.Get("Authorization") != "":
		w.WriteHeader(http.StatusBadRequest)
		return
	case !s.mayPass(r.Header):
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxytest"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	far, err := s.dial(r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	s.join(near, far)
}

func (s *Server) mayPass(h http.Header) bool {
	given := h.Get("Proxy-Authorization")
	if s.user == nil {
		return given == ""
	}
	password, _ := s.user.Password()
	want := &http.Request{Header: http.Header{}}
	want.SetBasicAuth(s.user.Username(), password)
	return given == want.Header.Get("Authorization")
}
