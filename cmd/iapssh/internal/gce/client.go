package gce

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The APIs' addresses; versions of compute stand in the base, as in gcloud's api_endpoint_overrides.
const (
	computeBase = "https://compute.googleapis.com/compute/v1/"
	osLoginBase = "https://oslogin.googleapis.com/"
	iapBase     = "https://iap.googleapis.com/"
)

const (
	maxBody     = 16 << 20               // of an answer
	tries       = 4                      // of a request that the API is too busy for
	firstPause  = 500 * time.Millisecond // before the second try; doubled each time
	maxPause    = 20 * time.Second       // whatever Retry-After says
	callTimeout = 30 * time.Second       // of one try
)

// userProject names the project whose quota a request uses.
const userProject = "X-Goog-User-Project"

// Client makes the calls. HTTP and Token are required. Its methods may be called concurrently.
type Client struct {
	HTTP *http.Client
	// Token returns an access token, or an empty one to send none; refused is one that an API turned down, or empty.
	Token func(ctx context.Context, refused string) (string, error)
	// Header goes with every request.
	Header http.Header
	// QuotaProject says whose quota a call of an API ("compute", "oslogin", "iap", "run") is counted on; empty, or nil: the API's own
	// choice. It is left out where the caller may not use it.
	QuotaProject func(ctx context.Context, api string) string

	// Base URLs in place of Google's, as in gcloud's api_endpoint_overrides; empty: Google's.
	Compute, OSLogin, IAP, Run string
}

// A request is one call. Name is "compute.instances.get": for most calls the permission it needs is the same word.
type request struct {
	name   string
	method string
	url    string
	body   any // nil: none
}

func (c *Client) compute(path ...string) string { return address(c.Compute, computeBase, path) }
func (c *Client) osLogin(path ...string) string { return address(c.OSLogin, osLoginBase, path) }
func (c *Client) iap(path ...string) string     { return address(c.IAP, iapBase, path) }

// address joins escaped path segments; one that begins with ":" is a method on what is before it.
func address(override, base string, path []string) string {
	if override != "" {
		base = strings.TrimSuffix(override, "/") + "/"
	}
	var b strings.Builder
	b.WriteString(base)
	for i, segment := range path {
		if i > 0 && !strings.HasPrefix(segment, ":") {
			b.WriteByte('/')
		}
		b.WriteString(strings.ReplaceAll(url.PathEscape(segment), "%3A", ":"))
	}
	return b.String()
}

// do makes a request and reads the answer into out, which may be nil. It tries again what the API was too busy for, once more
// with another token after a 401, and without a quota project that it may not use. The error is an *Error, one of Token's, or
// what the network or ctx says.
func (c *Client) do(ctx context.Context, r request, out any) error {
	if err := mayCarryToken(r.url); err != nil {
		return err
	}
	header := c.headerFor(ctx, r)
	refused := ""
	for try := 1; ; try++ {
		token, err := c.Token(ctx, refused)
		if err != nil {
			return err
		}
		err = c.once(ctx, r, header, token, out)
		refusal, ok := err.(*Error)
		switch {
		case !ok:
			return err
		case refusal.Status == http.StatusUnauthorized && refused == "" && token != "":
			refused = token
		case refusal.Reason == "USER_PROJECT_DENIED" && header.Get(userProject) != "":
			header.Del(userProject)
		case refusal.busy() && try < tries:
			if err := sleep(ctx, pause(try, refusal.retryAfter, rand.Float64())); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (c *Client) headerFor(ctx context.Context, r request) http.Header {
	header := c.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if c.QuotaProject == nil {
		return header
	}
	api, _, _ := strings.Cut(r.name, ".")
	if project := c.QuotaProject(ctx, api); project != "" {
		header.Set(userProject, project)
	}
	return header
}

// once makes one try.
func (c *Client) once(ctx context.Context, r request, header http.Header, token string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	for key, values := range header {
		req.Header[key] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, text, err := c.fetch(req)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.name, err)
	case resp.StatusCode != http.StatusOK:
		return newError(r.name, resp, text)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: not the answer of the API: %w", r.name, err)
	}
	return nil
}

// fetch makes a request and reads the answer's body, which is bounded.
func (c *Client) fetch(req *http.Request) (*http.Response, []byte, error) {
	// A redirect would carry the token to a place that nobody named.
	direct := *c.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := direct.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(text) > maxBody {
		err = errTooLarge
	}
	return resp, text, err
}

// mayCarryToken refuses to send a token where anybody on the way could read it.
func mayCarryToken(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	if u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || err == nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s://%s is no place for an access token: it must be https", u.Scheme, u.Host)
}

// pause is how long to wait before the next try: what the API asked for, or a time that doubles; in both cases spread over
// half as much again (random is in [0, 1)), so that many processes do not come back together.
func pause(try int, asked time.Duration, random float64) time.Duration {
	base := firstPause << (try - 1)
	if asked > base {
		base = min(asked, maxPause)
	}
	return base + time.Duration(random*float64(base)/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryAfter reads the header in its form with seconds; 0 if there is none.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// last is the last segment of a resource's URL: its name.
func last(resource string) string { return resource[strings.LastIndexByte(resource, '/')+1:] }
