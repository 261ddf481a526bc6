package googletest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// Google's limits.
const (
	maxMetadataValue = 256 << 10
	maxMetadata      = 512 << 10
)

// SetMetadata sets one value of a VM's metadata, or with an empty name of the project's.
func (s *Server) SetMetadata(inProject, zone, name, key, value string) {
	s.mu.Lock()
	s.cloud.metadata(inProject, zone, name)[key] = value
	s.mu.Unlock()
	s.changed()
}

// Metadata returns a VM's metadata, or with an empty name the project's.
func (s *Server) Metadata(inProject, zone, name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.cloud.metadata(inProject, zone, name))
}

func (c *cloud) metadata(inProject, zone, name string) map[string]string {
	if name == "" {
		return c.projects[inProject].metadata
	}
	return c.find(inProject, zone, name).Metadata
}

func cloneMetadata(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

func setProjectMetadata(s *Server, r *http.Request) (any, func(), *apiError) {
	p, refusal := inProject(s, r, "compute.projects.setCommonInstanceMetadata")
	if refusal != nil {
		return nil, nil, refusal
	}
	next, refusal := readMetadata(r, p.metadata)
	if refusal != nil {
		return nil, nil, refusal
	}
	p.metadata = next
	return s.begin(), s.changed, nil
}

// setInstanceMetadata wants actAs too where the VM has a service account: its metadata can hold a start-up script.
func setInstanceMetadata(s *Server, r *http.Request) (any, func(), *apiError) {
	_, i, refusal := inInstance(s, r, "compute.instances.setMetadata")
	if refusal == nil && i.ServiceAccount != "" && !s.cloud.granted[permissionActAs] {
		refusal = &apiError{status: 400, reason: "serviceAccountAccessDenied", name: "FAILED_PRECONDITION",
			message: "The user does not have access to service account '" + i.ServiceAccount + "'."}
	}
	if refusal != nil {
		return nil, nil, refusal
	}
	next, refusal := readMetadata(r, i.Metadata)
	if refusal != nil {
		return nil, nil, refusal
	}
	i.Metadata = next
	return s.begin(), s.changed, nil
}

// readMetadata judges what a client wants metadata to be.
func readMetadata(r *http.Request, current map[string]string) (map[string]string, *apiError) {
	var body struct {
		Fingerprint string
		Items       []struct {
			Key   string
			Value *string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, invalid("Parse Error")
	}
	if body.Fingerprint != fingerprint(current) {
		return nil, &apiError{status: 412, reason: "conditionNotMet", name: "FAILED_PRECONDITION",
			message: "Supplied fingerprint does not match current metadata fingerprint."}
	}
	next, total := map[string]string{}, 0
	for _, item := range body.Items {
		_, twice := next[item.Key]
		value := ""
		if item.Value != nil {
			value = *item.Value
		}
		total += len(item.Key) + len(value)
		switch {
		case !metadataKey.MatchString(item.Key):
			return nil, invalid("Invalid value for field 'metadata.items.key': '%s'.", item.Key)
		case twice:
			return nil, invalid("Invalid value for field 'metadata': duplicate metadata keys: '%s'.", item.Key)
		case len(value) > maxMetadataValue || total > maxMetadata:
			return nil, invalid("Value for field 'metadata.items' is too large: maximum size 262144 character(s).")
		}
		next[item.Key] = value
	}
	return next, nil
}

var metadataKey = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

func describeMetadata(m map[string]string) map[string]any {
	var items []map[string]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		items = append(items, map[string]string{"key": key, "value": m[key]})
	}
	return map[string]any{"kind": "compute#metadata", "fingerprint": fingerprint(m), "items": items}
}

// fingerprint says nothing but whether two are the same.
func fingerprint(m map[string]string) string {
	text, _ := json.Marshal(m) // maps of strings always marshal, sorted
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}
