package tty

import (
	"bytes"
	"testing"
)

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		name  string
		modes []mode
		want  []byte
	}{
		{"none", nil, []byte{0}},
		{"flags", []mode{flag(53, true), flag(50, false)}, []byte{53, 0, 0, 0, 1, 50, 0, 0, 0, 0, 0}},
		{"speed", []mode{{opInSpeed, 38400}}, []byte{128, 0, 0, 0x96, 0, 0}},
	} {
		if got := encode(test.modes); !bytes.Equal(got, test.want) {
			t.Errorf("%s: encode = %v, want %v", test.name, got, test.want)
		}
	}
}
