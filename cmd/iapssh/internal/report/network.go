package report

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

const (
	proxyFix       = "set HTTPS_PROXY=http://[USER:PASSWORD@]HOST:PORT (https:// and socks5h:// go as well), or gcloud's proxy/type, proxy/address and proxy/port"
	proxyCheck     = "check HTTPS_PROXY and NO_PROXY, or gcloud's proxy/type, proxy/address and proxy/port"
	clockFix       = "check the clock of this machine; if it is right, ask who runs the network what answers in Google's place"
	inspectFix     = "if your network inspects TLS, name its CA file: gcloud config set core/custom_ca_certs_file FILE"
	certificateFix = "see: gcloud topic client-certificate; where your organisation does not want one, go without: gcloud config set context_aware/use_client_certificate false"
	// deviceFix is for who is known, but does not come from a device, or a place, that the organisation admits.
	deviceFix = "the certificate of this device may be missing, unknown or expired: gcloud config set context_aware/use_client_certificate true, and see: gcloud topic client-certificate"
	portalFix = "sign in there with a browser, then try again"
)

// ofNetwork explains what stands between us and Google, whether it was a token or the relay that was asked for: a proxy, a portal,
// or somebody who reads along.
func ofNetwork(err error, _ Facts) (Failure, bool) {
	var setting *proxy.SettingError
	var refused *proxy.Error
	var refresh *creds.RefreshError
	var untrusted *tls.CertificateVerificationError
	var certificate *creds.ClientCertificateError
	var unshown *creds.NoMTLSHostError
	switch {
	case errors.As(err, &certificate):
		return failure("context-aware access is on: "+certificate.Error(), certificateFix).at(StageTLS, "client-certificate", false), true
	case errors.As(err, &unshown):
		return failure(unshown.Error(), certificateFix).at(StageTLS, "client-certificate", false), true
	case isAlert(err):
		return failure("Google breaks off the TLS connection: "+err.Error(), deviceFix).at(StageTLS, "client-certificate", false), true
	case errors.As(err, &refresh) && refresh.Code == "access_denied":
		f := failure("Google does not let this device sign in: "+refresh.Error(), deviceFix).at(StageSignIn, "access_denied", false)
		f.Denied = true
		return f, true
	case errors.As(err, &setting):
		return failure(setting.Error(), proxyFix).at(StageConfig, "", false), true
	case errors.As(err, &refused):
		return proxyCause(refused).at(StageProxy, strconv.Itoa(refused.Status), refused.Temporary()), true
	case errors.As(err, &refresh) && errors.As(err, &untrusted):
		return failure("cannot sign in to Google: its certificate is not trusted: "+untrusted.Err.Error(), trustFix(untrusted, inspectFix)).at(StageSignIn, CodeCertificate, false), true
	case errors.As(err, &refresh) && refresh.Status >= 300 && refresh.Status < 400:
		return failure(fmt.Sprintf("cannot sign in to Google: something on the way answered with a redirect (HTTP status %d), a captive portal or a proxy", refresh.Status),
			"sign in to the network with a browser, or set HTTPS_PROXY").at(StageSignIn, strconv.Itoa(refresh.Status), false), true
	}
	return Failure{}, false
}

func failure(cause, fix string) Failure { return Failure{Cause: cause, Fix: fix} }

// trustFix says what mends a certificate's not being trusted: another CA does not if it is the time.
func trustFix(untrusted *tls.CertificateVerificationError, ca string) string {
	var invalid x509.CertificateInvalidError
	if errors.As(untrusted, &invalid) && invalid.Reason == x509.Expired {
		return clockFix
	}
	return ca
}

// isAlert says that the other side refuses the TLS connection, after the handshake as we saw it if it is for our certificate's sake.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" // crypto/tls
}

// proxyCause tells apart what a proxy, or what answers in its place, wants.
func proxyCause(e *proxy.Error) Failure {
	var untrusted *tls.CertificateVerificationError
	status := fmt.Sprintf("(HTTP status %d)", e.Status)
	switch {
	case errors.As(e.Err, &untrusted):
		return failure(fmt.Sprintf("the certificate of proxy %s is not trusted: %v", e.Proxy, untrusted.Err),
			trustFix(untrusted, "name the file of the CA that vouches for it: gcloud config set core/custom_ca_certs_file FILE"))
	case timedOut(e.Err):
		return failure(fmt.Sprintf("proxy %s did not answer in time", e.Proxy), proxyCheck)
	case e.Err != nil:
		return failure(e.Error(), proxyCheck)
	case e.Status == http.StatusProxyAuthRequired && !takesBasic(e.Schemes):
		return failure(fmt.Sprintf("proxy %s wants %s, and only Basic is spoken here %s", e.Proxy, strings.Join(e.Schemes, " or "), status),
			"a proxy of your own in between can speak it, such as px or cntlm: let HTTPS_PROXY name that one")
	case e.Status == http.StatusProxyAuthRequired && e.SentAuth:
		return failure(fmt.Sprintf("proxy %s does not take the user's name or password %s", e.Proxy, status),
			"correct them in HTTPS_PROXY, percent-encoded, or in gcloud's proxy/username and proxy/password")
	case e.Status == http.StatusProxyAuthRequired:
		return failure(fmt.Sprintf("proxy %s wants credentials %s", e.Proxy, status),
			"set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, or gcloud's proxy/username and proxy/password")
	case e.Status >= 300 && e.Status < 400:
		return failure(fmt.Sprintf("proxy %s, or a captive portal in its place, answered with a redirect to %s %s", e.Proxy, e.Location, status), portalFix)
	case e.Status == http.StatusForbidden || e.Status == http.StatusMethodNotAllowed:
		return failure(fmt.Sprintf("proxy %s does not let us through to Google %s", e.Proxy, status),
			"its administrator has to allow CONNECT to tunnel.cloudproxy.app:443 and to *.googleapis.com:443")
	case e.Temporary():
		return failure(fmt.Sprintf("proxy %s cannot reach Google %s", e.Proxy, status), "try again; if it persists, ask its administrator")
	}
	return failure(e.Error(), proxyCheck)
}

func takesBasic(schemes []string) bool {
	return len(schemes) == 0 || slices.ContainsFunc(schemes, func(s string) bool { return strings.EqualFold(s, "Basic") })
}
