package models_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const typedSecret = "Wj4-sehr-geheim-42"

// vault is a project with the roles admin and ops and two environments.
type vault struct {
	*models.Store
	t       *testing.T
	project models.Project
	url     string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	url := modelstest.Database(t)
	v := &vault{Store: modelstest.Open(t, url), t: t, url: url}
	v.project = modelstest.Project(t, v.Store, "Shop")
	modelstest.Environment(t, v.Store, "production")
	modelstest.Environment(t, v.Store, "test")
	for _, role := range []string{"admin", "ops"} {
		v.role(role)
	}
	return v
}

func (v *vault) role(name string) models.Role {
	v.t.Helper()
	r, err := v.SaveRole(v.t.Context(), modelstest.By(), v.project.ID, "", 0, name, "")
	if err != nil {
		v.t.Fatal(err)
	}
	return r
}

func draft(name string, changes ...func(*models.CredentialDraft)) models.CredentialDraft {
	d := models.CredentialDraft{Name: name, Secret: secret.New(typedSecret), Enabled: true, Tokens: models.DefaultCredentialTokens()}
	for _, change := range changes {
		change(&d)
	}
	return d
}

func (v *vault) save(d models.CredentialDraft) models.Credential {
	v.t.Helper()
	c, _, err := v.SaveCredential(v.t.Context(), modelstest.By(), v.project.ID, "", 0, d)
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

func (v *vault) update(c models.Credential, d models.CredentialDraft) (models.Credential, error) {
	saved, _, err := v.SaveCredential(v.t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version, d)
	return saved, err
}

func (v *vault) bundled(environment, name string) *identity.Credential {
	v.t.Helper()
	b, err := v.Bundle(v.t.Context(), environment)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range b.Credentials {
		if c.Name == name {
			return c
		}
	}
	v.t.Fatalf("no credential %s in the bundle of %s", name, environment)
	return nil
}

func (v *vault) generation(environment string) int64 {
	v.t.Helper()
	e, err := v.Environment(v.t.Context(), environment)
	if err != nil {
		v.t.Fatal(err)
	}
	return e.Generation
}

// wantProblemSaying is the field of a problem and a part of its message.
func wantProblemSaying(t *testing.T, err error, field, part string) {
	t.Helper()
	if msg := problem.Of(err).For(field); msg == "" || !strings.Contains(msg, part) {
		t.Errorf("error %v, want a problem of %s that says %q", err, field, part)
	}
}

func TestACredentialIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	expires := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Microsecond)
	saved := v.save(draft("mobile-app", func(d *models.CredentialDraft) {
		d.Description, d.FullName, d.Email, d.Expires = "The app.", "Mobile App", "app@example.com", expires
		d.Networks = []string{"10.1.2.3/8", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1/64"}
		d.Roles = []string{"ops", "admin", "ops"}
		d.Metadata = []models.Metadata{
			{Key: "tenant", Value: "acme", IncludeInJWT: true, JWTClaimName: "tid", IncludeInTokenResponse: true},
			{Key: "pin", Secret: true, SecretValue: secret.New("0451"), IncludeInTokenResponse: true},
		}
		d.Tokens.TokenNeverExpires, d.Tokens.TokenExpiresInAmount, d.Tokens.TokenExpiresInUnit = false, 5, "MINUTE"
		d.Environments = []models.CredentialOverride{
			{Environment: "Test", OwnSecret: true, Secret: secret.New("another-secret-1"), OwnNetworks: true, Disabled: true}, {Environment: "production"},
		}
	}))
	got, err := v.Credential(t.Context(), v.project.ID, "MOBILE-app")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, got); diff != "" {
		t.Errorf("saved and read differ:\n%s", diff)
	}
	want := models.Credential{
		ProjectName: "Shop", Name: "mobile-app", Description: "The app.", FullName: "Mobile App", Email: "app@example.com", Enabled: true, Expires: expires,
		Networks: []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/64"}, Roles: []string{"admin", "ops"},
		Metadata: []models.Metadata{
			{Key: "tenant", Value: "acme", IncludeInJWT: true, JWTClaimName: "tid", IncludeInTokenResponse: true},
			{Key: "pin", Secret: true, IncludeInTokenResponse: true},
		},
		Environments: []models.CredentialOverride{{Environment: "test", OwnSecret: true, OwnNetworks: true, Disabled: true, Networks: []string{}}},
		Tokens: issue.Settings{
			GrantType: issue.Password, TokenExpiresInAmount: 5, TokenExpiresInUnit: issue.Minutes, JWTSignatureAlgorithm: "RS256",
		},
	}
	ignore := cmpopts.IgnoreFields(models.Credential{}, "ID", "ProjectID", "SecretChangedAt", "Stamp")
	if diff := cmp.Diff(want, got, ignore, cmpopts.IgnoreFields(models.CredentialOverride{}, "EnvironmentID"), cmp.Comparer(func(a, b secret.Text) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestTheNameOfACredentialIsUniqueOverAllProjects(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("İstanbul-app"))
	other := modelstest.Project(t, v.Store, "Other")
	for _, name := range []string{"İstanbul-app", "İSTANBUL-APP"} {
		_, _, err := v.SaveCredential(t.Context(), modelstest.By(), other.ID, "", 0, draft(name))
		wantProblemSaying(t, err, "username", "taken")
		if err != nil && strings.Contains(err.Error(), "Shop") {
			t.Errorf("the refusal names a project that the caller may not see: %v", err)
		}
	}
	p := modelstest.Proxy(t, v.Store, v.project.ID, "orders")
	_, _, err := v.SaveCredential(t.Context(), modelstest.By(), v.project.ID, "", 0, draft(strings.ToUpper(p.ClientID)))
	wantProblemSaying(t, err, "username", "client id of an API proxy")
	if msg, err := v.CredentialNameProblem(t.Context(), "Fresh", ""); msg != "" || err != nil {
		t.Errorf("a free name: %q, %v", msg, err)
	}
	if msg, err := v.CredentialNameProblem(t.Context(), "İSTANBUL-app", ""); msg == "" || err != nil {
		t.Errorf("a taken name: %q, %v", msg, err)
	}
}

func TestTwoThatTakeOneNameAtOnce(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			_, _, err := v.SaveCredential(t.Context(), modelstest.By(), v.project.ID, "", 0, draft("twin"))
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			won++
		} else {
			wantProblemSaying(t, err, "username", "taken")
		}
	}
	if won != 1 {
		t.Errorf("%d of 4 created the credential, want 1", won)
	}
}

func TestWhatACredentialMayNotBe(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	long := strings.Repeat("ç", 256)
	for name, c := range map[string]struct {
		change      func(*models.CredentialDraft)
		field, part string
	}{
		"without a name":                  {func(d *models.CredentialDraft) { d.Name = "" }, "username", "Enter"},
		"with a name of 256 characters":   {func(d *models.CredentialDraft) { d.Name = long }, "username", "255"},
		"with a line break in the name":   {func(d *models.CredentialDraft) { d.Name = "a\nb" }, "username", "printable"},
		"with a hidden turn of direction": {func(d *models.CredentialDraft) { d.Name = "a\u202eb" }, "username", "printable"},
		"with a blank before the name":    {func(d *models.CredentialDraft) { d.Name = " a" }, "username", "blank"},
		"without a secret":                {func(d *models.CredentialDraft) { d.Secret = secret.Text{} }, "password", "Enter a secret"},
		"with a short secret":             {func(d *models.CredentialDraft) { d.Secret = secret.New("elevenchars") }, "password", "12"},
		"with its name as secret": {func(d *models.CredentialDraft) {
			d.Name = "batch-job-nightly"
			d.Secret = secret.New("Batch-Job-Nightly")
		}, "password", "not the name"},
		"with one character repeated":            {func(d *models.CredentialDraft) { d.Secret = secret.New(strings.Repeat("ö", 20)) }, "password", "repeated"},
		"with a line break in the secret":        {func(d *models.CredentialDraft) { d.Secret = secret.New(typedSecret + "\n") }, "password", "control"},
		"with an address that is none":           {func(d *models.CredentialDraft) { d.Email = "Ada <ada@example.com>" }, "email", "ada@example.com"},
		"with a network that is none":            {func(d *models.CredentialDraft) { d.Networks = []string{"10.0.0.0/8", "10.0.0.300"} }, "ipList", "10.0.0.300"},
		"with a zone in an address":              {func(d *models.CredentialDraft) { d.Networks = []string{"fe80::1%eth0"} }, "ipList", "fe80::1%eth0"},
		"with a role that does not exist":        {func(d *models.CredentialDraft) { d.Roles = []string{"admin", "Admin"} }, "roleNameList", `"Admin"`},
		"with an end in the past":                {func(d *models.CredentialDraft) { d.Expires = time.Now().Add(-time.Hour) }, "expireDate", "future"},
		"with a reserved claim":                  {meta(models.Metadata{Key: "x", Value: "1", IncludeInJWT: true, JWTClaimName: "SUB"}), "metadata[0].jwtClaimName", "gateway's own"},
		"with a reserved claim by its key":       {meta(models.Metadata{Key: "exp", Value: "1", IncludeInJWT: true}), "metadata[0].key", "gateway's own"},
		"with a reserved response member":        {meta(models.Metadata{Key: "access_token", Value: "1", IncludeInTokenResponse: true}), "metadata[0].key", "gateway's own"},
		"with a secret in the token":             {meta(models.Metadata{Key: "pin", Secret: true, SecretValue: secret.New("1"), IncludeInJWT: true}), "metadata[0].includeInJwt", "read it"},
		"with a secret entry without value":      {meta(models.Metadata{Key: "pin", Secret: true}), "metadata[0].value", "Enter"},
		"with two entries of a key":              {meta(models.Metadata{Key: "a"}, models.Metadata{Key: "a"}), "metadata[1].key", "two entries"},
		"with two entries of a claim":            {meta(models.Metadata{Key: "a", IncludeInJWT: true}, models.Metadata{Key: "b", JWTClaimName: "a", IncludeInJWT: true}), "metadata[1].jwtClaimName", "two claims"},
		"with more than a token can hold":        {meta(models.Metadata{Key: "a", Value: strings.Repeat("x", 4096), IncludeInJWT: true}), "metadata", "bytes"},
		"with token settings without a lifetime": {func(d *models.CredentialDraft) { d.Tokens.TokenNeverExpires = false }, "tokenExpiresInAmount", "how long"},
		"with an unknown environment": {func(d *models.CredentialDraft) {
			d.Environments = []models.CredentialOverride{{Environment: "mars", Disabled: true}}
		}, "environments[0].environment", "mars"},
		"with an own secret that is missing": {func(d *models.CredentialDraft) {
			d.Environments = []models.CredentialOverride{{Environment: "test", OwnSecret: true}}
		}, "environments[0].password", "Enter the secret"},
		"with a weak secret of an environment": {func(d *models.CredentialDraft) {
			d.Environments = []models.CredentialOverride{{Environment: "test", OwnSecret: true, Secret: secret.New("short")}}
		}, "environments[0].password", "12"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := v.SaveCredential(t.Context(), modelstest.By(), v.project.ID, "", 0, draft("batch", c.change))
			wantProblemSaying(t, err, c.field, c.part)
		})
	}
	if _, total, err := v.Credentials(t.Context(), v.project.ID, models.CredentialFilter{}); err != nil || total != 0 {
		t.Errorf("%d credentials were stored, %v", total, err)
	}
}

func meta(list ...models.Metadata) func(*models.CredentialDraft) {
	return func(d *models.CredentialDraft) { d.Metadata = list }
}

func TestNamesOfManyKindsCanBeSavedAndFound(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for _, name := range []string{
		strings.Repeat("ş", 255), "Çağrı Öztürk", "<script>alert(1)</script>", "a/b", "100%", `o'brien "x"`, "=1+1", "user@example.com", "日本",
	} {
		v.save(draft(name))
		if c, err := v.Credential(t.Context(), v.project.ID, name); err != nil || c.Name != name {
			t.Errorf("read %q: %q, %v", name, c.Name, err)
		}
	}
}

func TestAStaleCredentialIsNotOverwritten(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := v.save(draft("mobile"))
	theirs := c.Draft()
	theirs.Description = "theirs"
	now, err := v.update(c, theirs)
	if err != nil {
		t.Fatal(err)
	}
	mine := c.Draft()
	mine.Description = "mine"
	_, err = v.update(c, mine)
	stale := new(models.StaleError)
	if !errors.As(err, &stale) || stale.Version != now.Version || stale.By != "tester" {
		t.Fatalf("got %v, want a stale error of version %d", err, now.Version)
	}
	if current, ok := stale.Current.(models.Credential); !ok || current.Description != "theirs" {
		t.Errorf("the error shows %v", stale.Current)
	}
	if _, err := v.SetCredentialEnabled(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version, false); !errors.Is(err, models.ErrStale) {
		t.Errorf("switch: %v", err)
	}
	if err := v.DeleteCredential(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version); !errors.Is(err, models.ErrStale) {
		t.Errorf("delete: %v", err)
	}
	if err := v.DeleteCredential(t.Context(), modelstest.By(), v.project.ID, c.ID, now.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := v.update(now, mine); !errors.As(err, &stale) || !stale.Deleted {
		t.Errorf("save after deletion: %v", err)
	}
	other := modelstest.Project(t, v.Store, "Other")
	if _, err := v.SetCredentialEnabled(t.Context(), modelstest.By(), other.ID, v.save(draft("x-mine")).ID, 1, false); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("from another project: %v", err)
	}
}

func TestEveryChangeOfACredentialReachesAllEnvironments(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	p := modelstest.Proxy(t, v.Store, v.project.ID, "orders")
	var c models.Credential
	var g []models.Grant
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"create", func() (err error) { c = v.save(draft("mobile")); return nil }},
		{"save", func() (err error) { c, err = v.update(c, c.Draft()); return err }},
		{"switch", func() (err error) {
			c, err = v.SetCredentialEnabled(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version, false)
			return err
		}},
		{"rotate", func() (err error) {
			c, _, err = v.RotateCredentialSecret(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version)
			return err
		}},
		{"grant", func() (err error) {
			g, err = v.GrantAccess(t.Context(), modelstest.By(), v.project.ID, models.NewGrants{Credentials: []string{"MOBILE"}, Proxies: []string{p.Name}})
			return err
		}},
		{"change access", func() (err error) {
			g[0], err = v.ChangeAccess(t.Context(), modelstest.By(), v.project.ID, g[0].ID, g[0].Version, time.Time{}, []string{"DELETE"})
			return err
		}},
		{"revoke access", func() (err error) {
			return v.RevokeAccess(t.Context(), modelstest.By(), v.project.ID, g[0].ID, g[0].Version)
		}},
		{"delete", func() (err error) {
			return v.DeleteCredential(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version)
		}},
	} {
		production, test := v.generation("production"), v.generation("test")
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if v.generation("production") == production || v.generation("test") == test {
			t.Errorf("%s did not raise the generation of every environment", step.name)
		}
	}
}

func TestTheBundleShowsACredentialAsItsEnvironmentSeesIt(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	p := modelstest.Proxy(t, v.Store, v.project.ID, "orders")
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	c := v.save(draft("mobile", func(d *models.CredentialDraft) {
		d.FullName, d.Email = "Mobile App", "mobile@example.com"
		d.Networks, d.Roles, d.Expires = []string{"10.0.0.0/8"}, []string{"ops", "admin"}, ends
		d.Metadata = []models.Metadata{
			{Key: "tenant", Value: "acme", IncludeInJWT: true, JWTClaimName: "tid"},
			{Key: "plan", Value: "gold", IncludeInTokenResponse: true},
			{Key: "pin", Secret: true, SecretValue: secret.New("0451"), IncludeInTokenResponse: true},
			{Key: "vault", Secret: true, SecretValue: secret.New("never-sent")},
		}
		d.Environments = []models.CredentialOverride{{
			Environment: "test", OwnSecret: true, Secret: secret.New("another-secret-1"), OwnNetworks: true, Networks: []string{"192.0.2.1"}, Disabled: true,
		}}
	}))
	if _, err := v.GrantAccess(t.Context(), modelstest.By(), v.project.ID, models.NewGrants{
		Credentials: []string{"mobile"}, Proxies: []string{"orders"}, Expires: ends, DeniedMethods: []string{"DELETE"},
	}); err != nil {
		t.Fatal(err)
	}
	got, want := v.bundled("production", "mobile"), &identity.Credential{
		ID: c.ID, Name: "mobile", FullName: "Mobile App", Email: "mobile@example.com", Enabled: true, Expires: ends, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Roles: []string{"admin", "ops"}, Claims: map[string]any{"tid": "acme"}, Response: map[string]any{"plan": "gold", "pin": "0451"},
		Tokens: models.DefaultCredentialTokens(), Access: map[string]identity.Access{p.ID: {Expires: ends, DeniedMethods: []string{"DELETE"}}},
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	noHash := cmpopts.IgnoreFields(identity.Credential{}, "SecretHash")
	if diff := cmp.Diff(want, got, same, noHash); diff != "" {
		t.Errorf("production (-want +got):\n%s", diff)
	}
	there := v.bundled("test", "mobile")
	want.DisabledHere, want.Networks = true, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	if diff := cmp.Diff(want, there, same, noHash); diff != "" {
		t.Errorf("test (-want +got):\n%s", diff)
	}
	for hash, password := range map[string]string{got.SecretHash: typedSecret, there.SecretHash: "another-secret-1"} {
		if ok, err := secret.Verify(hash, password); !ok || err != nil {
			t.Errorf("the hash is not that of %q: %v", password, err)
		}
	}
}

func TestASecretOfOneEnvironmentStaysWhenNothingIsTyped(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := v.save(draft("mobile", func(d *models.CredentialDraft) {
		d.Environments = []models.CredentialOverride{{Environment: "test", OwnSecret: true, Secret: secret.New("another-secret-1")}}
		d.Metadata = []models.Metadata{{Key: "pin", Secret: true, SecretValue: secret.New("0451"), IncludeInTokenResponse: true}}
	}))
	before, main := v.bundled("test", "mobile").SecretHash, v.bundled("production", "mobile").SecretHash
	d := c.Draft()
	d.Description = "changed"
	c, err := v.update(c, d)
	if err != nil {
		t.Fatal(err)
	}
	now := v.bundled("test", "mobile")
	if now.SecretHash != before || v.bundled("production", "mobile").SecretHash != main || now.Response["pin"] != "0451" {
		t.Error("a save without a new secret changed one")
	}
	d = c.Draft()
	d.Environments = nil
	if _, err = v.update(c, d); err != nil {
		t.Fatal(err)
	}
	if v.bundled("test", "mobile").SecretHash != main {
		t.Error("without an own secret the environment does not take that of the credential")
	}
}

func TestADisabledCredentialIsDisabledEverywhere(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("mobile", func(d *models.CredentialDraft) {
		d.Enabled = false
		d.Environments = []models.CredentialOverride{{Environment: "test", OwnNetworks: true}}
	}))
	for _, environment := range []string{"production", "test"} {
		if v.bundled(environment, "mobile").Enabled {
			t.Errorf("it is enabled in %s", environment)
		}
	}
}

func TestTenThousandCredentialsAreBundledInTwoStatements(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("first", func(d *models.CredentialDraft) { d.Roles = []string{"admin"} }))
	p := modelstest.Proxy(t, v.Store, v.project.ID, "orders")
	counted, n := models.Counting(v.Store)
	if _, err := counted.Bundle(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
	few := n.Swap(0)
	conn := connect(t, v.url)
	for _, sql := range []string{
		`insert into credentials select gen_random_uuid(), project_id, 'user-' || i, description, full_name, email, enabled, expires_at, secret_hash,
			secret_changed_at, networks, metadata, tokens, version, created_at, created_by, updated_at, updated_by from credentials, generate_series(1, 9999) i`,
		"insert into credential_role_members select id, (select min(id::text)::uuid from credential_roles) from credentials on conflict do nothing",
		fmt.Sprintf("insert into credential_access select gen_random_uuid(), id, '%s', null, '[]', 1, now(), 'x', now(), 'x' from credentials", p.ID),
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	b, err := counted.Bundle(t.Context(), "production")
	if err != nil || len(b.Credentials) != 10_000 {
		t.Fatalf("%d credentials, %v", len(b.Credentials), err)
	}
	if n.Load() != few {
		t.Errorf("%d statements for 10,000 credentials and %d for one", n.Load(), few)
	}
	for _, c := range b.Credentials[:10] {
		if len(c.Access) != 1 || len(c.Roles) == 0 {
			t.Errorf("%s has %d accesses and the roles %v", c.Name, len(c.Access), c.Roles)
		}
	}
}

func TestCredentialsAreFoundByFilter(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("anna", func(d *models.CredentialDraft) { d.Roles = []string{"ops"} }))
	v.save(draft("bert", func(d *models.CredentialDraft) { d.Enabled = false; d.Description = "100% night" }))
	soon := v.save(draft("carl", func(d *models.CredentialDraft) { d.Expires = time.Now().Add(time.Hour) }))
	conn := connect(t, v.url)
	if _, err := conn.Exec(t.Context(), "update credentials set expires_at = now() - interval '1 hour' where id = $1", soon.ID); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter models.CredentialFilter
		want   string
	}{
		"all by name":           {models.CredentialFilter{}, "anna bert carl"},
		"all the other way":     {models.CredentialFilter{Desc: true}, "carl bert anna"},
		"an unknown order":      {models.CredentialFilter{Sort: "x; drop table credentials"}, "anna bert carl"},
		"by status":             {models.CredentialFilter{Sort: "status", Desc: true}, "bert anna carl"},
		"those of a role":       {models.CredentialFilter{Role: "ops"}, "anna"},
		"enabled":               {models.CredentialFilter{Status: "enabled"}, "anna"},
		"disabled":              {models.CredentialFilter{Status: "disabled"}, "bert"},
		"expired":               {models.CredentialFilter{Status: "expired"}, "carl"},
		"a percent sign is one": {models.CredentialFilter{Query: "100% N"}, "bert"},
		"the second page":       {models.CredentialFilter{Page: 2, PerPage: 2}, "carl"},
	} {
		list, _, err := v.Credentials(t.Context(), v.project.ID, c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range list {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTokensOfACredentialAreWorthlessOnceItChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*vault, models.Credential) error
		want string // kind/key/environment of each revocation
	}{
		"deleted": {func(v *vault, c models.Credential) error {
			return v.DeleteCredential(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version)
		}, "CLIENT//mobile/ USER/Shop/mobile/"},
		"disabled": {func(v *vault, c models.Credential) error {
			_, err := v.SetCredentialEnabled(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version, false)
			return err
		}, "CLIENT//mobile/ USER/Shop/mobile/"},
		"renamed": {func(v *vault, c models.Credential) error {
			d := c.Draft()
			d.Name = "other"
			_, err := v.update(c, d)
			return err
		}, "CLIENT//mobile/ USER/Shop/mobile/"},
		"given a new secret": {func(v *vault, c models.Credential) error {
			_, _, err := v.RotateCredentialSecret(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version)
			return err
		}, "CLIENT//mobile/production USER/Shop/mobile/production"},
		"shut out of one environment": {func(v *vault, c models.Credential) error {
			d := c.Draft()
			d.Environments[0].Disabled = true
			_, err := v.update(c, d)
			return err
		}, "CLIENT//mobile/test USER/Shop/mobile/test"},
		"described anew": {func(v *vault, c models.Credential) error {
			d := c.Draft()
			d.Description = "new"
			_, err := v.update(c, d)
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			saved := v.save(draft("mobile", func(d *models.CredentialDraft) {
				d.Environments = []models.CredentialOverride{{Environment: "test", OwnSecret: true, Secret: secret.New("another-secret-1")}}
			}))
			if err := c.do(v, saved); err != nil {
				t.Fatal(err)
			}
			got := scalar[string](t, connect(t, v.url), `select coalesce(string_agg(r.kind || '/' || r.project || '/' || r.key || '/' || coalesce(e.name, ''), ' ' order by r.kind), '')
				from revocations r left join environments e on e.id = r.environment_id`)
			if got != c.want {
				t.Errorf("revoked %q, want %q", got, c.want)
			}
		})
	}
}

func TestAttackTheAuditOfCredentialsHoldsNoSecret(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := v.save(draft("mobile", func(d *models.CredentialDraft) {
		d.Metadata = []models.Metadata{{Key: "pin", Secret: true, SecretValue: secret.New("metadata-secret-0451")}, {Key: "open", Value: "shown"}}
		d.Environments = []models.CredentialOverride{{Environment: "test", OwnSecret: true, Secret: secret.New("another-secret-1")}}
	}))
	d := c.Draft()
	d.Metadata[0].SecretValue = secret.New("metadata-secret-0452")
	d.Secret = secret.New("third-secret-9-8-7")
	c, err := v.update(c, d)
	if err != nil {
		t.Fatal(err)
	}
	c, fresh, err := v.RotateCredentialSecret(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteCredential(t.Context(), modelstest.By(), v.project.ID, c.ID, c.Version); err != nil {
		t.Fatal(err)
	}
	all := scalar[string](t, connect(t, v.url), "select string_agg(audit_records::text, ' ') from audit_records")
	for _, hidden := range []string{typedSecret, "metadata-secret", "another-secret-1", "third-secret", fresh.Reveal(), "argon2id"} {
		if strings.Contains(all, hidden) {
			t.Errorf("the audit holds %q", hidden)
		}
	}
	records, _, err := v.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindCredential})
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	update, err := v.AuditRecord(t.Context(), models.Everywhere, records[2].ID)
	if err != nil {
		t.Fatal(err)
	}
	var side struct {
		Metadata []struct{ SecretValue string }
	}
	if err := json.Unmarshal(update.After, &side); err != nil || side.Metadata[0].SecretValue != "changed" {
		t.Errorf("the record says %+v of the secret entry, %v", side, err)
	}
	if err := json.Unmarshal(update.Before, &side); err != nil || side.Metadata[0].SecretValue != "stored" {
		t.Errorf("the record says %+v of the secret entry before, %v", side, err)
	}
}

func TestAttackASealedValueDoesNotOpenElsewhere(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	entry := meta(models.Metadata{Key: "pin", Secret: true, SecretValue: secret.New("0451"), IncludeInTokenResponse: true})
	v.save(draft("victim", entry))
	v.save(draft("thief", entry))
	if _, err := connect(t, v.url).Exec(t.Context(), "update credentials set metadata = (select metadata from credentials where name = 'victim') where name = 'thief'"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Bundle(t.Context(), "production"); err == nil {
		t.Error("a value sealed for one credential opened in another")
	}
}
