package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
)

// direct connects over TCP.
func direct(ctx context.Context, plan config.Plan) (net.Conn, error) {
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[plan.AddressFamily]
	if network == "" {
		network = "tcp"
	}
	dialer := &net.Dialer{}
	if !plan.TCPKeepAlive {
		dialer.KeepAlive = -1
	}
	conn, err := dialFrom(ctx, dialer, network, plan)
	if context.Cause(ctx) == context.DeadlineExceeded {
		err = syscall.ETIMEDOUT // as ssh calls it, and as the system says where it loses patience first
	}
	if err != nil {
		return nil, &report.DirectError{Host: plan.Host, Port: plan.Port, Fix: plan.RouteFix, Err: err}
	}
	return conn, nil
}

// dialFrom dials from the address that BindAddress or BindInterface wants, the former first as in ssh.
func dialFrom(ctx context.Context, dialer *net.Dialer, network string, plan config.Plan) (net.Conn, error) {
	var from []net.Addr
	var err error
	switch {
	case plan.BindAddress != "":
		var local *net.TCPAddr
		local, err = net.ResolveTCPAddr(network, net.JoinHostPort(plan.BindAddress, "0"))
		from = []net.Addr{local}
	case plan.BindInterface != "":
		from, err = addressesOf(plan.BindInterface)
	default:
		from = []net.Addr{nil}
	}
	if err != nil {
		return nil, err
	}
	// One of another family than the host's does not serve.
	for _, dialer.LocalAddr = range from {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(plan.Host, strconv.Itoa(plan.Port))); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

// addressesOf are the addresses of an interface, those last that lead nowhere else.
func addressesOf(name string) ([]net.Addr, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	all, err := ifi.Addrs()
	if err != nil {
		return nil, err
	}
	var near, far []net.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		local := &net.TCPAddr{IP: prefix.Addr().AsSlice(), Zone: prefix.Addr().Zone()}
		switch {
		case prefix.Addr().IsLinkLocalUnicast():
			local.Zone = name
			near = append(near, local)
		case prefix.Addr().IsLoopback():
			near = append(near, local)
		default:
			far = append(far, local)
		}
	}
	if len(near)+len(far) == 0 {
		return nil, fmt.Errorf("interface %s has no address", name)
	}
	return append(far, near...), nil
}
