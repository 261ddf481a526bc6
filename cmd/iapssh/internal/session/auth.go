package session

import (
	"context"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
)

// defaultMethods is OpenSSH's order, of the methods that we know.
const defaultMethods = "publickey,keyboard-interactive,password"

// authentication is what the plan says of who we are.
func authentication(plan config.Plan, local Local) sshclient.Auth {
	auth := sshclient.Auth{
		Methods:            methods(plan),
		IdentitiesOnly:     plan.IdentitiesOnly,
		Certificates:       plan.CertificateFiles,
		AgentPath:          plan.AgentSocket,
		AcceptedAlgorithms: plan.PubkeyAcceptedAlgorithms,
		MinRSABits:         plan.RequiredRSASize,
		Ask:                newAsker(local).ask,
		BatchMode:          plan.BatchMode,
		MaxPrompts:         plan.NumberOfPasswordPrompts,
		PromptHost:         plan.HostKeyAlias,
		AddToAgent: sshclient.AddToAgent{
			Add:      plan.AddKeysToAgent != "no",
			Ask:      plan.AddKeysToAgent == "ask",
			Confirm:  plan.AddKeysToAgent == "confirm",
			Lifetime: plan.AddedKeysLifetime,
		},
	}
	offers := local.Offers
	auth.IdentitiesFirst, auth.First, auth.MaxOffers, auth.More = offers.IdentitiesFirst, offers.First, offers.Max, offers.More
	auth.Identities = offers.Before
	for _, path := range plan.IdentityFiles {
		auth.Identities = append(auth.Identities, sshclient.Identity{
			Path: path, Explicit: plan.IdentitiesExplicit && path != plan.KeyFile, // which is offered though nobody named it
		})
	}
	return auth
}

// methods are those of PreferredAuthentications that are not switched off.
func methods(plan config.Plan) []string {
	preferred := plan.PreferredAuthentications
	if preferred == "" {
		preferred = defaultMethods
	}
	wanted := map[string]bool{
		"publickey":            plan.PubkeyAuthentication,
		"keyboard-interactive": plan.KbdInteractive && plan.NumberOfPasswordPrompts > 0,
		"password":             plan.PasswordAuthentication && plan.NumberOfPasswordPrompts > 0,
	}
	names := []string{}
	for name := range strings.SplitSeq(preferred, ",") {
		if wanted[name] {
			names = append(names, name)
		}
	}
	return names
}

// caution is a HostTrust that says what a degraded verdict takes away, of what the
// plan wanted.
type caution struct {
	sshclient.HostTrust
	plan config.Plan
	out  *output
}

func (c caution) Check(ctx context.Context, host string, remote net.Addr, key ssh.PublicKey) (sshclient.Verdict, error) {
	verdict, err := c.HostTrust.Check(ctx, host, remote, key)
	if err == nil && verdict.Degraded {
		for _, text := range c.losses() {
			c.out.error(text)
		}
		if c.plan.Forwarding.ExitOnFailure && (c.plan.ForwardAgent != "" || c.plan.Forwarding.X11 || len(c.plan.Forwarding.Forwards) > 0) {
			return verdict, &sshclient.ForwardError{Err: sshclient.ErrDegraded}
		}
	}
	return verdict, err
}

func (c caution) losses() []string {
	var texts []string
	wanted := methods(c.plan)
	if slices.Contains(wanted, "password") {
		texts = append(texts, knownhosts.NoPassword)
	}
	if slices.Contains(wanted, "keyboard-interactive") {
		texts = append(texts, knownhosts.NoKeyboardInteractive)
	}
	if c.plan.ForwardAgent != "" {
		texts = append(texts, knownhosts.NoAgentForwarding)
	}
	if c.plan.Forwarding.X11 {
		texts = append(texts, knownhosts.NoX11Forwarding)
	}
	if len(c.plan.Forwarding.Forwards) > 0 {
		texts = append(texts, knownhosts.NoPortForwarding)
	}
	return texts
}
