package config

import "io/fs"

// ownersOf answers -1: owners are SIDs there, and access is by ACL, not by mode.
func ownersOf(fs.FileInfo) (uid, gid int) { return -1, -1 }
