package creds

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	userFile    = `{"type":"authorized_user","account":"alice@example.com","client_id":"c","client_secret":"GOCSPX-x","refresh_token":"1//x"}`
	oldUserFile = `{"type":"authorized_user","client_id":"c","client_secret":"GOCSPX-x","refresh_token":"1//x"}`
	robotFile   = `{"type":"service_account","client_email":"robot@p.iam.gserviceaccount.com","private_key":"k"}`
	becomeFile  = `{"type":"impersonated_service_account","source_credentials":` + oldUserFile + `,
		"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@p.iam.gserviceaccount.com:generateAccessToken"}`
	workloadFile = `{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
		"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://sts.googleapis.com/v1/token","credential_source":{"file":"/var/token"}}`
)

func TestFind(t *testing.T) {
	onVM := map[string]string{accountPath + "email": "1-compute@developer.gserviceaccount.com\n"}
	wellKnown := filepath.Join("/home/al/.config/gcloud", adcName)
	config := map[string]string{envConfig: filepath.Dir(wellKnown)}
	with := func(name, value string) map[string]string {
		return map[string]string{envConfig: filepath.Dir(wellKnown), name: value}
	}
	tests := []struct {
		name              string
		machine           machine
		origin, principal string
	}{
		{"token first",
			machine{env: with(envToken, " ya29.x\n"), files: map[string]string{wellKnown: userFile}, vm: onVM},
			"CLOUDSDK_AUTH_ACCESS_TOKEN", ""},
		{"then the named file",
			machine{env: with(envFile, "/key"), files: map[string]string{"/key": robotFile, wellKnown: userFile}, vm: onVM},
			"/key (GOOGLE_APPLICATION_CREDENTIALS)", "robot@p.iam.gserviceaccount.com"},
		{"then gcloud's file",
			machine{env: config, files: map[string]string{wellKnown: userFile}, vm: onVM},
			wellKnown, "alice@example.com"},
		{"user without a name",
			machine{env: config, files: map[string]string{wellKnown: oldUserFile}},
			wellKnown, ""},
		{"impersonation",
			machine{env: config, files: map[string]string{wellKnown: becomeFile}},
			wellKnown, "robot@p.iam.gserviceaccount.com"},
		{"workload",
			machine{env: config, files: map[string]string{wellKnown: workloadFile}},
			wellKnown, ""},
		{"then the VM",
			machine{env: config, vm: onVM},
			originMetadata, "1-compute@developer.gserviceaccount.com"},
		{"VM, no home",
			machine{vm: onVM},
			originMetadata, "1-compute@developer.gserviceaccount.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustFind(t, tt.machine)
			if s.Origin() != tt.origin || s.Principal() != tt.principal {
				t.Errorf("got %q of %q, want %q of %q", s.Principal(), s.Origin(), tt.principal, tt.origin)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	tests := []struct {
		name    string
		machine machine
		looked  int
	}{
		{"empty machine", machine{env: map[string]string{envConfig: "/g"}}, 4},
		{"no home", machine{}, 3},
		{"VM without a service account", machine{vm: map[string]string{}}, 3},
		{"VM not to be asked", machine{
			env: map[string]string{envCheckGCE: "False"},
			vm:  map[string]string{accountPath + "email": "x@y"},
		}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Find(t.Context(), tt.machine.environment())
			var none *NotFoundError
			if !errors.As(err, &none) || len(none.Looked) != tt.looked {
				t.Fatalf("got %v, %v", s, err)
			}
			if none.Advice() != "gcloud auth application-default login" || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: %s", err, none.Advice())
			}
		})
	}
}

func TestFindUnusable(t *testing.T) {
	tests := []struct {
		name, content string
		want          error
	}{
		{"empty", "", ErrMalformed},
		{"not JSON", "-----BEGIN PRIVATE KEY-----", ErrMalformed},
		{"a list", "[]", ErrMalformed},
		{"null", "null", ErrMalformed},
		{"no type", "{}", ErrMalformed},
		{"type of another kind", `{"type":7}`, ErrMalformed},
		{"unknown type", `{"type":"gdch_service_account"}`, ErrUnsupported},
		{"OAuth client", `{"installed":{"client_id":"x","redirect_uris":["http://localhost"]}}`, ErrUnsupported},
		{"OAuth client in disguise", `{"type":"authorized_user","refresh_token":"x","installed":{"redirect_uris":["x"]}}`, ErrUnsupported},
		{"the same, capitals", `{"type":"authorized_user","refresh_token":"x","Web":{"redirect_uris":["x"]}}`, ErrUnsupported},
		{"user without token", `{"type":"authorized_user"}`, ErrMalformed},
		{"robot without key", `{"type":"service_account","client_email":"x@y"}`, ErrMalformed},
		{"impersonation of nothing", `{"type":"impersonated_service_account"}`, ErrMalformed},
		{"impersonation by an unknown type", `{"type":"impersonated_service_account","source_credentials":{"type":"x"}}`, ErrUnsupported},
		{"impersonation in a row", `{"type":"impersonated_service_account","source_credentials":` + becomeFile + `}`, ErrUnsupported},
		{"deep", strings.Repeat(`{"type":"impersonated_service_account","source_credentials":`, 20000), ErrMalformed},
		{"nameless executable", `{"type":"external_account","credential_source":{"executable":{"command":" "}}}`, ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Find(t.Context(), withFile([]byte(tt.content), nil).environment())
			var fe *FileError
			if !errors.As(err, &fe) || !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if fe.Path != "/key.json" || fe.Variable != envFile || !strings.Contains(fe.Advice(), "unset GOOGLE_APPLICATION_CREDENTIALS") {
				t.Errorf("%+v, advice %q", fe, fe.Advice())
			}
		})
	}
}

// A credential that is named but cannot be used must not be passed over for
// another identity.
func TestFindDoesNotPassOver(t *testing.T) {
	adc := filepath.Join("/g", adcName)
	vm := map[string]string{accountPath + "email": "x@y"}
	denied := machine{env: map[string]string{envConfig: "/g"}, vm: vm}.environment()
	denied.ReadFile = func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	tests := []struct {
		name string
		env  Environment
		path string
		want error
		text string
	}{
		{"named file missing",
			machine{env: map[string]string{envFile: "/none", envConfig: "/g"}, files: map[string]string{adc: userFile}, vm: vm}.environment(),
			"/none", fs.ErrNotExist, "credentials of /none (GOOGLE_APPLICATION_CREDENTIALS): file does not exist"},
		{"gcloud's file unreadable", denied, adc, fs.ErrPermission, "credentials of " + adc + ": permission denied"},
		{"gcloud's file malformed",
			machine{env: map[string]string{envConfig: "/g"}, files: map[string]string{adc: "x"}, vm: vm}.environment(),
			adc, ErrMalformed, "credentials of " + adc + ": malformed: not the JSON of a credential"},
		{"token with a space",
			machine{env: map[string]string{envToken: "Your token: x"}, vm: vm}.environment(),
			"", ErrMalformed, "credentials of CLOUDSDK_AUTH_ACCESS_TOKEN: malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Find(t.Context(), tt.env)
			var fe *FileError
			if !errors.As(err, &fe) || fe.Path != tt.path || !errors.Is(err, tt.want) || err.Error() != tt.text {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFindDoesNotWait(t *testing.T) {
	blackhole := func(ctx context.Context, _ string) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tests := []struct {
		name    string
		product string
		want    time.Duration
	}{
		{"no VM", "", time.Second},
		{"other firmware", "Standard PC (Q35)\n", time.Second},
		{"Google's firmware", "Google Compute Engine\n", 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := machine{files: map[string]string{}}
				if tt.product != "" {
					m.files[dmiProduct] = tt.product
				}
				env := m.environment()
				env.Metadata = blackhole
				start := time.Now()
				_, err := Find(t.Context(), env)
				var none *NotFoundError
				if took := time.Since(start); !errors.As(err, &none) || took != tt.want {
					t.Errorf("%v after %v", err, took)
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if _, err := Find(ctx, env); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("interrupted: %v", err)
				}
			})
		})
	}
}

func TestConfigDir(t *testing.T) {
	tests := []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/home/al"}, filepath.Join("/home/al", ".config", "gcloud")},
		{"darwin", map[string]string{"HOME": "/Users/al", "APPDATA": "x"}, filepath.Join("/Users/al", ".config", "gcloud")},
		{"windows", map[string]string{"HOME": "/x", "APPDATA": `C:\Roaming`}, filepath.Join(`C:\Roaming`, "gcloud")},
		{"windows", map[string]string{"HOME": "/x"}, ""},
		{"windows", map[string]string{envConfig: `D:\g`, "APPDATA": "x"}, `D:\g`},
		{"linux", map[string]string{envConfig: "/g", "HOME": "/x"}, "/g"},
		{"linux", nil, ""},
	}
	for _, tt := range tests {
		if got := configDir(func(name string) string { return tt.env[name] }, tt.goos); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.goos, tt.env, got, tt.want)
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(path); !errors.Is(err, errTooLarge) {
		t.Errorf("large file: %v", err)
	}
	if err := os.Truncate(path, maxFile); err != nil {
		t.Fatal(err)
	}
	if b, err := readFile(path); err != nil || len(b) != maxFile {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := readFile(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}
