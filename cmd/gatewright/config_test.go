package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"
)

// start runs the program as a shell would and returns what it said.
func start(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, environ, &out, &errs)
	return code, out.String(), errs.String()
}

func TestAWrongSettingStopsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	tests := []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"unknown flag", nil, []string{"serve", "--databse-url=x"}, "--databse-url"},
		{"unknown variable", []string{"GATEWRIGHT_DATABSE_URL=x"}, []string{"serve"}, "GATEWRIGHT_DATABSE_URL"},
		{"unknown command", nil, []string{"srve"}, "srve"},
		{"gateway without environment", nil, []string{"serve", "--gateway=:8081"}, "--gateway"},
		{"gateway without port", nil, []string{"serve", "--gateway=production=localhost"}, "--gateway"},
		{"gateway named twice", nil, []string{"serve", "--gateway=a=:0,a=:0"}, "named twice"},
		{"gateway by variable", []string{"GATEWRIGHT_GATEWAY=nonsense"}, []string{"serve"}, "--gateway"},
		{"trusted proxy that is no network", nil, []string{"serve", "--data-dir=" + dir, "--trusted-proxies=10.0.0.0/99", "--console-addr=127.0.0.1:0", "--gateway=production=127.0.0.1:0", "--ops-addr="}, "--trusted-proxies"},
		{"identity target that is no network", nil, []string{"serve", "--data-dir=" + dir, "--identity-targets=10.0.0.0/8,intranet"}, `--identity-targets "intranet"`},
		{"console URL that is none", nil, []string{"serve", "--data-dir=" + dir, "--console-url=gatewright.example.com"}, "--console-url"},
		{"log format", nil, []string{"serve", "--log-format=xml"}, "--log-format"},
		{"log level by variable", []string{"GATEWRIGHT_LOG_LEVEL=loud"}, []string{"serve"}, "--log-level"},
		{"drain timeout", nil, []string{"serve", "--drain-timeout=soon"}, "--drain-timeout"},
		{"port in use", nil, []string{"serve", "--data-dir=" + dir, "--console-addr=" + taken.Addr().String()}, "--console-addr"},
		{"weak master key", []string{"GATEWRIGHT_MASTER_KEY=changeme"}, []string{"serve", "--data-dir=" + dir, "--console-addr=127.0.0.1:0", "--gateway=production=127.0.0.1:0", "--ops-addr="}, "GATEWRIGHT_MASTER_KEY"},
		{"no installation", nil, []string{"user", "list", "--data-dir=" + dir + "/none"}, "--data-dir"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := start(t, tt.environ, tt.args...)
			if code == 0 || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("code %d, said %q; want a failure in one line that names %q", code, stderr, tt.want)
			}
			if strings.Contains(stderr, "changeme") {
				t.Errorf("the line shows the key: %q", stderr)
			}
		})
	}
}

func TestHelpListsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := start(t, nil, "help", "serve")
	if code != 0 {
		t.Fatalf("code %d: %s", code, stderr)
	}
	for _, want := range []string{"--database-url", "--data-dir", "--console-addr", ":8080", "--gateway", "production=:8081", "--ops-addr", "127.0.0.1:8082", "127.0.0.1:8083", "67108864", "--demo", "--log-format", "--trusted-proxies", "--master-key-file", "GATEWRIGHT_CONSOLE_ADDR"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("help does not name %s:\n%s", want, stdout)
		}
	}
}

func TestTheConfigurationDocumentIsFresh(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/configuration.md"
	if code, _, stderr := start(t, nil, "docs", "configuration", "--output", file); code != 0 {
		t.Fatal(stderr)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/configuration.md is not what the flags say; run make generate")
	}
}

func TestTwoRunsInOneProcessDoNotShareSettings(t *testing.T) {
	t.Setenv("GATEWRIGHT_LOG_LEVEL", "loud")
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"version"}, []string{"GATEWRIGHT_LOG_LEVEL=debug"}, &out, &errs); code != 0 {
		t.Fatalf("the process's own variable was read: %s", errs.String())
	}
}
