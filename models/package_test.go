package models_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
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
			p.AuthenticationType, p.IdentityProviderName = s.Kind, s.Name
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

func (c *chance) proxy() {
	p := models.Owner{
		Name: c.name(), Description: one(c, []string{"", "Siparişler & more"}), Upstream: engine.Upstream{URL: "http://127.0.0.1:9/a", ConnectTimeout: c.IntN(2) * 1500},
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
			again, second := exported(t, to)
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
			if _, second = exported(t, to); !bytes.Equal(first, second) {
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

var _ = errors.Is
var _ = time.Now
