package sshclient

import "io/fs"

// openPermissions finds nothing to say: a mode does not show what an access
// control list allows.
func openPermissions(fs.FileInfo) fs.FileMode { return 0 }
