package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestKeyUsesFollowWhatIsDeployed(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	named := models.KeySlot{Environment: "production", ProjectID: v.project, Name: "Partner", Algorithm: keys.ES256}
	if _, err := v.RotateKey(t.Context(), by, named, ""); err != nil {
		t.Fatal(err)
	}
	v.deploy(t, "carts", lasting(2, issue.Hours))
	v.deploy(t, "Bills", lasting(1, issue.Hours))
	v.deploy(t, "asleep", func(c *jwtauth.Config) { c.Active = false })
	gone := v.deploy(t, "gone", lasting(1, issue.Hours))
	if _, err := v.Undeploy(t.Context(), by, v.project, gone.ID, "production"); err != nil {
		t.Fatal(err)
	}
	moved := v.deploy(t, "orders", lasting(1, issue.Hours))
	c := moved.Bindings[0].Policy
	_, err := v.SavePolicy(t.Context(), by, v.project, c.ID, c.Version, modelstest.JWT("orders", func(c *jwtauth.Config) {
		c.SigningKeyName, c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = "partner", true, 0, ""
	}))
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, v, "Bills 1h0m0s 3", "carts 2h0m0s 3", "orders 1h0m0s 3")
	modelstest.Deploy(t, v.Store, moved, "production")
	wantUses(t, v, "Bills 1h0m0s 2", "carts 2h0m0s 2", "orders 0s 1")

	for slot, want := range map[models.KeySlot]string{v.slot: "Bills of 2", named: "orders of 1"} {
		uses, err := v.KeyUsesOf(t.Context(), slot, 1)
		if err != nil || len(uses) != 1 || fmt.Sprintf("%s of %d", uses[0].Proxy, uses[0].Of) != want || !uses[0].In(slot) {
			t.Errorf("%s is used by %+v, %v; want %s", slot, uses, err, want)
		}
	}
	if err := v.DeleteOwner(t.Context(), by, v.project, moved.ID, moved.Version); err != nil {
		t.Fatal(err)
	}
	wantUses(t, v, "Bills 1h0m0s 2", "carts 2h0m0s 2")
}

// wantUses compares the uses in production as "proxy lifetime count".
func wantUses(t *testing.T, v keyVault, want ...string) {
	t.Helper()
	uses, err := v.KeyUses(t.Context(), "production", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range uses {
		got = append(got, fmt.Sprintf("%s %s %d", u.Proxy, u.Lifetime.Round(time.Second), u.Of))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// deployed is how many proxies the benchmarks of keys run.
const deployed = 10_000

// crowd deploys many proxies like one, a third each with ES256, with RS256 and
// with the named key "partner".
func crowd(b *testing.B, url string, s *models.Store) {
	b.Helper()
	project := modelstest.Project(b, s, "Shop")
	p := modelstest.Proxy(b, s, project.ID, "orders", func(p *models.Owner) {
		for _, path := range []string{"/pets", "/pets/{id}", "/carts", "/carts/{id}", "/orders"} {
			p.Endpoints = append(p.Endpoints, models.Endpoint{Method: "GET", Path: path})
		}
	})
	p = modelstest.Bind(b, s, p, modelstest.Policy(b, s, project.ID, "standard"))
	modelstest.Deploy(b, s, p, "production")
	for _, sql := range []string{
		`insert into owners select gen_random_uuid(), project_id, 'proxy-' || n, description, 'client-' || n, client_secret_hash, '/p' || n, methods,
			upstream_url, connect_timeout, response_timeout, version, created_at, created_by, updated_at, updated_by
			from owners cross join generate_series(2, ` + fmt.Sprint(deployed) + `) n`,
		`insert into revisions (id, owner_id, environment_id, number, definition, digest, note, created_at, created_by)
			select gen_random_uuid(), x.id, r.environment_id, 1,
				replace(r.definition::text, '"jwtSignatureAlgorithm":"ES256"', (array['"jwtSignatureAlgorithm":"ES256"', '"jwtSignatureAlgorithm":"RS256"',
					'"signingKeyName":"partner","jwtSignatureAlgorithm":"ES256"'])[1 + substr(x.name, 7)::int % 3])::json,
				r.digest, r.note, r.created_at, r.created_by
			from revisions r cross join owners x where x.name like 'proxy-%'`,
		`insert into deployments select owner_id, environment_id, id, created_at, created_by from revisions r where not exists (select from deployments where owner_id = r.owner_id)`,
		`analyze`,
	} {
		if _, err := connect(b, url).Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKeysOfManyProxies is what the list of keys asks for beside the keys.
// The page has 50 ms (product.md, "How the console behaves").
func BenchmarkKeysOfManyProxies(b *testing.B) {
	url := modelstest.Database(b)
	s := modelstest.Open(b, url)
	modelstest.Environment(b, s, "production")
	crowd(b, url, s)
	for b.Loop() {
		uses, err := s.KeyUses(b.Context(), "production", 3)
		if err != nil || len(uses) != 9 {
			b.Fatal(len(uses), err)
		}
	}
}
