package creds

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a computer as a test imagines it.
type machine struct {
	env    map[string]string
	files  map[string]string
	client *http.Client
	vm     map[string]string // answers of the metadata server; nil means no VM
	wish   Wish
	gcloud func(args ...string) (string, error) // nil means not installed
	store  func(Identity) Store
}

func gcloudIsThere(...string) (string, error) { return "", errors.New("not to be run") }

func (m machine) environment() Environment {
	return Environment{
		Getenv: func(name string) string { return m.env[name] },
		ReadFile: func(path string) ([]byte, error) {
			if content, ok := m.files[path]; ok {
				return []byte(content), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
		HTTPClient: m.client,
		Metadata: func(ctx context.Context, path string) ([]byte, error) {
			if m.vm == nil {
				return nil, errors.New("no route to host")
			}
			path, _, _ = strings.Cut(path, "?")
			if answer, ok := m.vm[path]; ok {
				return []byte(answer), nil
			}
			return nil, metadataStatus(404)
		},
		LookPath: func(name string) (string, error) {
			if m.gcloud == nil || name != "gcloud" {
				return "", exec.ErrNotFound
			}
			return "/bin/gcloud", nil
		},
		Run: func(_ context.Context, path string, args ...string) ([]byte, error) {
			if path != "/bin/gcloud" {
				return nil, fmt.Errorf("%s is run", path)
			}
			output, err := m.gcloud(args...)
			return []byte(output), err
		},
		Store: m.store,
	}
}

// withFile is a machine whose only credential is a file of the given content.
func withFile(content []byte, client *http.Client) machine {
	return machine{
		env:    map[string]string{envFile: "/key.json"},
		files:  map[string]string{"/key.json": string(content)},
		client: client,
	}
}

func mustFind(t *testing.T, m machine) *Source {
	t.Helper()
	s, err := Find(t.Context(), m.environment(), m.wish)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkSecrets looks for secrets in every text that err can give.
func checkSecrets(t *testing.T, err error, secrets []string) {
	t.Helper()
	if err == nil {
		return
	}
	texts := []string{fmt.Sprintf("%v %+v %#v", err, err, err)}
	for e := err; e != nil; e = errors.Unwrap(e) {
		texts = append(texts, e.Error())
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("secret %q in %q", secret, text)
			}
		}
	}
}
