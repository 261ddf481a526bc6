package creds

import (
	"context"
	"errors"
	"io"
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

// gcloudDir is where gcloud has its files on every test's machine.
var gcloudDir = filepath.FromSlash("/g")

var (
	adcPath      = filepath.Join(gcloudDir, adcName)
	databasePath = filepath.Join(gcloudDir, databaseName)
)

func loginPath(account string) string {
	return filepath.Join(gcloudDir, legacyDir, account, legacyName)
}

// The order of the package comment, row by row: each machine has what stands in
// its row, and the whole of what comes below.
func TestFind(t *testing.T) {
	const bob, carl, vmAccount, robot = "bob@example.com", "carl@example.com", "1-compute@developer.gserviceaccount.com", "robot@p.iam.gserviceaccount.com"
	onVM := map[string]string{accountPath + "email": vmAccount + "\n"}
	active := Wish{Dir: gcloudDir, Account: bob}
	named := func(account string) Wish { return Wish{Dir: gcloudDir, Account: account, Named: true} }
	logins := map[string]string{loginPath(bob): oldUserFile}
	all := map[string]string{"/key": robotFile, adcPath: userFile, loginPath(bob): oldUserFile}
	keyed := map[string]string{envFile: "/key"}
	tests := []struct {
		name              string
		machine           machine
		origin, principal string
	}{
		{"token first", machine{env: map[string]string{envToken: " ya29.x\n", envFile: "/key"}, files: all, vm: onVM, wish: named(bob)},
			"CLOUDSDK_AUTH_ACCESS_TOKEN", ""},
		{"then the token's file", machine{env: keyed, files: map[string]string{"/t": "ya29.y\n", "/key": robotFile, loginPath(bob): oldUserFile}, vm: onVM,
			wish: Wish{Dir: gcloudDir, Account: bob, Named: true, TokenFile: "/t", CredentialFile: "/key"}},
			"/t (auth/access_token_file)", ""},
		{"then the override", machine{files: all, vm: onVM, wish: Wish{Dir: gcloudDir, Account: bob, Named: true, CredentialFile: "/key"}},
			"/key (auth/credential_file_override)", robot},
		{"then a named account", machine{env: keyed, files: all, vm: onVM, wish: named(bob)},
			loginPath(bob), bob},
		{"which may be the named file's", machine{env: keyed, files: all, vm: onVM, wish: named(robot)},
			"/key (GOOGLE_APPLICATION_CREDENTIALS)", robot},
		{"or that of the default credentials", machine{env: keyed, files: all, vm: onVM, wish: named("alice@example.com")},
			adcPath, "alice@example.com"},
		{"or the VM's", machine{env: keyed, files: all, vm: onVM, wish: named(vmAccount)},
			originMetadata, vmAccount},
		{"or gcloud knows it", machine{env: keyed, files: all, vm: onVM, wish: named(carl), gcloud: gcloudIsThere},
			"gcloud's login of " + carl, carl},
		{"then the named file", machine{env: keyed, files: all, vm: onVM, wish: active},
			"/key (GOOGLE_APPLICATION_CREDENTIALS)", robot},
		{"then the default credentials", machine{files: all, vm: onVM, wish: active},
			adcPath, "alice@example.com"},
		{"then the active account", machine{files: logins, vm: onVM, wish: active},
			loginPath(bob), bob},
		{"of which only gcloud has the credential", machine{files: map[string]string{databasePath: ""}, vm: onVM, wish: active, gcloud: gcloudIsThere},
			"gcloud's login of " + bob, bob},
		{"then the VM", machine{vm: onVM, wish: active}, originMetadata, vmAccount},
		{"gcloud without any login", machine{vm: onVM, wish: active, gcloud: gcloudIsThere}, originMetadata, vmAccount},
		{"VM, no home", machine{vm: onVM}, originMetadata, vmAccount},

		{"user without a name", machine{files: map[string]string{adcPath: oldUserFile}, wish: Wish{Dir: gcloudDir}}, adcPath, ""},
		{"impersonation by file", machine{files: map[string]string{adcPath: becomeFile}, wish: Wish{Dir: gcloudDir}}, adcPath, robot},
		{"workload", machine{files: map[string]string{adcPath: workloadFile}, wish: Wish{Dir: gcloudDir}}, adcPath, ""},
		{"impersonation", machine{files: all, wish: Wish{Dir: gcloudDir, Impersonate: []string{"a@p", robot}}},
			"an impersonation by alice@example.com from " + adcPath, robot},
		{"of a workforce", machine{files: map[string]string{loginPath("principal//iam.example/subject/ann"): userFile},
			wish: Wish{Dir: gcloudDir, Account: "principal://iam.example/subject/ann"}},
			loginPath("principal//iam.example/subject/ann"), "principal://iam.example/subject/ann"},
		{"account like a path", machine{files: map[string]string{filepath.Join(gcloudDir, legacyName): userFile}, vm: onVM,
			wish: Wish{Dir: gcloudDir, Account: "../../g"}}, originMetadata, vmAccount},
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
	adc := Wish{Dir: gcloudDir}
	tests := []struct {
		name    string
		machine machine
		looked  int
		advice  string
	}{
		{"empty machine", machine{wish: adc}, 4, loginCommand},
		{"no home", machine{}, 4, loginCommand},
		{"active account, not signed in", machine{wish: Wish{Dir: gcloudDir, Account: "bob@example.com"}}, 5, loginCommand},
		{"VM without a service account", machine{vm: map[string]string{}, wish: adc}, 4, loginCommand},
		{"VM not to be asked", machine{
			env: map[string]string{envCheckGCE: "False"},
			vm:  map[string]string{accountPath + "email": "x@y"},
		}, 4, loginCommand},
		{"named account like a command", machine{
			gcloud: gcloudIsThere,
			wish:   Wish{Dir: gcloudDir, Account: `x@y" & calc "`, Named: true},
		}, 6, "gcloud auth login"},
		// Somebody else's credential is no substitute.
		{"named account", machine{
			env:   map[string]string{envFile: "/key"},
			files: map[string]string{"/key": robotFile, adcPath: userFile, loginPath("carl@example.com"): userFile},
			vm:    map[string]string{accountPath + "email": "x@y"},
			wish:  Wish{Dir: gcloudDir, Account: "bob@example.com", Named: true},
		}, 6, "gcloud auth login bob@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Find(t.Context(), tt.machine.environment(), tt.machine.wish)
			var none *NotFoundError
			if !errors.As(err, &none) || len(none.Looked) != tt.looked {
				t.Fatalf("got %v, %v", s, err)
			}
			if none.Advice() != tt.advice || strings.Contains(err.Error(), "\n") {
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
			_, err := Find(t.Context(), withFile([]byte(tt.content), nil).environment(), Wish{})
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
	vm := map[string]string{accountPath + "email": "x@y"}
	denied := machine{vm: vm}.environment()
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
			machine{env: map[string]string{envFile: "/none"}, files: map[string]string{adcPath: userFile}, vm: vm}.environment(),
			"/none", fs.ErrNotExist, "credentials of /none (GOOGLE_APPLICATION_CREDENTIALS): file does not exist"},
		{"gcloud's file unreadable", denied, adcPath, fs.ErrPermission, "credentials of " + adcPath + ": permission denied"},
		{"gcloud's file malformed",
			machine{files: map[string]string{adcPath: "x"}, vm: vm}.environment(),
			adcPath, ErrMalformed, "credentials of " + adcPath + ": malformed: not the JSON of a credential"},
		{"token with a space",
			machine{env: map[string]string{envToken: "Your token: x"}, vm: vm}.environment(),
			"", ErrMalformed, "credentials of CLOUDSDK_AUTH_ACCESS_TOKEN: malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Find(t.Context(), tt.env, Wish{Dir: gcloudDir})
			var fe *FileError
			if !errors.As(err, &fe) || fe.Path != tt.path || !errors.Is(err, tt.want) || err.Error() != tt.text {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A credential's file may be a pipe into which nobody writes.
func TestFindIsInterrupted(t *testing.T) {
	silent := make(chan struct{})
	defer close(silent)
	ctx, cancel := context.WithCancel(t.Context())
	env := machine{env: map[string]string{envFile: "/dev/fd/63"}}.environment()
	env.ReadFile = func(string) ([]byte, error) {
		cancel()
		<-silent
		return nil, io.ErrUnexpectedEOF
	}
	if _, err := Find(ctx, env, Wish{Dir: gcloudDir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
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
				_, err := Find(t.Context(), env, Wish{})
				var none *NotFoundError
				if took := time.Since(start); !errors.As(err, &none) || took != tt.want {
					t.Errorf("%v after %v", err, took)
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if _, err := Find(ctx, env, Wish{}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("interrupted: %v", err)
				}
			})
		})
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
