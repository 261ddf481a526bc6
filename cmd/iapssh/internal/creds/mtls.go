package creds

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Certified sends what is for Google's APIs to their hosts for clients with a certificate, and there alone it shows it:
// oauth2.googleapis.com becomes oauth2.mtls.googleapis.com.
type Certified struct {
	With    http.RoundTripper // shows the certificate
	Without http.RoundTripper // for all others
}

// RoundTrip implements [http.RoundTripper]. A host of Google's that has no counterpart is a *NoMTLSHostError.
func (t Certified) RoundTrip(r *http.Request) (*http.Response, error) {
	host, isGoogles := mtlsHost(r.URL.Hostname())
	if !isGoogles {
		return t.Without.RoundTrip(r)
	}
	if host == "" || r.URL.Scheme != "https" {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, &NoMTLSHostError{Host: r.URL.Host}
	}
	sent := r.Clone(r.Context())
	sent.Host, sent.URL.Host = "", host
	if port := r.URL.Port(); port != "" {
		sent.URL.Host = net.JoinHostPort(host, port)
	}
	return t.With.RoundTrip(sent)
}

// CloseIdleConnections is for [http.Client].
func (t Certified) CloseIdleConnections() {
	for _, rt := range []http.RoundTripper{t.With, t.Without} {
		(&http.Client{Transport: rt}).CloseIdleConnections()
	}
}

// mtlsHost is where a client with a certificate finds a host of Google's; empty if that is not known.
func mtlsHost(host string) (mtls string, isGoogles bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	api, isAPI := strings.CutSuffix(host, ".googleapis.com")
	switch {
	case isAPI && (api == "mtls" || strings.HasSuffix(api, ".mtls")):
		return host, true
	case isAPI:
		return api + ".mtls.googleapis.com", true
	}
	return "", host == "google.com" || strings.HasSuffix(host, ".google.com") || host == "googleapis.com"
}

// NoMTLSHostError says that a request was not sent, since it could not have shown the certificate of this device.
type NoMTLSHostError struct{ Host string }

func (e *NoMTLSHostError) Error() string {
	return fmt.Sprintf("context-aware access is on, and no host is known that takes in place of %s requests with a client certificate", e.Host)
}
