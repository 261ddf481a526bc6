package config

import "io/fs"

// ownerOf answers -1: owners are SIDs there, and access is by ACL, not by mode.
func ownerOf(fs.FileInfo) int { return -1 }
