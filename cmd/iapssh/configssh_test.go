package main

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/configssh"
)

// A file that is not ours to write is the user's to edit, by a line that we tell.
func TestNotWritten(t *testing.T) {
	include := configssh.Include{File: "/home/ali/.ssh/iapssh_config"}
	user, blocks := configssh.Change{Path: "/nix/store/config"}, configssh.Change{Path: "/dotfiles/iapssh_config", Blocks: true}
	put, take := "put this line at the top of /nix/store/config", "take this line out of /nix/store/config"
	for _, test := range []struct {
		err    error
		change configssh.Change
		remove bool
		hint   string
	}{
		{syscall.EROFS, user, false, put},
		{syscall.EPERM, user, false, put},
		{fs.ErrPermission, user, true, take},
		{syscall.EROFS, blocks, false, ""},
		{syscall.ENOSPC, user, false, ""},
	} {
		err := &fs.PathError{Op: "open", Path: "file", Err: test.err}
		want := err.Error()
		if test.hint != "" {
			want += "; " + test.hint + " yourself: " + include.Line()
		}
		if got := notWritten(err, test.change, test.remove, include).Error(); got != want {
			t.Errorf("%v of %+v: %s", test.err, test.change, got)
		}
	}
}
