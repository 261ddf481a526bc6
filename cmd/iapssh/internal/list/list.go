// Package list shows VMs: as a table for people, as JSON for programs, as an inventory for Ansible. It is handed what was listed,
// and pure.
//
//	list.go       the table and the JSON
//	inventory.go  Ansible's dynamic inventory
package list

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// A VM is what is told of one. The names of its fields in JSON are a promise.
type VM struct {
	Name       string            `json:"name"`
	Zone       string            `json:"zone"`
	Project    string            `json:"project"`
	FullName   string            `json:"full_name"` // VM.ZONE.PROJECT, which means no other VM
	ID         string            `json:"id"`        // decimal
	Status     string            `json:"status"`    // "RUNNING", "TERMINATED", …
	InternalIP string            `json:"internal_ip"`
	ExternalIP string            `json:"external_ip"` // empty: none
	Windows    bool              `json:"windows"`
	Labels     map[string]string `json:"labels"`
	Tags       []string          `json:"tags"`
}

// Of tells of a VM by its first network interface.
func Of(i gce.Instance) VM {
	vm := VM{
		Name: i.Name, Zone: i.Zone, Project: i.Project, FullName: strings.Join([]string{i.Name, i.Zone, i.Project}, "."),
		ID: i.ID, Status: i.Status, Windows: i.Windows, Labels: i.Labels, Tags: i.Tags,
	}
	if len(i.Interfaces) > 0 {
		nic := i.Interfaces[0]
		vm.InternalIP, vm.ExternalIP = cmp.Or(nic.Internal, nic.InternalIPv6), cmp.Or(nic.External, nic.ExternalIPv6)
	}
	if vm.Labels == nil {
		vm.Labels = map[string]string{}
	}
	if vm.Tags == nil {
		vm.Tags = []string{}
	}
	return vm
}

// Table writes a line for each VM below one of headings; nothing if there are none.
func Table(w io.Writer, vms []VM) error {
	if len(vms) == 0 {
		return nil
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "NAME\tZONE\tPROJECT\tINTERNAL_IP\tEXTERNAL_IP\tSTATUS")
	for _, vm := range vms {
		line := strings.Join([]string{vm.Name, vm.Zone, vm.Project, vm.InternalIP, vm.ExternalIP, vm.Status}, "\t")
		fmt.Fprintln(columns, strings.Map(visible, line))
	}
	return columns.Flush()
}

// visible keeps what would move the cursor off the terminal: it all comes from the network.
func visible(r rune) rune {
	if r != '\t' && !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

// JSON writes an array.
func JSON(w io.Writer, vms []VM) error {
	if vms == nil {
		vms = []VM{}
	}
	return indented(w, vms)
}

func indented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
