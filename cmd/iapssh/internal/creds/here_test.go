package creds

import (
	"context"
	"errors"
	"io/fs"
	"testing"
)

func TestHere(t *testing.T) {
	for _, test := range []struct {
		name    string
		env     map[string]string
		product string
		on      bool
		project string
	}{
		{"a laptop", nil, "ThinkPad", false, ""},
		{"no firmware to read", nil, "", false, ""},
		{"a VM", nil, "Google Compute Engine\n", true, "here"},
		{"a VM that must not ask", map[string]string{envCheckGCE: "false"}, "Google Compute Engine\n", false, ""},
		{"told whom to ask", map[string]string{envMetadataHost: "localhost:1"}, "", true, "here"},
	} {
		env := Environment{
			Getenv: func(name string) string { return test.env[name] },
			ReadFile: func(string) ([]byte, error) {
				if test.product == "" {
					return nil, fs.ErrNotExist
				}
				return []byte(test.product), nil
			},
			Metadata: func(_ context.Context, path string) ([]byte, error) {
				if path != "project/project-id" {
					return nil, errors.New("unexpected: " + path)
				}
				return []byte("here\n"), nil
			},
		}
		if on, project := OnVM(env), ProjectHere(t.Context(), env); on != test.on || project != test.project {
			t.Errorf("%s: %v, %q; want %v, %q", test.name, on, project, test.on, test.project)
		}
	}
}
