package creds

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// login is a machine on which alice is logged in with gcloud, and nothing else.
func login(google *googletest.Server) machine {
	return machine{
		files:  map[string]string{loginPath(google.Account): string(google.Login())},
		client: google.Client(),
		wish:   Wish{Dir: gcloudDir, Account: google.Account},
	}
}

func TestLoginWithGCloud(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	s := mustFind(t, login(google))
	if holder, ok := google.Holder(mustToken(t, s, "")); !ok || holder != s.Principal() {
		t.Errorf("token of %q", holder)
	}
	if s.SignIn() != "gcloud auth login alice@example.com" {
		t.Errorf("sign in by %q", s.SignIn())
	}
}

// Where the organisation wants a proof of identity, gcloud may have had it; if
// it has not, the command that asks for it is named.
func TestGCloudHasTheProof(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	google.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt"})
	token, expiry := google.Issue(), `"2100-01-01T00:00:00Z"`
	for _, tt := range []struct {
		name, answer string
		err          error
		ok           bool
	}{
		{"a token", `{"credential":{"access_token":"` + token + `","token_expiry":` + expiry + `}}`, nil, true},
		{"a token without end", `{"credential":{"access_token":"` + token + `","token_expiry":null}}`, nil, true},
		{"gcloud asks too", "", errors.New("exit status 1: Reauthentication failed"), false},
		{"nonsense", "<html>", nil, false},
		{"no token", `{"credential":{}}`, nil, false},
	} {
		m := login(google)
		m.wish.Configuration = "work"
		var args []string
		m.gcloud = func(a ...string) (string, error) { args = a; return tt.answer, tt.err }
		got, err := mustFind(t, m).Token(t.Context(), "")
		re := new(RefreshError)
		switch {
		case tt.ok && (err != nil || got != token):
			t.Errorf("%s: %q, %v", tt.name, got, err)
		case !tt.ok && (!errors.As(err, &re) || !re.Reauth || re.Advice() != "gcloud auth login alice@example.com"):
			t.Errorf("%s: %v, advice %q", tt.name, err, re.Advice())
		}
		want := strings.Fields("config config-helper --format=json --quiet --account=alice@example.com --configuration=work")
		if !slices.Equal(args, want) {
			t.Errorf("%s: ran gcloud %q", tt.name, args)
		}
	}
}

// A login of which only gcloud's database knows.
func TestOnlyGCloudKnows(t *testing.T) {
	m := machine{files: map[string]string{databasePath: ""}, wish: Wish{Dir: gcloudDir, Account: "bob@example.com"}}
	m.gcloud = func(...string) (string, error) {
		return `{"credential":{"access_token":"ya29.x","token_expiry":"2100-01-01T00:00:00Z"}}`, nil
	}
	if token := mustToken(t, mustFind(t, m), ""); token != "ya29.x" {
		t.Errorf("got %q", token)
	}
	m.gcloud = func(...string) (string, error) { return "", errors.New("exit status 1: no such account") }
	re := new(RefreshError)
	if _, err := mustFind(t, m).Token(t.Context(), ""); !errors.As(err, &re) || re.Advice() != "gcloud auth login bob@example.com" || re.Principal != "bob@example.com" {
		t.Errorf("got %v", err)
	}
}

func TestAwaitSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google := googletest.NewUnstartedServer()
		google.StartInMemory()
		env := login(google).environment()
		var content atomic.Value
		content.Store(google.Login())
		env.ReadFile = func(string) ([]byte, error) { return content.Load().([]byte), nil }
		s, err := Find(t.Context(), env, Wish{Dir: gcloudDir, Account: google.Account, Named: true})
		if err != nil {
			t.Fatal(err)
		}
		google.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "rapt_required"})
		if token, err := s.Token(t.Context(), ""); err == nil {
			t.Fatalf("got %q", token)
		}
		waited := make(chan error)
		began := time.Now()
		go func() { waited <- s.AwaitSignIn(t.Context()) }()
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		content.Store([]byte("half wri"))
		google.SignInAgain()
		time.Sleep(2 * awaitInterval)
		content.Store(google.Login())
		if err := <-waited; err != nil || time.Since(began) > time.Minute+4*awaitInterval {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if !google.Valid(mustToken(t, s, "")) {
			t.Error("no good token")
		}
	})
}

// Who else might have been meant, and what selects him.
func TestOther(t *testing.T) {
	const bob, robot = "bob@example.com", "robot@p.iam.gserviceaccount.com"
	files := map[string]string{"/key": robotFile, adcPath: userFile, loginPath(bob): oldUserFile, loginPath("alice@example.com"): oldUserFile}
	only := func(path string) map[string]string { return map[string]string{path: files[path]} }
	active := func(account string) Wish { return Wish{Dir: gcloudDir, Account: account} }
	for _, tt := range []struct {
		name       string
		machine    machine
		other, way string
	}{
		{"default credentials, gcloud is another", machine{files: files, wish: active(bob)}, bob, "give --account=bob@example.com"},
		{"the same person", machine{files: files, wish: active("alice@example.com")}, "", ""},
		{"nobody else", machine{files: only(adcPath), wish: active("")}, "", ""},
		{"a token", machine{env: map[string]string{envToken: "x"}, files: files, wish: active("")}, "alice@example.com", "unset CLOUDSDK_AUTH_ACCESS_TOKEN"},
		{"a named file", machine{env: map[string]string{envFile: "/key"}, files: files, wish: active("")}, "alice@example.com", "give --account=alice@example.com"},
		{"a named account", machine{env: map[string]string{envFile: "/key"}, files: files, wish: Wish{Dir: gcloudDir, Account: bob, Named: true}}, robot, "give --account=" + robot},
		{"impersonation", machine{files: files, wish: Wish{Dir: gcloudDir, Account: bob, Impersonate: []string{robot}}}, bob, "give --account=bob@example.com"},
		{"the VM is not asked", machine{files: only(adcPath), vm: map[string]string{accountPath + "email": bob}}, "", ""},
	} {
		other, ok := mustFind(t, withDir(tt.machine)).Other()
		if other.Principal != tt.other || other.Way != tt.way || ok != (tt.other != "") {
			t.Errorf("%s: %+v", tt.name, other)
		}
	}
}

func withDir(m machine) machine {
	m.wish.Dir = gcloudDir
	return m
}
