// Package vm learns what must be known of a VM: where it is, and later who we are there. It joins the calls of package gce with
// what the cache remembers and, where nobody else can tell, with questions to the user.
//
//	cloud.go   [Cloud]: whom to ask, whom to tell, what to remember
//	place.go   the project and zone of a name
package vm
