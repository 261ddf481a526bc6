package config

import (
	"errors"
	"reflect"
	"testing"
)

var annsGCloud = map[string]string{
	"/home/ann/.config/gcloud/active_config":                 "work\n",
	"/home/ann/.config/gcloud/configurations/config_default": "[core]\nproject = p-default\n",
	"/home/ann/.config/gcloud/configurations/config_work": "; made by hand\n[core]\naccount: ann@example.com\nPROJECT = p-work\n" +
		"custom_ca_certs_file = /ca.pem\n\n[compute]\nzone=europe-west1-b\n",
}

func TestStdio(t *testing.T) {
	base := Plan{
		Mode: ModeStdio, Original: "vm", Host: "vm", Port: 22, LogLevel: LogInfo,
		Route: RouteIAP, RouteReason: "--listen-on-stdin",
		IAP: Target{Project: "p-work", Zone: "europe-west1-b", Instance: "vm", Interface: "nic0"},
		GCloud: GCloud{Dir: "/home/ann/.config/gcloud", Configuration: "work", Account: "ann@example.com",
			Project: "p-work", Zone: "europe-west1-b"},
		CACertsFile: "/ca.pem",
	}
	for _, test := range []struct {
		argv string
		env  map[string]string
		want func(*Plan)
	}{
		{"--listen-on-stdin vm 22", nil, func(p *Plan) {}},
		{"--listen-on-stdin vm 22", map[string]string{"CLOUDSDK_CORE_UNIVERSE_DOMAIN": "googleapis.com"}, func(p *Plan) {}},
		{"vm 2222 --listen-on-stdin --project=p --zone z --network-interface=nic1", nil, func(p *Plan) {
			p.Port = 2222
			p.IAP = Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic1"}
		}},
		{"--quiet --verbosity error --account=bob@example.com --listen-on-stdin vm 22 --iap-tunnel-url-override=wss://r:1/v9",
			map[string]string{"IAPSSH_RELAY_URL": "wss://env"}, func(p *Plan) {
				p.LogLevel = LogError
				p.GCloud.Account, p.GCloud.AccountNamed = "bob@example.com", true
				p.RelayURL = "wss://r:1/v9"
			}},
		{"--listen-on-stdin vm 22", map[string]string{
			"IAPSSH_RELAY_URL": "wss://env", "CLOUDSDK_CORE_PROJECT": "p-env", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": "/env.pem",
		}, func(p *Plan) {
			p.RelayURL, p.CACertsFile = "wss://env", "/env.pem"
			p.IAP.Project, p.GCloud.Project = "p-env", "p-env"
		}},
		{"--listen-on-stdin 10.0.0.5 3389 --region=r --network n --dest-group=g --private-service-connect=psc.example", map[string]string{
			"CLOUDSDK_CORE_UNIVERSE_DOMAIN": "example.goog", "CLOUDSDK_RUN_REGION": "run-r",
		}, func(p *Plan) {
			p.Original, p.Host, p.Port, p.Universe, p.PSC, p.GCloud.RunRegion = "10.0.0.5", "10.0.0.5", 3389, "example.goog", "psc.example", "run-r"
			p.APIs = APIs{"https://compute.example.goog/compute/v1/", "https://oslogin.example.goog/", "https://iap.example.goog/", "https://run.example.goog/", "https://iamcredentials.example.goog/"}
			p.IAP = Target{Project: "p-work", Instance: "10.0.0.5", Region: "r", Network: "n", DestGroup: "g"}
		}},
		{"--listen-on-stdin svc/revisions/svc-1 22 --cloud-run=worker-pool --project-number=42 --instance=i --container c",
			map[string]string{"CLOUDSDK_RUN_REGION": "run-r"}, func(p *Plan) {
				p.Original, p.Host, p.GCloud.RunRegion = "svc/revisions/svc-1", "svc/revisions/svc-1", "run-r"
				p.IAP = Target{Project: "p-work", Instance: "svc/revisions/svc-1", Region: "run-r", Workload: Workload{Type: "worker_pool",
					ProjectNumber: "42", Instance: "i", Container: "c"}}
			}},
		{"--listen-on-stdin --configuration=default --zone=z vm 22", nil, func(p *Plan) {
			p.CACertsFile = ""
			p.GCloud = GCloud{Dir: "/home/ann/.config/gcloud", Configuration: "default", Project: "p-default"}
			p.IAP.Project, p.IAP.Zone = "p-default", "z"
		}},
		{"--listen-on-stdin --configuration=work --impersonate-service-account=a@p,b@p --reason=why vm 22", map[string]string{
			"CLOUDSDK_BILLING_QUOTA_PROJECT": "q", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/t", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": "/c",
			"CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "True",
		}, func(p *Plan) {
			p.GCloud.AccountNamed, p.GCloud.NoCredentials = true, true
			p.GCloud.TokenFile, p.GCloud.CredentialFile, p.GCloud.QuotaProject = "/t", "/c", "q"
			p.Impersonate, p.Reason = []string{"a@p", "b@p"}, "why"
		}},
		{"--listen-on-stdin vm 22", map[string]string{
			"CLOUDSDK_CORE_ACCOUNT": "carl@example.com", "CLOUDSDK_CORE_REQUEST_REASON": "why", "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": "a@p",
		}, func(p *Plan) {
			p.GCloud.Account, p.GCloud.AccountNamed = "carl@example.com", true
			p.Impersonate, p.Reason = []string{"a@p"}, "why"
		}},
		{"--listen-on-stdin --project=p --zone=z vm 22", map[string]string{"CLOUDSDK_ACTIVE_CONFIG_NAME": "NONE"}, func(p *Plan) {
			p.CACertsFile = ""
			p.GCloud = GCloud{Dir: "/home/ann/.config/gcloud", Configuration: "NONE"}
			p.IAP.Project, p.IAP.Zone = "p", "z"
		}},
	} {
		want := base
		test.want(&want)
		want.IAP.Port, want.Projects = want.Port, []string{want.IAP.Project}
		got, err := machine{files: annsGCloud, env: test.env}.resolve(t, test.argv)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %v:\n got %+v, %v\nwant %+v", test.argv, test.env, got, err, want)
		}
	}
}

func TestGCloudConfigurationErrors(t *testing.T) {
	for _, name := range []string{"absent", "../../etc/passwd", "a/b", "Work"} {
		_, err := machine{files: annsGCloud}.resolve(t, "--listen-on-stdin --project=p --zone=z vm 22 --configuration="+name)
		var bad *ConfigError
		if !errors.As(err, &bad) {
			t.Errorf("--configuration=%s: %v, want a ConfigError", name, err)
		}
	}
}

func TestGCloudDir(t *testing.T) {
	for _, test := range []struct {
		os   string
		env  map[string]string
		want string
	}{
		{"linux", nil, "/home/ann/.config/gcloud"},
		{"linux", map[string]string{"CLOUDSDK_CONFIG": "/c"}, "/c"},
		{"windows", map[string]string{"APPDATA": `C:\Users\ann\AppData\Roaming`}, `C:\Users\ann\AppData\Roaming\gcloud`},
		{"windows", nil, ""},
	} {
		if got := gcloudDir(machine{os: test.os, env: test.env}.effects(), "/home/ann"); got != test.want {
			t.Errorf("%s %v: %q, want %q", test.os, test.env, got, test.want)
		}
	}
}

func TestParseINI(t *testing.T) {
	got := parseINI("stray = 1\n[core]\n# no\nA=1\r\n b = 2 = 3\nlist =\n  x\n  y\nnonsense\n  z\n[compute]\nzone: q\n[")
	want := map[string]string{"/stray": "1", "core/a": "1\nb = 2 = 3", "core/list": "\nx\ny", "compute/zone": "q"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
