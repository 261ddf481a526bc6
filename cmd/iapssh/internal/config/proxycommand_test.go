package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// proxyLines are lines as they stand in public files and as the tools write them,
// names changed. The host is vm-1 (typed alias), the port 22, the user ann.
//
// The result is "PROJECT/ZONE/VM:PORT" with what else the line says after it, or
// "jump ARGV"; empty means that the line is run as it is written.
var proxyLines = []struct{ line, want string }{
	// 1: name and port from ssh
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=us-central1-a`, "p/us-central1-a/vm-1:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z --project=p --quiet`, "p/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel %n %p --listen-on-stdin --project=p --zone=z -q`, "p/z/alias:22"},
	// 2: a fixed instance
	{`gcloud compute start-iap-tunnel agentbench-eval %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/agentbench-eval:22"},
	{`gcloud compute start-iap-tunnel bastion %p --listen-on-stdin --project p --zone z`, "p/z/bastion:22"},
	// 3: a fixed port
	{`gcloud compute start-iap-tunnel %h 22 --listen-on-stdin --project=p --zone=us-central1-a --verbosity=warning`, "p/us-central1-a/vm-1:22"},
	{`gcloud compute start-iap-tunnel nas 2222 --zone=z --listen-on-stdin --project=p`, "p/z/nas:2222"},
	// 4: spaces and quotes
	{`gcloud compute start-iap-tunnel "vm-7" %p --listen-on-stdin --project "p" --zone=z --verbosity=warning`, "p/z/vm-7:22"},
	{`gcloud compute start-iap-tunnel 'vm-7' %p --listen-on-stdin --project 'p' --zone 'z'`, "p/z/vm-7:22"},
	{`"gcloud" "compute" "start-iap-tunnel" "%h" "%p" "--listen-on-stdin" "--project=p" "--zone=z"`, "p/z/vm-1:22"},
	{"gcloud\tcompute  start-iap-tunnel   %h %p\t--listen-on-stdin --project=p --zone=z ", "p/z/vm-1:22"},
	// 5: project or zone left to gcloud
	{`gcloud compute start-iap-tunnel %h 22 --listen-on-stdin --zone us-west1-b`, "gp/us-west1-b/vm-1:22"},
	{`gcloud compute start-iap-tunnel monitor 22 --listen-on-stdin --project=p`, "p/gz/monitor:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin`, "gp/gz/vm-1:22"},
	// 6: flags first
	{`gcloud --project p --verbosity=error compute start-iap-tunnel %h 22 --listen-on-stdin --zone z`, "p/z/vm-1:22"},
	{`gcloud --quiet --account=me@example.com compute start-iap-tunnel --listen-on-stdin --zone z --project p %h %p`, "p/z/vm-1:22 account=me@example.com"},
	// 7: tracks and configurations
	{`gcloud beta compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`gcloud alpha compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`gcloud --configuration=work compute start-iap-tunnel %h %p --listen-on-stdin --zone=z`, "wp/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z --project=p --impersonate-service-account=s@p.iam.gserviceaccount.com`, "p/z/vm-1:22 impersonate=s@p.iam.gserviceaccount.com"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z --project=p --iap-tunnel-disable-connection-check`, "p/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z --project=p --network-interface=nic1`, "p/z/vm-1:22 nic1"},
	// 8: what gcloud's --dry-run prints
	{`/opt/homebrew/opt/python@3.12/bin/python3.12 /opt/homebrew/Caskroom/google-cloud-sdk/520.0.0/google-cloud-sdk/lib/gcloud.py compute start-iap-tunnel 'alexei-dev' %p --listen-on-stdin --project p --zone us-central1-a`, "p/us-central1-a/alexei-dev:22"},
	{`/Library/Frameworks/Python.framework/Versions/3.9/bin/python3 -S /Applications/google-cloud-sdk/lib/gcloud.py compute start-iap-tunnel my-vm %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/my-vm:22"},
	{`/usr/bin/python3 -S ~/google-cloud-sdk/lib/gcloud.py compute start-iap-tunnel remote-dev %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/remote-dev:22"},
	{`/nix/store/abc-python3-3.11.9/bin/python3.11 -S /nix/store/def-google-cloud-sdk-480.0.0/google-cloud-sdk/lib/gcloud.py compute start-iap-tunnel vm-9 %p --listen-on-stdin --project p --zone z`, "p/z/vm-9:22"},
	{`/root/google-cloud-sdk/platform/bundledpythonunix/bin/python3 -S /root/google-cloud-sdk/lib/gcloud.py beta compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-9:22"},
	{`/usr/bin/python2 -S /drives/c/gsdk/lib/gcloud.py compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-9:22"},
	{`CLOUDSDK_PYTHON=/usr/bin/python3 CLOUDSDK_PYTHON_SITEPACKAGES=1 /usr/bin/gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	// 9: Windows
	{`gcloud.cmd compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`gcloud.cmd compute start-iap-tunnel %h %p --project=p --zone=z --listen-on-stdin`, "p/z/vm-1:22"},
	{`"C:\Program Files (x86)\Google\Cloud SDK\google-cloud-sdk\bin\gcloud.cmd" compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`C:\Users\konfu\AppData\Local\Google\Cloud SDK\google-cloud-sdk\bin\gcloud.cmd compute start-iap-tunnel sigma-2025 22 --listen-on-stdin --zone=europe-north1-a --project=p`, "p/europe-north1-a/sigma-2025:22"},
	{`"C:\Users\ann\AppData\Local\Google\Cloud SDK\google-cloud-sdk\platform\bundledpython\python.exe" "-S" "C:\Users\ann\AppData\Local\Google\Cloud SDK\google-cloud-sdk\lib\gcloud.py" compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/vm-9:22"},
	{`C:/Users/ann/AppData/Local/Google/Cloud\ SDK/google-cloud-sdk/bin/gcloud.cmd compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z`, ""}, // a shell that has such paths is not this one
	{`"C:/Program Files/Google/Cloud SDK/google-cloud-sdk/bin/gcloud.cmd" compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-9:22"},
	{`C:\gsdk\bin\GCLOUD.CMD compute start-iap-tunnel vm-9 %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-9:22"},
	// 10: wsl
	{`wsl /home/u/google-cloud-sdk/platform/bundledpythonunix/bin/python3 /home/u/google-cloud-sdk/lib/gcloud.py compute start-iap-tunnel una-vm %p --listen-on-stdin --project=p --zone=z --verbosity=warning`, "p/z/una-vm:22"},
	{`wsl.exe -d Ubuntu -- gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`C:\Windows\System32\wsl.exe gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	// 11: a shell's leavings
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z 2>/dev/null`, "p/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z 2> /dev/null`, "p/z/vm-1:22"},
	{"gcloud compute start-iap-tunnel %h %p \\\n  --listen-on-stdin \\\n  --project=p --zone=z", "p/z/vm-1:22"},
	{`exec /Users/ann/google-cloud-sdk/bin/gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	// 12: hosts and destination groups
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --region=r --network=n --dest-group=g --project=p`, "p/region r n g/vm-1:22"},
	{`gcloud compute start-iap-tunnel 10.1.2.3 %p --listen-on-stdin --region=r --network=n --dest-group=g --project=p`, "p/region r n g/10.1.2.3:22"},
	// 13: a jump
	{`gcloud compute ssh bastion --zone z --project p --tunnel-through-iap -- -W %h:%p`, "jump -o IAP=yes --project=p --zone=z -- bastion"},
	{`gcloud compute ssh %r@%h --zone=us-central1-b --project=p --tunnel-through-iap -- -W %h:%p`, "jump -o IAP=yes --project=p --zone=us-central1-b -- ann@vm-1"},
	{`gcloud.cmd compute ssh --zone z --project p --tunnel-through-iap jump-1 -- -W %h:%p`, "jump -o IAP=yes --project=p --zone=z -- jump-1"},
	{`gcloud compute ssh me@jump-1 --tunnel-through-iap --plain --ssh-key-file=/k -- -W [%h]:%p`, "jump -o IAP=yes -i /k -- me@jump-1"},
	{`gcloud beta compute ssh jump-1 --tunnel-through-iap --ssh-flag="-W %h:%p" --strict-host-key-checking=no`, "jump -o IAP=yes -o StrictHostKeyChecking=no -- jump-1"},
	// 16: other clients
	{`iapproxy --listen-on-stdin --project=p --zone=us-central1-a my-vm %p`, "p/us-central1-a/my-vm:22"},
	{`/usr/local/bin/iapproxy -project=p -zone z -listen-on-stdin %h %p`, "p/z/vm-1:22"},
	{`iapproxy %h %p --listen-on-stdin --project=p --zone=z`, "p/z/vm-1:22"},
	{`iapproxy --project=p --zone=z %h %p`, "p/z/vm-1:22 warns"},
	{`gcloud compute start-iap-tunnel ethos-a3-ml %p --zone=us-central1-a`, "gp/us-central1-a/ethos-a3-ml:22 warns"},
	{`iapc to-instance %h --project p --zone z`, "p/z/vm-1:22"},
	{`iapc to-instance prod-1 --project=p -z z -p %p -i nic2 -c`, "p/z/prod-1:22 nic2"},
	{`iapc to-host 192.168.0.1 --project p --region r --network n --dest-group g`, "p/region r n g/192.168.0.1:22"},
	{`iapssh --listen-on-stdin --project=p --zone=z %h %p`, "p/z/vm-1:22"},
	{`/home/ann/go/bin/iapssh %h %p --listen-on-stdin`, "gp/gz/vm-1:22"},
	{`"C:\Program Files\iapssh\iapssh.exe" --listen-on-stdin --project=p --zone=z %h %p`, "p/z/vm-1:22"},
	{`gcloud compute start-iap-tunnel https://www.googleapis.com/compute/v1/projects/p/zones/us-east1-b/instances/vm-9 %p --listen-on-stdin`, "p/us-east1-b/vm-9:22"},

	// 14, 15: it takes a shell, or a script, to know
	{`bash -c 'gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project=p --zone=z'`, ""},
	{`sh -c "gcloud compute start-iap-tunnel %h %p --listen-on-stdin"`, ""},
	{`powershell.exe -ExecutionPolicy Bypass -File "C:\Users\m\iap_proxy.ps1" -HostName %h -Port %p`, ""},
	{`~/bin/burrmill-proxy %h %p`, ""},
	{`gcloud compute start-iap-tunnel $(echo %h | sed s/.iap//) %p --listen-on-stdin --zone=z`, ""},
	{`gcloud compute start-iap-tunnel "$VM" %p --listen-on-stdin --zone=z`, ""},
	{"gcloud compute start-iap-tunnel `hostname` %p --listen-on-stdin", ""},
	{`gcloud compute start-iap-tunnel ${VM} %p --listen-on-stdin`, ""},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z; true`, ""},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z || nc %h %p`, ""},
	{`gcloud auth print-access-token >/dev/null && gcloud compute start-iap-tunnel %h %p --listen-on-stdin`, ""},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z 2>>/tmp/log`, ""},
	{`env CLOUDSDK_CORE_PROJECT=p gcloud compute start-iap-tunnel %h %p --listen-on-stdin`, ""},
	{`CLOUDSDK_CORE_PROJECT=p gcloud compute start-iap-tunnel %h %p --listen-on-stdin`, ""},
	{`sudo gcloud compute start-iap-tunnel %h %p --listen-on-stdin`, ""},
	// gcloud, but something we do not know, or no tunnel for ssh
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone=z --frob`, ""},
	{`gcloud compute start-iap-tunnel %h %p --local-host-port=localhost:0 --zone=z`, ""},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --iap-tunnel-insecure-disable-websocket-cert-check`, ""},
	{`gcloud compute start-iap-tunnel 10.1.2.3 %p --listen-on-stdin --zone=z`, ""},
	{`gcloud compute start-iap-tunnel %h ssh --listen-on-stdin --zone=z`, ""},
	{`gcloud compute start-iap-tunnel %h %p extra --listen-on-stdin`, ""},
	{`gcloud compute start-iap-tunnel %h %p --listen-on-stdin --zone`, ""},
	{`gcloud compute start-iap-tunnel %q %p --listen-on-stdin --zone=z`, ""},
	{`gcloud compute ssh bastion --zone z --internal-ip -- -W %h:%p`, ""},
	{`gcloud compute ssh bastion --zone z -- -W %h:%p`, ""},
	{`gcloud compute ssh %h --tunnel-through-iap`, ""},
	{`gcloud compute ssh bastion --tunnel-through-iap -- nc %h %p`, ""},
	{`gcloud compute ssh bastion --tunnel-through-iap -- -W other:22`, ""},
	{`gcloud compute ssh bastion --tunnel-through-iap --command="nc %h %p"`, ""},
	{`gcloud workstations start-tcp-tunnel w 22 --listen-on-stdin --project=p --region=r`, ""},
	{`gcloud compute tpus tpu-vm ssh t --zone z --tunnel-through-iap -- -W %h:%p`, ""},
	{`gcloud cloud-shell ssh --authorize-session`, ""},
	{`iapproxy --local-port=2222 --project=p --zone=z %h %p`, ""},
	{`iapc to-instance %h --project p --zone z --listen 127.0.0.1:2222`, ""},
	{`iapssh -W %h:%p bastion`, ""},
	{`iapssh --listen-on-stdin --frob %h %p`, ""},
	// 17: neighbours
	{`sh -c "aws ssm start-session --target %h --document-name AWS-StartSSHSession --parameters 'portNumber=%p'"`, ""},
	{`aws ssm start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p`, ""},
	{`aws ec2-instance-connect open-tunnel --instance-id %h`, ""},
	{`cloudflared access ssh --hostname %h`, ""},
	{`/opt/homebrew/bin/cloudflared access ssh --hostname %h`, ""},
	{`tsh proxy ssh --cluster=prod --proxy=teleport.example.com:443 %r@%h:%p`, ""},
	{`gh cs ssh -c name --stdio -- -i ~/.ssh/codespaces.auto`, ""},
	{`coder --global-config x ssh --stdio --ssh-host-prefix coder. %h`, ""},
	{`az network bastion tunnel --name b --resource-group rg --target-resource-id %h --resource-port 22 --port 50022`, ""},
	{`boundary connect ssh -target-id %h -- -W %h:%p`, ""},
	{`tailscale nc %h %p`, ""},
	{`ssh -W %h:%p bastion`, ""},
	{`ssh -q -o ProxyCommand="gcloud compute start-iap-tunnel b 22 --listen-on-stdin" b -W %h:%p`, ""},
	{`nc -X 5 -x localhost:1080 %h %p`, ""},
	{`corkscrew proxy 8080 %h %p`, ""},
	{`python3 /opt/proxy.py %h %p`, ""},
	{`python3 -m gcloud compute start-iap-tunnel %h %p`, ""},
	{`/opt/gcloud-wrapper compute start-iap-tunnel %h %p --listen-on-stdin`, ""},
	{`-`, ""},
}

func TestProxyCommand(t *testing.T) {
	if n := len(slices.DeleteFunc(slices.Clone(proxyLines), func(l struct{ line, want string }) bool { return l.want == "" })); n < 60 {
		t.Errorf("%d lines are recognised, fewer than 60", n)
	}
	m := machine{files: map[string]string{
		"/home/ann/.config/gcloud/configurations/config_default": "[core]\nproject=gp\n[compute]\nzone=gz\n",
		"/home/ann/.config/gcloud/configurations/config_work":    "[core]\nproject=wp\n",
	}}
	for _, test := range proxyLines {
		argv := []string{"-o", "ProxyCommand=" + test.line, "-o", "HostName=vm-1", "alias"}
		p, err := Resolve(t.Context(), "iapssh", argv, m.effects())
		if test.want == "" && strings.Contains(test.line, "%q") {
			if err == nil {
				t.Errorf("%s: %+v, want the complaint about %%q", test.line, p)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if got := wayOf(p); got != test.want {
			t.Errorf("%s:\n got %q (%s)\nwant %q", test.line, got, p.RouteReason, test.want)
		}
		if p.Route == RouteProxyCommand && !strings.HasPrefix(p.RouteReason, "ProxyCommand is run as written: ") {
			t.Errorf("%s: reason %q", test.line, p.RouteReason)
		}
	}
}

// wayOf is a plan's way in the words of proxyLines.
func wayOf(p Plan) string {
	t := p.IAP
	switch p.Route {
	case RouteJump:
		return "jump " + strings.Join(p.Jump[2:], " ") // behind -W HOST:PORT, which TestJump looks at
	case RouteProxyCommand:
		return ""
	}
	place := t.Zone
	if t.Region != "" {
		place = "region " + strings.Join([]string{t.Region, t.Network, t.DestGroup}, " ")
	}
	s := fmt.Sprintf("%s/%s/%s:%d", t.Project, place, t.Instance, t.Port)
	if p.GCloud.Account != "" {
		s += " account=" + p.GCloud.Account
	}
	if p.Impersonate != nil {
		s += " impersonate=" + strings.Join(p.Impersonate, ",")
	}
	if t.Interface != "" && t.Interface != "nic0" {
		s += " " + t.Interface
	}
	if len(p.Warnings) > 0 {
		s += " warns"
	}
	return s
}

// What beats a line, and what fills it in.
func TestProxyCommandPrecedence(t *testing.T) {
	const line = "ProxyCommand gcloud compute start-iap-tunnel fixed 2222 --listen-on-stdin --project=p --zone=z\n"
	for _, test := range []struct {
		config, argv string
		want         Target
	}{
		{line, "h", Target{Project: "p", Zone: "z", Instance: "fixed", Interface: "nic0", Port: 2222}},
		{line + "IAPProject q\nIAPZone y\nIAPInterface nic1\n", "h", Target{Project: "p", Zone: "z", Instance: "fixed", Interface: "nic1", Port: 2222}},
		{line, "--project=q -o IAPZone=y h", Target{Project: "q", Zone: "y", Instance: "fixed", Interface: "nic0", Port: 2222}},
		{line + "Port 9\nIAP yes\nIAPProject q\nIAPZone y\n", "h", Target{Project: "q", Zone: "y", Instance: "h", Interface: "nic0", Port: 9}},
		{"ProxyCommand gcloud compute start-iap-tunnel %h %p --listen-on-stdin\nIAPProject q\nIAPZone y\n", "-p 7 h",
			Target{Project: "q", Zone: "y", Instance: "h", Interface: "nic0", Port: 7}},
	} {
		p, err := withConfig(test.config).resolve(t, test.argv)
		if err != nil || p.Route != RouteIAP || p.IAP != test.want {
			t.Errorf("%s with %s: %s %+v, %v; want %+v", test.argv, test.config, p.Route, p.IAP, err, test.want)
		}
	}
	p, err := withConfig(line).resolve(t, "-o IAP=no h")
	if err != nil || p.Route != RouteProxyCommand || p.ProxyCommand != strings.TrimSpace(strings.TrimPrefix(line, "ProxyCommand ")) {
		t.Errorf("IAP no: %s %q, %v; want the line as written", p.Route, p.ProxyCommand, err)
	}
}

// The tokens of a foreign line are expanded.
func TestProxyCommandTokens(t *testing.T) {
	p, err := withConfig("HostName real\nHostKeyAlias Key\nUser u\nPort 9\nProxyCommand nc %h %p %n %r %k %% # all\n").resolve(t, "h")
	if want := "nc real 9 h u key % # all"; err != nil || p.Route != RouteProxyCommand || p.ProxyCommand != want {
		t.Errorf("%s %q, %v; want %q", p.Route, p.ProxyCommand, err, want)
	}
}

// On Windows a backslash separates the parts of a path.
func TestShellWords(t *testing.T) {
	for _, test := range []struct {
		line, goos string
		want       []string
	}{
		{`a "b c" d'e'f g\ h`, "linux", []string{"a", "b c", "def", "g h"}},
		{`a "b\"c\\d\e" ''`, "linux", []string{"a", `b"c\d\e`, ""}},
		{`..\bin\gcloud.cmd "a b\c"`, "windows", []string{`..\bin\gcloud.cmd`, `a b\c`}},
		{`C:\a (x86)\b`, "linux", []string{`C:\a`, `(x86)\b`}},
		{`a > b`, "windows", nil},
		{`a $b`, "linux", nil},
		{`a "b`, "linux", nil},
		{`a \`, "linux", []string{"a"}},
		{`~/a ~b`, "linux", nil},
	} {
		if got, err := shellWords(test.line, test.goos); !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%s: %q, %v; want %q", test.line, got, err, test.want)
		}
	}
}

// A hop's command line is one that Resolve takes, and means the hop.
func TestJump(t *testing.T) {
	for _, test := range []struct{ argv, jump, hop string }{
		{"-J j h", "-W [h]:22 -- j", "ann@j:22"},
		{"-J u@j:2222 h", "-W [h]:22 -l u -p 2222 -- j", "u@j:2222"},
		{"-J a,b,c@[::1]:5 -v h", "-W [h]:22 -l c -p 5 -J a,b -v -- ::1", "c@::1:5"},
		{"-o ProxyJump=j -F /f -vvv ::2 -p 7", "-W [::2]:7 -F /f -vvv -- j", "ann@j:22"},
		{"-J u@j:http h", "-W [h]:22 -l u -p 80 -- j", "u@j:80"},
		{"-J ssh://u@j:3 h", "-W [h]:22 -l u -p 3 -- j", "u@j:3"},
		{"-J j --zone z --project=p -o IAPInterface=nic1 h", "-W [h]:22 --project=p --zone=z -- j", "ann@j:22"},
	} {
		m := machine{files: map[string]string{"/f": ""}}
		p, err := m.resolve(t, test.argv)
		if err != nil || p.Route != RouteJump || strings.Join(p.Jump, " ") != test.jump {
			t.Errorf("%s: %s %q, %v; want %s", test.argv, p.Route, p.Jump, err, test.jump)
			continue
		}
		hop, err := Resolve(t.Context(), "iapssh", p.Jump, m.effects())
		if got := fmt.Sprintf("%s@%s:%d", hop.User, hop.Host, hop.Port); err != nil || got != test.hop {
			t.Errorf("%s: the hop is %s, %v; want %s", test.argv, got, err, test.hop)
		}
		if want := (Endpoint{Host: p.Host, Port: p.Port}); hop.StdioForward != want || hop.SessionType != "none" {
			t.Errorf("%s: the hop leads to %v in a session of type %s", test.argv, hop.StdioForward, hop.SessionType)
		}
	}
}
