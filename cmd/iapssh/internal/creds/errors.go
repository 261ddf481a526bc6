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
	Looked []string // the variables, files and servers that were tried, in order
}

func (e *NotFoundError) Error() string {
	return "no Google credentials found; looked at " + strings.Join(e.Looked, ", ")
}

// Advice is the command that mends it.
func (e *NotFoundError) Advice() string { return loginCommand }

// FileError says that a credential is there but cannot be read or understood.
type FileError struct {
	Path     string // "" if the variable itself holds the credential
	Variable string // the environment variable that names the file, or ""
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
	return login(e.Variable)
}

// RefreshError says that no new access token could be had.
type RefreshError struct {
	Origin    string // as Source.Origin
	Variable  string // the environment variable that names the file, or ""
	Principal string // as Source.Principal
	Type      string // of the credential: "authorized_user", ..., "gce"

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
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}

// Advice is the command that mends it, or "" if none is known.
func (e *RefreshError) Advice() string {
	if e.Temporary() || e.Code == "" {
		return ""
	}
	switch e.Type {
	case typeUser, typeExternalUser:
		return login(e.Variable)
	case typeImpersonated:
		if e.Code == "invalid_grant" && e.Principal != "" {
			return login(e.Variable) + " --impersonate-service-account=" + e.Principal
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

// login names the command that writes the file in gcloud's directory, which
// is not looked at while a variable names another.
func login(variable string) string {
	if variable == "" {
		return loginCommand
	}
	return "unset " + variable + ", then: " + loginCommand
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
