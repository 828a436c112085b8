package check

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

var units = []string{"gatewright.service", "gatewright-gateway.service"}

func directives(t *testing.T, name string) map[string][]string {
	t.Helper()
	options, err := unit.Deserialize(strings.NewReader(text(t, "deploy", "systemd", name)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, o := range options {
		key := o.Section + "." + o.Name
		all[key] = append(all[key], o.Value)
	}
	return all
}

func TestTheUnitsStartCommandsThatAreThere(t *testing.T) {
	t.Parallel()
	environ := environment(t, "deploy", "systemd", "gatewright.env")
	for _, name := range units {
		all := directives(t, name)
		line := strings.Fields(strings.Join(all["Service.ExecStart"], " "))
		if len(line) < 2 || line[0] != "/usr/local/bin/gatewright" {
			t.Fatalf("%s starts %v", name, line)
		}
		accepts(t, name, line[1:], environ)
		state := "--data-dir=/var/lib/" + strings.Join(all["Service.StateDirectory"], "")
		if !strings.Contains(strings.Join(line, " "), state+" ") {
			t.Errorf("%s keeps its state elsewhere than %s", name, state)
		}
	}
}

func TestTheUnitsAreHardened(t *testing.T) {
	t.Parallel()
	for _, name := range units {
		all := directives(t, name)
		for key, want := range map[string]string{
			"DynamicUser": "yes", "CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
			"PrivateTmp": "yes", "PrivateDevices": "yes", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes",
			"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures": "native", "UMask": "0077",
		} {
			if got := all["Service."+key]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		if len(all["Service.SystemCallFilter"]) != 2 || len(all["Install.WantedBy"]) != 1 {
			t.Errorf("%s: %v", name, all)
		}
	}
}

// systemd's own opinion, where it is installed.
func TestSystemdFindsNothingWrongWithTheUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here")
	}
	for _, name := range units {
		path := filepath.Join(root, "deploy", "systemd", name)
		out, _ := exec.Command("systemd-analyze", "verify", path).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "gatewright") && !strings.Contains(line, "/usr/local/bin/gatewright is not executable") {
				t.Errorf("%s: %s", name, line)
			}
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, regexp.MustCompile(`→.*`).Find(out))
		}
	}
}
