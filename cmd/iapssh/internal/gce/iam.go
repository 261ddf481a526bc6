package gce

import (
	"context"
	"net/http"
	"slices"
)

// tunnelPermission is what IAP asks of who connects.
const tunnelPermission = "iap.tunnelInstances.accessViaIAP"

// MayTunnel says whether the caller has the permission to reach a VM through IAP. That an access level may still forbid it is not
// seen here.
func (c *Client) MayTunnel(ctx context.Context, ref Ref) (bool, error) {
	var answer struct{ Permissions []string }
	r := request{name: "iap.tunnelInstances.testIamPermissions", method: http.MethodPost,
		url:  c.iap("v1", "projects", ref.Project, "iap_tunnel", "zones", ref.Zone, "instances", ref.Name, ":testIamPermissions"),
		body: map[string][]string{"permissions": {tunnelPermission}}}
	err := c.do(ctx, r, &answer)
	return slices.Contains(answer.Permissions, tunnelPermission), err
}
