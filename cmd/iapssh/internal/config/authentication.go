package config

import (
	"strings"
	"time"
)

// defaultIdentities are OpenSSH's, in its order, without DSA (gone since 10.0).
var defaultIdentities = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"}

func (b *builder) authentication(p *Plan) {
	if given := b.s["identityfile"].value; given != nil {
		p.IdentitiesExplicit = true
		p.IdentityFiles = b.expandAll("identityfile", given)
	} else {
		for _, name := range defaultIdentities {
			p.IdentityFiles = append(p.IdentityFiles, b.me.home+"/.ssh/"+name)
		}
	}
	b.err = firstError(b.err, p.handKey(b.me, b.inLine))
	if b.s.word("iapkeyfile") != "" {
		p.KeyFile = b.expand("iapkeyfile", b.s.word("iapkeyfile"))
	}
	p.PushKey = first(b.s.word("iappushkey"), p.PushKey)
	p.OverwriteKey = b.s.flag("iapoverwritekey", false)
	p.KeyLifetime = time.Duration(b.s.integer("iapkeylifetime", int(p.KeyLifetime/time.Second))) * time.Second
	p.IdentitiesOnly = b.s.flag("identitiesonly", false)
	p.CertificateFiles = b.expandAll("certificatefile", b.s["certificatefile"].value)
	p.AgentSocket = b.agentSocket()
	p.ForwardAgent = b.forwardedAgent(p.AgentSocket)
	p.AddKeysToAgent, p.AddedKeysLifetime = keysForAgent(b.s.word("addkeystoagent"))
	p.PubkeyAuthentication = b.s.word("pubkeyauthentication") != "no"
	p.PasswordAuthentication = b.s.flag("passwordauthentication", true)
	p.KbdInteractive = b.s.flag("kbdinteractiveauthentication", true)
	p.PreferredAuthentications = b.s.word("preferredauthentications")
	p.NumberOfPasswordPrompts = b.s.integer("numberofpasswordprompts", 3)
	p.PubkeyAcceptedAlgorithms = b.s.word("pubkeyacceptedalgorithms")
}

// agentSocket is IdentityAgent: a path, SSH_AUTH_SOCK, $NAME or none.
func (b *builder) agentSocket() string {
	agent := first(b.s.word("identityagent"), "SSH_AUTH_SOCK")
	name, isName := strings.CutPrefix(agent, "$")
	switch {
	case agent == "none":
		return ""
	case agent == "SSH_AUTH_SOCK":
		name, isName = agent, true
	}
	if !isName || strings.HasPrefix(name, "{") {
		return b.expand("identityagent", agent)
	}
	socket, _ := b.effects.LookupEnv(name)
	if socket == "" && agent == "SSH_AUTH_SOCK" && b.effects.OS == "windows" {
		return `\\.\pipe\openssh-ssh-agent`
	}
	return socket
}
