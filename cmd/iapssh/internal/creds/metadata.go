package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The metadata server answers each VM of Compute Engine at a link-local
// address, over plain HTTP and never through a proxy:
// https://cloud.google.com/compute/docs/metadata/querying-metadata
const (
	envMetadataHost = "GCE_METADATA_HOST" // "host" or "host:port", to be asked instead
	metadataIP      = "169.254.169.254"

	originMetadata = "the metadata server of Compute Engine"
	typeVM         = "gce" // as gcloud calls this credential

	accountPath = "instance/service-accounts/default/"

	// On a machine that is no VM the address may swallow packets. A VM
	// answers in a millisecond, a fresh container on one can take seconds;
	// what the firmware calls itself tells them apart on Linux.
	patience   = time.Second
	vmPatience = 5 * time.Second
	dmiProduct = "/sys/class/dmi/id/product_name"
)

// vm is the service account of the VM that we run on.
type vm struct {
	env   Environment
	email string
}

// findVM asks who the service account is. It fails where there is none.
func findVM(ctx context.Context, env Environment) (*vm, error) {
	wait := patience
	if product, err := env.ReadFile(dmiProduct); err == nil && strings.HasPrefix(string(product), "Google") {
		wait = vmPatience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	email, err := env.Metadata(ctx, accountPath+"email")
	if err != nil {
		return nil, err
	}
	return &vm{env: env, email: strings.TrimSpace(string(email))}, nil
}

func (v *vm) principal() string { return v.email }
func (v *vm) origin() string    { return originMetadata }
func (v *vm) signIn() string    { return "" }

func (v *vm) fingerprint() string { return digest("vm " + v.email) }

// keeps nothing: the metadata server does, and is as near as the disk.
func (v *vm) keeps() bool { return false }

// fetch gets the token that the metadata server holds, which it replaces by
// itself some minutes before the end and not earlier.
func (v *vm) fetch(ctx context.Context) (accessToken, error) {
	body, err := v.env.Metadata(ctx, accountPath+"token?"+url.Values{"scopes": {scope}}.Encode())
	if err != nil {
		return accessToken{}, v.failure(err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	if json.Unmarshal(body, &answer) != nil || !isToken(answer.AccessToken) || answer.ExpiresIn <= 0 {
		return accessToken{}, v.failure(fmt.Errorf("%w: no access token in the answer", ErrMalformed))
	}
	lifetime := time.Duration(min(answer.ExpiresIn, 24*60*60)) * time.Second
	return accessToken{value: answer.AccessToken, expiry: time.Now().Add(lifetime)}, nil
}

func (v *vm) failure(err error) error {
	e := &RefreshError{Origin: v.origin(), Principal: v.email, Type: typeVM}
	if status := metadataStatus(0); errors.As(err, &status) {
		e.Status = int(status)
	} else {
		e.Err = err
	}
	return e
}

// metadataStatus is an HTTP status other than 200.
type metadataStatus int

func (s metadataStatus) Error() string { return fmt.Sprintf("HTTP status %d", int(s)) }

type metadataServer struct{ host string }

func metadataHost(getenv func(string) string) string {
	if host := getenv(envMetadataHost); host != "" {
		return host
	}
	return metadataIP
}

// get is Environment.Metadata.
func (m metadataServer) get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+m.host+"/computeMetadata/v1/"+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Metadata-Flavor", "Google")
	transport := &http.Transport{DisableKeepAlives: true} // no proxy
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// Whatever else answers at that address does not say this.
	if resp.Header.Get("Metadata-Flavor") != "Google" {
		return nil, fmt.Errorf("%w: %s is not a metadata server", ErrMalformed, m.host)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, metadataStatus(resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}
