package apart_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/iaptest/apart"
)

func TestMain(m *testing.M) {
	if apart.Here() {
		s := iaptest.NewServer()
		defer s.Close()
		if err := apart.Serve(s.URL); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The relay is there while the test is, in another process.
func TestStart(t *testing.T) {
	var url string
	t.Run("there", func(t *testing.T) {
		apart.Start(t, &url)
		conn, err := net.Dial("tcp", address(url))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
	if conn, err := net.Dial("tcp", address(url)); err == nil {
		conn.Close()
		t.Error("it has not ended with its test")
	}
}

func address(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "wss://"), "/v4")
}
