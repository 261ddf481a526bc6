package gce

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Ref names a VM.
type Ref struct{ Project, Zone, Name string }

// Region is the zone's.
func (r Ref) Region() string { return r.Zone[:max(0, strings.LastIndexByte(r.Zone, '-'))] }

// Instance is what matters here of a VM.
type Instance struct {
	Ref
	ID              string    // decimal; never used again for another VM
	Status          string    // "RUNNING", "TERMINATED", …
	Created         time.Time // zero: not told
	Interfaces      []Interface
	Metadata        Metadata
	ServiceAccounts []string // e-mails
	Windows         bool     // its boot disk has Windows
	Labels          map[string]string
	Tags            []string // of its networks' firewalls
}

// Interface is a network interface; addresses may be empty.
type Interface struct {
	Name                   string // "nic0"
	Network                string // its name
	Internal, InternalIPv6 string
	External, ExternalIPv6 string
}

// Address picks one of a network interface: kind is "internal" or "external", family "inet", "inet6" or any other word for either,
// IPv4 first. The error is a *NoAddressError.
func (i Instance) Address(nic, kind, family string) (string, error) {
	for _, n := range i.Interfaces {
		if n.Name != nic {
			continue
		}
		v4, v6 := n.Internal, n.InternalIPv6
		if kind == "external" {
			v4, v6 = n.External, n.ExternalIPv6
		}
		switch family {
		case "inet":
			v6 = ""
		case "inet6":
			v4 = ""
		}
		if address := cmp.Or(v4, v6); address != "" {
			return address, nil
		}
	}
	return "", &NoAddressError{Name: i.Name, NIC: nic, Kind: kind}
}

// NoAddressError says that a VM has no address of a kind.
type NoAddressError struct{ Name, NIC, Kind string }

func (e *NoAddressError) Error() string {
	return fmt.Sprintf("VM %s has no %s address at %s", e.Name, e.Kind, e.NIC)
}

// instanceAnswer is the resource as the API gives it.
type instanceAnswer struct {
	ID                string
	Name              string
	Zone              string // a URL
	Status            string
	CreationTimestamp string // RFC 3339
	Metadata          Metadata
	NetworkInterfaces []struct {
		Name              string
		Network           string // a URL
		NetworkIP         string
		IPv6Address       string
		AccessConfigs     []struct{ NatIP string }
		IPv6AccessConfigs []struct{ ExternalIPv6 string }
	}
	ServiceAccounts []struct{ Email string }
	Labels          map[string]string
	Tags            struct{ Items []string }
	Disks           []struct {
		Boot            bool
		GuestOSFeatures []struct{ Type string }
	}
}

func (a *instanceAnswer) instance(project string) Instance {
	i := Instance{Ref: Ref{project, last(a.Zone), a.Name}, ID: a.ID, Status: a.Status, Metadata: a.Metadata, Labels: a.Labels, Tags: a.Tags.Items}
	if created, err := time.Parse(time.RFC3339, a.CreationTimestamp); err == nil {
		i.Created = created.UTC()
	}
	for _, nic := range a.NetworkInterfaces {
		n := Interface{Name: nic.Name, Network: last(nic.Network), Internal: nic.NetworkIP, InternalIPv6: nic.IPv6Address}
		for _, access := range nic.AccessConfigs {
			n.External = cmp.Or(n.External, access.NatIP)
		}
		for _, access := range nic.IPv6AccessConfigs {
			n.ExternalIPv6 = cmp.Or(n.ExternalIPv6, access.ExternalIPv6)
		}
		i.Interfaces = append(i.Interfaces, n)
	}
	for _, account := range a.ServiceAccounts {
		i.ServiceAccounts = append(i.ServiceAccounts, account.Email)
	}
	for _, disk := range a.Disks {
		for _, feature := range disk.GuestOSFeatures {
			i.Windows = i.Windows || disk.Boot && feature.Type == "WINDOWS"
		}
	}
	return i
}

// Instance reads a VM.
func (c *Client) Instance(ctx context.Context, ref Ref) (Instance, error) {
	var answer instanceAnswer
	r := request{name: "compute.instances.get", method: http.MethodGet, url: c.instanceURL(ref)}
	if err := c.do(ctx, r, &answer); err != nil {
		return Instance{}, err
	}
	i := answer.instance(ref.Project)
	i.Ref = ref
	return i, nil
}

func (c *Client) instanceURL(ref Ref, more ...string) string {
	return c.compute(append([]string{"projects", ref.Project, "zones", ref.Zone, "instances", ref.Name}, more...)...)
}

// HostKeys reads the SSH host keys that a VM's guest agent has published, as "TYPE BASE64" in the order of their types. A VM
// that publishes none has none: that is no error.
func (c *Client) HostKeys(ctx context.Context, ref Ref) ([]string, error) {
	var answer struct {
		QueryValue struct {
			Items []struct{ Namespace, Key, Value string }
		}
	}
	r := request{name: "compute.instances.getGuestAttributes", method: http.MethodGet,
		url: c.instanceURL(ref, "getGuestAttributes") + "?queryPath=" + url.QueryEscape("hostkeys/")}
	err := c.do(ctx, r, &answer)
	none := IsNotFound(err) && strings.Contains(err.Error(), "hostkeys/") // and not the VM itself
	off := hasStatus(err, http.StatusBadRequest) && strings.Contains(err.Error(), "uest attributes")
	if none || off {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, item := range answer.QueryValue.Items {
		// The value is the key alone, perhaps followed by a comment.
		fields := strings.Fields(item.Value)
		if item.Namespace != "hostkeys" || len(fields) == 0 || !hostKeyTypes[item.Key] {
			continue
		}
		if _, err := base64.StdEncoding.DecodeString(fields[0]); err == nil {
			keys = append(keys, item.Key+" "+fields[0])
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// hostKeyTypes are those that gcloud trusts too; a guest could publish anything.
var hostKeyTypes = map[string]bool{"ssh-rsa": true, "ssh-ed25519": true, "ecdsa-sha2-nistp256": true}

// Project reads the metadata that all VMs of a project share.
func (c *Client) Project(ctx context.Context, project string) (Metadata, error) {
	var answer struct{ CommonInstanceMetadata Metadata }
	r := request{name: "compute.projects.get", method: http.MethodGet, url: c.compute("projects", project)}
	err := c.do(ctx, r, &answer)
	return answer.CommonInstanceMetadata, err
}
