package tunnel

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Metrics serves snapshots over HTTP at /metrics, in Prometheus' text format.
type Metrics struct {
	Listener net.Listener
	Snapshot func() Snapshot
}

// Serve serves until Close, and gives what ended it.
func (m Metrics) Serve() error {
	set := metrics.NewSet()
	set.RegisterMetricsWriter(func(w io.Writer) { m.Snapshot().write(w) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		set.WritePrometheus(w)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return server.Serve(m.Listener)
}

// Close ends Serve.
func (m Metrics) Close() { m.Listener.Close() }

// write gives the sums; what is open one by one would be a time series for each client.
func (s Snapshot) write(w io.Writer) {
	for _, c := range []struct {
		name  string
		value uint64
	}{
		{"iapssh_clients_total", s.Clients},
		{"iapssh_clients_without_session_total", s.Refused},
		{"iapssh_sessions_broken_total", s.Failed},
		{"iapssh_accept_errors_total", s.AcceptErrors},
		{"iapssh_sent_bytes_total", s.Sent},
		{"iapssh_received_bytes_total", s.Received},
		{"iapssh_resumes_total", s.Resumes},
		{"iapssh_acks_total", s.Acks},
		{"iapssh_access_tokens_total", s.Tokens},
	} {
		metrics.WriteCounterUint64(w, c.name, c.value)
	}
	var unconfirmed, down uint64
	var rtt time.Duration
	for _, c := range s.Open {
		unconfirmed += uint64(c.Session.Unconfirmed)
		rtt = max(rtt, c.Session.RTT)
		if !c.Session.DownSince.IsZero() {
			down++
		}
	}
	metrics.WriteGaugeUint64(w, "iapssh_clients_open", uint64(len(s.Open)))
	metrics.WriteGaugeUint64(w, "iapssh_sessions_without_link", down)
	metrics.WriteGaugeUint64(w, "iapssh_unconfirmed_bytes", unconfirmed)
	metrics.WriteGaugeFloat64(w, "iapssh_relay_rtt_seconds_max", rtt.Seconds())
	metrics.WriteGaugeUint64(w, "iapssh_start_time_seconds", uint64(s.Began.Unix()))
}
