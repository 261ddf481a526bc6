package sshclient

import "io/fs"

// openPermissions finds nothing to say: a mode does not show what an access
// control list allows.
func openPermissions(fs.FileInfo) fs.FileMode { return 0 }

// withPPK says that a new key is also kept for PuTTY, which is gcloud's ssh here.
const withPPK = true
