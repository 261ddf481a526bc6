package gce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Metadata is a VM's or a project's. It is changed as a whole: who writes sends back every item, and the fingerprint of what was
// read, so that nobody's change is lost.
type Metadata struct {
	Fingerprint string `json:"fingerprint"`
	Items       []Item `json:"items"`
}

// Item is one entry. Value is nil where the API gave none.
type Item struct {
	Key   string  `json:"key"`
	Value *string `json:"value,omitempty"`
}

// Get returns the value of a key, and whether there is one.
func (m Metadata) Get(key string) (string, bool) {
	for _, item := range m.Items {
		if item.Key == key && item.Value != nil {
			return *item.Value, true
		}
	}
	return "", false
}

// With returns the metadata with another value of one key.
func (m Metadata) With(key, value string) Metadata {
	items := slices.Clone(m.Items)
	i := slices.IndexFunc(items, func(item Item) bool { return item.Key == key })
	if i < 0 {
		i, items = len(items), append(items, Item{Key: key})
	}
	items[i].Value = &value
	return Metadata{m.Fingerprint, items}
}

// Enabled reads a switch such as enable-oslogin: the VM's own word comes before the project's.
func Enabled(key string, instance, project Metadata) bool {
	value, ok := instance.Get(key)
	if !ok {
		value, _ = project.Get(key)
	}
	return strings.EqualFold(strings.TrimSpace(value), "true")
}

// A Change is a pure edit of metadata; changed says whether there is anything to write.
type Change func(Metadata) (next Metadata, changed bool, err error)

// staleTries is how often a change is made again because somebody else was faster.
const staleTries = 8

// ChangeInstance edits a VM's metadata, and returns when it is in force. It is read first, and again when it has changed meanwhile.
func (c *Client) ChangeInstance(ctx context.Context, ref Ref, change Change) error {
	read := func() (Metadata, error) {
		i, err := c.Instance(ctx, ref)
		return i.Metadata, err
	}
	write := func(m Metadata) error {
		r := request{name: "compute.instances.setMetadata", method: http.MethodPost, url: c.instanceURL(ref, "setMetadata"), body: m}
		return c.operate(ctx, r, func(op string) request {
			return request{name: "compute.zoneOperations.wait", method: http.MethodPost,
				url: c.compute("projects", ref.Project, "zones", ref.Zone, "operations", op, "wait")}
		})
	}
	return changeMetadata(ctx, read, write, change)
}

// ChangeProject edits the metadata of a project.
func (c *Client) ChangeProject(ctx context.Context, project string, change Change) error {
	read := func() (Metadata, error) { return c.Project(ctx, project) }
	write := func(m Metadata) error {
		r := request{name: "compute.projects.setCommonInstanceMetadata", method: http.MethodPost,
			url: c.compute("projects", project, "setCommonInstanceMetadata"), body: m}
		return c.operate(ctx, r, func(op string) request {
			return request{name: "compute.globalOperations.wait", method: http.MethodPost,
				url: c.compute("projects", project, "global", "operations", op, "wait")}
		})
	}
	return changeMetadata(ctx, read, write, change)
}

func changeMetadata(ctx context.Context, read func() (Metadata, error), write func(Metadata) error, change Change) error {
	for try := 1; ; try++ {
		m, err := read()
		if err != nil {
			return err
		}
		m, changed, err := change(m)
		if err != nil || !changed {
			return err
		}
		err = write(m)
		if !isStale(err) || try == staleTries {
			return err
		}
		if err := sleep(ctx, pause(min(try, 3), 0, 0)/4); err != nil {
			return err
		}
	}
}

// An OperationError is a change that the API took on and did not carry out.
type OperationError struct {
	Call          string
	Code, Message string
}

func (e *OperationError) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Call, e.Message, e.Code) }

// operation is a change in progress.
type operation struct {
	Name                string
	Status              string // "PENDING", "RUNNING", "DONE"
	HTTPErrorStatusCode int
	Error               *struct {
		Errors []struct{ Code, Message string }
	}
}

// operationPatience bounds the wait for a change. The API's own wait returns after two minutes at the latest.
const operationPatience = 2 * time.Minute

// operate makes a change and waits until it is done. Who may change and not read operations does not wait.
func (c *Client) operate(ctx context.Context, r request, wait func(op string) request) error {
	var op operation
	if err := c.do(ctx, r, &op); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, operationPatience)
	defer cancel()
	for op.Status != "DONE" {
		name := op.Name
		op = operation{}
		err := c.do(ctx, wait(name), &op)
		if isDenied(err) {
			return nil
		}
		var busy *Error
		if err != nil && !(errors.As(err, &busy) && busy.busy()) {
			return err
		}
		if op.Name == "" {
			op.Name = name
		}
		if op.Status != "DONE" {
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	if op.Error == nil || len(op.Error.Errors) == 0 {
		return nil
	}
	failed := op.Error.Errors[0]
	if op.HTTPErrorStatusCode == http.StatusPreconditionFailed {
		return &Error{Call: r.name, Status: op.HTTPErrorStatusCode, Reason: failed.Code, Message: failed.Message}
	}
	return &OperationError{Call: r.name, Code: failed.Code, Message: failed.Message}
}
