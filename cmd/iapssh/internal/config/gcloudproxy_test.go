package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

func TestGCloudProxy(t *testing.T) {
	for _, test := range []struct {
		file string // below [proxy]
		env  map[string]string
		want string // or a part of the error
	}{
		{"", nil, ""},
		{"type=http\naddress=p.example\nport=3128\n", nil, "http://p.example:3128"},
		{"type=http_no_tunnel\naddress=[fd00::1]\nport=1\n", nil, "http://[fd00::1]:1"},
		{"type=socks5\naddress=p\nport=1\nusername=a@b\npassword=s:x\n", nil, "socks5h://a%40b:s%3Ax@p:1"},
		{"type=socks5\naddress=p\nport=1\nrdns=False\n", nil, "socks5://p:1"},
		{"type=socks5\naddress=p\nport=1\nusername=ali\npassword=file\n", map[string]string{"CLOUDSDK_PROXY_PASSWORD": "env"}, "socks5h://ali:env@p:1"},
		{"type=http\naddress=p\nport=1\n", map[string]string{"CLOUDSDK_PROXY_TYPE": "", "CLOUDSDK_PROXY_ADDRESS": "", "CLOUDSDK_PROXY_PORT": ""}, ""},
		{"type=http\naddress=p\n", nil, "all must be set, or none"},
		{"type=http\naddress=p\nport=0\n", nil, "proxy/port 0 is no port"},
		{"type=http\naddress=u:secret@p\nport=1\n", nil, "is no name or address"},
		{"type=socks4\naddress=p\nport=1\n", nil, "proxy/type socks4 is not supported"},
	} {
		m := machine{env: test.env, files: map[string]string{"/home/ann/.config/gcloud/configurations/config_default": "[proxy]\n" + test.file}}
		p, err := m.resolve(t, "--listen-on-stdin --project=p --zone=z vm 22")
		if err != nil {
			t.Fatal(err)
		}
		via, err := p.Proxy.URL(p.ProxyPassword(m.effects()))
		var bad *proxy.SettingError
		switch {
		case errors.As(err, &bad):
			if !strings.Contains(bad.Why, test.want) || test.want == "" {
				t.Errorf("%q: %v", test.file, err)
			}
		case err != nil || via == nil && test.want != "" || via != nil && via.String() != test.want:
			t.Errorf("%q: %v, %v, want %s", test.file, via, err, test.want)
		}
	}
}
