package session

import (
	"net"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/knownhosts"
)

// nameOf decides under which name a host's key is known. A VM behind IAP has no address, and its bare name means another VM in
// another project: it is known as INSTANCE.ZONE.PROJECT, other targets by such names of their own, and never by the bare name.
// HostKeyAlias comes before either, as in ssh.
func nameOf(plan config.Plan, remote net.Addr) knownhosts.Target {
	target := knownhosts.Target{Host: plan.Host, Port: plan.Port, Alias: plan.HostKeyAlias}
	if plan.Route == config.RouteIAP || plan.Route == config.RouteAddress {
		target.Host = plan.IAP.FullName()
		return target
	}
	if tcp, ok := remote.(*net.TCPAddr); ok {
		target.Address = tcp.IP.String()
	}
	return target
}
