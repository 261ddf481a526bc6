package creds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// Far above any answer of a token endpoint.
const maxAnswer = 1 << 20

// exchange is the HTTP traffic of one renewal. The library turns most failures
// into text, some of it quoting what was sent or received, and does not bind
// every request to the context; so the exchange stands in its transport, binds
// each request to ctx, and keeps what the last one came to.
//
// Used by one goroutine, as the library makes its requests one after another.
type exchange struct {
	ctx     context.Context // of the renewal
	client  *http.Client
	base    http.RoundTripper
	secrets secrets // known to the file, and sent since

	// Of the last request.

	err     error  // of the network
	status  int    // of the answer; 0 before the first
	code    string // its OAuth error, or Google's status word
	subtype string // its error_subtype
}

func newExchange(ctx context.Context, client *http.Client, known secrets) *exchange {
	x := &exchange{ctx: ctx, base: client.Transport, secrets: known}
	if x.base == nil {
		x.base = http.DefaultTransport
	}
	copied := *client
	copied.Transport = x
	x.client = &copied
	return x
}

// context returns one under which the library uses this exchange.
func (x *exchange) context() context.Context {
	return context.WithValue(x.ctx, oauth2.HTTPClient, x.client)
}

// RoundTrip implements [http.RoundTripper].
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	x.status, x.code, x.subtype = 0, "", ""
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		x.secrets = append(x.secrets, token)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(x.ctx, cancel)()

	resp, err := x.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		x.err = err
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		x.err = err
		return nil, err
	}
	x.err, x.status = nil, resp.StatusCode
	x.code, x.subtype = refusal(body)

	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.Header.Del("Location") // without it no client follows a redirect
	return resp, nil
}

// refusal reads the error of RFC 6749 section 5.2 with Google's error_subtype,
// or that of Google's other APIs ({"error": {"status": "PERMISSION_DENIED"}}).
// Both are "" in any other answer.
func refusal(body []byte) (code, subtype string) {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Subtype string          `json:"error_subtype"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", ""
	}
	if json.Unmarshal(answer.Error, &code) != nil {
		var api struct {
			Status string `json:"status"`
		}
		_ = json.Unmarshal(answer.Error, &api) // absent, or in no known form
		code = api.Status
	}
	return word(code), word(answer.Subtype)
}

// word returns s if it looks like an error code, which no secret does.
func word(s string) string {
	if len(s) > 40 {
		return ""
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return s
}

// secrets are strings that must not appear in an error.
type secrets []string

// secrets returns those of a credential file.
func (f *fields) secrets() secrets {
	all := secrets{f.RefreshToken, f.ClientSecret, f.PrivateKey}
	for line := range strings.Lines(f.PrivateKey) {
		all = append(all, strings.TrimSpace(line))
	}
	if f.Source != nil {
		all = append(all, f.Source.secrets()...)
	}
	return all
}

// clean returns err, or only its text with the secrets cut out if it holds any.
func (all secrets) clean(err error) error {
	text := err.Error()
	for _, secret := range all {
		// Shorter ones are no secrets, and occur everywhere.
		if len(secret) >= 8 {
			text = strings.ReplaceAll(text, secret, "[redacted]")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "[redacted]")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// firstLine is err as one line of bounded length: the library appends answers
// on lines of their own.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 300 {
		line = line[:300]
	}
	return errors.New(line)
}
