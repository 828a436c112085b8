package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// directory is a kind of identity source with an address and two secrets.
type directory = modelstest.Directory

func newSourceBench(t *testing.T) bench {
	t.Helper()
	url := modelstest.Database(t)
	s := modelstest.Open(t, url)
	modelstest.Environment(t, s, "production")
	modelstest.Environment(t, s, "test")
	return bench{Store: s, project: modelstest.Project(t, s, "Shop").ID, url: url}
}

func ldap(name string) *directory { return modelstest.NewDirectory(identity.LDAP, name) }

func bindPassword(text string) map[string]secret.Text {
	return map[string]secret.Text{"bindPassword": secret.New(text)}
}

func (b bench) source(t *testing.T, c identity.Config, secrets map[string]secret.Text) models.IdentitySource {
	t.Helper()
	src, err := b.SaveIdentitySource(t.Context(), by, b.project, "", 0, c, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// secrets are what a node would get of the source.
func (b bench) secrets(t *testing.T, name string) map[string]string {
	t.Helper()
	bundle, err := b.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range bundle.Sources {
		if s.Name != name {
			continue
		}
		out := map[string]string{}
		for k, v := range s.Secrets {
			out[k] = v.Reveal()
		}
		return out
	}
	t.Fatalf("no source %s in the bundle", name)
	return nil
}

// userPolicy checks users against a source.
func userPolicy(source string) func(*jwtauth.Config) {
	return func(c *jwtauth.Config) {
		c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, source
	}
}

func TestSaveIdentitySource(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	c := ldap("Staff")
	c.Description = "All of us."
	saved := b.source(t, c, bindPassword("s3cret"))
	got, err := b.IdentitySource(t.Context(), b.project, "sTAFF")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, got); diff != "" {
		t.Errorf("saved and read differ (-saved +read):\n%s", diff)
	}
	if diff := cmp.Diff(identity.Config(c), got.Config); diff != "" {
		t.Errorf("configuration (-written +read):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bindPassword"}, got.Secrets); diff != "" || got.Kind != identity.LDAP || got.Version != 1 {
		t.Errorf("got %+v; secrets (-want +got):\n%s", got, diff)
	}
	byID, err := b.IdentitySourceByID(t.Context(), b.project, saved.ID)
	if diff := cmp.Diff(saved, byID); err != nil || diff != "" {
		t.Errorf("by id: %v\n%s", err, diff)
	}
}

func TestSavingASourceRaisesEveryEnvironment(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	before := map[string]int64{}
	for _, e := range []string{"production", "test"} {
		before[e], _ = b.Generation(t.Context(), e)
	}
	b.source(t, ldap("Staff"), nil)
	for e, g := range before {
		if now, err := b.Generation(t.Context(), e); err != nil || now <= g {
			t.Errorf("generation of %s: %d after %d, %v", e, now, g, err)
		}
	}
}

func TestSecretsStayChangeAndGo(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), map[string]secret.Text{"bindPassword": secret.New("one"), "clientKey": secret.New("key")})
	steps := []struct {
		name  string
		given map[string]secret.Text
		want  map[string]string
	}{
		{"an absent secret stays", nil, map[string]string{"bindPassword": "one", "clientKey": "key"}},
		{"a named one changes", bindPassword("two"), map[string]string{"bindPassword": "two", "clientKey": "key"}},
		{"an empty one goes", map[string]secret.Text{"clientKey": {}}, map[string]string{"bindPassword": "two"}},
	}
	for _, step := range steps {
		var err error
		if src, err = b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, ldap("Staff"), step.given); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, b.secrets(t, "Staff")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// ATTACK: whoever may edit a source points it at a server of their own and has
// the stored password sent there.
func TestAttackAStoredSecretDoesNotGoToANewAddress(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), bindPassword("s3cret"))
	moved := ldap("Staff")
	moved.Server = "ldaps://evil.example"

	_, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, moved, nil)
	wantProblem(t, err, "bindPassword")
	_, err = b.SecretsForTest(t.Context(), b.project, src.ID, moved, nil)
	wantProblem(t, err, "bindPassword")

	if _, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, moved, bindPassword("again")); err != nil {
		t.Errorf("with the secret entered again: %v", err)
	}
}

// ATTACK: the id of somebody else's source gives away its secret to a test.
func TestAttackSecretsForATestAreThoseOfTheProjectAndKind(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), bindPassword("s3cret"))
	other := modelstest.Project(t, b.Store, "Other").ID
	_, err := b.SecretsForTest(t.Context(), other, src.ID, ldap("Staff"), nil)
	wantNotFound(t, err)
	api := ldap("Staff")
	api.Kind = identity.API
	_, err = b.SecretsForTest(t.Context(), b.project, src.ID, api, nil)
	wantNotFound(t, err)
}

func TestSecretsForTestAreThoseOfASave(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), bindPassword("s3cret"))
	got, err := b.SecretsForTest(t.Context(), b.project, src.ID, ldap("Staff"), map[string]secret.Text{"clientKey": secret.New("new")})
	if err != nil || got["bindPassword"].Reveal() != "s3cret" || got["clientKey"].Reveal() != "new" || len(got) != 2 {
		t.Errorf("got %d secrets, %v", len(got), err)
	}
	if stored := b.secrets(t, "Staff"); len(stored) != 1 {
		t.Error("the test saved something")
	}
}

func TestWhatIsWrongWithASource(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	b.source(t, ldap("Staff"), nil)
	tests := []struct {
		name   string
		change func(*directory)
		given  map[string]secret.Text
		field  string
	}{
		{"a name that is taken in another case", func(d *directory) { d.Name = "sTAFF" }, nil, "name"},
		{"no name", func(d *directory) { d.Name = "" }, nil, "name"},
		{"no server", func(d *directory) { d.Server = " " }, nil, "server"},
		{"a kind that nobody knows", func(d *directory) { d.Kind = "MAGIC" }, nil, "kind"},
		{"a secret that the kind has not", func(*directory) {}, map[string]secret.Text{"other": secret.New("x")}, "other"},
		{"a secret that does not fit", func(*directory) {}, map[string]secret.Text{"clientKey": secret.New("not a key")}, "clientKey"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := ldap("New " + tt.field)
			tt.change(c)
			_, err := b.SaveIdentitySource(t.Context(), by, b.project, "", 0, c, tt.given)
			wantProblem(t, err, tt.field)
		})
	}
	if msg, err := b.IdentitySourceNameProblem(t.Context(), b.project, "STAFF", ""); err != nil || msg == "" {
		t.Errorf("name problem of a taken name: %q, %v", msg, err)
	}
	if msg, err := b.IdentitySourceNameProblem(t.Context(), b.project, "free", ""); err != nil || msg != "" {
		t.Errorf("name problem of a free name: %q, %v", msg, err)
	}
}

func TestTheKindOfASourceStays(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), nil)
	c := ldap("Staff")
	c.Kind = identity.API
	_, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, c, nil)
	wantProblem(t, err, "kind")
}

func TestAStaleSaveOfASourceShowsTheOtherSide(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), nil)
	mine, theirs := ldap("Staff"), ldap("Staff")
	theirs.Description = "theirs"
	if _, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, theirs, nil); err != nil {
		t.Fatal(err)
	}
	_, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, mine, nil)
	stale := wantStale(t, err)
	if now, ok := stale.Current.(models.IdentitySource); !ok || now.Description != "theirs" || stale.Version != 2 {
		t.Errorf("stale = %+v", stale)
	}
	wantStale(t, b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, 1))
	if err := b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, 2); err != nil {
		t.Fatal(err)
	}
	_, err = b.SaveIdentitySource(t.Context(), by, b.project, src.ID, 2, mine, nil)
	if stale := wantStale(t, err); !stale.Deleted {
		t.Error("the deletion is not told")
	}
}

func TestOneOfTwoSourcesSavedAtOnceWithOneNameIsRefused(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = b.SaveIdentitySource(t.Context(), by, b.project, "", 0, ldap("Staff"), nil) })
	}
	wg.Wait()
	saved := 0
	for _, err := range errs {
		if err == nil {
			saved++
			continue
		}
		wantProblem(t, err, "name")
	}
	if saved != 1 {
		t.Errorf("%d were saved", saved)
	}
}

func TestAPolicyNamesSourcesThatExist(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	b.source(t, ldap("Staff"), nil)
	api := ldap("Renewal")
	api.Kind = identity.API
	b.source(t, api, nil)
	other := bench{Store: b.Store, project: modelstest.Project(t, b.Store, "Other").ID}
	other.source(t, ldap("Elsewhere"), nil)

	tests := []struct {
		name   string
		change func(*jwtauth.Config)
		field  string
	}{
		{"one that does not exist", userPolicy("Nobody"), "identityProviderName"},
		{"one of another project", userPolicy("Elsewhere"), "identityProviderName"},
		{"one of another kind", userPolicy("Renewal"), "identityProviderName"},
		{"a regenerator that is no API", func(c *jwtauth.Config) {
			userPolicy("Renewal")(c)
			c.AuthenticationType, c.JWTRegeneratorAPIName = identity.API, "Staff"
		}, "jwtRegeneratorApiName"},
		{"a source of roles that does not exist", func(c *jwtauth.Config) {
			userPolicy("Staff")(c)
			c.Authorization = jwtauth.Authorization{
				EnableAuthorization: true, AuthorizationType: identity.LDAP, AuthorizationProviderName: "Nobody", CredentialRoleNameList: []string{"admin"},
			}
		}, "authorization.authorizationProviderName"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Policy "+tt.name, tt.change))
			wantProblem(t, err, tt.field)
		})
	}
	if _, err := b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Fine", userPolicy("sTAFF"))); err != nil {
		t.Errorf("one that exists, in another case: %v", err)
	}
}

func TestASourceInUseCanNeitherBeDeletedNorRenamed(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), nil)
	p, err := b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Users", userPolicy("Staff")))
	if err != nil {
		t.Fatal(err)
	}
	err = b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, src.Version)
	inUse := new(models.SourceInUseError)
	if !errors.As(err, &inUse) {
		t.Fatalf("delete = %v", err)
	}
	want := []models.IdentitySourceUse{{PolicyID: p.ID, Policy: "Users", Type: jwtauth.TypeName, Fields: []string{"identityProviderName"}, Purposes: []policy.Purpose{policy.Login}}}
	if diff := cmp.Diff(want, inUse.Uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	_, err = b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, ldap("People"), nil)
	wantProblem(t, err, "name")
	if list, _, err := b.IdentitySources(t.Context(), b.project, models.IdentitySourceFilter{}); err != nil || list[0].Used != 1 {
		t.Errorf("list = %+v, %v", list, err)
	}

	if _, err := b.SavePolicy(t.Context(), by, b.project, p.ID, p.Version, modelstest.JWT("Users")); err != nil {
		t.Fatal(err)
	}
	if src, err = b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, ldap("People"), nil); err != nil {
		t.Errorf("rename of one that nobody names any more: %v", err)
	}
	if err := b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, src.Version); err != nil {
		t.Errorf("delete of one that nobody names any more: %v", err)
	}
}

// What is deployed goes on naming a source when the policy no longer does.
func TestASourceThatOnlyARevisionNamesIsInUse(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	name := `Staff "A&B" <ü>`
	src := b.source(t, ldap(name), nil)
	p, err := b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Users", userPolicy(name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.deployWith(t, p.ID); err != nil {
		t.Fatal(err)
	}
	uses, err := b.IdentitySourceUses(t.Context(), b.project, src.ID)
	want := []models.IdentitySourceUse{{
		PolicyID: p.ID, Policy: "Users", Type: jwtauth.TypeName, Fields: []string{"identityProviderName"}, Purposes: []policy.Purpose{policy.Login}, Environments: []string{"production"},
	}}
	if diff := cmp.Diff(want, uses); err != nil || diff != "" {
		t.Errorf("uses while both name it: %v (-want +got):\n%s", err, diff)
	}
	if _, err := b.SavePolicy(t.Context(), by, b.project, p.ID, p.Version, modelstest.JWT("Users")); err != nil {
		t.Fatal(err)
	}
	uses, err = b.IdentitySourceUses(t.Context(), b.project, src.ID)
	want = []models.IdentitySourceUse{{
		Policy: "Users", Type: jwtauth.TypeName, Proxy: "orders", Fields: []string{"identityProviderName"}, Purposes: []policy.Purpose{policy.Login}, Environments: []string{"production"},
	}}
	if diff := cmp.Diff(want, uses); err != nil || diff != "" {
		t.Errorf("uses while only the revision names it: %v (-want +got):\n%s", err, diff)
	}
	if err := b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, src.Version); !errors.As(err, new(*models.SourceInUseError)) {
		t.Errorf("delete = %v", err)
	}
}

func (b bench) deployWith(t *testing.T, policyID string) error {
	t.Helper()
	x := modelstest.Proxy(t, b.Store, b.project, "orders")
	if _, err := b.AddBinding(t.Context(), by, b.project, x.ID, x.Version, models.NewBinding{Scope: "ALL", Pipeline: "REQUEST", PolicyID: policyID}); err != nil {
		return err
	}
	_, err := b.Deploy(t.Context(), by, b.project, x.ID, "production", "")
	return err
}

// Of a policy that begins to name a source and a deletion of the source at the
// same moment, one is refused.
func TestASourceIsNotDeletedUnderAPolicyThatIsBeingSaved(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	for i := range 8 {
		name := fmt.Sprint("Staff ", i)
		src := b.source(t, ldap(name), nil)
		var saved, deleted error
		var wg sync.WaitGroup
		wg.Go(func() {
			_, saved = b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Policy of "+name, userPolicy(name)))
		})
		wg.Go(func() { deleted = b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, src.Version) })
		wg.Wait()
		if (saved == nil) == (deleted == nil) {
			t.Errorf("save: %v, delete: %v", saved, deleted)
		}
	}
}

func TestIdentitySourcesAreListedFilteredAndSorted(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	for _, name := range []string{"beta", "Alpha", "gamma"} {
		c := ldap(name)
		if name == "gamma" {
			c.Kind, c.Description = identity.API, "100% of them"
		}
		b.source(t, c, nil)
	}
	tests := []struct {
		name   string
		filter models.IdentitySourceFilter
		want   []string
	}{
		{"by name without case", models.IdentitySourceFilter{}, []string{"Alpha", "beta", "gamma"}},
		{"the other way round", models.IdentitySourceFilter{Desc: true}, []string{"gamma", "beta", "Alpha"}},
		{"of a kind", models.IdentitySourceFilter{Kind: identity.API}, []string{"gamma"}},
		{"with a text", models.IdentitySourceFilter{Query: "ALPH"}, []string{"Alpha"}},
		{"with a text that SQL would read", models.IdentitySourceFilter{Query: "100%"}, []string{"gamma"}},
		{"sorted by what nobody may sort by", models.IdentitySourceFilter{Sort: "secrets; drop table"}, []string{"Alpha", "beta", "gamma"}},
		{"sorted by use", models.IdentitySourceFilter{Sort: "used", Desc: true}, []string{"Alpha", "beta", "gamma"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			list, total, err := b.IdentitySources(t.Context(), b.project, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range list {
				names = append(names, s.Name)
			}
			if diff := cmp.Diff(tt.want, names); diff != "" || total != len(tt.want) {
				t.Errorf("total %d (-want +got):\n%s", total, diff)
			}
		})
	}
}

// ATTACK: secrets reach whoever reads the audit, a backup or an error.
func TestAttackSecretsOfASourceAreNowhereInTheOpen(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), bindPassword("hunter2one"))
	src, err := b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, ldap("Staff"), bindPassword("hunter2two"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteIdentitySource(t.Context(), by, b.project, src.ID, src.Version); err != nil {
		t.Fatal(err)
	}
	b.source(t, ldap("Again"), bindPassword("hunter2three"))
	list, _, err := b.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindIdentitySource})
	if err != nil || len(list) != 4 {
		t.Fatalf("%d records, %v", len(list), err)
	}
	var words []string
	for _, r := range list {
		r, err := b.AuditRecord(t.Context(), models.Everywhere, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, string(r.Before)+string(r.After))
	}
	all := strings.Join(words, "\n")
	if strings.Contains(all, "hunter2") {
		t.Errorf("the audit holds a secret:\n%s", all)
	}
	if !strings.Contains(all, `"changed"`) || !strings.Contains(all, `"set"`) {
		t.Errorf("the audit does not say what happened to secrets:\n%s", all)
	}
	dump := dumpOf(t, b.url, "identity_sources")
	if strings.Contains(dump, "hunter2") || !strings.Contains(dump, "Again") {
		t.Errorf("the table holds a secret in the open, or nothing:\n%s", dump)
	}
}

func dumpOf(t *testing.T, url, table string) string {
	t.Helper()
	rows, err := connect(t, url).Query(t.Context(), "select t::text || encode(secrets, 'escape') from "+table+" t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all.WriteString(line)
	}
	return all.String()
}

// ATTACK: sealed secrets copied onto the row of another source.
func TestAttackSecretsMovedToAnotherSourceDoNotOpen(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	b.source(t, ldap("Staff"), bindPassword("s3cret"))
	b.source(t, ldap("Evil"), bindPassword("other"))
	_, err := connect(t, b.url).Exec(t.Context(), `update identity_sources set secrets = (select secrets from identity_sources where name = 'Staff') where name = 'Evil'`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Bundle(t.Context(), "production"); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("Bundle = %v, want ErrSealed", err)
	}
}

func TestABundleHasAllSourcesWithTheirSecrets(t *testing.T) {
	t.Parallel()
	b := newSourceBench(t)
	src := b.source(t, ldap("Staff"), bindPassword("s3cret"))
	digest := func() string {
		bundle, err := b.Bundle(t.Context(), "test")
		if err != nil || len(bundle.Sources) != 1 {
			t.Fatalf("%d sources, %v", len(bundle.Sources), err)
		}
		got := bundle.Sources[0]
		if got.ID != src.ID || got.Project != "Shop" || got.Name != "Staff" || got.Secrets["bindPassword"].IsZero() {
			t.Errorf("source %+v", got)
		}
		if _, err := modelstest.Kinds().Decode(got.Definition); err != nil {
			t.Errorf("definition: %v", err)
		}
		return got.Digest
	}
	var seen []string
	next := func(change func(*directory), given map[string]secret.Text) {
		c := ldap("Staff")
		change(c)
		var err error
		if src, err = b.SaveIdentitySource(t.Context(), by, b.project, src.ID, src.Version, c, given); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, digest())
	}
	seen = append(seen, digest())
	next(func(*directory) {}, nil)
	if seen[0] != seen[1] {
		t.Error("the digest changed with nothing")
	}
	next(func(*directory) {}, bindPassword("other"))
	next(func(d *directory) { d.TimeoutMillis = 700 }, nil)
	if slices.Sort(seen); len(slices.Compact(seen)) != 3 {
		t.Error("the digest stayed over a change")
	}
}
