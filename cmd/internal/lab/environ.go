package lab

import (
	"os"
	"path/filepath"
	"strings"
)

// Environ gives the environment of a process in the lab: base without what would lead it elsewhere, and with the lab's own.
func (l *Lab) Environ(base []string) []string {
	env := make([]string, 0, len(base))
	for _, pair := range base {
		if name, _, _ := strings.Cut(pair, "="); !leadsElsewhere(name) {
			env = append(env, pair)
		}
	}
	return append(env,
		"HOME="+l.Files.Home,
		"USERPROFILE="+l.Files.Home,
		"CLOUDSDK_CONFIG="+l.Files.GCloud,
		"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE="+l.Files.CA,
		"GOOGLE_APPLICATION_CREDENTIALS="+l.Files.ADC,
		"IAPSSH_RELAY_URL="+l.Relay.URL,
		"IAPSSH_CACHE_DIR="+filepath.Join(l.Files.Home, ".cache", "iapssh"),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE="+l.Google.ComputeURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_OSLOGIN="+l.Google.OSLoginURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAP="+l.Google.IAPURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN="+l.Google.RunURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS="+l.Google.URL,
	)
}

// Path gives a search path in which stock ssh is the lab's, and what lies in dir is found last.
func (l *Lab) Path(path, dir string) string {
	return strings.Join([]string{l.Files.Bin, path, dir}, string(os.PathListSeparator))
}

// leadsElsewhere names variables that a lab replaces or must not have.
func leadsElsewhere(name string) bool {
	upper := strings.ToUpper(name)
	switch upper {
	case "HOME", "USERPROFILE", "SSH_AUTH_SOCK", "SSH_ASKPASS", "GOOGLE_APPLICATION_CREDENTIALS", "IAPSSH_RELAY_URL",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY":
		return true
	}
	return strings.HasPrefix(upper, "CLOUDSDK_")
}
