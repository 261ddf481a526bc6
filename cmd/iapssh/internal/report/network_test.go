package report

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// A proxy that wants something, a portal, and somebody who reads along are told apart, whichever request met them.
func TestBetweenUsAndGoogle(t *testing.T) {
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	early := &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}
	refused := func(e proxy.Error) *proxy.Error { e.Proxy = "proxy:3128"; return &e }
	for name, tc := range map[string]struct {
		err        error
		cause, fix string
	}{
		"no credentials":    {refused(proxy.Error{Status: 407, Schemes: []string{"Negotiate", "basic"}}), "proxy proxy:3128 wants credentials", "USER:PASSWORD"},
		"wrong credentials": {refused(proxy.Error{Status: 407, SentAuth: true}), "does not take the user's name or password", "proxy/password"},
		"Kerberos":          {refused(proxy.Error{Status: 407, Schemes: []string{"Negotiate", "NTLM"}}), "wants Negotiate or NTLM, and only Basic", "cntlm"},
		"portal":            {refused(proxy.Error{Status: 302, Location: "http://portal.example/\x1b[2J"}), "captive portal in its place, answered with a redirect to http://portal.example/?", "browser"},
		"forbidden":         {refused(proxy.Error{Status: 403}), "does not let us through", "administrator"},
		"trouble":           {refused(proxy.Error{Status: 504}), "cannot reach Google", "again"},
		"odd":               {refused(proxy.Error{Status: 418}), "418", "HTTPS_PROXY"},
		"not there":         {refused(proxy.Error{Err: errors.New("connection refused")}), "proxy proxy:3128: connection refused", "HTTPS_PROXY"},
		"silent":            {refused(proxy.Error{Err: context.DeadlineExceeded}), "proxy proxy:3128 did not answer in time", "HTTPS_PROXY"},
		"own certificate":   {refused(proxy.Error{Err: untrusted}), "the certificate of proxy proxy:3128 is not trusted", "core/custom_ca_certs_file"},
		"no proxy":          {&proxy.SettingError{Name: "HTTPS_PROXY", Why: "it has no host"}, "HTTPS_PROXY names no usable proxy: it has no host", "HTTPS_PROXY=http://"},
	} {
		for _, err := range []error{dialed(iap.StageConnect, tc.err), dialed(iap.StageToken, &creds.RefreshError{Err: tc.err})} {
			got := Of(err, Facts{})
			if !strings.Contains(got.Cause, tc.cause) || !strings.Contains(got.Fix, tc.fix) || strings.Contains(got.Line(), "\x1b") {
				t.Errorf("%s: %q, %q", name, got.Cause, got.Fix)
			}
		}
	}
	for name, tc := range map[string]struct {
		err        error
		cause, fix string
	}{
		"relay inspected":  {dialed(iap.StageTLS, untrusted), "the relay's certificate is not trusted", "inspects TLS"},
		"token inspected":  {dialed(iap.StageToken, &creds.RefreshError{Err: untrusted}), "cannot sign in to Google: its certificate is not trusted", "inspects TLS"},
		"relay's time":     {dialed(iap.StageTLS, early), "the relay's certificate is not trusted", "clock"},
		"token's time":     {dialed(iap.StageToken, &creds.RefreshError{Err: early}), "cannot sign in to Google: its certificate is not trusted", "clock"},
		"garbled":          {dialed(iap.StageUpgrade, &iap.ProtocolError{Detail: strings.Repeat("x", 4000)}), strings.Repeat("x", 100) + "...", "proxy that alters"},
		"no certificate":   {dialed(iap.StageTLS, &creds.ClientCertificateError{Origin: "/c.json", Err: creds.ErrNoCertificateSource}), "context-aware access is on: no client certificate from /c.json", "gcloud topic client-certificate"},
		"no host":          {dialed(iap.StageToken, &creds.RefreshError{Err: &creds.NoMTLSHostError{Host: "accounts.google.com"}}), "in place of accounts.google.com", "use_client_certificate false"},
		"not this device":  {dialed(iap.StageUpgrade, &iap.LinkError{Err: &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}}), "Google breaks off the TLS connection: ", "certificate of this device"},
		"not admitted":     {dialed(iap.StageToken, &creds.RefreshError{Type: "authorized_user", Status: 400, Code: "access_denied"}), "does not let this device sign in", "use_client_certificate true"},
		"token redirected": {dialed(iap.StageToken, &creds.RefreshError{Status: 302}), "captive portal", "browser"},
	} {
		got := Of(tc.err, Facts{})
		if !strings.Contains(got.Cause, tc.cause) || !strings.Contains(got.Fix, tc.fix) {
			t.Errorf("%s: %q, %q", name, got.Cause, got.Fix)
		}
	}
}
