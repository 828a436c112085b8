package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

// On the command line from its creation to its end, with a node in between.
func TestAnEnvironmentLivesAndEndsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir, database := newDataDir(t), "--database-url="+modelstest.Empty(t)
	s := serveIn(t, dir, demoAddr(t), database)
	run := func(wanted int, want string, args ...string) {
		t.Helper()
		code, stdout, stderr := start(t, nil, append([]string{"environment"}, append(args, "--data-dir="+dir, database)...)...)
		if code != wanted || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%v: code %d, want %d and %q in\n%s%s", args, code, wanted, want, stdout, stderr)
		}
	}
	run(0, "--gateway 'staging=", "create", "staging", "http://127.0.0.1:8099/", "--colour=amber", "--type=sandbox")
	run(0, "staging\tSANDBOX\thttp://127.0.0.1:8099\n", "list")
	run(1, "There is an environment of this name", "create", "Staging", "https://x.example.com")
	run(1, "Remove the comma", "create", "a,b", "https://x.example.com")
	run(1, "--type", "create", "c", "https://x.example.com", "--type=stage")

	node := launch(t, "gateway", "--data-dir="+dir, database, "--gateway=staging=127.0.0.1:0", "--ops-addr=")
	token := strings.TrimSpace(shell(t, []string{s.lines[0], "echo $TOKEN"}))
	if code := call(t, node.gateway, token); code != http.StatusNotFound {
		t.Errorf("where nothing is deployed a token of production is answered %d", code)
	}
	run(1, "is served by", "delete", "staging", "--yes")
	run(1, "the only production environment", "delete", "production")
	node.stop(t, syscall.SIGTERM)
	run(0, "Nothing was changed; repeat with --yes", "delete", "staging")
	run(0, "staging is deleted", "delete", "staging", "--yes")
	run(1, "staging", "delete", "staging", "--yes")
	if code := call(t, s.gateway, token); code != http.StatusOK {
		t.Errorf("afterwards production answers %d", code)
	}
}
