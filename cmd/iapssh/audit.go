package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/audit"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tunnel"
	"github.com/iapssh/iapssh/transport/iap"
)

// auditor writes the audit of one relay's sessions. A nil one writes nothing.
type auditor struct {
	relay    *relay
	log      *audit.Log
	messages io.Writer
}

// openRelay gives a plan's relay, and the audit of its sessions.
func openRelay(plan config.Plan, messages *session.Messages) (*relay, *auditor, error) {
	r, err := newRelay(plan, messages)
	if err != nil {
		return nil, nil, err
	}
	audit, err := openAudit(r, messages)
	return r, audit, err
}

// openAudit opens the log that the relay's plan names. One that cannot be opened is an error, before anything is done that should
// be in it.
func openAudit(r *relay, messages io.Writer) (*auditor, error) {
	where := r.current().AuditLog
	if where == "" {
		return nil, nil
	}
	log, err := audit.Open(where)
	if err != nil {
		return nil, fmt.Errorf("the audit log cannot be written: %w", err)
	}
	return &auditor{r, log, messages}, nil
}

// of writes to the same log of another relay's sessions.
func (a *auditor) of(r *relay) *auditor {
	if a == nil {
		return nil
	}
	return &auditor{r, a.log, a.messages}
}

func (a *auditor) close() {
	if a != nil {
		a.log.Close()
	}
}

// ssh is the record of a session in ssh's place; facts are zero if it was never authenticated. One on a connection that a master
// shares has none of its own: the connection is in the audit of the master.
func (a *auditor) ssh(began time.Time, facts session.Facts, code int, err error) {
	if a == nil || facts.Method == "" && (err == nil || errors.Is(err, session.ErrTaken)) {
		return
	}
	plan := a.relay.current()
	rec := audit.Record{
		Began: began, Kind: "ssh", User: plan.User, Method: facts.Method, Key: facts.Key,
		HostKey: facts.HostKey, HostProof: facts.HostProof, Forwards: forwardsOf(plan), Sent: facts.Sent, Received: facts.Received,
	}
	if plan.AuditCommands {
		rec.Command = plan.Command
	}
	if err != nil {
		code = exitCode(plan)
	}
	a.write(rec, code, err)
}

// forwardsOf writes what was forwarded from the beginning.
func forwardsOf(plan config.Plan) []string {
	var all []string
	for _, f := range plan.Forwarding.Forwards {
		text := string(f.Kind) + " " + endText(f.Listen)
		if f.Connect != (config.Endpoint{}) {
			text += " to " + endText(f.Connect)
		}
		all = append(all, text)
	}
	return all
}

func endText(e config.Endpoint) string {
	if e.Path != "" {
		return e.Path
	}
	return net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

// client is the record of a tunnel's client. Whichever of the two sides hung up, the session was in order.
func (a *auditor) client(c tunnel.Connection, err error) {
	if a == nil {
		return
	}
	var local *tunnel.LocalError
	if errors.As(err, &local) {
		err = nil
	}
	rec := audit.Record{Began: c.Began, Kind: "tunnel", Client: c.Client.String(), Sent: c.Sent, Received: c.Received}
	a.write(rec, report.Exit(err), err)
}

// stdio is the record of a tunnel on standard input and output.
func (a *auditor) stdio(began time.Time, stats iap.Stats, err error) {
	if a == nil {
		return
	}
	code := 0
	if err != nil {
		code = exitCode(a.relay.current())
	}
	a.write(audit.Record{Began: began, Kind: "stdio", Sent: stats.BytesOut, Received: stats.BytesIn}, code, err)
}

// write completes a record and writes it.
func (a *auditor) write(rec audit.Record, status int, err error) {
	plan := a.relay.current()
	rec.Ended, rec.Status, rec.Who = time.Now(), status, a.relay.principal()
	rec.Reason, rec.Instance = plan.Reason, a.relay.instanceID(context.Background())
	rec.Target = fmt.Sprintf("%s:%d", plan.Host, plan.Port)
	if plan.Route == config.RouteIAP {
		rec.Target = target(plan).String()
	}
	if err != nil {
		rec.Error = report.Clean(err.Error())
	}
	if err := a.log.Write(rec); err != nil {
		io.WriteString(a.messages, "iapssh: the audit log cannot be written: "+report.Clean(err.Error())+"\n")
	}
}
