package config

import (
	"testing"
	"time"
)

func TestSharing(t *testing.T) {
	const file = "Host *\n IAP no\n ControlPath ~/cm-%r@%h\n ControlPersist 90\n"
	for _, test := range []struct {
		line          string
		want          Sharing
		joins, shares bool
	}{
		{"h", Sharing{Path: "/home/ann/cm-ann@h", Master: "no", Persist: true, Idle: 90 * time.Second}, true, false},
		{"-S none -M h", Sharing{Master: "no"}, false, false},
		{"-S /s -M h", Sharing{Path: "/s", Master: "yes", Persist: true, Idle: 90 * time.Second}, false, true},
		{"-MM -S /s -o ControlPersist=yes h", Sharing{Path: "/s", Master: "ask", Persist: true}, false, true},
		{"-o ControlMaster=auto -o ControlPersist=no -S /s h", Sharing{Path: "/s", Master: "auto"}, true, true},
		{"-o ControlMaster=autoask -o ControlPersist=no -S /s h", Sharing{Path: "/s", Master: "autoask"}, true, true},
		{"-M -S /s -o ControlPersist=no -O check h", Sharing{Path: "/s", Master: "yes", Command: "check"}, true, false},
	} {
		p, err := withConfig(file).resolve(t, test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if p.Sharing != test.want || p.Sharing.Joins() != test.joins || p.Sharing.Shares() != test.shares {
			t.Errorf("%s: %+v, joins %v, shares %v; want %+v, %v, %v", test.line,
				p.Sharing, p.Sharing.Joins(), p.Sharing.Shares(), test.want, test.joins, test.shares)
		}
	}
	if p, err := withConfig(file).resolve(t, "-o UpdateHostKeys=ask h"); err != nil || p.UpdateHostKeys != "no" {
		t.Errorf("UpdateHostKeys %q, %v", p.UpdateHostKeys, err)
	}
}

// Only that is begun anew which is nothing but forwards.
func TestReconnects(t *testing.T) {
	const file = "Host *\n IAP no\nHost y\n IAPReconnect yes\n"
	for line, want := range map[string]bool{
		"-N h": false, "-N y": true, "y": false, "-N -L 1:h:2 y": true, "-L 1:h:2 y": false, "y true": false, "-s y sftp": false, "-W h:22 y": false,
		"-o IAPReconnect=no -N y": false, "-o SessionType=none y": true, "-f -N y": true,
	} {
		p, err := withConfig(file).resolve(t, line)
		if err != nil || p.Reconnects() != want {
			t.Errorf("%s: %v, %v", line, p.Reconnects(), err)
		}
		if p.Sharing.Holder = true; p.Reconnects() {
			t.Errorf("%s: as a master that ControlPersist keeps", line)
		}
	}
}
