package googletest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	osLoginService = "oslogin.googleapis.com"

	// maxProfile is how large a login profile may be.
	maxProfile = 32 << 10
)

// login is the account's OS Login profile; Server.mu guards it.
type login struct {
	users []string            // the first is primary
	keys  map[string]loginKey // by fingerprint
}

type loginKey struct {
	line    string
	expires time.Time // zero: never
}

// SetLogin gives the account POSIX user names, the first being the primary one. Without any it gets its own with the first key.
func (s *Server) SetLogin(users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.login.users = users
}

// AddLoginKey puts a line into the account's profile.
func (s *Server) AddLoginKey(line string, expires time.Time) {
	s.mu.Lock()
	s.cloud.login.keys[keyFingerprint(line)] = loginKey{line, expires}
	s.mu.Unlock()
	s.changed()
}

// ClearLogin takes all keys off the profile.
func (s *Server) ClearLogin() {
	s.mu.Lock()
	clear(s.cloud.login.keys)
	s.mu.Unlock()
	s.changed()
}

// Elapse has tokens and the keys of the login profile age by d, as if so much time had passed.
func (s *Server) Elapse(d time.Duration) {
	s.mu.Lock()
	for token, expires := range s.issued {
		s.issued[token] = expires.Add(-d)
	}
	for fingerprint, key := range s.cloud.login.keys {
		if !key.expires.IsZero() {
			key.expires = key.expires.Add(-d)
			s.cloud.login.keys[fingerprint] = key
		}
	}
	s.mu.Unlock()
	s.changed()
}

// LoginKeys returns the lines of the profile that have not expired, and when they do.
func (s *Server) LoginKeys() map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := map[string]time.Time{}
	for _, key := range s.cloud.login.keys {
		if key.expires.IsZero() || time.Now().Before(key.expires) {
			keys[key.line] = key.expires
		}
	}
	return keys
}

func keyFingerprint(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

func (s *Server) osLoginRoutes(mux *http.ServeMux) {
	route := func(pattern, name string, handle apiHandler) {
		mux.HandleFunc(pattern, s.api(osLoginService, "oslogin."+name, handle))
	}
	route("GET /oslogin/v1/users/{user}/loginProfile", "users.getLoginProfile", getLoginProfile)
	route("POST /oslogin/v1/users/{user}", "users.importSshPublicKey", importKey)
	route("PATCH /oslogin/v1/users/{user}/sshPublicKeys/{fingerprint}", "users.sshPublicKeys.patch", patchKey)
	route("DELETE /oslogin/v1/users/{user}/sshPublicKeys/{fingerprint}", "users.sshPublicKeys.delete", deleteKey)
	for _, version := range []string{"v1", "v1beta"} {
		route("POST /oslogin/"+version+"/users/{user}/projects/{project}", "users.projects.provisionPosixAccount", provision)
		route("POST /oslogin/"+version+"/projects/{project}/locations/{region}", "projects.locations.signSshPublicKey", signKey)
	}
}

// isOwn says whether the profile asked for is the caller's.
func (s *Server) isOwn(user string) *apiError {
	if user != s.Account && user != s.ServiceEmail {
		return &apiError{status: 403, name: "PERMISSION_DENIED", message: "The caller does not have permission to the user " + user}
	}
	return nil
}

func (l *login) describe(account string) map[string]any {
	var accounts []map[string]any
	for i, user := range l.users {
		accounts = append(accounts, map[string]any{"username": user, "primary": i == 0, "uid": "1001", "gid": "1001",
			"homeDirectory": "/home/" + user, "operatingSystemType": "LINUX"})
	}
	keys := map[string]any{}
	for fingerprint, key := range l.keys {
		entry := map[string]string{"key": key.line, "fingerprint": fingerprint}
		if !key.expires.IsZero() {
			entry["expirationTimeUsec"] = strconv.FormatInt(key.expires.UnixMicro(), 10)
		}
		keys[fingerprint] = entry
	}
	profile := map[string]any{"name": account}
	if accounts != nil {
		profile["posixAccounts"] = accounts
	}
	if len(keys) > 0 {
		profile["sshPublicKeys"] = keys
	}
	return profile
}

func getLoginProfile(s *Server, r *http.Request) (any, func(), *apiError) {
	if refusal := s.isOwn(r.PathValue("user")); refusal != nil {
		return nil, nil, refusal
	}
	return s.cloud.login.describe(r.PathValue("user")), nil, nil
}

// splitMethod takes the custom method off the last segment of a path.
func splitMethod(segment, method string) (string, bool) {
	return strings.CutSuffix(segment, ":"+method)
}

func importKey(s *Server, r *http.Request) (any, func(), *apiError) {
	user, ok := splitMethod(r.PathValue("user"), "importSshPublicKey")
	if !ok {
		return nil, nil, notFound(r.URL.Path)
	}
	if refusal := s.isOwn(user); refusal != nil {
		return nil, nil, refusal
	}
	var body struct{ Key, ExpirationTimeUsec string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || len(strings.Fields(body.Key)) < 2 {
		return nil, nil, invalid("Invalid SSH public key")
	}
	key := loginKey{line: body.Key}
	if body.ExpirationTimeUsec != "" {
		usec, err := strconv.ParseInt(body.ExpirationTimeUsec, 10, 64)
		key.expires = time.UnixMicro(usec)
		if err != nil || !key.expires.After(time.Now()) {
			return nil, nil, invalid("Expiration time must be in the future")
		}
	}
	size := len(body.Key)
	for _, other := range s.cloud.login.keys {
		size += len(other.line)
	}
	if size > maxProfile {
		return nil, nil, invalid("Login profile size exceeds 32 KiB. Delete profile values to make additional space.")
	}
	if len(s.cloud.login.users) == 0 {
		s.cloud.login.users = []string{strings.NewReplacer("@", "_", ".", "_", "-", "_").Replace(user)}
	}
	s.cloud.login.keys[keyFingerprint(body.Key)] = key
	return map[string]any{"loginProfile": s.cloud.login.describe(user)}, s.changed, nil
}

func patchKey(s *Server, r *http.Request) (any, func(), *apiError) {
	if refusal := s.isOwn(r.PathValue("user")); refusal != nil {
		return nil, nil, refusal
	}
	key, ok := s.cloud.login.keys[r.PathValue("fingerprint")]
	if !ok {
		return nil, nil, notFound(r.PathValue("fingerprint"))
	}
	var body struct{ ExpirationTimeUsec string }
	if r.URL.Query().Get("updateMask") != "expirationTimeUsec" || json.NewDecoder(r.Body).Decode(&body) != nil {
		return nil, nil, invalid("Invalid update mask")
	}
	usec, err := strconv.ParseInt(body.ExpirationTimeUsec, 10, 64)
	if key.expires = time.UnixMicro(usec); err != nil || !key.expires.After(time.Now()) {
		return nil, nil, invalid("Expiration time must be in the future")
	}
	s.cloud.login.keys[r.PathValue("fingerprint")] = key
	return map[string]any{"key": key.line}, s.changed, nil
}

func deleteKey(s *Server, r *http.Request) (any, func(), *apiError) {
	if refusal := s.isOwn(r.PathValue("user")); refusal != nil {
		return nil, nil, refusal
	}
	if _, ok := s.cloud.login.keys[r.PathValue("fingerprint")]; !ok {
		return nil, nil, notFound(r.PathValue("fingerprint"))
	}
	delete(s.cloud.login.keys, r.PathValue("fingerprint"))
	return map[string]any{}, s.changed, nil
}

func provision(s *Server, r *http.Request) (any, func(), *apiError) {
	if refusal := s.isOwn(r.PathValue("user")); refusal != nil {
		return nil, nil, refusal
	}
	if len(s.cloud.login.users) == 0 {
		s.cloud.login.users = []string{strings.NewReplacer("@", "_", ".", "_", "-", "_").Replace(r.PathValue("user"))}
	}
	return map[string]any{"username": s.cloud.login.users[0], "primary": true}, nil, nil
}

// signKey makes a certificate, by Server.SignKey. It is for one VM, named by number, and its service account; or, before version v1
// only, for one workload of Cloud Run and its.
func signKey(s *Server, r *http.Request) (any, func(), *apiError) {
	region, ok := splitMethod(r.PathValue("region"), "signSshPublicKey")
	if !ok {
		return nil, nil, notFound(r.URL.Path)
	}
	var body struct{ SSHPublicKey, ServiceAccount, ComputeInstance, CloudRunResource string }
	switch {
	case json.NewDecoder(r.Body).Decode(&body) != nil:
		return nil, nil, invalid("Parse Error")
	case body.CloudRunResource != "" && strings.Contains(r.URL.Path, "/v1/"):
		return nil, nil, invalid("Invalid JSON payload received. Unknown name \"cloudRunResource\": Cannot find field.")
	case (body.CloudRunResource == "") == (body.ComputeInstance == ""):
		return nil, nil, invalid("One resource is required")
	case body.ComputeInstance != "" && !s.cloud.granted["compute.instances.osLogin"]:
		return nil, nil, denied("compute.instances.osLogin", "projects/"+r.PathValue("project"))
	case len(s.cloud.login.users) == 0:
		return nil, nil, notFound("POSIX account")
	}
	user, account, found := s.cloud.login.users[0], "", false
	for _, i := range s.cloud.instances(r.PathValue("project")) {
		if body.ComputeInstance == "projects/"+r.PathValue("project")+"/zones/"+i.Zone+"/instances/"+i.ID && strings.HasPrefix(i.Zone, region+"-") {
			account, found = i.ServiceAccount, true
		}
	}
	if p := s.cloud.projects[r.PathValue("project")]; p != nil && body.CloudRunResource != "" {
		for _, w := range p.workloads {
			if body.CloudRunResource == w.resourceName(r.PathValue("project")) && w.Region == region {
				user, account, found = "root", w.ServiceAccount, true
			}
		}
	}
	switch {
	case !found:
		return nil, nil, notFound(body.ComputeInstance + body.CloudRunResource)
	case s.SignKey == nil:
		return nil, nil, &apiError{status: 501, name: "UNIMPLEMENTED", message: "no SignKey"}
	case body.ServiceAccount != account: // Google signs, and what it signs is of no use
		user = "nobody"
	}
	return map[string]string{"signedSshPublicKey": s.SignKey(body.SSHPublicKey, user)}, nil, nil
}

func (c *cloud) instances(inProject string) []*Instance {
	if p := c.projects[inProject]; p != nil {
		return p.instances
	}
	return nil
}
