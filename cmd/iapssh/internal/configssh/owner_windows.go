package configssh

import (
	"io/fs"
	"os"
)

// giveToOwner leaves a file to who made it: others have access by what the directory hands down.
func giveToOwner(*os.File, fs.FileInfo) error { return nil }
