package gce

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxPages bounds a listing, of an exact name, for which there is one page, and of everything.
	maxPages = 200
	// wholePage is how many VMs a page may have, at most; one with their metadata, in which there may be whole start-up scripts,
	// has to stay below maxBody.
	wholePage, metadataPage = 500, 100

	// listedFields is what is asked for of a listed VM.
	listedFields = "nextPageToken,items/*/instances(id,name,zone,status,labels,tags/items,disks(boot,guestOsFeatures/type)," +
		"networkInterfaces(name,networkIP,ipv6Address,accessConfigs/natIP,ipv6AccessConfigs/externalIpv6)"
)

// Named lists the VMs of a project that have exactly this name, one a zone at most, sorted by zone.
func (c *Client) Named(ctx context.Context, project, name string) ([]Instance, error) {
	all, err := c.instances(ctx, project, url.Values{
		"filter": {"name eq ^" + name + "$"}, "maxResults": {strconv.Itoa(wholePage)}, "returnPartialSuccess": {"true"},
	})
	return slices.DeleteFunc(all, func(i Instance) bool { return i.Name != name }), err
}

// List lists the VMs of a project, sorted by zone and name. filter is an expression in the API's language, or empty; it says what
// it does not understand. Of the VMs there are name, place, number, status, addresses, labels and tags; their metadata only if it is
// asked for, since it may be large. A zone that cannot be listed fails the whole.
func (c *Client) List(ctx context.Context, project, filter string, withMetadata bool) ([]Instance, error) {
	query := url.Values{"maxResults": {strconv.Itoa(wholePage)}, "fields": {listedFields + ")"}}
	if withMetadata {
		query = url.Values{"maxResults": {strconv.Itoa(metadataPage)}, "fields": {listedFields + ",metadata/items)"}}
	}
	if filter != "" {
		query.Set("filter", filter)
	}
	return c.instances(ctx, project, query)
}

// instances reads all pages of a listing, and sorts it by zone and name.
func (c *Client) instances(ctx context.Context, project string, query url.Values) ([]Instance, error) {
	var all []Instance
	for range maxPages {
		var page struct {
			Items         map[string]struct{ Instances []instanceAnswer }
			NextPageToken string
		}
		r := request{name: "compute.instances.aggregatedList", method: http.MethodGet,
			url: c.compute("projects", project, "aggregated", "instances") + "?" + query.Encode()}
		if err := c.do(ctx, r, &page); err != nil {
			return nil, err
		}
		for _, scope := range page.Items {
			for _, answer := range scope.Instances {
				all = append(all, answer.instance(project))
			}
		}
		if page.NextPageToken == "" {
			slices.SortFunc(all, func(a, b Instance) int {
				return cmp.Or(strings.Compare(a.Zone, b.Zone), strings.Compare(a.Name, b.Name))
			})
			return all, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
	return nil, fmt.Errorf("compute.instances.aggregatedList: project %s has more than %d pages; a filter makes them fewer", project, maxPages)
}
