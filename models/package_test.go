package models_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
)

// exported is the package of a whole project, as it is written and read again.
func exported(t *testing.T, b bench, selections ...models.ExportSelection) (archive.Package, []byte) {
	t.Helper()
	selection := models.ExportSelection{All: true}
	if len(selections) > 0 {
		selection = selections[0]
	}
	p, err := b.Export(t.Context(), b.project, selection)
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	if err := archive.Write(&w, p); err != nil {
		t.Fatal(err)
	}
	if p, err = archive.Read(w.Bytes()); err != nil {
		t.Fatal(err)
	}
	return p, w.Bytes()
}

func planPackage(t *testing.T, b bench, p archive.Package, c models.PackageChoices) models.PackagePlan {
	t.Helper()
	plan, err := b.PlanPackage(t.Context(), b.project, p, c)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// imported plans and applies.
func imported(t *testing.T, b bench, p archive.Package, c models.PackageChoices) models.PackageResult {
	t.Helper()
	plan := planPackage(t, b, p, c)
	r, err := b.ApplyPackage(t.Context(), by, b.project, p, c, plan.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// planText is a plan in one line for each object.
func planText(p models.PackagePlan) string {
	var b strings.Builder
	for _, l := range p.Lines {
		fmt.Fprintf(&b, "%s %s %s", l.Action, l.Ref.Kind.Label(), l.Name)
		if len(l.Changes) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(l.Changes, ", "))
		}
		for _, p := range l.Problems {
			fmt.Fprintf(&b, " [%s]", p.Field)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// chance makes configurations of every kind.
type chance struct {
	*rand.Rand
	bench
	t         *testing.T
	variables []string
	roles     []string
	sources   []models.IdentitySource
	policies  []models.Policy
	groups    []models.Owner
	proxies   []models.Owner
	named     int
}

// name is one of those that break things: Turkish, long, with blanks and marks.
func (c *chance) name() string {
	c.named++
	part := []string{"İstanbul ığdır", "Şube+Çağrı", strings.Repeat("ö", 90), "A & B <x>", "日本", "plain-name", "with.dots..", "CON", "ẞtraße"}
	return fmt.Sprintf("%s %d", part[c.IntN(len(part))], c.named)
}

func (c *chance) some(n int) bool { return c.IntN(n) == 0 }

func one[T any](c *chance, list []T) T { return list[c.IntN(len(list))] }

func (c *chance) fill() {
	for range 3 + c.IntN(3) {
		c.variable()
		c.role()
		c.source()
	}
	for range 4 + c.IntN(4) {
		c.policies = append(c.policies, c.saved(c.policy()))
	}
	for range 2 + c.IntN(3) {
		c.group()
	}
	for range 3 + c.IntN(4) {
		c.proxy()
	}
	for range 1 + c.IntN(2) {
		c.proxyGroup()
	}
}

func (c *chance) variable() {
	v := one(c, []condition.Variable{
		{Type: condition.Header, HeaderName: "X-Tenant"},
		{Type: condition.Parameter, ParamType: condition.Query, ParamName: "ş & q"},
		{Type: condition.Context, ContextValue: "REQUEST_HTTP_METHOD"},
	})
	v.Name, v.Description = c.name(), one(c, []string{"", "Ne için: <b>"})
	saved, err := c.SaveVariable(c.t.Context(), by, c.project, "", 0, v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.variables = append(c.variables, saved.Definition.Name)
}

func (c *chance) role() {
	c.named++
	r, err := c.SaveRole(c.t.Context(), by, c.project, "", 0, fmt.Sprintf("%s:%d", one(c, []string{"okuma", "Yazma", "ÇOK"}), c.named), one(c, []string{"", "Bir rol."}))
	if err != nil {
		c.t.Fatal(err)
	}
	c.roles = append(c.roles, r.Name)
}

func (c *chance) source() {
	d := modelstest.NewDirectory(one(c, []identity.KindName{identity.LDAP, identity.Database, identity.API}), c.name())
	d.Claims, d.CacheSeconds = one(c, [][]string{nil, {"a&b", "ğ"}}), c.IntN(100)
	secrets := map[string]secret.Text{}
	if c.some(2) {
		secrets["bindPassword"] = secret.New("hunter2-of-the-directory")
	}
	s, err := c.SaveIdentitySource(c.t.Context(), by, c.project, "", 0, d, secrets)
	if err != nil {
		c.t.Fatal(err)
	}
	c.sources = append(c.sources, s)
}

func (c *chance) policy() *jwtauth.Config {
	return modelstest.JWT(c.name(), func(p *jwtauth.Config) {
		p.Description, p.Active = one(c, []string{"", "Açıklama & more"}), !c.some(4)
		p.TokenExpiresInAmount = int64(1 + c.IntN(50))
		if c.some(2) {
			s := one(c, c.sources)
			p.GrantType, p.AuthenticationType, p.IdentityProviderName = issue.Password, s.Kind, s.Name
		}
		if c.some(2) {
			p.Authorization = jwtauth.Authorization{EnableAuthorization: true, CredentialRoleNameList: []string{one(c, c.roles), "of-a-directory"}}
		}
		if c.some(2) {
			p.Condition = c.condition()
		}
		if c.some(2) {
			p.Custom.Messages = []fault.Message{{Type: one(c, jwtauth.Type().Faults), Text: "Olmadı: ${ORTAM}", Rules: []fault.Rule{
				{Name: "Kural", Condition: c.condition(), Text: `{"m":"<#message#>"}`, Status: 418},
			}}}
		}
	})
}

func (c *chance) condition() condition.Condition {
	rule := func() condition.Rule {
		return condition.Rule{Criteria: condition.Value, First: &condition.Variable{Name: one(c, c.variables)}, Operator: "EQ", SecondValue: one(c, []string{"${ORTAM}", "ı<ş"})}
	}
	rules := []condition.Rule{rule()}
	if c.some(2) {
		rules = []condition.Rule{{Criteria: condition.Or, Rules: []condition.Rule{rule(), rule()}}}
	}
	return condition.Condition{Rules: rules}
}

func (c *chance) saved(p *jwtauth.Config) models.Policy {
	saved, err := c.SavePolicy(c.t.Context(), by, c.project, "", 0, p)
	if err != nil {
		c.t.Fatal(err)
	}
	return saved
}

func (c *chance) group() {
	g, _, err := c.SavePolicyGroup(c.t.Context(), by, c.project, models.Owner{
		Name: c.name(), Description: "Grup", Active: c.some(2), Pipeline: policy.Request, Rank: c.IntN(9), MakeDefault: c.some(3),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for range c.IntN(4) {
		g = c.bind(g, models.NewBinding{Scope: policy.All})
	}
	c.groups = append(c.groups, g)
}

// bind binds a global policy, a local one or a group that is not in the lane.
func (c *chance) bind(o models.Owner, b models.NewBinding) models.Owner {
	b.Pipeline = policy.Request
	switch n := c.IntN(3); {
	case n == 0 && o.Kind != engine.KindPolicyGroup:
		b.GroupID = one(c, c.groups).ID
	case n == 1:
		b.PolicyID = one(c, c.policies).ID
	default:
		b.Local = c.policy()
	}
	_, err := c.AddBinding(c.t.Context(), by, c.project, o.ID, o.Version, b)
	if problem.Of(err).For("groupId") == "" && err != nil {
		c.t.Fatal(err)
	}
	return modelstest.Reload(c.t, c.Store, o)
}

func (c *chance) templates() *fault.Bodies {
	return one(c, []*fault.Bodies{nil, {JSON: fault.Body{Enabled: true, Text: `{"ş":"<#message#> ${ORTAM}"}`}, Upstream: true}})
}

func (c *chance) upstream() engine.Upstream {
	u := engine.Upstream{URL: "http://127.0.0.1:9/a", ConnectTimeout: c.IntN(2) * 1500}
	if c.some(2) {
		return u
	}
	u.Weight, u.Choice = one(c, []int{0, 7, engine.DefaultWeight}), one(c, []engine.Choice{"", engine.RoundRobin, engine.LeastConnections})
	u.Further = one(c, [][]engine.Address{nil, {}, {{URL: "http://127.0.0.1:10/b", Weight: c.IntN(3)}, {URL: "http://127.0.0.1:11"}}})
	u.Breaker = engine.Breaker{Failures: c.IntN(7), Unavailable: c.some(2), Refuse: c.some(2)}
	u.Check = one(c, []*engine.HealthCheck{nil, {Path: "/health", Interval: engine.DefaultCheckInterval, From: 204, To: 204}})
	u.Retry = engine.Retry{Count: c.IntN(3), Unavailable: c.some(2)}
	return u
}

func (c *chance) proxy() {
	p := models.Owner{
		Name: c.name(), Description: one(c, []string{"", "Siparişler & more"}), Upstream: c.upstream(),
		ErrorTemplates: c.templates(),
	}
	p.Route = engine.Route{BasePath: fmt.Sprintf("/p%d", c.named), Hosts: one(c, [][]string{nil, {"z.example.com", "a.example.com"}}), Methods: one(c, [][]string{nil, {"POST", "GET"}})}
	for n := range c.IntN(4) {
		p.Endpoints = append(p.Endpoints, models.Endpoint{Method: one(c, []string{"GET", "PUT"}), Path: fmt.Sprintf("/z%d/{id}", 9-n), Description: "Uç"})
	}
	saved, _, err := c.SaveProxy(c.t.Context(), by, c.project, p)
	if err != nil {
		c.t.Fatal(err)
	}
	for range c.IntN(6) {
		b := models.NewBinding{Scope: policy.All}
		if len(saved.Endpoints) > 0 && c.some(2) {
			b.Scope, b.EndpointID = policy.Endpoint, one(c, saved.Endpoints).ID
		}
		saved = c.bind(saved, b)
	}
	c.shuffle(saved)
	c.proxies = append(c.proxies, modelstest.Reload(c.t, c.Store, saved))
}

// shuffle puts a lane into an order that ranks would not give.
func (c *chance) shuffle(o models.Owner) {
	var ids []string
	for _, b := range o.Bindings {
		if b.EndpointID == "" {
			ids = append(ids, b.ID)
		}
	}
	c.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	if err := c.OrderBindings(c.t.Context(), by, c.project, o.ID, o.Version, policy.Request, ids); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chance) proxyGroup() {
	g := models.Owner{Name: c.name(), Route: engine.Route{BasePath: fmt.Sprintf("/g%d", c.named)}, BlockDirectAccess: c.some(2), ErrorTemplates: c.templates()}
	for _, n := range c.Perm(len(c.proxies))[:1+c.IntN(2)] {
		g.Members = append(g.Members, models.Member{ID: c.proxies[n].ID})
	}
	saved, _, err := c.SaveProxyGroup(c.t.Context(), by, c.project, g)
	if err != nil {
		c.t.Fatal(err)
	}
	for range c.IntN(4) {
		saved = c.bind(saved, models.NewBinding{Scope: policy.All})
	}
}

func TestExportImportExportGivesIdenticalBytes(t *testing.T) {
	t.Parallel()
	for range 8 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			from := newBench(t)
			c := &chance{Rand: rand.New(rand.NewPCG(seed, 1)), bench: from, t: t}
			c.fill()
			p, first := exported(t, from)
			if bytes.Contains(first, []byte("hunter2")) {
				t.Error("the package holds a secret")
			}
			to := newBench(t)
			r := imported(t, to, p, nil)
			if got := r.Plan.Count(models.PackageCreate); got != len(p.Objects) {
				t.Errorf("created %d of %d:\n%s", got, len(p.Objects), planText(r.Plan))
			}
			if owners := len(c.groups) + len(c.proxies); len(r.KeyPairs) <= owners {
				t.Errorf("%d key pairs for more than %d owners", len(r.KeyPairs), owners)
			}
			again, _ := exported(t, to)
			if c := withoutSecrets(again, p); c != "" {
				t.Errorf("the second export differs (-second +first):\n%s", c)
			}
			plan := planPackage(t, to, p, nil)
			if plan.Count(models.PackageSkip) != len(p.Objects) {
				t.Errorf("importing it again changes something:\n%s", planText(plan))
			}
			supply := models.PackageChoices{}
			for _, o := range p.Objects {
				if s, ok := o.(*archive.IdentitySource); ok && len(s.Secrets) > 0 {
					supply[s.Ref().Key()] = models.PackageChoice{Secrets: map[string]secret.Text{"bindPassword": secret.New("hunter3")}}
				}
			}
			imported(t, to, p, supply)
			if _, second := exported(t, to); !bytes.Equal(first, second) {
				t.Error("with the secrets given, the bytes differ")
			}
		})
	}
}

// withoutSecrets compares packages but for which secrets a source has.
func withoutSecrets(a, b archive.Package) string {
	without := func(p archive.Package) archive.Package {
		p.Objects = slices.Clone(p.Objects)
		for n, o := range p.Objects {
			if s, ok := o.(*archive.IdentitySource); ok {
				plain := *s
				plain.Secrets = nil
				p.Objects[n] = &plain
			}
		}
		return p
	}
	return cmp.Diff(without(a), without(b))
}

// newShop has the variable Tenant, the role read, the source Staff with a
// password, the policy Company that names them, the policy group Standard, the
// proxy orders with a local policy and the proxy group Shop.
func newShop(t *testing.T) (bench, archive.Package) {
	t.Helper()
	b := newBench(t)
	if _, err := b.SaveVariable(t.Context(), by, b.project, "", 0, condition.Variable{Name: "Tenant", Type: condition.Header, HeaderName: "X-Tenant"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SaveRole(t.Context(), by, b.project, "", 0, "read", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SaveIdentitySource(t.Context(), by, b.project, "", 0, modelstest.NewDirectory(identity.LDAP, "Staff"), map[string]secret.Text{"bindPassword": secret.New("hunter2")}); err != nil {
		t.Fatal(err)
	}
	g := groups{bench: b}
	g.orders = modelstest.Proxy(t, b.Store, b.project, "orders", func(o *models.Owner) { o.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}} })
	var err error
	if g.global, err = b.SavePolicy(t.Context(), by, b.project, "", 0, modelstest.JWT("Company", namingAll)); err != nil {
		t.Fatal(err)
	}
	g.standard = g.policyGroup(t, models.Owner{Name: "Standard", Active: true, Pipeline: policy.Request})
	g.standard = g.bind(t, g.standard, models.NewBinding{PolicyID: g.global.ID})
	g.orders = g.bind(t, g.orders, models.NewBinding{PolicyID: g.global.ID})
	g.orders = g.bind(t, g.orders, models.NewBinding{GroupID: g.standard.ID})
	g.orders = g.bind(t, g.orders, models.NewBinding{Local: modelstest.JWT("Local", namingAll)})
	g.bind(t, g.proxyGroup(t, models.Owner{Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: g.orders.ID}}}), models.NewBinding{GroupID: g.standard.ID})
	p, _ := exported(t, b)
	return b, p
}

// namingAll names a variable, a role and an identity source.
func namingAll(c *jwtauth.Config) {
	c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, "Staff"
	c.Authorization = jwtauth.Authorization{EnableAuthorization: true, CredentialRoleNameList: []string{"read"}}
	c.Condition = condition.Condition{Rules: []condition.Rule{{Criteria: condition.Value, First: &condition.Variable{Name: "Tenant"}, Operator: "EQ", SecondValue: "a"}}}
}

func ref(kind archive.Kind, name string) archive.Ref { return archive.Ref{Kind: kind, Name: name} }

// without is a package without some objects.
func without(p archive.Package, refs ...archive.Ref) archive.Package {
	p.Objects = slices.DeleteFunc(slices.Clone(p.Objects), func(o archive.Object) bool { return slices.Contains(refs, o.Base().Ref()) })
	return p
}

func TestExportTakesWhatIsNamedAndWhatThatNames(t *testing.T) {
	t.Parallel()
	b, _ := newShop(t)
	for name, c := range map[string]struct {
		selection models.ExportSelection
		want      string
	}{
		"alone":              {models.ExportSelection{Refs: []archive.Ref{ref(archive.KindProxy, "ORDERS")}}, "orders"},
		"with all it names":  {models.ExportSelection{Refs: []archive.Ref{ref(archive.KindProxyGroup, "Shop")}, Dependencies: true}, "Tenant read Staff Company Standard orders Shop"},
		"but what is left":   {models.ExportSelection{Refs: []archive.Ref{ref(archive.KindPolicy, "company")}, Dependencies: true, Without: []archive.Ref{ref(archive.KindIdentitySource, "Staff")}}, "Tenant read Company"},
		"what leads nowhere": {models.ExportSelection{Refs: []archive.Ref{ref(archive.KindRole, "read")}, Dependencies: true}, "read"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := exported(t, b, c.selection)
			var names []string
			for _, o := range p.Objects {
				names = append(names, o.Base().Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for name, refs := range map[string][]archive.Ref{
		"an unknown name": {ref(archive.KindProxy, "orders"), ref(archive.KindPolicy, "nosuch")}, "a name of another kind": {ref(archive.KindProxyGroup, "orders")},
		"a role in other letters": {ref(archive.KindRole, "READ")}, "a local policy": {ref(archive.KindPolicy, "Local")}, "nothing": nil,
		"a kind that is none": {ref("X", "orders")},
	} {
		p, err := b.Export(t.Context(), b.project, models.ExportSelection{Refs: refs})
		if wantProblem(t, err, "objects"); len(p.Objects) > 0 {
			t.Errorf("%s: exported %d objects", name, len(p.Objects))
		}
	}
}

func TestExportChoicesAreFoundByName(t *testing.T) {
	t.Parallel()
	b, _ := newShop(t)
	for kind, want := range map[archive.Kind]string{
		archive.KindVariable: "Tenant", archive.KindRole: "read", archive.KindIdentitySource: "Staff", archive.KindPolicy: "Company",
		archive.KindPolicyGroup: "Standard", archive.KindProxy: "orders", archive.KindProxyGroup: "Shop",
	} {
		list, total, err := b.ExportChoices(t.Context(), b.project, kind, strings.ToUpper(want[1:3]), 10)
		if err != nil || total != 1 || len(list) != 1 || list[0].Name != want {
			t.Errorf("%s: %v of %d, %v", kind, list, total, err)
		}
	}
	if list, total, err := b.ExportChoices(t.Context(), b.project, archive.KindPolicy, "%", 10); err != nil || total != 0 {
		t.Errorf("a percent sign finds %v, %v", list, err)
	}
	if _, _, err := b.ExportChoices(t.Context(), b.project, "X", "", 10); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestImportIntoAnEmptyProjectSaysWhatIsStillMissing(t *testing.T) {
	t.Parallel()
	_, p := newShop(t)
	to := newBench(t)
	r := imported(t, to, without(p, ref(archive.KindRole, "read")), nil)
	want := []string{`The identity source "Staff" has no bind password yet.`, `The project has no role "read", which a policy asks for.`}
	if diff := cmp.Diff(want, r.Unresolved); diff != "" {
		t.Errorf("unresolved (-want +got):\n%s", diff)
	}
	if len(r.KeyPairs) != 3 || r.KeyPairs[0].Secret.IsZero() {
		t.Errorf("key pairs %v", r.KeyPairs)
	}
	orders, err := to.Proxy(t.Context(), to.project, "orders")
	if err != nil || orders.ClientID != r.KeyPairs[1].ClientID || orders.Deployments[0].State != models.NotDeployed {
		t.Errorf("orders %+v, %v", orders, err)
	}
	records, _, err := to.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 100})
	if err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, a := range records {
		if a.Action == models.ActionCreated && a.Actor == by.Name && a.Kind != models.KindProject && a.Kind != models.KindEnvironment {
			created++
		}
		if a.Actor == "plan" {
			t.Errorf("a plan was recorded: %+v", a)
		}
	}
	if created != 7 { // six objects and a local policy
		t.Errorf("%d records of what was created, want 7", created)
	}
}

func TestImportUpdatesWhatDiffersAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	b, p := newShop(t)
	before := modelstest.Reload(t, b.Store, models.Owner{ProjectID: b.project, Kind: engine.KindProxy, Name: "orders"})
	g := groups{bench: b}
	g.deploy(t, before)
	company, err := b.Policy(t.Context(), b.project, jwtauth.Type().Name, "Company")
	if err != nil {
		t.Fatal(err)
	}
	company.Config.Base().Description = "changed"
	if _, err := b.SavePolicy(t.Context(), by, b.project, company.ID, company.Version, company.Config); err != nil {
		t.Fatal(err)
	}
	for _, bound := range before.Bindings {
		if bound.Shared() {
			continue
		}
		c := bound.Policy.Config
		c.Base().Active = false
		if _, err := b.SavePolicy(t.Context(), by, b.project, bound.Policy.ID, bound.Policy.Version, c); err != nil {
			t.Fatal(err)
		}
	}
	changed := modelstest.Reload(t, b.Store, before)
	changed.Endpoints = append(changed.Endpoints, models.Endpoint{Method: "GET", Path: "/b"})
	changed.Description = "other"
	if _, _, err := b.SaveProxy(t.Context(), by, b.project, changed); err != nil {
		t.Fatal(err)
	}
	g.deploy(t, before)
	want := "skip variable Tenant (nothing changes)\nskip role read (nothing changes)\nskip identity source Staff (nothing changes)\n" +
		"update global policy Company (description)\nskip policy group Standard (nothing changes)\n" +
		"update API proxy orders (endpoints (1 removed), flow (1 added, 1 removed), description)\nskip proxy group Shop (nothing changes)\n"
	r := imported(t, b, p, nil)
	if got := planText(r.Plan); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if diff := cmp.Diff([]models.PackageRedeploy{{Ref: ref(archive.KindProxy, "orders"), Environments: []string{"production"}}}, r.Redeploy); diff != "" {
		t.Errorf("to redeploy (-want +got):\n%s", diff)
	}
	after := modelstest.Reload(t, b.Store, before)
	for n := range after.Bindings {
		if after.Bindings[n].Policy.ID != before.Bindings[n].Policy.ID {
			t.Errorf("binding %d is of another policy than before", n)
		}
		if after.Bindings[n].ID != before.Bindings[n].ID {
			t.Errorf("binding %d has another id than before", n)
		}
	}
	if after.ClientID != before.ClientID || after.Endpoints[0].ID != before.Endpoints[0].ID || len(r.KeyPairs) > 0 {
		t.Error("an update changed the key pair or an endpoint")
	}
	if again, _ := exported(t, b); cmp.Diff(p, again) != "" {
		t.Errorf("after the import (-package +project):\n%s", cmp.Diff(p, again))
	}
}

func TestImportRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	_, p := newShop(t)
	for name, c := range map[string]struct {
		there   func(t *testing.T, b bench)
		p       archive.Package
		choices models.PackageChoices
		want    string
	}{
		"a proxy group has the name of the proxy": {
			func(t *testing.T, b bench) {
				g := groups{bench: b}
				g.proxyGroup(t, models.Owner{Name: "Orders", Route: engine.Route{BasePath: "/x"}})
			}, p, nil, "create API proxy orders [name]\ncreate proxy group Shop []\n",
		},
		"another API has the base path": {
			func(t *testing.T, b bench) {
				modelstest.Proxy(t, b.Store, b.project, "other", func(o *models.Owner) { o.Route.BasePath = "/orders" })
			}, p, nil, "create API proxy orders [basePath]\ncreate proxy group Shop []\n",
		},
		"a source of another kind has the name": {
			func(t *testing.T, b bench) {
				if _, err := b.SaveIdentitySource(t.Context(), by, b.project, "", 0, modelstest.NewDirectory(identity.API, "staff"), nil); err != nil {
					t.Fatal(err)
				}
			}, p, nil, "update identity source Staff (name, kind) [kind]\n",
		},
		"another project has the role": {
			func(t *testing.T, b bench) {
				other := modelstest.Project(t, b.Store, "Other")
				if _, err := b.SaveRole(t.Context(), by, other.ID, "", 0, "read", ""); err != nil {
					t.Fatal(err)
				}
			}, p, nil, "create role read [name]\n",
		},
		"a dependency is nowhere": {
			nil, without(p, ref(archive.KindPolicy, "Company"), ref(archive.KindProxy, "orders")), nil,
			"create policy group Standard [policies[0].global]\ncreate proxy group Shop []\n",
		},
		"a variable and a source are nowhere": {
			nil, without(p, ref(archive.KindVariable, "Tenant"), ref(archive.KindIdentitySource, "Staff")), nil,
			"create global policy Company [policy.policyCondition.conditionRuleList[0].firstVariable.name] [policy.identityProviderName]\n",
		},
		"a wish for another one to replace": {
			nil, p, models.PackageChoices{ref(archive.KindVariable, "Tenant").Key(): {Wish: models.WishReplace}}, "create variable Tenant [name]\n",
		},
		"a new name that is taken": {
			func(t *testing.T, b bench) {
				modelstest.Policy(t, b.Store, b.project, "Other")
			}, p, models.PackageChoices{ref(archive.KindPolicy, "Company").Key(): {Wish: models.WishRename, Name: "other"}}, "update global policy other [name]\n",
		},
		"a new name that is none": {
			nil, p, models.PackageChoices{ref(archive.KindPolicy, "Company").Key(): {Wish: models.WishRename, Name: "a/b"}}, "create global policy a/b [policy.name]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if c.there != nil {
				c.there(t, b)
			}
			plan := planPackage(t, b, c.p, c.choices)
			first := strings.SplitAfter(c.want, "\n")[0]
			if got := planText(plan); !strings.Contains(got, first) {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			rows, _ := exportedOrNothing(t, b)
			if _, err := b.ApplyPackage(t.Context(), by, b.project, c.p, c.choices, plan.Digest); len(problem.Of(err)) == 0 {
				t.Errorf("applied it: %v", err)
			}
			if after, _ := exportedOrNothing(t, b); cmp.Diff(rows, after) != "" {
				t.Error("something was written")
			}
		})
	}
}

// exportedOrNothing is what a project holds, also when that is nothing.
func exportedOrNothing(t *testing.T, b bench) (archive.Package, error) {
	t.Helper()
	return b.Export(t.Context(), b.project, models.ExportSelection{All: true})
}

func TestImportUnderNewNamesFollowsThem(t *testing.T) {
	t.Parallel()
	b, p := newShop(t)
	choices := models.PackageChoices{}
	for _, o := range p.Objects {
		c := models.PackageChoice{Wish: models.WishRename, Name: o.Base().Name + "-2"}
		if o.Base().Kind == archive.KindProxy || o.Base().Kind == archive.KindProxyGroup {
			c.BasePath = "/two/" + o.Base().Name
		}
		choices[o.Base().Ref().Key()] = c
	}
	r := imported(t, b, p, choices)
	if n := r.Plan.Count(models.PackageCreate); n != len(p.Objects) {
		t.Errorf("created %d of %d:\n%s", n, len(p.Objects), planText(r.Plan))
	}
	shop := ref(archive.KindProxyGroup, "Shop-2")
	twin, _ := exported(t, b, models.ExportSelection{Refs: []archive.Ref{shop}, Dependencies: true})
	for _, o := range twin.Objects {
		if !strings.HasSuffix(o.Base().Name, "-2") {
			t.Errorf("what was renamed still names %s", o.Base().Ref())
		}
	}
	if len(twin.Objects) != len(p.Objects) {
		t.Errorf("%d objects follow the new names, want %d", len(twin.Objects), len(p.Objects))
	}
	if again, _ := exported(t, b, models.ExportSelection{Refs: []archive.Ref{ref(archive.KindProxyGroup, "Shop")}, Dependencies: true}); cmp.Diff(p, again) != "" {
		t.Error("the objects of the old names changed")
	}
}

func TestImportIsRefusedWhenItIsNotWhatWasPlanned(t *testing.T) {
	t.Parallel()
	_, p := newShop(t)
	b := newBench(t)
	plan := planPackage(t, b, p, nil)
	if _, err := b.ApplyPackage(t.Context(), by, b.project, p, models.PackageChoices{ref(archive.KindVariable, "tenant"): {Wish: models.WishRename, Name: "T"}}, plan.Digest); !errors.Is(err, models.ErrPackagePlanChanged) {
		t.Errorf("other choices: %v", err)
	}
	if _, err := b.SaveVariable(t.Context(), by, b.project, "", 0, condition.Variable{Name: "Tenant", Type: condition.Header, HeaderName: "X"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ApplyPackage(t.Context(), by, b.project, p, nil, plan.Digest); !errors.Is(err, models.ErrPackagePlanChanged) {
		t.Errorf("another project: %v", err)
	}
	left := planPackage(t, b, p, models.PackageChoices{ref(archive.KindVariable, "tenant"): {Wish: models.WishSkip}})
	if !strings.Contains(planText(left), "skip variable Tenant (left out)\n") || left.Refused() > 0 {
		t.Errorf("left out:\n%s", planText(left))
	}
	if _, err := b.PlanPackage(t.Context(), b.project, p, models.PackageChoices{ref(archive.KindPolicy, "nosuch"): {Wish: models.WishSkip}}); problem.Of(err).For("choices") == "" {
		t.Errorf("a choice for nothing: %v", err)
	}
}

func TestASourceThatMovesAsksForItsSecretsAgain(t *testing.T) {
	t.Parallel()
	b, p := newShop(t)
	for n, o := range p.Objects {
		if s, ok := o.(*archive.IdentitySource); ok {
			moved := *s
			moved.Definition = []byte(strings.Replace(string(s.Definition), "one.example", "evil.example", 1))
			p.Objects[n] = &moved
		}
	}
	plan := planPackage(t, b, p, nil)
	staff := plan.Lines[slices.IndexFunc(plan.Lines, func(l models.PackageLine) bool { return l.Name == "Staff" })]
	if staff.Problems.For("bindPassword") == "" || len(staff.Secrets) != 1 || staff.Secrets[0].Field != "bindPassword" {
		t.Errorf("a stored secret may go elsewhere: %+v", staff)
	}
	given := models.PackageChoices{staff.Ref.Key(): {Secrets: map[string]secret.Text{"bindPassword": secret.New("another")}}}
	if r := imported(t, b, p, given); r.Plan.Count(models.PackageUpdate) != 1 {
		t.Errorf("with the secret:\n%s", planText(r.Plan))
	}
}

// TestExportAsksNoMoreForMore counts statements; the numbers are in the log.
func TestExportAsksNoMoreForMore(t *testing.T) {
	t.Parallel()
	b, _ := newShop(t)
	statements := func() int64 {
		counted, n := models.Counting(b.Store)
		if _, err := counted.Export(t.Context(), b.project, models.ExportSelection{All: true}); err != nil {
			t.Fatal(err)
		}
		return n.Load()
	}
	c := &chance{Rand: rand.New(rand.NewPCG(1, 1)), bench: b, t: t}
	c.fill()
	few := statements()
	c.fill()
	if many := statements(); many != few {
		t.Errorf("%d statements for few objects, %d for many", few, many)
	}
}

// BenchmarkExport10000Proxies exports them with a global and a local policy each.
func BenchmarkExport10000Proxies(b *testing.B) {
	s := modelstest.New(b)
	project := modelstest.Project(b, s, "Shop").ID
	global := modelstest.Policy(b, s, project, "Company")
	one := modelstest.Bind(b, s, modelstest.Proxy(b, s, project, "first"), global)
	if _, err := s.AddBinding(b.Context(), by, project, one.ID, one.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("Local")}); err != nil {
		b.Fatal(err)
	}
	if err := models.Multiply(b.Context(), s, one.ID, 10_000); err != nil {
		b.Fatal(err)
	}
	var size int
	for b.Loop() {
		p, err := s.Export(b.Context(), project, models.ExportSelection{All: true})
		if err != nil {
			b.Fatal(err)
		}
		size = len(p.Objects)
	}
	b.ReportMetric(float64(size), "objects")
}

// BenchmarkPlan1000Proxies plans them for an empty database.
func BenchmarkPlan1000Proxies(b *testing.B) {
	s := modelstest.New(b)
	project := modelstest.Project(b, s, "Shop").ID
	one := modelstest.Bind(b, s, modelstest.Proxy(b, s, project, "first"), modelstest.Policy(b, s, project, "Company"))
	if err := models.Multiply(b.Context(), s, one.ID, 1000); err != nil {
		b.Fatal(err)
	}
	p, err := s.Export(b.Context(), project, models.ExportSelection{All: true})
	if err != nil {
		b.Fatal(err)
	}
	to := modelstest.New(b)
	target := modelstest.Project(b, to, "Shop").ID
	for b.Loop() {
		plan, err := to.PlanPackage(b.Context(), target, p, nil)
		if err != nil || plan.Refused() > 0 {
			b.Fatal(err, plan.Err())
		}
	}
}
