package config

import (
	"reflect"
	"testing"
)

// Each means the same as a command line of --config-ssh.
func TestGCloudConfigSSH(t *testing.T) {
	m := withConfig("")
	for _, test := range []struct{ argv, want string }{
		{"--project=p", "--project=p"},
		{"--project p --dry-run -q", "--project=p --dry-run --quiet"},
		{"--remove", "--remove"},
		{"--project=p --ssh-config-file=f --ssh-key-file=k", "--project=p --ssh-config-file=f --ssh-key-file=k"},
		{"--project=p --account=a@b --impersonate-service-account=s@p --format=json", "--project=p --account=a@b --impersonate-service-account=s@p"},
	} {
		want, err := m.resolve(t, "--config-ssh "+test.want)
		if err != nil {
			t.Fatal(err)
		}
		want.Speaker = "gcloud.compute.config-ssh"
		if got, err := m.resolve(t, "--gcloud compute config-ssh "+test.argv); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", test.argv, err, got, want)
		}
	}
	for argv, want := range map[string]string{
		"vm":         "unrecognized arguments: vm",
		"-- vm":      "unrecognized arguments: vm",
		"--zone=z":   "unrecognized arguments: --zone",
		"--filter=x": "unrecognized arguments: --filter=x", // ours, not gcloud's
	} {
		if p, err := m.resolve(t, "--gcloud beta compute config-ssh "+argv); err == nil || err.Error() != want || p.Speaker != "gcloud.beta.compute.config-ssh" {
			t.Errorf("%s: %v, %q", argv, err, p.Speaker)
		}
	}
	if p, err := m.resolve(t, "--gcloud compute config-ssh --project=p --force-key-file-overwrite"); err != nil || !p.OverwriteKey {
		t.Errorf("%+v, %v", p, err)
	}
}
