package apiops

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/models"
)

// The identity sources of a project. What they are made of travels apart from
// their secrets, as one is read back and the other never (D18).

const (
	providersPath = projectPath + "identityProviders/"
	providerPath  = providersPath + "{identityProviderName}/"
	providersTag  = "Identity sources"
)

func (a *API) identityProviderOperations() []operation {
	const (
		effect  = "It takes effect at once in every environment, without a deploy."
		secrets = " A secret that is left out stays as it is, one that is empty is removed. Where the address or the trust of the source changes, its secrets have to be sent again: a stored one never goes to a new place."
		trying  = "Step by step, past every cache and limit of the gateway. Without a password the name is only looked up, without a name only the connection is tried. Nothing is saved, and a stored secret goes only where it went before."
	)
	kinds := make([]string, len(a.Identities))
	for i, k := range a.Identities {
		kinds[i] = string(k.Name)
	}
	return []operation{
		{
			method: http.MethodGet, path: providersPath, id: "listIdentityProviders", tag: providersTag, summary: "List identity sources", right: models.ViewConnections,
			query: append([]parameter{
				{name: "type", text: "Only those of this kind.", kind: "", enum: kinds},
				{name: "q", text: "Only those with this in the name or the description.", kind: ""},
			}, pagingParameters...),
			result: listOf[identityProvider]{}, do: a.listIdentityProviders,
		},
		{
			method: http.MethodPost, path: providersPath, id: "createIdentityProvider", tag: providersTag, summary: "Create an identity source", text: effect,
			right: models.ManageConnections, body: identityProviderRequest{}, result: one[identityProvider]{}, versioned: true, do: a.createIdentityProvider,
		},
		{
			method: http.MethodGet, path: providerPath, id: "getIdentityProvider", tag: providersTag, summary: "Read an identity source",
			text: "Of secrets it says which are set, and nothing else.", right: models.ViewConnections, result: one[identityProvider]{}, versioned: true, do: a.getIdentityProvider,
		},
		{
			method: http.MethodPut, path: providerPath, id: "replaceIdentityProvider", tag: providersTag, summary: "Replace an identity source",
			text:  effect + secrets + " Without a name it keeps its own; the kind stays.",
			right: models.ManageConnections, body: identityProviderRequest{}, result: one[identityProvider]{}, versioned: true, do: a.replaceIdentityProvider,
		},
		{
			method: http.MethodDelete, path: providerPath, id: "deleteIdentityProvider", tag: providersTag, summary: "Delete an identity source",
			text: "Refused while a policy names it, as it is edited or as it is deployed.", right: models.ManageConnections, result: done{}, versioned: true, do: a.deleteIdentityProvider,
		},
		{
			method: http.MethodGet, path: providerPath + "usage/", id: "listIdentityProviderUsage", tag: providersTag, summary: "List the policies that name an identity source",
			right: models.ViewConnections, result: listOf[identityProviderUse]{}, do: a.identityProviderUsage,
		},
		{
			method: http.MethodPost, path: providersPath + "test/", id: "testNewIdentityProvider", tag: providersTag, summary: "Try an identity source that is not saved", text: trying,
			right: models.ManageConnections, body: newIdentityTestRequest{}, result: one[identityTest]{}, do: a.testNewIdentityProvider,
		},
		{
			method: http.MethodPost, path: providerPath + "test/", id: "testIdentityProvider", tag: providersTag, summary: "Try an identity source",
			text:  trying + " With identityProvider it is tried as it would be with that.",
			right: models.ManageConnections, body: identityTestRequest{}, result: one[identityTest]{}, do: a.testIdentityProvider,
		},
	}
}

type identityProvider struct {
	Source  identity.Config `json:"identityProvider" identity:"true"`
	Secrets []string        `json:"secretNames" doc:"The secrets that are set. They are never read back."`
	Used    int             `json:"usedByPolicies" doc:"How many policies name it."`
	written
}

type identityProviderRequest struct {
	Source  json.RawMessage   `json:"identityProvider" required:"true" identity:"true"`
	Secrets map[string]string `json:"secrets" doc:"Secrets by their names, such as bindPassword."`
}

type identityProviderUse struct {
	Policy       string   `json:"policyName"`
	Type         string   `json:"policyType"`
	Proxy        string   `json:"apiProxyName,omitempty" doc:"That of a local policy, or of what is deployed; left out for a global policy."`
	Deployed     bool     `json:"onlyDeployed" doc:"Only what is deployed still names it."`
	Fields       []string `json:"fields" doc:"The members of the policy that name it."`
	Environments []string `json:"environmentNames" doc:"Where it is deployed so."`
}

type identityTestLogin struct {
	Username string `json:"username" doc:"Whom to log in or to look up."`
	Password string `json:"password" format:"password" doc:"For this test alone; it is neither kept nor logged."`
}

type newIdentityTestRequest struct {
	identityProviderRequest
	identityTestLogin
}

type identityTestRequest struct {
	Source  json.RawMessage   `json:"identityProvider" identity:"true"`
	Secrets map[string]string `json:"secrets" doc:"Secrets by their names; those that are left out are the stored ones."`
	identityTestLogin
}

type identityTest struct {
	Accepted bool            `json:"accepted" doc:"A login with this name and password would be let in."`
	Identity *testedIdentity `json:"identity,omitempty" doc:"Who it turned out to be."`
	Steps    []identityStep  `json:"steps"`
	Took     int64           `json:"tookMillis"`
}

type testedIdentity struct {
	Name     string         `json:"name"`
	Roles    []string       `json:"roles"`
	Claims   map[string]any `json:"claims" doc:"Further claims of its tokens."`
	Response map[string]any `json:"response" doc:"Further members of its token responses."`
}

type identityStep struct {
	Text   string `json:"text"`
	OK     bool   `json:"success"`
	Detail string `json:"detail"`
	Took   int64  `json:"tookMillis"`
}

func identityProviderOf(s models.IdentitySource) identityProvider {
	whole(s.Config)
	return identityProvider{s.Config, orEmpty(s.Secrets), s.Used, writtenOf(s.Stamp)}
}

func (a *API) listIdentityProviders(c *call) (any, error) {
	var l problem.List
	kinds := make([]string, len(a.Identities))
	for i, k := range a.Identities {
		kinds[i] = string(k.Name)
	}
	f := models.IdentitySourceFilter{Kind: identity.KindName(c.choice(&l, "type", kinds...)), Query: c.g.Query("q")}
	f.Page, f.PerPage = c.pages(&l)
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.IdentitySources(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	list := make([]identityProvider, len(rows))
	for i, s := range rows {
		list[i] = identityProviderOf(s)
	}
	return listing(list, total), nil
}

func (c *call) identityProvider() (models.IdentitySource, error) {
	return c.Store.IdentitySource(c.ctx(), c.project.ID, c.name("identityProviderName"))
}

func (a *API) getIdentityProvider(c *call) (any, error) {
	s, err := c.identityProvider()
	if err != nil {
		return nil, err
	}
	c.tag(s.Version)
	return single(identityProviderOf(s)), nil
}

func (a *API) createIdentityProvider(c *call) (any, error) {
	var r identityProviderRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	return c.saveIdentityProvider(models.IdentitySource{}, r)
}

func (a *API) replaceIdentityProvider(c *call) (any, error) {
	var r identityProviderRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	s, err := c.identityProvider()
	if err != nil {
		return nil, err
	}
	if err := c.matches(s.Version); err != nil {
		return nil, err
	}
	return c.saveIdentityProvider(s, r)
}

// saveIdentityProvider writes what was sent over what there is, nothing for a new
// one.
func (c *call) saveIdentityProvider(before models.IdentitySource, r identityProviderRequest) (any, error) {
	config, err := c.identityConfig(r.Source, before.Name)
	if err != nil {
		return nil, err
	}
	saved, err := c.Store.SaveIdentitySource(c.ctx(), c.by(), c.project.ID, before.ID, before.Version, config, sourceSecrets(r.Secrets))
	if err != nil {
		return nil, c.sourceFields(config, r.Secrets, err)
	}
	c.tag(saved.Version)
	return single(identityProviderOf(saved)), nil
}

// identityConfig reads a source; without a name of its own it has the given one.
func (c *call) identityConfig(raw json.RawMessage, name string) (identity.Config, error) {
	if raw == nil {
		return nil, invalid("identityProvider", "Send the identity source.")
	}
	var members map[string]json.RawMessage
	if err := strict.Decode(raw, &members, "identity source"); err != nil {
		return nil, prefixed("identityProvider", err)
	}
	if _, sent := members["name"]; !sent && name != "" {
		var err error
		if raw, err = named(raw, name); err != nil {
			return nil, err
		}
	}
	config, err := c.Identities.Decode(raw)
	return config, prefixed("identityProvider", err)
}

func sourceSecrets(given map[string]string) map[string]secret.Text {
	if given == nil {
		return nil
	}
	secrets := make(map[string]secret.Text, len(given))
	for name, text := range given {
		secrets[name] = secret.New(text)
	}
	return secrets
}

// sourceFields names the fields of a problem as they were sent: secrets apart
// from the rest.
func (c *call) sourceFields(config identity.Config, given map[string]string, err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	kind, _ := c.Identities.Find(config.Base().Kind)
	l := make(problem.List, len(list))
	for i, p := range list {
		_, sent := given[p.Field]
		if sent || slices.ContainsFunc(kind.Secrets, func(f identity.SecretField) bool { return f.Name == p.Field }) {
			p.Field = "secrets." + p.Field
		} else {
			p.Field = strings.TrimSuffix("identityProvider."+p.Field, ".")
		}
		l[i] = p
	}
	return l
}

func (a *API) deleteIdentityProvider(c *call) (any, error) {
	s, err := c.identityProvider()
	if err != nil {
		return nil, err
	}
	if err := c.matches(s.Version); err != nil {
		return nil, err
	}
	err = a.Store.DeleteIdentitySource(c.ctx(), c.by(), c.project.ID, s.ID, s.Version)
	var used *models.SourceInUseError
	if errors.As(err, &used) {
		return nil, conflict("%s.", upperFirst(used.Error()))
	}
	if err != nil {
		return nil, err
	}
	return success(), nil
}

func (a *API) identityProviderUsage(c *call) (any, error) {
	s, err := c.identityProvider()
	if err != nil {
		return nil, err
	}
	uses, err := a.Store.IdentitySourceUses(c.ctx(), c.project.ID, s.ID)
	if err != nil {
		return nil, err
	}
	list := make([]identityProviderUse, len(uses))
	for i, u := range uses {
		list[i] = identityProviderUse{u.Policy, u.Type, u.Proxy, u.PolicyID == "", orEmpty(u.Fields), orEmpty(u.Environments)}
	}
	return listing(list, len(list)), nil
}

func (a *API) testNewIdentityProvider(c *call) (any, error) {
	var r newIdentityTestRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	config, err := c.identityConfig(r.Source, "")
	if err != nil {
		return nil, err
	}
	return c.tryIdentity("", config, r.Secrets, r.identityTestLogin)
}

func (a *API) testIdentityProvider(c *call) (any, error) {
	var r identityTestRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	s, err := c.identityProvider()
	if err != nil {
		return nil, err
	}
	config := s.Config
	if r.Source != nil {
		if config, err = c.identityConfig(r.Source, s.Name); err != nil {
			return nil, err
		}
		if config.Base().Kind != s.Kind {
			return nil, invalid("identityProvider.kind", "The kind of an identity source stays what it is, %s.", s.Kind)
		}
	}
	return c.tryIdentity(s.ID, config, r.Secrets, r.identityTestLogin)
}

// tryIdentity is the console's test: the same rule for secrets, the same steps.
func (c *call) tryIdentity(id string, config identity.Config, given map[string]string, who identityTestLogin) (any, error) {
	secrets, err := c.Store.SecretsForTest(c.ctx(), c.project.ID, id, config, sourceSecrets(given))
	if err != nil {
		return nil, c.sourceFields(config, given, err)
	}
	began := time.Now()
	report, err := identity.Try(c.ctx(), config, identity.Deps{Secrets: secrets, Allow: c.Outgoing}, strings.TrimSpace(who.Username), secret.New(who.Password))
	switch {
	case problem.Of(err) != nil:
		return nil, c.sourceFields(config, given, err)
	case errors.Is(err, identity.ErrNoTest):
		return nil, conflict("Sources of the kind %s cannot be tested.", config.Base().Kind)
	case err != nil:
		return nil, invalid("identityProvider", "These settings cannot be used: %v.", err)
	}
	return single(identityTestOf(report, time.Since(began))), nil
}

func identityTestOf(r identity.Report, took time.Duration) identityTest {
	t := identityTest{Accepted: r.Accepted, Steps: []identityStep{}, Took: took.Milliseconds()}
	for _, s := range r.Steps {
		t.Steps = append(t.Steps, identityStep{s.Text, s.OK, s.Detail, s.Took.Milliseconds()})
	}
	if who := r.Identity; who.Name != "" {
		t.Identity = &testedIdentity{who.Name, orEmpty(who.Roles), orNone(who.Claims), orNone(who.Response)}
	}
	return t
}

// orNone makes a map that is none an empty one.
func orNone(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
