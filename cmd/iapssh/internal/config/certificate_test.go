package config

import "testing"

func TestClientCertificate(t *testing.T) {
	standard := ClientCertificate{true, "/home/ann/.config/gcloud/certificate_config.json", "/home/ann/.secureConnect/context_aware_metadata.json"}
	for _, test := range []struct {
		file string // below [context_aware]
		env  map[string]string
		want ClientCertificate
	}{
		{"", nil, ClientCertificate{}},
		{"use_client_certificate = True\n", nil, standard},
		{"use_client_certificate = false\n", map[string]string{"GOOGLE_API_USE_CLIENT_CERTIFICATE": "true"}, ClientCertificate{}},
		{"use_client_certificate = true\n", map[string]string{"CLOUDSDK_CONTEXT_AWARE_USE_CLIENT_CERTIFICATE": "0"}, ClientCertificate{}},
		{"", map[string]string{"CLOUDSDK_CONTEXT_AWARE_USE_CLIENT_CERTIFICATE": "yes"}, standard},
		{"", map[string]string{"GOOGLE_API_USE_CLIENT_CERTIFICATE": "true"}, standard},
		{"", map[string]string{"GOOGLE_API_USE_CLIENT_CERTIFICATE": "perhaps"}, standard},
		{"use_client_certificate = on\ncertificate_config_file_path = /c.json\nauto_discovery_file_path = /m.json\n", nil, ClientCertificate{true, "/c.json", "/m.json"}},
		{"use_client_certificate = 1\n", map[string]string{"GOOGLE_API_CERTIFICATE_CONFIG": "/e.json"}, ClientCertificate{true, "/e.json", standard.Metadata}},
	} {
		m := machine{env: test.env, files: map[string]string{"/home/ann/.config/gcloud/configurations/config_default": "[context_aware]\n" + test.file}}
		p, err := m.resolve(t, "--listen-on-stdin --project=p --zone=z vm 22")
		if err != nil || p.ClientCertificate != test.want {
			t.Errorf("%q %v: %+v, %v", test.file, test.env, p.ClientCertificate, err)
		}
	}
}
