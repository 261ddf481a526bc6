// Package googletest fakes the few Google APIs that iapssh calls, for its
// tests and for iaplab. It plays the part of net/http/httptest: fill in the
// exported fields, start the server, Close it at the end.
//
// There is one file per API; each adds its routes in [Server.routes]:
//
//   - oauth.go: the OAuth token endpoint, which turns a refresh token or a
//     signed JWT into an opaque access token and remembers what it issued
//   - sts.go: the security token service, where a workload's token is exchanged
//   - iamcredentials.go: tokens of service accounts that others act as
//   - metadata.go: the metadata server of a VM
//   - adc.go: the credential files that make a client come to that endpoint
//   - api.go: what the APIs below have in common: permissions, refusals, counting
//   - compute.go: instances and projects, and instancemetadata.go their metadata
//   - listing.go: lists of instances: filters, pages, and the fields that are asked for
//   - firewall.go: the firewall rules of an instance
//   - oslogin.go: login profiles and certificates
//   - guestagent.go: whom a VM lets in by metadata and profile, which is no API
//   - iap.go: which permissions somebody has on a tunnel
//   - run.go: workloads of Cloud Run, and whose signature their host keys bear
//
// The fake is strict where Google is: an assertion that is not signed by the
// key it handed out, is made for somebody else or has expired, is refused in
// the words of RFC 6749 section 5.2. [Server.Valid] tells a relay emulator
// which tokens to let in.
package googletest

import (
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Server is a fake of Google's side. Create it with [NewServer] or
// [NewUnstartedServer]. Its methods are safe for concurrent use.
type Server struct {
	// URL is "http://127.0.0.1:PORT", or https after StartTLS. Start sets it.
	URL string

	// Set these before Start.

	Account       string        // e-mail of the user whose refresh token AuthorizedUser holds
	OmitAccount   bool          // leave "account" out of AuthorizedUser, as old gclouds did
	ServiceEmail  string        // e-mail of the service account
	TokenLifetime time.Duration // of an access token; 0 means one hour
	TokenDelay    time.Duration // before the token endpoint looks at a request
	APIDelay      time.Duration // before an API answers

	// OnChange is called after a change of metadata or of a login profile: the moment for guest agents to act.
	OnChange func()
	// SignKey makes the certificate of an OS Login user for a public key; of "root" if it is for a workload of Cloud Run.
	SignKey func(publicKey, user string) string

	// Fixed when the server is made.

	clientID     string
	clientSecret string
	subjectToken string // a workload's own
	handler      http.Handler

	// Fixed by Start.

	client *http.Client
	http   *httptest.Server // nil in memory

	mu           sync.Mutex           // guards all below
	issued       map[string]time.Time // access token -> when it expires
	holders      map[string]string    // access token -> principal
	refusal      *Refusal
	refusals     int // how many more times; never 0 with a refusal, below 0 for ever
	refreshToken string
	spent        []string           // former refresh tokens
	actors       map[[2]string]bool // {who, service account}: may act as it
	reasons      []string           // of the calls of the IAM credentials API
	counts       Counts
	cloud        cloud
}

// NewServer starts a server that speaks plain HTTP on the loopback interface.
func NewServer() *Server {
	s := NewUnstartedServer()
	s.Start()
	return s
}

// NewUnstartedServer returns a server to be configured and then started.
func NewUnstartedServer() *Server {
	s := &Server{
		Account:      "alice@example.com",
		ServiceEmail: "robot@lab-project.iam.gserviceaccount.com",
		clientID:     "client-" + rand.Text() + ".apps.example.com",
		clientSecret: "GOCSPX-" + rand.Text(),
		refreshToken: "1//" + rand.Text(),
		subjectToken: "subject-" + rand.Text(),
		issued:       make(map[string]time.Time),
		cloud:        newCloud(),
		holders:      make(map[string]string),
		actors:       make(map[[2]string]bool),
	}
	s.handler = s.routes()
	return s
}

// routes is where an API that is faked here gets its paths.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+tokenPath, s.serveToken)
	s.computeRoutes(mux)
	s.osLoginRoutes(mux)
	s.iapRoutes(mux)
	s.runRoutes(mux)
	mux.HandleFunc("POST "+exchangePath, s.serveExchange)
	mux.HandleFunc("POST /v1/projects/-/serviceAccounts/{call}", s.serveGenerate)
	mux.HandleFunc("GET /computeMetadata/v1/{path...}", s.serveMetadata)
	return mux
}

// Start serves plain HTTP on the loopback interface.
func (s *Server) Start() {
	s.listen((*httptest.Server).Start)
}

// StartTLS serves HTTPS on the loopback interface. Only [Server.Client], or a
// client that trusts its certificate in another way, can connect.
func (s *Server) StartTLS() {
	s.listen((*httptest.Server).StartTLS)
}

func (s *Server) listen(start func(*httptest.Server)) {
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.count))
	// A handshake that a client breaks off is the client's to report.
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(s.http)
	s.URL, s.client = s.http.URL, s.http.Client()
}

// StartInMemory serves [Server.Client] alone, without a network, which suits
// the fake time of testing/synctest.
func (s *Server) StartInMemory() {
	s.URL = "https://google.invalid"
	s.client = &http.Client{Transport: inMemory{s.handler}}
}

// Client returns an HTTP client that reaches the server and trusts it. Its
// idle connections end with the server.
func (s *Server) Client() *http.Client { return s.client }

// Close stops the server after it has answered what it was asked.
func (s *Server) Close() {
	if s.http != nil {
		s.http.Close()
	}
}

// Counts says how often the server was called.
type Counts struct {
	All int // requests of any kind, unless the server is in memory

	Token   int // requests to the token endpoint, refused ones included
	Refused int // those of them that got no token

	Exchange int // requests to the security token service
	Generate int // requests for a service account's token
	Metadata int // requests to the metadata server
}

// Counts returns the number of requests until now.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// count serves a request.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts.All++
	s.mu.Unlock()
	s.handler.ServeHTTP(w, r)
}

// ForgetCounts begins counting anew.
func (s *Server) ForgetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = Counts{}
}

// inMemory calls the handler on the goroutine of the client.
type inMemory struct{ handler http.Handler }

func (t inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	t.handler.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}
