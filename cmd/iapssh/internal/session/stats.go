package session

import (
	"fmt"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/amount"
	"github.com/iapssh/iapssh/transport/iap"
)

// tellStats tells how the connection does whenever somebody asks, until it ends.
func (r *run) tellStats() {
	for {
		select {
		case <-r.local.Asked:
			r.out.show(r.stats())
			if text, ok := r.ping(); ok {
				r.out.show(text)
			}
		case <-r.client.Done():
			return
		}
	}
}

// ping measures the way to the server and back; false if the connection ends meanwhile.
func (r *run) ping() (text string, ok bool) {
	rtt, err := r.client.Ping()
	return fmt.Sprintf("round trip to the server: %s", amount.Round(rtt)), err == nil
}

// stats is what is known of the connection without asking anybody.
func (r *run) stats() string {
	s, now := r.client.Stats(), time.Now()
	age := now.Sub(s.Since).Seconds()
	if r.client.Joined() {
		return fmt.Sprintf("on a shared connection, for %s; received %s, sent %s", amount.Round(now.Sub(s.Since)), amount.Bytes(float64(s.Received)), amount.Bytes(float64(s.Sent)))
	}
	text := fmt.Sprintf("connected for %s; reached in %s, authenticated in %s more; last heard %s ago\n"+
		"received %s (%s/s), sent %s (%s/s)",
		amount.Round(now.Sub(s.Since)), amount.Round(r.greeted.Sub(r.dialed)), amount.Round(r.authenticated.Sub(r.greeted)), amount.Round(now.Sub(s.Heard)),
		amount.Bytes(float64(s.Received)), amount.Bytes(float64(s.Received)/age), amount.Bytes(float64(s.Sent)), amount.Bytes(float64(s.Sent)/age))
	if r.plan.SessionType == "none" {
		forwards := r.client.Forwards()
		text += fmt.Sprintf("\nforwards: %d, connections over them: %d", len(forwards.List()), len(forwards.Connections()))
	}
	session, ok := bottom(r.conn).(interface{ Stats() iap.Stats })
	if !ok {
		return text
	}
	relay := session.Stats()
	text += fmt.Sprintf("\nIAP: link resumed %d times, %s not confirmed", relay.Resumes, amount.Bytes(float64(relay.Unconfirmed)))
	if relay.RTT > 0 {
		text += fmt.Sprintf(", relay %s away", amount.Round(relay.RTT))
	}
	if !relay.DownSince.IsZero() {
		text += fmt.Sprintf(", no link for %s", amount.Round(now.Sub(relay.DownSince)))
	}
	return text
}
