package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
)

const (
	environment = "production"
	project     = "Default" // the one that the first start makes
	// users log in for tokens; each has many logins at once.
	users = 16
	// people use the console.
	people       = 10
	userPassword = "a password of the benchmark"
	refreshProxy = "refresh"
	issuePrefix  = "issue-"
)

// productForms are the bodies of token requests, of each user one.
type productForms struct {
	issue   map[keys.Algorithm][]string
	refresh []string
	// renew is that of a refresh, which the refresh token follows.
	renew string
}

// filler writes into the database of the product, as its console does.
type filler struct {
	*models.Store
	ctx      context.Context
	by       models.Actor
	project  string // its id
	upstream string
	last     models.DeployResult
}

// fillProduct makes APIs with their users, objects for lists, and people who sign in.
func (b *bench) fillProduct(p *product) error {
	f, err := openFiller(b.ctx, p, b.upstream.address)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := errors.Join(f.issuers(p), f.objects(b.objects)); err != nil {
		return err
	}
	if _, err := f.AwaitNodes(b.ctx, environment, f.last.Generation); err != nil {
		return err
	}
	if p.tokens, err = p.obtain(b.ctx, p.forms.issue[keys.RS256], min(b.tokens, someTokens)); err != nil {
		return err
	}
	return f.people(p)
}

// someTokens is how many callers of the product's API come in turn: each token costs
// a millisecond before anything is measured.
const someTokens = 1000

func openFiller(ctx context.Context, p *product, upstream string) (*filler, error) {
	key, err := secret.LoadOrCreateMasterKey(filepath.Join(p.dir, "master.key"))
	if err != nil {
		return nil, err
	}
	sealer, err := secret.NewSealer(key)
	if err != nil {
		return nil, err
	}
	store, err := models.Open(ctx, p.database, models.Options{Sealer: sealer, Types: policy.Set{jwtauth.Type(), headers.Type()}})
	if err != nil {
		return nil, err
	}
	f := &filler{Store: store, ctx: ctx, by: models.Actor{Name: "bench"}, upstream: upstream}
	in, _, err := f.EnsureProject(ctx, f.by, project, "")
	f.project = in.ID
	return f, err
}

// issuers are the APIs whose tokens are issued and refreshed.
func (f *filler) issuers(p *product) error {
	names, err := f.users()
	if err != nil {
		return err
	}
	p.forms.issue = map[keys.Algorithm][]string{}
	for _, alg := range issued {
		client, err := f.issuer(issuePrefix+string(alg), tokensOf(alg))
		if err != nil {
			return err
		}
		p.forms.issue[alg] = loginForms(client, names)
	}
	refreshed := tokensOf(keys.ES256)
	refreshed.RefreshTokenAllowed, refreshed.RefreshTokenCount = true, issue.MaxRefreshCount
	refreshed.RefreshTokenExpiresInAmount, refreshed.RefreshTokenExpiresInUnit = 1, issue.Days
	client, err := f.issuer(refreshProxy, refreshed)
	p.forms.refresh = loginForms(client, names)
	p.forms.renew = url.Values{"grant_type": {"refresh_token"}, "client_id": {client}}.Encode() + "&refresh_token="
	return cmp.Or(err, f.grant(names))
}

// tokensOf is the policy that guards the gateway's own works, with tokens that live
// for longer than a run.
func tokensOf(alg keys.Algorithm) *jwtauth.Config {
	c := guarded(alg)
	c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.TokenNeverExpires = 1, issue.Days, false
	return c
}

// issuer makes an API with a policy of its own, deploys it and tells its client id.
func (f *filler) issuer(name string, c *jwtauth.Config) (string, error) {
	c.Name = "Standard of " + name
	p, err := f.proxy(name, c)
	if err == nil {
		f.last, err = f.Deploy(f.ctx, f.by, f.project, p.ID, environment, "")
	}
	return p.ClientID, err
}

func (f *filler) proxy(name string, c *jwtauth.Config) (models.Owner, error) {
	bound, err := f.SavePolicy(f.ctx, f.by, f.project, "", 0, c)
	if err != nil {
		return models.Owner{}, err
	}
	p, _, err := f.SaveProxy(f.ctx, f.by, f.project, models.Owner{
		Name: name, Route: engine.Route{BasePath: "/" + name}, Upstream: engine.Upstream{URL: "http://" + f.upstream},
	})
	if err == nil {
		_, err = f.AddBinding(f.ctx, f.by, f.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: bound.ID})
	}
	return p, err
}

// users are credentials with the role that the policy asks for.
func (f *filler) users() (names []string, err error) {
	for _, role := range []string{"admin", "orders-read", "orders-write"} {
		if _, err := f.SaveRole(f.ctx, f.by, f.project, "", 0, role, ""); err != nil {
			return nil, err
		}
	}
	for i := range users {
		d := models.CredentialDraft{
			Name: caller(i), Secret: secret.New(userPassword), Enabled: true, Roles: []string{"orders-read", "orders-write"}, Tokens: issue.Starting(),
		}
		if _, _, err := f.SaveCredential(f.ctx, f.by, f.project, "", 0, d); err != nil {
			return nil, err
		}
		names = append(names, d.Name)
	}
	return names, nil
}

func (f *filler) grant(names []string) error {
	n := models.NewGrants{Credentials: names, Proxies: []string{refreshProxy}}
	for _, alg := range issued {
		n.Proxies = append(n.Proxies, issuePrefix+string(alg))
	}
	_, err := f.GrantAccess(f.ctx, f.by, f.project, n)
	return err
}

func loginForms(client string, names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {name}, "password": {userPassword}, "scope": {scope}}.Encode()
	}
	return list
}

// objects are what the pages of the console have to show: so many APIs, each with a
// policy of its own; a third of them is deployed.
func (f *filler) objects(count int) error {
	for i := range count {
		name := fmt.Sprintf("orders-%03d", i)
		c := guarded(keys.ES256)
		c.Name = "Policy of " + name
		p, err := f.proxy(name, c)
		if err == nil && i%3 == 0 {
			f.last, err = f.Deploy(f.ctx, f.by, f.project, p.ID, environment, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// people sign in by the form, and keep their cookie.
func (f *filler) people(p *product) error {
	for i := range people {
		name := fmt.Sprintf("person-%d", i)
		if _, err := f.CreateUser(f.ctx, f.by, models.User{Name: name, Role: models.RoleAdministrator}, secret.New(userPassword)); err != nil {
			return err
		}
		cookie, err := p.signIn(f.ctx, name)
		if err != nil {
			return err
		}
		p.sessions = append(p.sessions, cookie)
	}
	return nil
}

func (p *product) signIn(ctx context.Context, name string) (cookie string, err error) {
	form := url.Values{"name": {name}, "password": {userPassword}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addresses[productConsole]+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", formType)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	for _, c := range answer.Cookies() {
		if strings.HasSuffix(c.Name, "-session") && answer.StatusCode == http.StatusSeeOther {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", fmt.Errorf("sign in as %s: %s", name, answer.Status)
}

// obtain gets so many access tokens from the token endpoint.
func (p *product) obtain(ctx context.Context, forms []string, count int) ([]string, error) {
	o := order{Address: p.addresses[productGateway], Path: tokenPath, Status: "200"}
	c := client{order: &o, keep: true}
	defer c.close()
	list := make([]string, count)
	for i := range list {
		if err := cmp.Or(ctx.Err(), c.exchange(o.post(forms[i%len(forms)]))); err != nil {
			return nil, err
		}
		if list[i] = member(c.body, "access_token"); list[i] == "" {
			return nil, fmt.Errorf("no token in %q", c.body)
		}
	}
	return list, nil
}
