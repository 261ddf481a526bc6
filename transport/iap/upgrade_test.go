package iap

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

func TestFinalAnswer(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	for _, tc := range []struct {
		answer string
		status int    // 0: none is known
		rest   string // unread
	}{
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nframe", 101, "frame"},
		{hint + "HTTP/1.1 100 Continue\r\n\r\n" + hint + "HTTP/1.1 101 Switching Protocols\r\n\r\nframe", 101, "frame"},
		{hint + "HTTP/1.1 404 Not Found\r\n\r\n", 404, ""},
		{strings.Repeat(hint, maxInterim+2), 103, hint},
		{"HTTP/1.1 401 Unauthorized\r\nX-Trace: a\x01b\r\n\r\n", 401, ""},
		{"HTTP/1.0 302 Found\r\nno colon\r\nLocation: /x\r\n\r\n", 302, ""},
		{hint + "HTTP/1.1 407 Proxy Authentication Required\r\nX: \x1b[2J\r\n\r\n", 407, ""},
		{"HTTP/1.1 101 Switching Protocols\r\nX: \x01\r\n\r\n", 0, ""}, // there is more to it than its status
		{"HTTP/1.1 103 Early Hints\r\nX: \x01\r\n\r\n", 0, ""},
		{"HTTP/9.9 401 Unauthorized\r\nX: \x01\r\n\r\n", 0, ""},
		{"HTTP/1.1 999 Who\r\nX: \x01\r\n\r\n", 0, ""},
		{"SSH-2.0-OpenSSH_9.2p1\r\n", 0, ""},
		{"x", 0, ""},
	} {
		r := bufio.NewReader(strings.NewReader(tc.answer))
		resp, err := finalAnswer(r, &http.Request{Method: http.MethodGet})
		status := 0
		if err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if status != tc.status {
			t.Errorf("%q: status %d (%v), want %d", tc.answer, status, err, tc.status)
		}
		if rest, _ := r.Peek(len(tc.rest)); string(rest) != tc.rest {
			t.Errorf("%q: %q is left", tc.answer, rest)
		}
	}
}
