package list

import (
	"io"
	"maps"
	"regexp"
	"slices"
)

// group is one of an inventory's.
type group struct {
	Hosts    []string          `json:"hosts,omitempty"`
	Children []string          `json:"children,omitempty"`
	Vars     map[string]string `json:"vars,omitempty"`
}

// Inventory writes what Ansible wants of a dynamic inventory that is asked for --list: the VMs that run, by their full names, which
// stay what they are whatever other VMs there will be. They are grouped by project, zone, label and tag. ssh is the program that
// reaches them: it stands among the variables of the group all, which a user's own come before.
//
// The protocol is that of docs.ansible.com, "Developing dynamic inventory"; with _meta Ansible asks no further.
func Inventory(w io.Writer, vms []VM, ssh string) error {
	groups, hosts := map[string]*group{}, map[string]any{}
	for _, vm := range vms {
		if vm.Status != "RUNNING" {
			continue
		}
		hosts[vm.FullName] = hostVars(vm)
		names := []string{"project_" + vm.Project, "zone_" + vm.Zone}
		for _, label := range slices.Sorted(maps.Keys(vm.Labels)) {
			names = append(names, "label_"+label+"_"+vm.Labels[label])
		}
		for _, tag := range vm.Tags {
			names = append(names, "tag_"+tag)
		}
		for _, name := range names {
			name = notOfGroups.ReplaceAllString(name, "_")
			if groups[name] == nil {
				groups[name] = &group{}
			}
			if !slices.Contains(groups[name].Hosts, vm.FullName) {
				groups[name].Hosts = append(groups[name].Hosts, vm.FullName)
			}
		}
	}
	inventory := map[string]any{"_meta": map[string]any{"hostvars": hosts}}
	for name, g := range groups {
		inventory[name] = g
	}
	inventory["all"] = &group{
		Children: append(slices.Sorted(maps.Keys(groups)), "ungrouped"),
		// scp and sftp would run the ssh that they were built with.
		Vars: map[string]string{"ansible_ssh_executable": ssh, "ansible_ssh_transfer_method": "piped"},
	}
	return indented(w, inventory)
}

// InventoryHost writes what Ansible wants when it asks for --host: the variables of one, none of a host that is not known.
func InventoryHost(w io.Writer, vms []VM, host string) error {
	for _, vm := range vms {
		if vm.FullName == host {
			return indented(w, hostVars(vm))
		}
	}
	return indented(w, struct{}{})
}

// notOfGroups is what a group's name cannot have: Ansible takes them for variables.
var notOfGroups = regexp.MustCompile(`[^A-Za-z0-9_]`)

func hostVars(vm VM) map[string]any {
	return map[string]any{
		"gce_name": vm.Name, "gce_zone": vm.Zone, "gce_project": vm.Project, "gce_id": vm.ID,
		"gce_internal_ip": vm.InternalIP, "gce_external_ip": vm.ExternalIP, "gce_windows": vm.Windows,
		"gce_labels": vm.Labels, "gce_tags": vm.Tags,
	}
}
