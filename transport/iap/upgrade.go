package iap

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// subprotocol must be echoed by the relay (source: gcloud).
	subprotocol = "relay.tunnel.cloudproxy.app"
	// origin is what gcloud, IAP Desktop and others send.
	origin = "bot:iap-tunneler"
	// maxHeader bounds the header of the answer, in bytes.
	maxHeader = 64 << 10
	// maxInterim is how many interim answers (HTTP status 1xx) may come before the one that counts.
	maxInterim = 5
	// maxMessage bounds one WebSocket message, unknown ones included, in bytes.
	maxMessage = 256 << 10
)

// upgrade asks for a WebSocket over conn. It owns conn: an error closes it.
func (d *Dialer) upgrade(ctx context.Context, conn *frameConn, address, token string) (*websocket.Conn, error) {
	header := d.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Origin", origin)
	header.Set("User-Agent", d.userAgent())
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: oneRequest{conn}, CheckRedirect: followNone},
		HTTPHeader:   header,
		Subprotocols: []string{subprotocol},
		// A relay that sends pings faster than it reads gets no more pongs, rather than our memory.
		OnPingReceived: func(context.Context, []byte) bool { return conn.waiting() < maxControlHeld },
	})
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	err = upgradeError(resp, err)
	d.Trace.upgrade(status, err)
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	ws.SetReadLimit(maxMessage)
	return ws, nil
}

// upgradeError makes an HTTPError of an answer that is not 101, and takes the libraries' wrapping off other errors.
func upgradeError(resp *http.Response, err error) error {
	var wrapped *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrapped):
		return wrapped.Err
	case resp == nil || resp.StatusCode == http.StatusSwitchingProtocols:
		return &ProtocolError{Detail: "WebSocket handshake", Err: err}
	}
	refused := &HTTPError{Status: resp.StatusCode, Location: resp.Header.Get("Location")}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		refused.RetryAfter = time.Duration(seconds) * time.Second
	}
	if resp.Body != nil {
		body, _ := io.ReadAll(resp.Body)
		refused.Body = string(body)
	}
	return refused
}

// followNone makes a redirect an answer: gcloud takes one for success and then reads garbage.
func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// oneRequest is an http.RoundTripper for one request over one connection, which becomes the body of a 101.
type oneRequest struct {
	conn *frameConn
}

func (t oneRequest) RoundTrip(req *http.Request) (*http.Response, error) {
	stop := closeOnDone(req.Context(), t.conn)
	defer stop()
	if err := req.Write(t.conn); err != nil {
		return nil, &LinkError{Err: err}
	}
	limit := &io.LimitedReader{R: t.conn, N: maxHeader}
	buffered := bufio.NewReader(limit)
	resp, err := finalAnswer(buffered, req)
	switch {
	case err == nil:
	case limit.N == 0:
		return nil, &ProtocolError{Detail: "the header of the answer is too long"}
	case t.conn.readFailure() != nil:
		return nil, &LinkError{Err: t.conn.readFailure()}
	default:
		return nil, &ProtocolError{Detail: "the answer is not HTTP", Err: err}
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{resp.Body, t.conn}
		return resp, nil
	}
	if extensions := resp.Header.Get("Sec-WebSocket-Extensions"); extensions != "" {
		return nil, &ProtocolError{Detail: "the answer wants WebSocket extensions that were not offered"}
	}
	// The library takes an answer without one.
	if !strings.EqualFold(resp.Header.Get("Sec-WebSocket-Protocol"), subprotocol) {
		return nil, &ProtocolError{Detail: "the answer does not name the subprotocol " + subprotocol}
	}
	limit.N = math.MaxInt64
	resp.Body = &upgraded{frameConn: t.conn, buffered: buffered}
	return resp, nil
}

// finalAnswer reads an answer, without the interim ones before it. Of a refusal whose header cannot be read the status still counts.
func finalAnswer(r *bufio.Reader, req *http.Request) (resp *http.Response, err error) {
	for range maxInterim + 1 {
		start, _ := r.Peek(len("HTTP/1.1 200"))
		status := statusOf(string(start))
		resp, err = http.ReadResponse(r, req)
		var malformed textproto.ProtocolError
		if errors.As(err, &malformed) && status >= 200 {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		}
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return resp, err
}

// statusOf gives the status in the beginning of an answer, or 0.
func statusOf(start string) int {
	code, ok := strings.CutPrefix(start, "HTTP/1.1 ")
	if !ok {
		code, _ = strings.CutPrefix(start, "HTTP/1.0 ")
	}
	status, err := strconv.Atoi(code)
	if err != nil || status > 599 {
		return 0
	}
	return status
}

// upgraded reads what came behind the header first.
type upgraded struct {
	*frameConn
	buffered *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) {
	if u.buffered != nil && u.buffered.Buffered() > 0 {
		return u.buffered.Read(p)
	}
	u.buffered = nil
	return u.frameConn.Read(p)
}
