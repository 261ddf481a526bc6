package report

import (
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/transport/iap"
)

// How a target is called, and the commands of gcloud's that are about its kind.

// what names a target by its kind.
func what(t iap.Target) string {
	switch t.Kind() {
	case iap.KindHost:
		return "host " + t.Host
	case iap.KindWorkload:
		return fmt.Sprintf("Cloud Run %s %s", strings.ReplaceAll(t.Workload.Type, "_", " "), t.Workload.Name)
	}
	return "VM " + t.Instance
}

// whole also says where it is.
func whole(t iap.Target) string {
	switch t.Kind() {
	case iap.KindHost:
		return fmt.Sprintf("%s of network %s in region %s of project %s", what(t), t.Network, t.Region, t.Project)
	case iap.KindWorkload:
		return fmt.Sprintf("%s in region %s of project %s", what(t), t.Region, t.Project)
	}
	return fmt.Sprintf("%s in zone %s of project %s", what(t), t.Zone, t.Project)
}

func on(t iap.Target) string { return fmt.Sprintf("port %d of %s", t.Port, whole(t)) }

// place is what a client must have got right before the relay looks for the target itself.
func place(t iap.Target) string {
	if t.Kind() == iap.KindVM {
		return "Zone " + t.Zone
	}
	return "Region " + t.Region
}

// list is the command that lists what there is of the target's kind.
func list(t iap.Target) string {
	switch t.Kind() {
	case iap.KindHost:
		return fmt.Sprintf("gcloud iap tcp dest-groups list --region=%s --project=%s", t.Region, t.Project)
	case iap.KindWorkload:
		track := "beta "
		if t.Workload.Type == "service" || t.Workload.Type == "job" {
			track = ""
		}
		return fmt.Sprintf("gcloud %srun %ss list --region=%s --project=%s", track, strings.ReplaceAll(t.Workload.Type, "_", "-"), t.Region, t.Project)
	}
	return "gcloud compute instances list --project=" + t.Project
}

// admit says what lets IAP's own connections reach the target.
func admit(t iap.Target) string {
	switch t.Kind() {
	case iap.KindHost:
		return fmt.Sprintf("check that the host listens there, and that routes and firewalls between the network and the host let tcp:%d from 35.235.240.0/20 pass, and the answers back", t.Port)
	case iap.KindWorkload:
		return "check that a container of it runs, in the second generation of Cloud Run's execution environments: " + list(t)
	}
	return fmt.Sprintf("check that the VM runs and listens there, and that a firewall rule admits 35.235.240.0/20: "+
		"gcloud compute firewall-rules create allow-iap --project=%s --allow=tcp:%d --source-ranges=35.235.240.0/20", t.Project, t.Port)
}

// grant is the command that lets member use IAP for the target.
func grant(t iap.Target, member string) string {
	if t.Kind() == iap.KindHost && t.DestGroup != "" {
		return fmt.Sprintf("gcloud iap tcp dest-groups add-iam-policy-binding --dest-group=%s --region=%s --project=%s --member=%s --role=roles/iap.tunnelResourceAccessor",
			t.DestGroup, t.Region, t.Project, member)
	}
	return fmt.Sprintf("gcloud projects add-iam-policy-binding %s --member=%s --role=roles/iap.tunnelResourceAccessor", t.Project, member)
}
