package proxycommand

import (
	"context"
	"errors"
	"net"
)

// DialPassed fails: a process cannot hand a descriptor to another here.
func DialPassed(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("ProxyUseFdpass is not possible on Windows; the same ProxyCommand may work without it")
}
