package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/audit"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "audit")
	log, err := audit.Open(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log.Write(audit.Record{Began: began, Ended: began.Add(time.Minute), Kind: "ssh", Who: "ali@example.com", Target: "vm.z.p:22", User: "ali", Sent: 7})
	log.Close()
	text, err := os.ReadFile(file)
	fmt.Print(string(text))
	// Output:
	// {"began":"2026-03-01T12:00:00Z","ended":"2026-03-01T12:01:00Z","kind":"ssh","who":"ali@example.com","target":"vm.z.p:22","user":"ali","sent":7,"received":0,"status":0}
}

// Lines of several at once stay whole; nobody else may read them.
func TestLinesStayWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit")
	var writers sync.WaitGroup
	for range 8 {
		log, err := audit.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		writers.Go(func() {
			for range 50 {
				if err := log.Write(audit.Record{Target: strings.Repeat("x", 5000)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Target) != 5000 {
			t.Fatalf("%v in %.60q", err, line)
		}
	}
	if len(lines) != 400 {
		t.Errorf("%d lines", len(lines))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestNoSuchPlace(t *testing.T) {
	if _, err := audit.Open(filepath.Join(t.TempDir(), "no", "such")); err == nil {
		t.Error("opened")
	}
}
