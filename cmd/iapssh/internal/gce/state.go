package gce

import "fmt"

// What may be found wrong with a VM that is there. report says what mends it.

// NotRunningError says that a VM is in a state in which nobody can be let in.
type NotRunningError struct {
	Ref    Ref
	Status string // "TERMINATED", "STAGING", …
}

func (e *NotRunningError) Error() string { return fmt.Sprintf("VM %s is %s", e.Ref.Name, e.Status) }

// Starts says that the VM will run if it is waited for.
func (e *NotRunningError) Starts() bool {
	switch e.Status {
	case "PROVISIONING", "STAGING", "REPAIRING":
		return true
	}
	return false
}

// MisplacedError says that a VM is not where it was said to be, and where there are some of its name.
type MisplacedError struct {
	Ref   Ref
	Zones []string
}

func (e *MisplacedError) Error() string {
	return fmt.Sprintf("there is no VM %s in zone %s of project %s", e.Ref.Name, e.Ref.Zone, e.Ref.Project)
}

// NoInterfaceError says that a VM has no such network interface.
type NoInterfaceError struct {
	Ref  Ref
	NIC  string
	Have []string
}

func (e *NoInterfaceError) Error() string {
	return fmt.Sprintf("VM %s has no network interface %s", e.Ref.Name, e.NIC)
}

// FirewallError says that IAP's connections to a port of a VM are refused: by a rule, or because none lets them in.
type FirewallError struct {
	Ref     Ref
	Network string // a name
	Port    int
	Rule    *FirewallRule // that refuses; nil: none lets them in
}

func (e *FirewallError) Error() string {
	if e.Rule == nil {
		return fmt.Sprintf("no firewall rule lets IAP's connections to port %d of VM %s in", e.Port, e.Ref.Name)
	}
	return fmt.Sprintf("%s refuses IAP's connections to port %d of VM %s", e.Rule, e.Port, e.Ref.Name)
}

// ClosedPortError says that a VM runs, that its firewall lets IAP in, and that nothing answers on a port.
type ClosedPortError struct {
	Ref  Ref
	Port int
}

func (e *ClosedPortError) Error() string {
	return fmt.Sprintf("nothing answers on port %d of VM %s, though its firewall lets IAP in", e.Port, e.Ref.Name)
}

// NotSSHError says that what answers on a port of a VM does not greet as an SSH server does. Said is what it said in place of
// that, fit for a terminal; empty: nothing.
type NotSSHError struct {
	Ref  Ref
	Port int
	Said string
	Err  error // how the connection ended
}

func (e *NotSSHError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("what answers on port %d of VM %s does not greet as an SSH server: %v", e.Port, e.Ref.Name, e.Err)
	}
	return fmt.Sprintf("what answers on port %d of VM %s does not greet as an SSH server, but says %q", e.Port, e.Ref.Name, e.Said)
}

func (e *NotSSHError) Unwrap() error { return e.Err }
