package googletest

import (
	"encoding/json"
	"net/http"
	"slices"
)

const iapService = "iap.googleapis.com"

// IAPURL is the base address of IAP's API, in the form of gcloud's api_endpoint_overrides.
func (s *Server) IAPURL() string { return s.URL + "/iap/" }

func (s *Server) iapRoutes(mux *http.ServeMux) {
	const path = "POST /iap/v1/projects/{project}/iap_tunnel/"
	mux.HandleFunc(path+"zones/{zone}/instances/{resource}", s.api(iapService, "iap.tunnelInstances.testIamPermissions", testPermissions))
	mux.HandleFunc(path+"locations/{region}/destGroups/{resource}", s.api(iapService, "iap.tunnelDestGroups.testIamPermissions", testPermissions))
}

// testPermissions says which of the permissions that it is asked about the caller has.
func testPermissions(s *Server, r *http.Request) (any, func(), *apiError) {
	if _, ok := splitMethod(r.PathValue("resource"), "testIamPermissions"); !ok {
		return nil, nil, notFound(r.URL.Path)
	}
	var body struct{ Permissions []string }
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		return nil, nil, invalid("Parse Error")
	}
	have := slices.DeleteFunc(body.Permissions, func(p string) bool { return !s.cloud.granted[p] })
	return map[string]any{"permissions": have}, nil, nil
}
