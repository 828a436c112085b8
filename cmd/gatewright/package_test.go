package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// installation is a database with the project Shop, and a command line for it.
type installation struct {
	t     *testing.T
	store *models.Store
	flags []string
	files string
}

const testMasterKey = "29b447f7aeecd0f756520fdf1fce1d2a7c92abc323617324a01981f4b37a63bf" // random, as others are refused

func newInstallation(t *testing.T) *installation {
	t.Helper()
	key, err := secret.ParseMasterKey(testMasterKey)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	url := modelstest.Database(t)
	store := modelstest.Open(t, url, func(o *models.Options) { o.Sealer, o.Types, o.Identities = sealer, policyTypes(), identityKinds() })
	modelstest.Project(t, store, "Shop")
	modelstest.Environment(t, store, "production")
	return &installation{t, store, []string{"--project=Shop", "--database-url=" + url, "--master-key=" + testMasterKey, "--log-format=text"}, t.TempDir()}
}

func (i *installation) run(environ []string, args ...string) (code int, stdout, stderr string) {
	i.t.Helper()
	return start(i.t, environ, append(args, i.flags...)...)
}

// must is run that has to end with 0.
func (i *installation) must(args ...string) string {
	i.t.Helper()
	code, stdout, stderr := i.run(nil, args...)
	if code != 0 {
		i.t.Fatalf("gatewright %s: %d %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func (i *installation) file(name, text string) string {
	i.t.Helper()
	path := filepath.Join(i.files, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		i.t.Fatal(err)
	}
	return path
}

// fill has a proxy with a policy that logs in at an LDAP server.
func (i *installation) fill() {
	i.t.Helper()
	id := i.project()
	source := ldap.Kind().New().(*ldap.Config)
	source.Name, source.Servers, source.UserBaseDN, source.BindDN = "Staff", []string{"ldaps://ldap.example.com"}, "dc=example,dc=com", "cn=gateway,dc=example,dc=com"
	if _, err := i.store.SaveIdentitySource(i.t.Context(), modelstest.By(), id, "", 0, source, map[string]secret.Text{"bindPassword": secret.New("hunter2")}); err != nil {
		i.t.Fatal(err)
	}
	p := modelstest.Policy(i.t, i.store, id, "Company", func(c *jwtauth.Config) {
		c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, "Staff"
	})
	modelstest.Bind(i.t, i.store, modelstest.Proxy(i.t, i.store, id, "orders"), p)
}

func (i *installation) project() string {
	i.t.Helper()
	return modelstest.Project(i.t, i.store, "Shop").ID
}

func TestAPackageGoesFromOneInstallationToAnotherByTheCommandLine(t *testing.T) {
	t.Parallel()
	a, b := newInstallation(t), newInstallation(t)
	a.fill()
	file := filepath.Join(a.files, "shop.zip")
	if out := a.must("export", "proxy/orders", "-o", file); !strings.Contains(out, "Exported 3 objects of Shop") || !strings.Contains(out, `secrets of the identity source "Staff" stay here (bindPassword)`) {
		t.Errorf("export said %s", out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the package is %v, %v", info.Mode(), err)
	}
	code, plan, stderr := b.run(nil, "import", file, "--plan")
	if code != 2 || !strings.Contains(stderr, `identity source "Staff": These settings cannot be used: the bind DN has no password`) || !strings.Contains(plan, "3 refused") {
		t.Errorf("a plan without the secret ended with %d: %s%s", code, plan, stderr)
	}
	password := "identity-source/Staff:bindPassword=@" + b.file("password", "hunter2\n")
	if out := b.must("import", file, "--plan", "--secret", password); !strings.Contains(out, "3 to create, 0 to update, 0 to skip, 0 refused.") {
		t.Errorf("the plan is\n%s", out)
	}
	if code, _, stderr := b.run(nil, "export", "--all", "-o", "-"); code != 1 || !strings.Contains(stderr, "Choose what to export") {
		t.Errorf("a plan wrote something: %d %s", code, stderr)
	}
	out := b.must("import", file, "--secret", password, "--rename", "proxy/orders=Orders of b", "--base-path", "proxy/orders=/b")
	if !strings.Contains(out, "client secret ") || !strings.Contains(out, "Nothing was deployed.") || !strings.Contains(out, "orders as Orders of b") {
		t.Errorf("the import said\n%s", out)
	}
	if o, err := b.store.Proxy(t.Context(), b.project(), "orders of B"); err != nil || o.Route.BasePath != "/b" || len(o.Bindings) != 1 {
		t.Errorf("the proxy is %+v, %v", o, err)
	}
	if out := b.must("import", file, "--plan", "--skip", "proxy/orders", "--replace", "policy/Company"); !strings.Contains(out, "0 to create, 0 to update, 3 to skip, 0 refused.") {
		t.Errorf("the same again:\n%s", out)
	}
}

func TestAProtectedPackageOpensWithItsPassphraseOnly(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.fill()
	file := filepath.Join(i.files, "sealed.zip")
	passphrase := i.file("passphrase", "correct horse battery\n")
	i.must("export", "policy/Company", "--passphrase-file", passphrase, "-o", file)
	if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte("Company")) || bytes.Contains(raw, []byte("company")) {
		t.Error("the package shows a name")
	}
	i.must("import", file, "--plan", "--passphrase-file", passphrase)
	if code, _, stderr := i.run([]string{"GATEWRIGHT_PASSPHRASE=correct horse battery"}, "import", file, "--plan"); code != 0 {
		t.Errorf("by the variable: %d %s", code, stderr)
	}
	for name, environ := range map[string][]string{"none": nil, "a wrong one": {"GATEWRIGHT_PASSPHRASE=correct horse batteri"}} {
		if code, out, stderr := i.run(environ, "import", file); code != 1 || out != "" || !strings.Contains(stderr, "passphrase") {
			t.Errorf("%s: %d %s %s", name, code, out, stderr)
		}
	}
}

func TestAPackageCommandThatIsWrongSaysWhy(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.fill()
	file := filepath.Join(i.files, "shop.zip")
	i.must("export", "--all", "-o", file)
	broken := i.file("broken.zip", "PK nothing")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing to export":        {[]string{"export", "-o", "x"}, "--all"},
		"all and some":             {[]string{"export", "--all", "proxy/orders", "-o", "x"}, "--all"},
		"an unknown kind":          {[]string{"export", "api/orders", "-o", "x"}, "kind/name"},
		"an unknown name":          {[]string{"export", "proxy/nosuch", "-o", "x"}, `"nosuch"`},
		"a project that is none":   {[]string{"export", "--all", "-o", "x", "--project=Nosuch"}, "--project"},
		"no file":                  {[]string{"import", i.files + "/none.zip"}, "none.zip"},
		"no package":               {[]string{"import", broken}, "neither a ZIP nor"},
		"a choice for nothing":     {[]string{"import", file, "--skip", "proxy/nosuch"}, `"nosuch"`},
		"a rename for nothing":     {[]string{"import", file, "--rename", "proxy/nosuch=x"}, "--rename"},
		"two choices":              {[]string{"import", file, "--skip", "proxy/orders", "--rename", "proxy/orders=x"}, "another choice"},
		"a secret in the open":     {[]string{"import", file, "--secret", "identity-source/Staff:bindPassword=hunter2"}, "--secret"},
		"a short passphrase":       {[]string{"export", "--all", "-o", "x", "--passphrase-file", i.file("short", "short")}, "at least 12"},
		"an empty passphrase file": {[]string{"export", "--all", "-o", "x", "--passphrase-file", i.file("empty", "\n")}, "--passphrase-file"},
	} {
		flags := i.flags
		if slices.Contains(c.args, "--project=Nosuch") { // of two the last one counts
			flags = i.flags[1:]
		}
		code, out, stderr := start(t, nil, append(slices.Clone(c.args), flags...)...)
		if code != 1 || out != "" || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: %d %s %s", name, code, out, stderr)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a refused export wrote its file")
	}
}
