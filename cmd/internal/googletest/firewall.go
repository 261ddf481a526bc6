package googletest

import (
	"encoding/json"
	"net/http"
)

// defaultFirewall is that of a network which Google has made: everybody may try SSH.
const defaultFirewall = `{"firewalls": [
	{"kind": "compute#firewall", "name": "default-allow-internal", "direction": "INGRESS", "priority": 65534, "sourceRanges": ["10.128.0.0/9"],
		"allowed": [{"IPProtocol": "tcp", "ports": ["0-65535"]}, {"IPProtocol": "udp", "ports": ["0-65535"]}, {"IPProtocol": "icmp"}]},
	{"kind": "compute#firewall", "name": "default-allow-ssh", "direction": "INGRESS", "priority": 65534, "sourceRanges": ["0.0.0.0/0"],
		"allowed": [{"IPProtocol": "tcp", "ports": ["22"]}]}
]}`

// SetFirewall sets what getEffectiveFirewalls answers for all VMs of a project, in the API's JSON. It panics if that is none.
func (s *Server) SetFirewall(inProject, answer string) {
	if !json.Valid([]byte(answer)) {
		panic("googletest: not JSON: " + answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.projects[inProject].firewall = answer
}

// SetStatus sets the status of a VM ("TERMINATED").
func (s *Server) SetStatus(inProject, zone, name, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.find(inProject, zone, name).Status = status
}

func getFirewalls(s *Server, r *http.Request) (any, func(), *apiError) {
	p, _, refusal := inInstance(s, r, "compute.instances.getEffectiveFirewalls")
	switch {
	case refusal != nil:
		return nil, nil, refusal
	case r.URL.Query().Get("networkInterface") != "nic0":
		return nil, nil, invalid("Invalid value for field 'networkInterface': '%s'. Network interface not found.", r.URL.Query().Get("networkInterface"))
	}
	return json.RawMessage(p.firewall), nil, nil
}
