package gce

import (
	"cmp"
	"context"
	"errors"
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
	// wholePage is how many VMs a page may have, at most, and metadataPage how many with their metadata. That may be half a MiB each,
	// start-up scripts included: what is too large for one page is asked for in halves.
	wholePage, metadataPage = 500, 100

	// listedFields is what is asked for of a listed VM.
	listedFields = "nextPageToken,items/*/warning(code,message),items/*/instances(id,name,zone,status,labels,tags/items,disks(boot,guestOsFeatures/type)," +
		"networkInterfaces(name,networkIP,ipv6Address,accessConfigs/natIP,ipv6AccessConfigs/externalIpv6)"
)

// Named lists the VMs of a project that have exactly this name, one a zone at most, sorted by zone. A zone that cannot be asked is an
// error only if none of the others has one.
func (c *Client) Named(ctx context.Context, project, name string) ([]Instance, error) {
	query := url.Values{"filter": {"name eq ^" + name + "$"}, "returnPartialSuccess": {"true"}}
	all, unreached, err := c.instances(ctx, project, query, wholePage, func(Item) bool { return true })
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(i Instance) bool { return i.Name != name })
	if len(all) == 0 && unreached != nil {
		return nil, unreached
	}
	return all, nil
}

// List lists the VMs of a project, sorted by zone and name. filter is an expression in the API's language, or empty; it says
// what it does not understand. Of the VMs there are name, place, number, status, addresses, labels and tags; of their metadata,
// which may be large, only what stands under keys. A zone that cannot be listed fails the whole.
func (c *Client) List(ctx context.Context, project, filter string, keys ...string) ([]Instance, error) {
	query, size := url.Values{"fields": {listedFields + ")"}}, wholePage
	if len(keys) > 0 { // the API gives all of them or none
		query, size = url.Values{"fields": {listedFields + ",metadata/items)"}}, metadataPage
	}
	if filter != "" {
		query.Set("filter", filter)
	}
	all, unreached, err := c.instances(ctx, project, query, size, func(i Item) bool { return slices.Contains(keys, i.Key) })
	switch {
	case err != nil:
		return nil, err
	case unreached != nil:
		return nil, unreached
	}
	return all, nil
}

const aggregatedList = "compute.instances.aggregatedList"

// instances reads all pages of a listing, of this size at most, and sorts it by zone and name. Metadata is kept where wanted says so.
// unreached is about a zone that could not be asked, as the API says in an answer which is good otherwise; nil: there is none.
func (c *Client) instances(ctx context.Context, project string, query url.Values, size int, wanted func(Item) bool) (all []Instance, unreached *Error, err error) {
	for range maxPages {
		var page struct {
			Items map[string]struct { // by "zones/ZONE"
				Instances []instanceAnswer
				Warning   struct{ Code, Message string } // in place of instances
			}
			NextPageToken string
		}
		query.Set("maxResults", strconv.Itoa(size))
		r := request{name: aggregatedList, method: http.MethodGet,
			url: c.compute("projects", project, "aggregated", "instances") + "?" + query.Encode()}
		err := c.do(ctx, r, &page)
		if errors.Is(err, errTooLarge) && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for name, scope := range page.Items {
			if w := scope.Warning; w.Code == "UNREACHABLE" {
				unreached = &Error{Call: r.name, Status: http.StatusServiceUnavailable, Reason: w.Code, Message: "zone " + last(name) + " cannot be asked: " + w.Message}
			}
			for _, answer := range scope.Instances {
				answer.Metadata.Items = kept(answer.Metadata.Items, wanted)
				all = append(all, answer.instance(project))
			}
		}
		if page.NextPageToken == "" {
			slices.SortFunc(all, func(a, b Instance) int {
				return cmp.Or(strings.Compare(a.Zone, b.Zone), strings.Compare(a.Name, b.Name))
			})
			return all, unreached, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
	return nil, nil, fmt.Errorf(aggregatedList+": project %s has more than %d pages; a filter makes them fewer", project, maxPages)
}

// kept is what is wanted of items, without the memory of the others.
func kept(items []Item, wanted func(Item) bool) (some []Item) {
	for _, item := range items {
		if wanted(item) {
			some = append(some, item)
		}
	}
	return some
}
