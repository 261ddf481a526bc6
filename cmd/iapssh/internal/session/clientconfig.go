package session

import (
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

func (r *run) clientConfig(trust sshclient.HostTrust) sshclient.Config {
	plan := r.plan
	cfg := sshclient.Config{
		User:                plan.User,
		Host:                plan.Host,
		Trust:               trust,
		Auth:                authentication(plan, r.local),
		KexAlgorithms:       plan.KexAlgorithms,
		Ciphers:             plan.Ciphers,
		MACs:                plan.MACs,
		ForwardAgent:        plan.ForwardAgent,
		Forwards:            forwardOptions(plan, r.local.Listeners),
		RekeyBytes:          uint64(plan.RekeyBytes),
		ServerAliveInterval: plan.ServerAliveInterval,
		ServerAliveCountMax: plan.ServerAliveCountMax,
		ChannelTimeouts:     channelTimeouts(plan),
		Version:             strings.TrimSpace(r.local.Version + " " + plan.VersionAddendum),
		Banner:              r.out.banner,
		Trace:               r.trace(),
		Log:                 r.out.log,
	}
	if plan.RekeyBytes > 0 && plan.MayForward() {
		cfg.RekeyBytes = 0
		r.out.log(sshclient.Debug1, "RekeyLimit: its bytes are left to the server's judgement, since something is forwarded, or may be")
	}
	if plan.RekeyInterval > 0 {
		r.out.log(sshclient.Debug1, "RekeyLimit: its time is left to the server's judgement")
	}
	if plan.ConnectTimeout > 0 {
		cfg.KexTimeout = max(time.Millisecond, plan.ConnectTimeout-time.Since(r.dialed))
	}
	return cfg
}

// channelTimeouts are those that the plan has, by kind.
func channelTimeouts(plan config.Plan) map[string]time.Duration {
	limits := map[string]time.Duration{}
	for _, kind := range append(sshclient.ChannelKinds(), sshclient.AllChannels) {
		if limit := plan.TimeoutOf(kind); limit > 0 {
			limits[kind] = limit
		}
	}
	return limits
}
