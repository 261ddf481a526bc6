//go:build !windows

package configssh

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What root writes for somebody stays, or becomes, theirs.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("User ali\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, gid := range map[string]int{dir: 1001, config: 1002} {
		if err := os.Chown(path, 1000, gid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(config, 0o640); err != nil {
		t.Fatal(err)
	}
	include := Include{File: filepath.Join(dir, "iapssh_config"), SSHDir: dir}
	apply(t, include, config, "blocks")
	for path, want := range map[string][3]uint32{config: {1000, 1002, 0o640}, include.File: {1000, 1001, 0o600}} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		if got := [3]uint32{stat.Uid, stat.Gid, uint32(info.Mode().Perm())}; got != want {
			t.Errorf("%s: %o, want %o", path, got, want)
		}
	}
}
