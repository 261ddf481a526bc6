package config

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// The command line of ours that each means, as --dry-run prints it.
func TestComputeSSH(t *testing.T) {
	m := machine{facts: Facts{DescribeVM: func(_ context.Context, p Plan) (VM, error) {
		if p.Host != "vm" {
			return VM{}, errors.New("no such VM")
		}
		return VM{User: "ann_example_com", Address: "192.0.2.1", Internal: "10.0.0.2"}, nil
	}}}
	for _, test := range []struct{ argv, want string }{
		{"ssh vm", "-t -o IAP=fallback -o HostName=vm vm"},
		{"ssh bob@vm --zone=z --project p --tunnel-through-iap", "-t -o IAP=yes -o HostName=vm --project=p --zone=z -o IAPUser=oslogin bob@vm"},
		{"ssh --internal-ip vm", "-t -o IAP=internal -o HostName=vm vm"},
		{"ssh --no-tunnel-through-iap vm", "-t -o IAP=external -o HostName=vm vm"},
		{"ssh projects/p/zones/us-east1-b/instances/vm", "-t -o IAP=fallback -o HostName=vm --project=p --zone=us-east1-b vm"},
		{"ssh vm --command=ls", "-T -o IAP=fallback -o HostName=vm vm -- ls"},
		{"ssh vm --command=", "-t -o IAP=fallback -o HostName=vm vm"}, // as if it were not there
		{"ssh vm --command ls -- -t", "-T -o IAP=fallback -o HostName=vm vm -t -- ls"},
		{"ssh vm -- -N -L 80:h:80 -p 22", "-t -o IAP=fallback -o HostName=vm vm -N -L 80:h:80 -p 22"},
		{"ssh vm -- -vvv ls", "-t -o IAP=fallback -o HostName=vm vm -vvv ls"},
		{"ssh vm --container=c", "-t -o IAP=fallback -o HostName=vm vm -- 'sudo docker exec -it c /bin/sh'"},
		{"ssh vm --container=c --command=ls", "-T -o IAP=fallback -o HostName=vm vm -- 'sudo docker exec -i c ls'"},
		{"ssh vm --ssh-flag=-vvv --ssh-flag=-Lx", "-t -o IAP=fallback -o HostName=vm -vvv -Lx vm"},
		{"ssh vm --ssh-flag=-L80:%INSTANCE%:80 -- -L81:%INTERNAL%:81 %USER%",
			"-t -o IAP=fallback -o HostName=vm -L80:192.0.2.1:80 vm -L81:10.0.0.2:81 ann_example_com"},
		{"ssh vm2 -- %USER%", "no such VM"},
		{"ssh vm --plain --ssh-key-file=f --ssh-key-expire-after=1d", "-t -o IAP=fallback -o HostName=vm --plain vm"},
		{"ssh 10.1.2.3 --region=r --network=n --dest-group=g", "-t -o IAP=yes -o HostName=10.1.2.3 --region=r --network=n --dest-group=g --plain 10.1.2.3"},
		{"ssh vm --ssh-key-file=~/k", "-t -o IAP=fallback -o HostName=vm '--ssh-key-file=~/k' -o 'IdentityFile=~/k' -o IdentitiesOnly=yes vm"},
		{"ssh vm --force-key-file-overwrite", "-t -o IAP=fallback -o HostName=vm --force-key-file-overwrite vm"},
		{"ssh vm --no-force-key-file-overwrite", "-t -o IAP=fallback -o HostName=vm vm"},
		{"ssh vm --ssh-key-expire-after=2m", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=120s vm"},
		{"ssh vm --ssh-key-expire-after=1w2d3h4m5s", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=788645s vm"},
		{"ssh vm --ssh-key-expire-after=P1DT2H", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=93600s vm"},
		{"ssh vm --ssh-key-expire-after=PT30M", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=1800s vm"},
		{"ssh vm --ssh-key-expiration=2026-01-01T01:00:00Z", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=3600s vm"},
		{"ssh vm --ssh-key-expiration=2026-01-02", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=86400s vm"},
		{"ssh vm --ssh-key-expiration=9999-01-02", "-t -o IAP=fallback -o HostName=vm --ssh-key-expire-after=2147483647s vm"},
		{"ssh vm --strict-host-key-checking=no", "-t -o IAP=fallback -o HostName=vm -o StrictHostKeyChecking=no vm"},
		{"ssh vm --account=a@b --configuration=NONE --impersonate-service-account=s@p --iap-tunnel-url-override=wss://r",
			"-t -o IAP=fallback -o HostName=vm --account=a@b --configuration=NONE --impersonate-service-account=s@p --iap-tunnel-url-override=wss://r vm"},
		{"ssh vm --verbosity=debug --flatten=x --format=json --trace-token=t --iap-tunnel-disable-connection-check --verify-internal-ip",
			"-t -o LogLevel=DEBUG -o IAP=fallback -o HostName=vm vm"},
		{"ssh vm --verbosity=none", "-t -o LogLevel=ERROR -o IAP=fallback -o HostName=vm vm"}, // ssh speaks all the same
		{"ssh vm --no-user-output-enabled -q", "-t -o LogLevel=ERROR -o IAP=fallback -o HostName=vm vm"},
		{"ssh vm --user-output-enabled=false", "-t -o LogLevel=ERROR -o IAP=fallback -o HostName=vm vm"},
		{"ssh vm --log-http", "-t -o LogLevel=DEBUG -o IAP=fallback -o HostName=vm vm"},
		{"--project p ssh --zone z vm", "-t -o IAP=fallback -o HostName=vm --project=p --zone=z vm"}, // as the console has it
		{"ssh vm --access-token-file=/t --billing-project=q",
			"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=/t CLOUDSDK_BILLING_QUOTA_PROJECT=q iapssh -t -o IAP=fallback -o HostName=vm vm"},

		{"ssh", "argument [USER@]INSTANCE: Must be specified."},
		{"ssh vm ls", "unrecognized arguments: ls (what is for ssh goes behind --)"},
		{"ssh vm --frob", "unrecognized arguments: --frob"},
		{"ssh vm --listen-on-stdin", "unrecognized arguments: --listen-on-stdin"},
		{"ssh vm --no-zone", "unrecognized arguments: --no-zone"},
		{"ssh vm --plain=maybe", "argument --plain: ignored explicit argument 'maybe'"},
		{"ssh vm --zone", "argument --zone: expected one argument"},
		{"ssh a@b@vm", "Expected argument of the form [USER@]INSTANCE; received [a@b@vm]."},
		{"ssh @vm", "Expected argument of the form [USER@]INSTANCE; received [@vm]."},
		{"ssh vm --internal-ip --tunnel-through-iap", "argument --internal-ip: At most one of --internal-ip | --tunnel-through-iap can be specified."},
		{"ssh vm --ssh-key-expiration=2030-01-01 --ssh-key-expire-after=1d", "argument --ssh-key-expiration: At most one of --ssh-key-expiration | --ssh-key-expire-after can be specified."},
		{"ssh 10.0.0.1 --region=r", "argument --network --region: Must be specified together."},
		{"ssh vm --strict-host-key-checking=maybe", "argument --strict-host-key-checking: Invalid choice: 'maybe'. Valid choices are [ask, no, yes]."},
		{"ssh vm --ssh-key-expire-after=P2M", `argument --ssh-key-expire-after: "P2M" is no duration of at least a second, such as 2m, 1d12h or PT30M`},
		{"ssh vm --ssh-key-expire-after=0s", `argument --ssh-key-expire-after: "0s" is no duration of at least a second, such as 2m, 1d12h or PT30M`},
		{"ssh vm --ssh-key-expiration=2020-01-01T00:00:00Z", "argument --ssh-key-expiration: 2020-01-01T00:00:00Z is not in the future"},
		{"ssh vm --ssh-key-expiration=soon", `argument --ssh-key-expiration: Failed to parse date/time: "soon", which is wanted as 2030-01-31T10:00:00Z`},
		{"ssh vm --verbosity=loud", `--verbosity must be debug, info, warning, error, critical or none, not "loud"`},
		{"ssh vm --flags-file=f", "--flags-file is not supported yet"},
	} {
		p, err := m.resolve(t, "--gcloud compute "+strings.Replace(test.argv, "ssh", "ssh --dry-run", 1))
		got, want := strings.TrimSuffix(p.Output, "\n"), test.want
		if err != nil {
			got = err.Error()
			if p.Speaker != "gcloud.compute.ssh" {
				t.Errorf("%s: speaks as %q", test.argv, p.Speaker)
			}
		} else if !strings.Contains(want, "iapssh ") {
			want = "iapssh " + want
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.argv, got, want)
		}
	}
}

// What has no place on ssh's command line is in the plan.
func TestComputeSSHPlan(t *testing.T) {
	m := withConfig("Host vm\n HostName 10.0.0.9\n ProxyCommand nc %h %p\n Port 2222\n")
	p, err := m.resolve(t, "--gcloud beta compute ssh vm --project=p --zone=z --quiet --billing-project=q --access-token-file=/t --tunnel-through-iap --force-key-file-overwrite")
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode != ModeSSH || p.Speaker != "gcloud.beta.compute.ssh" || !p.NoPrompts || p.BatchMode || !p.OverwriteKey {
		t.Errorf("%+v", p)
	}
	if p.GCloud.QuotaProject != "q" || p.GCloud.TokenFile != "/t" {
		t.Errorf("%+v", p.GCloud)
	}
	// gcloud would have ssh connect to compute.NUMBER, which the VM's name in ssh_config is not.
	if p.Route != RouteIAP || p.Host != "vm" || p.IAP.Instance != "vm" || p.Port != 2222 {
		t.Errorf("%s %s %d %+v", p.Route, p.Host, p.Port, p.IAP)
	}
	// Trouble is looked for on IAP's way, unless an address was asked for; and nothing is run.
	for flag, want := range map[string]Route{"": RouteIAP, "--tunnel-through-iap": RouteIAP, "--internal-ip": RouteAddress} {
		p, err := m.resolve(t, "--gcloud compute ssh vm --project=p --zone=z --command=ls --container=c --troubleshoot "+flag)
		if err != nil || p.Mode != ModeDoctor || p.Speaker != "gcloud.compute.ssh" || len(p.Each) != 1 || p.Each[0].Route != want || p.Each[0].Command != "" {
			t.Errorf("%s: %+v, %v", flag, p, err)
		}
	}
	if p, err = m.resolve(t, "--gcloud compute ssh vm --project=p --zone=z"); err != nil || p.Route != RouteEither || !p.MustLocate() || p.ServerAliveInterval == 0 {
		t.Errorf("%s %v %v", p.Route, p.ServerAliveInterval, err)
	}
}
