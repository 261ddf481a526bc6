package gce

import (
	"context"
	"net/http"
	"slices"
)

// What IAP asks of who connects to a VM, or to a host that a group admits to.
const (
	instancePermission = "iap.tunnelInstances.accessViaIAP"
	groupPermission    = "iap.tunnelDestGroups.accessViaIAP"
)

// MayTunnel says whether the caller has the permission to reach a VM through IAP. That an access level may still forbid it is not
// seen here.
func (c *Client) MayTunnel(ctx context.Context, ref Ref) (bool, error) {
	return c.may(ctx, "iap.tunnelInstances.testIamPermissions", instancePermission, "projects", ref.Project, "iap_tunnel", "zones", ref.Zone, "instances", ref.Name)
}

// MayTunnelByGroup says the same of the hosts that a destination group admits to.
func (c *Client) MayTunnelByGroup(ctx context.Context, project, region, group string) (bool, error) {
	return c.may(ctx, "iap.tunnelDestGroups.testIamPermissions", groupPermission, "projects", project, "iap_tunnel", "locations", region, "destGroups", group)
}

func (c *Client) may(ctx context.Context, name, permission string, resource ...string) (bool, error) {
	var answer struct{ Permissions []string }
	path := append(append([]string{"v1"}, resource...), ":testIamPermissions")
	r := request{name: name, method: http.MethodPost, url: c.iap(path...), body: map[string][]string{"permissions": {permission}}}
	err := c.do(ctx, r, &answer)
	return slices.Contains(answer.Permissions, permission), err
}
