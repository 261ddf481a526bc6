package googletest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxPage is how many VMs are listed on a page, whatever a client asks for: Google too may return fewer.
const MaxPage = 100

// listInstances gives one page of a project's VMs. As Google does it names every zone, with a warning where there is nothing.
func listInstances(s *Server, r *http.Request) (any, func(), *apiError) {
	p, refusal := inProject(s, r, "compute.instances.list")
	if refusal != nil {
		return nil, nil, refusal
	}
	query := r.URL.Query()
	matches, ok := parseFilter(query.Get("filter"))
	if !ok {
		return nil, nil, invalid("Invalid value for field 'filter': '%s'. Invalid list filter expression.", query.Get("filter"))
	}
	size := MaxPage
	if text := query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 500 {
			return nil, nil, invalid("Invalid value for field 'maxResults': '%s'. Values must be between 0 and 500.", text)
		}
		size = min(n, MaxPage)
	}
	begin, ok := readPageToken(query)
	if !ok {
		return nil, nil, invalid("Invalid value for field 'pageToken': '%s'. The page token is invalid.", query.Get("pageToken"))
	}
	var hits []*Instance
	for _, i := range p.instances {
		if matches(i) {
			hits = append(hits, i)
		}
	}
	begin = min(begin, len(hits))
	page := hits[begin:min(begin+size, len(hits))]
	answer := map[string]any{"kind": "compute#instanceAggregatedList", "items": s.describeZones(r.PathValue("project"), page)}
	if begin+size < len(hits) {
		answer["nextPageToken"] = pageToken(query.Get("filter"), begin+size)
	}
	pruned, ok := prune(answer, query.Get("fields"))
	if !ok {
		return nil, nil, invalid("Invalid field selection %s", query.Get("fields"))
	}
	return pruned, nil, nil
}

func (s *Server) describeZones(project string, page []*Instance) map[string]any {
	items := map[string]any{}
	for _, zone := range []string{"europe-west1-b", "europe-west1-c", "us-central1-a"} {
		items["zones/"+zone] = map[string]any{"warning": map[string]string{"code": "NO_RESULTS_ON_PAGE"}}
	}
	byZone := map[string][]any{}
	for _, i := range page {
		byZone[i.Zone] = append(byZone[i.Zone], s.describe(project, i))
	}
	for zone, instances := range byZone {
		items["zones/"+zone] = map[string]any{"instances": instances}
	}
	for _, zone := range s.cloud.unreachable {
		items["zones/"+zone] = map[string]any{"warning": map[string]string{"code": "UNREACHABLE", "message": "There was a transient error."}}
	}
	return items
}

// A page token is for one filter.
func pageToken(filter string, begin int) string {
	return base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(begin) + " " + filter))
}

func readPageToken(query map[string][]string) (begin int, ok bool) {
	token := query["pageToken"]
	if len(token) == 0 {
		return 0, true
	}
	text, err := base64.URLEncoding.DecodeString(token[0])
	number, filter, _ := strings.Cut(string(text), " ")
	begin, numErr := strconv.Atoi(number)
	return begin, err == nil && numErr == nil && filter == strings.Join(query["filter"], "")
}

// A comparison of a filter: all of Google's language that is known here, joined by AND.
var comparison = regexp.MustCompile(`^\(?(name|status|labels\.[a-z][-_a-z0-9]*) *( eq | ne |=|!=) *"?([^"()]+?)"?\)?$`)

// parseFilter reads a filter. eq and ne compare by a regular expression that must match the whole.
func parseFilter(text string) (matches func(*Instance) bool, ok bool) {
	var all []func(*Instance) bool
	if text != "" {
		for part := range strings.SplitSeq(text, " AND ") {
			m := comparison.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				return nil, false
			}
			field, operator, value := m[1], strings.TrimSpace(m[2]), m[3]
			pattern := regexp.QuoteMeta(value)
			if operator == "eq" || operator == "ne" {
				pattern = value
			}
			wanted, err := regexp.Compile("^(?:" + pattern + ")$")
			if err != nil {
				return nil, false
			}
			negative := operator == "ne" || operator == "!="
			all = append(all, func(i *Instance) bool { return wanted.MatchString(i.field(field)) != negative })
		}
	}
	return func(i *Instance) bool {
		return !slices.ContainsFunc(all, func(match func(*Instance) bool) bool { return !match(i) })
	}, true
}

// field is what a filter compares.
func (i *Instance) field(name string) string {
	switch name {
	case "name":
		return i.Name
	case "status":
		return i.Status
	}
	return i.Labels[strings.TrimPrefix(name, "labels.")]
}

// prune leaves of an answer what a field mask names: "a,b/c,d(e,f/*)"; all, if it is empty.
func prune(answer any, mask string) (any, bool) {
	if mask == "" {
		return answer, true
	}
	fields, rest, ok := parseFields(mask)
	if !ok || rest != "" {
		return nil, false
	}
	text, err := json.Marshal(answer)
	var plain any
	if err != nil || json.Unmarshal(text, &plain) != nil {
		return nil, false
	}
	return fields.of(plain), true
}

// fieldMask says of each field what is wanted of it; nil: everything.
type fieldMask map[string]fieldMask

func parseFields(text string) (mask fieldMask, rest string, ok bool) {
	mask = fieldMask{}
	for {
		var path []string
		for {
			end := strings.IndexAny(text, ",/()")
			if end < 0 {
				end = len(text)
			}
			if end == 0 {
				return nil, "", false
			}
			path, text = append(path, text[:end]), text[end:]
			if !strings.HasPrefix(text, "/") {
				break
			}
			text = text[1:]
		}
		var below fieldMask
		if strings.HasPrefix(text, "(") {
			if below, text, ok = parseFields(text[1:]); !ok || !strings.HasPrefix(text, ")") {
				return nil, "", false
			}
			text = text[1:]
		}
		mask.add(path, below)
		if !strings.HasPrefix(text, ",") {
			return mask, text, true
		}
		text = text[1:]
	}
}

func (m fieldMask) add(path []string, below fieldMask) {
	if len(path) == 1 {
		m[path[0]] = below
		return
	}
	if m[path[0]] == nil {
		m[path[0]] = fieldMask{}
	}
	m[path[0]].add(path[1:], below)
}

func (m fieldMask) of(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = m.of(value[i])
		}
	case map[string]any:
		for name := range value {
			below, wanted := m[name]
			if !wanted {
				below, wanted = m["*"]
			}
			switch {
			case !wanted:
				delete(value, name)
			case below != nil:
				value[name] = below.of(value[name])
			}
		}
	}
	return value
}
