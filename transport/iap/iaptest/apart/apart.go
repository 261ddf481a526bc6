// Package apart runs what a test talks with in a process of its own: a test that measures memory or CPU must not measure the
// relay's as well. That process is the test binary once more.
//
//	func TestMain(m *testing.M) {
//		if apart.Here() {
//			s := iaptest.NewServer()
//			defer s.Close()
//			apart.Serve(s.URL)
//			return
//		}
//		os.Exit(m.Run())
//	}
//
//	var url string
//	apart.Start(t, &url) // in a test
package apart

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
)

const variable = "IAPTEST_APART"

// Here says that this process is the one that was started.
func Here() bool { return os.Getenv(variable) != "" }

// Serve tells the test how to find what this process serves, as JSON, and returns when the test is over.
func Serve(hello any) error {
	if err := json.NewEncoder(os.Stdout).Encode(hello); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// Start starts the other process, and gives what it tells; hello is a pointer. At the end of the test that has to end with exit
// code 0.
func Start(t testing.TB, hello any) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"=1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process apart: %v\n%s", err, complaints.String())
		}
	})
	if err := json.NewDecoder(stdout).Decode(hello); err != nil {
		t.Fatal(err)
	}
}
