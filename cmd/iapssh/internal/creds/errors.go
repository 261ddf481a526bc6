package creds

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

// The commands that mend most of it.
const (
	loginCommand = "gcloud auth application-default login"
	tokenCommand = "gcloud auth print-access-token"
)

// What a FileError can wrap, besides the error of reading the file.
var (
	ErrMalformed   = errors.New("malformed")
	ErrUnsupported = errors.New("not a type of credential that can be used here")

	errTooLarge = errors.New("file too large")
)

// NotFoundError says that there is no credential.
type NotFoundError struct {
	Account string   // whose was asked for by name, or ""
	Looked  []string // the variables, files and servers that were tried, in order
}

func (e *NotFoundError) Error() string {
	what := "no Google credentials"
	if e.Account != "" {
		what += " of " + e.Account
	}
	return what + " found; looked at " + strings.Join(e.Looked, ", ")
}

// Advice is the command that mends it.
func (e *NotFoundError) Advice() string { return signInTo("", e.Account) }

// FileError says that a credential is there but cannot be read or understood.
type FileError struct {
	Path     string // "" if the variable itself holds the credential
	Variable string // the environment variable, or property of gcloud's, that names the file, or ""
	Login    string // whose login with gcloud it is, or ""
	Type     string // as the file gives it, or ""
	Err      error  // an *fs.PathError, or wraps ErrMalformed or ErrUnsupported, or says what else
}

func (e *FileError) Error() string {
	err := e.Err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err // the path is said already
	}
	return fmt.Sprintf("credentials of %s: %v", originOf(e.Path, e.Variable), err)
}

func (e *FileError) Unwrap() error { return e.Err }

// Advice is the command that mends it.
func (e *FileError) Advice() string {
	if e.Variable == envToken {
		return fmt.Sprintf("set %s to the output of: %s", envToken, tokenCommand)
	}
	return signInTo(e.Variable, e.Login)
}

// RefreshError says that no new access token could be had.
type RefreshError struct {
	Origin    string // as Source.Origin
	Variable  string // the environment variable, or property of gcloud's, that names the file, or ""
	Login     string // whose login with gcloud it is, or ""
	Principal string // as Source.Principal
	By        string // who was to act as Principal; "" if nobody, or unknown
	Type      string // of the credential: "authorized_user", ..., "gce", "gcloud", "impersonation"

	Status int    // HTTP status of the answer, 0 if there was none
	Code   string // OAuth error code such as "invalid_grant", or Google's "PERMISSION_DENIED", or ""
	Reauth bool   // the organisation wants the user to sign in again (invalid_rapt, rapt_required)
	Err    error  // why there was no answer or it was not understood, or nil
}

func (e *RefreshError) Error() string {
	var b strings.Builder
	b.WriteString("no access token from " + e.Origin)
	if e.Principal != "" {
		b.WriteString(" for " + e.Principal)
	}
	switch {
	case e.Reauth:
		b.WriteString(": the sign-in has expired")
	case e.Code != "":
		b.WriteString(": " + e.Code)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP status %d", e.Status)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *RefreshError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later.
func (e *RefreshError) Temporary() bool {
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(e.Err, &untrusted) {
		return false
	}
	if e.Type == typeGCloud {
		return false
	}
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}

// Advice is the command that mends it, or "" if none is known.
func (e *RefreshError) Advice() string {
	if e.Type == typeGCloud {
		return signInTo("", e.Login)
	}
	if e.Temporary() || e.Code == "" {
		return ""
	}
	switch e.Type {
	case typeUser, typeExternalUser:
		return signInTo(e.Variable, e.Login)
	case typeImpersonation:
		if e.Status == http.StatusForbidden || e.Status == http.StatusNotFound {
			return fmt.Sprintf("gcloud iam service-accounts add-iam-policy-binding %s --member=%s --role=roles/iam.serviceAccountTokenCreator", e.Principal, member(e.By))
		}
	case typeImpersonated:
		if e.Code == "invalid_grant" && e.Principal != "" {
			return signInTo(e.Variable, "") + " --impersonate-service-account=" + e.Principal
		}
	case typeServiceAccount:
		return "gcloud iam service-accounts keys list --iam-account=" + e.Principal
	}
	return ""
}

// RefusedError says that a token was refused and that there is no other: it
// was given as it is, or its issuer keeps answering with the same.
type RefusedError struct {
	Origin    string // as Source.Origin
	Principal string // as Source.Principal
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the access token of %s was refused and cannot be refreshed", e.Origin)
}

// Advice is the command that mends it, or "" if none is known.
func (e *RefusedError) Advice() string {
	if e.Origin == envToken {
		return fmt.Sprintf("unset %s, or set it to the output of: %s", envToken, tokenCommand)
	}
	return ""
}

// signInTo names the command that writes the file in question: that of a login
// with gcloud, or the one in gcloud's directory, which is not looked at while a
// variable or property names another.
func signInTo(variable, account string) string {
	switch {
	case strings.HasSuffix(account, serviceAccountDomain) && isPlain(account):
		return "gcloud auth activate-service-account " + account + " --key-file=FILE"
	case strings.Contains(account, "://"): // of a workforce, which an identity provider vouches for
		return "gcloud auth login --login-config=FILE"
	case account != "" && isPlain(account):
		return "gcloud auth login " + account
	case account != "": // which a shell might read otherwise
		return "gcloud auth login"
	case variable == "":
		return loginCommand
	case variable == propertyFile:
		return "gcloud config unset " + propertyFile
	}
	return "unset " + variable + ", then: " + loginCommand
}

// member names a principal as IAM's commands want it.
func member(principal string) string {
	switch {
	case principal == "":
		return "user:EMAIL"
	case strings.HasSuffix(principal, serviceAccountDomain):
		return "serviceAccount:" + principal
	case strings.Contains(principal, "://"): // of a workforce
		return principal
	}
	return "user:" + principal
}

func originOf(path, variable string) string {
	switch {
	case variable == "":
		return path
	case path == "":
		return variable
	}
	return path + " (" + variable + ")"
}
