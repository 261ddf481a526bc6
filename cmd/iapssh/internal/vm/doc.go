// Package vm learns what must be known of a VM: where it is, who we are there, and what its host keys are. It joins the calls of
// package gce with what the cache remembers and, where nobody else can tell, with questions to the user.
//
//	cloud.go   [Cloud]: whom to ask, whom to tell, what to remember
//	place.go   the project and zone of a name
//	way.go     to its external address or through IAP
//	roster.go  all VMs of a project, and the names that are remembered
//	facts.go   [Facts]: what is known of a VM, remembered or read; reading.go: what is read at once for them
//	inquiry.go the same beside the dial
//	look.go    the same at a moment, changing and remembering nothing
//	user.go    who to be there (pure)
//	keys.go    the key that worked last, the making of ours, and its life
//	push.go    whether a key is put on the VM, and where (pure)
//	pusher.go  has it put there, and tells when the key may work
//	put.go     puts it there
//	ensure.go  the same for an ssh whose login we do not see
//	certificate.go  the key's certificate, where OS Login takes nothing else
//	workload.go     all that is different for workloads of Cloud Run
package vm
