// Package gce calls the Google APIs that lead to a VM, or to a workload of Cloud Run, and into it: Compute Engine, OS Login,
// Cloud Run and IAP. It is handed an HTTP client and a source of tokens, makes plain requests, and gives typed answers. It decides
// nothing but in the pure functions named below.
//
//	client.go     one request: token, headers, bounds, what is tried again
//	errors.go     [Error], what an API refused
//	instance.go   instances: read, their guest attributes
//	listing.go    instances: by name, or all of a project
//	find.go       instances of a name, wherever in a project
//	metadata.go   metadata of instances and projects, and how it is changed when others change it too
//	sshkeys.go    the lines of the ssh-keys item (pure)
//	oslogin.go    OS Login profiles, their keys, certificates
//	run.go        workloads of Cloud Run, certificates for them, and their hosts' authorities
//	iam.go        whether the caller may use the tunnel
//	firewall.go   the firewall rules of a VM
//	state.go      what may be wrong with a VM that is there
//
// Field names and error shapes are those of the public API descriptions (compute v1, oslogin v1, iap v1, run v1).
package gce
