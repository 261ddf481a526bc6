package iaptest

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	wantOrigin      = "bot:iap-tunneler"
	wantSubprotocol = "relay.tunnel.cloudproxy.app"
	acceptGUID      = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 section 1.3
)

// request is what a client asks for, all that the rest of the relay sees of HTTP.
type request struct {
	resume bool
	token  string
	target Target // connect
	sid    string // reconnect
	ack    uint64 // reconnect
	place  place
	accept string // the answer to Sec-WebSocket-Key
}

// hello is what a client showed in its TLS handshake.
type hello struct {
	serverName string
	protocols  []string
	clientCert bool
}

// checker collects what is wrong with a request and the status that refuses it:
// the status of the first fault that the relay would not overlook.
type checker struct {
	wrong  []Violation
	status int
}

func (c *checker) fault(status int, kind ViolationKind, format string, args ...any) {
	c.wrong = append(c.wrong, Violation{Kind: kind, Detail: fmt.Sprintf(format, args...)})
	if c.status == 0 {
		c.status = status
	}
}

// tolerated is a fault that the relay serves all the same.
const tolerated = 0

// checkRequest judges the upgrade request; status 0 means that it may go on.
func checkRequest(r *http.Request, h hello) (req request, status int, wrong []Violation) {
	var c checker
	c.tls(r, h)
	req.token = c.token(r)
	req.accept = c.upgrade(r)
	switch r.URL.Path {
	case "/v4/connect":
		c.connect(r, &req)
	case "/v4/reconnect":
		c.reconnect(r, &req)
	default:
		c.fault(http.StatusNotFound, BadPath, "%q", r.URL.Path)
	}
	return req, c.status, c.wrong
}

func (c *checker) tls(r *http.Request, h hello) {
	host := hostname(r.Host)
	isIP := net.ParseIP(host) != nil // an address is never sent as server name
	if (!isIP || h.serverName != "") && !strings.EqualFold(host, h.serverName) {
		c.fault(tolerated, BadServerName, "server name %q, Host %q", h.serverName, r.Host)
	}
	if slices.Contains(h.protocols, "h2") {
		c.fault(tolerated, OfferedH2, "%q", h.protocols)
	}
	if h.serverName == mtlsHost && !h.clientCert {
		c.fault(tolerated, NoClientCert, "%s", h.serverName)
	}
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

// token never appears in a violation, nor does a header that may hold it.
func (c *checker) token(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || scheme != "Bearer" || token == "" || strings.ContainsAny(token, " ,") || len(r.Header["Authorization"]) != 1 {
		c.fault(tolerated, BadAuthorization, "%d headers", len(r.Header["Authorization"]))
	}
	query := r.URL.Query()
	short := len(token) < 8 // may be part of a name by chance
	if query.Has("access_token") || query.Has("token") || !short && strings.Contains(r.URL.RawQuery, url.QueryEscape(token)) {
		c.fault(http.StatusBadRequest, TokenInURL, "%s", r.URL.Path)
	}
	return token
}

func (c *checker) upgrade(r *http.Request) (accept string) {
	if r.Method != http.MethodGet {
		c.fault(http.StatusMethodNotAllowed, BadMethod, "%s", r.Method)
	}
	if !r.ProtoAtLeast(1, 1) || r.ProtoAtLeast(2, 0) {
		c.fault(http.StatusBadRequest, BadHTTPVersion, "%s", r.Proto)
	}
	if r.ContentLength != 0 {
		c.fault(http.StatusBadRequest, BadRequest, "request with a body")
	}
	if !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") ||
		r.Header.Get("Sec-WebSocket-Version") != "13" {
		c.fault(http.StatusBadRequest, BadUpgrade, "Connection %q, Upgrade %q, Sec-WebSocket-Version %q",
			r.Header.Get("Connection"), r.Header.Get("Upgrade"), r.Header.Get("Sec-WebSocket-Version"))
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
		c.fault(http.StatusBadRequest, BadUpgrade, "Sec-WebSocket-Key %q", key)
	}
	if got := r.Header["Origin"]; !slices.Equal(got, []string{wantOrigin}) {
		c.fault(http.StatusForbidden, BadOrigin, "%q", got)
	}
	if got := r.Header["Sec-Websocket-Protocol"]; !slices.Equal(got, []string{wantSubprotocol}) {
		c.fault(http.StatusBadRequest, BadSubprotocol, "%q", got)
	}
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// parameters demands each of the needed names once. Besides the optional ones
// clients may send newWebsocket and the cache buster "_".
func (c *checker) parameters(query url.Values, needed, optional []string) map[string]string {
	values := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		got := query[name]
		switch {
		case len(got) > 1:
			c.fault(http.StatusBadRequest, RepeatedParameter, "%q", name)
			values[name] = got[0]
		case slices.Contains(needed, name), slices.Contains(optional, name) && got[0] != "":
			values[name] = got[0]
		case name == "newWebsocket" && !strings.EqualFold(got[0], "true"):
			c.fault(tolerated, BadParameter, "newWebsocket=%q", got[0])
		case name != "newWebsocket" && name != "_":
			c.fault(tolerated, UnknownParameter, "%q", name)
		}
	}
	slices.Sort(needed)
	for _, name := range needed {
		if values[name] == "" {
			c.fault(http.StatusBadRequest, MissingParameter, "%q", name)
		}
	}
	return values
}

// The answers. The relay's own wording is not known; clients look at the status.

func switchingProtocols(accept, subprotocol string) string {
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + accept + "\r\n"
	if subprotocol != "" {
		head += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	return head + "\r\n"
}

func refusal(status int) string {
	text := http.StatusText(status)
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, text)
	switch status {
	case http.StatusUnauthorized:
		head += "WWW-Authenticate: Bearer\r\n"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect:
		head += "Location: https://portal.invalid/\r\n"
	}
	return head + fmt.Sprintf("Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
		len(text)+1, text)
}
