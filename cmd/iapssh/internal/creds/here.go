package creds

import (
	"context"
	"strings"
)

// OnVM says whether this machine may be a VM of Compute Engine, without asking
// the network: by what Linux knows of the firmware, or because
// GCE_METADATA_HOST says whom to ask.
func OnVM(env Environment) bool {
	env = env.withDefaults()
	if isFalse(env.Getenv(envCheckGCE)) {
		return false
	}
	if env.Getenv(envMetadataHost) != "" {
		return true
	}
	product, err := env.ReadFile(dmiProduct)
	return err == nil && strings.HasPrefix(string(product), "Google")
}

// ProjectHere returns the project of the VM that we run on, from the metadata
// server; empty if we do not run on one.
func ProjectHere(ctx context.Context, env Environment) string {
	if !OnVM(env) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, vmPatience)
	defer cancel()
	project, err := env.withDefaults().Metadata(ctx, "project/project-id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(project))
}
