package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// People on the command line, and the one rule for what runs in their name.
func TestACommandDoesNoMoreThanItsUserMay(t *testing.T) {
	t.Parallel()
	dir, url := newDataDir(t), modelstest.Empty(t)
	database := "--database-url=" + url
	file := filepath.Join(t.TempDir(), "package.zip")
	run := func(wanted int, want string, args ...string) {
		t.Helper()
		code, stdout, stderr := start(t, nil, append(args, "--data-dir="+dir, database)...)
		if code != wanted || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%v: code %d, want %d and %q in\n%s%s", args, code, wanted, want, stdout, stderr)
		}
	}
	run(0, "up to date", "migrate")
	store := modelstest.Open(t, url)
	shop := modelstest.Project(t, store, "Shop")
	modelstest.Environment(t, store, "production")
	modelstest.Bind(t, store, modelstest.Proxy(t, store, shop.ID, "orders"), modelstest.Policy(t, store, shop.ID, "Company"))

	run(0, "Password of ada: ", "user", "create", "ada", "--role=administrator", "--full-name=Ada")
	run(0, "Password of bob: ", "user", "create", "bob")
	run(1, "taken", "user", "create", "BOB")
	run(1, "--role", "user", "create", "cyd", "--role=boss")
	run(0, "cyd is there and signs in by the directory", "user", "create", "cyd", "--directory")
	run(1, "last administrator", "user", "lock", "ada")
	run(1, "last administrator", "user", "role", "ada", "member")
	run(0, "has the role auditor", "user", "role", "cyd", "auditor")

	role, err := store.SaveProjectRole(t.Context(), modelstest.By(), models.ProjectRole{Name: "Exporter", Permissions: models.Permissions{models.ExportAPIs}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.SaveProjectMember(t.Context(), modelstest.By(), shop.ID, models.ProjectMember{UserName: "bob", Roles: []string{role.Name}}, models.AllPermissions())
	if err != nil {
		t.Fatal(err)
	}
	export := func(more ...string) []string {
		return append([]string{"export", "proxy/orders", "--project=Shop", "-o", file}, more...)
	}
	run(1, "bob may not export every kind of object that this takes: global policy", export("--as=bob")...)
	run(0, "Exported 1 object", export("--as=bob", "--no-dependencies")...)
	run(1, "cyd may not do this", export("--as=cyd")...)
	run(1, `there is no user "dan"`, export("--as=dan")...)
	run(0, "Exported 2 objects", export()...)
	run(1, "bob may not import objects of the kind", "import", file, "--project=Shop", "--as=bob")
	run(0, "", "import", file, "--project=Shop", "--as=ada", "--plan")
	run(1, "bob may not do this", "environment", "list", "--as=bob")
	run(0, "production", "environment", "list", "--as=cyd")
	run(1, "cyd may not do this: it takes the right SYSTEM:MANAGE", "environment", "create", "test", "https://t.example.com", "--as=cyd")
	run(0, "test is there", "environment", "create", "test", "https://t.example.com", "--as=ada")
	records, _, err := store.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindEnvironment, PerPage: 1})
	if err != nil || records[0].Actor != "ada" {
		t.Errorf("recorded %+v, %v", records, err)
	}
	run(0, "is locked", "user", "lock", "bob")
	run(1, "bob is locked", export("--as=bob", "--no-dependencies")...)
	run(0, "is unlocked", "user", "unlock", "bob")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
