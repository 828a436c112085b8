package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// estate is a database with one guarded proxy and two gateway nodes that follow
// it, as processes of their own would.
type estate struct {
	store   *models.Store
	project models.Project
	proxy   models.Owner
	pair    secret.Text
	nodes   []*httptest.Server
}

// userPassword is every user's.
const userPassword = "correct horse battery"

func newEstate(t *testing.T, change func(*jwtauth.Config)) *estate {
	t.Helper()
	e := &estate{store: modelstest.New(t)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-User")+"|"+r.Header.Get("X-Roles")+"|"+r.Header.Get("Authorization"))
	}))
	t.Cleanup(upstream.Close)
	e.project = modelstest.Project(t, e.store, "Default")
	modelstest.Environment(t, e.store, "production")
	var err error
	e.proxy, e.pair, err = e.store.SaveProxy(t.Context(), modelstest.By(), e.project.ID, models.Owner{
		Name: "api", Route: engine.Route{BasePath: "/api"}, Upstream: engine.Upstream{URL: upstream.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"ops", "audit"} {
		if _, err := e.store.SaveRole(t.Context(), modelstest.By(), e.project.ID, "", 0, role, ""); err != nil {
			t.Fatal(err)
		}
	}
	p := modelstest.Policy(t, e.store, e.project.ID, "standard", func(c *jwtauth.Config) {
		c.JWTSignatureAlgorithm, c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = keys.ES256, false, 15, issue.Minutes
		change(c)
	})
	e.proxy = modelstest.Bind(t, e.store, e.proxy, p)
	modelstest.Deploy(t, e.store, e.proxy, "production")
	e.node(t)
	e.node(t)
	return e
}

// node starts one more gateway node.
func (e *estate) node(t *testing.T) *httptest.Server {
	t.Helper()
	gateway := engine.New(engine.Options{
		Types: policyTypes(), Identities: identityKinds(), Sink: event.Discard{}, Tokens: e.store,
		RefreshKey: []byte("0123456789abcdef0123456789abcdef"),
	})
	n := newNode(t.Name(), e.store, nil, slog.New(slog.DiscardHandler), newMetrics())
	n.add("production", gateway)
	if err := n.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = n.follow(t.Context()) }) // ends with the test's context
	t.Cleanup(running.Wait)
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	e.nodes = append(e.nodes, server)
	return server
}

func (e *estate) user(t *testing.T, name string, change func(*models.CredentialDraft)) models.Credential {
	t.Helper()
	d := models.CredentialDraft{
		Name: name, Secret: secret.New(userPassword), Enabled: true, Roles: []string{"ops", "audit"}, Tokens: models.DefaultCredentialTokens(),
	}
	if change != nil {
		change(&d)
	}
	c, _, err := e.store.SaveCredential(t.Context(), modelstest.By(), e.project.ID, "", 0, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (e *estate) grant(t *testing.T, c models.Credential) {
	t.Helper()
	_, err := e.store.GrantAccess(t.Context(), modelstest.By(), e.project.ID, models.NewGrants{Credentials: []string{c.Name}, Proxies: []string{e.proxy.Name}})
	if err != nil {
		t.Fatal(err)
	}
}

// outcome is an answer of the token service or of the API behind the gateway.
type outcome struct {
	status int
	body   string
	json   map[string]any
}

func (o outcome) text(name string) string {
	text, _ := o.json[name].(string)
	return text
}

func (e *estate) post(t *testing.T, node int, path string, form url.Values) outcome {
	t.Helper()
	resp, err := http.PostForm(e.nodes[node].URL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) outcome {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{status: resp.StatusCode, body: string(body)}
	_ = json.Unmarshal(body, &o.json) // an API answers with text
	return o
}

func (e *estate) login(t *testing.T, name string, more ...string) outcome {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {e.proxy.ClientID}, "username": {name}, "password": {userPassword}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return e.post(t, 0, "/auth/jwt", form)
}

func (e *estate) refresh(t *testing.T, node int, token string) outcome {
	t.Helper()
	return e.post(t, node, "/auth/jwt", url.Values{"grant_type": {"refresh_token"}, "client_id": {e.proxy.ClientID}, "refresh_token": {token}})
}

func (e *estate) call(t *testing.T, node int, token string) outcome {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.nodes[node].URL+"/api/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

// until repeats what must come true on its own: a change travels to the nodes.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for !met() {
		if t.Context().Err() != nil {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (o outcome) wants(t *testing.T, status int, code string) {
	t.Helper()
	if o.status != status || code != "" && o.text("error") != code {
		t.Fatalf("%d %s, want %d %s", o.status, o.body, status, code)
	}
}

func passwords(c *jwtauth.Config) {
	c.GrantType, c.AuthenticationType = issue.Password, identity.SecretManager
	c.RefreshTokenAllowed, c.RefreshTokenCount, c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit = true, 2, 24, issue.Hours
	c.ClearAuth, c.AddUserToHeader, c.UserHeaderName = true, true, "X-User"
	c.Authorization = jwtauth.Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, RolesHeaderName: "X-Roles", CredentialRoleNameList: []string{"ops"}, RoleRequirement: jwtauth.AnyRole,
	}
}

// Reference 3.10, 1: what is not deployed issues nothing, and an undeploy ends it.
func TestTokensEndWithTheDeployment(t *testing.T) {
	t.Parallel()
	e := newEstate(t, func(c *jwtauth.Config) { c.GrantType = issue.ClientCredentials })
	ask := func() outcome {
		return e.post(t, 0, "/auth/jwt", url.Values{"grant_type": {"client_credentials"}, "client_id": {e.proxy.ClientID}, "client_secret": {e.pair.Reveal()}})
	}
	token := ask().text("access_token")
	e.call(t, 1, token).wants(t, 200, "")
	e.login(t, "mia").wants(t, 400, "unauthorized_client") // 3.10, 2
	if _, err := e.store.Undeploy(t.Context(), modelstest.By(), e.project.ID, e.proxy.ID, "production"); err != nil {
		t.Fatal(err)
	}
	until(t, "the proxy is gone", func() bool { return e.call(t, 1, token).status == 404 && e.call(t, 0, token).status == 404 })
	ask().wants(t, 401, "invalid_client")
}

// Reference 3.10, 3, 7, 9 and 10, through the database and over two nodes.
func TestAUserLogsInRefreshesAndIsShutOut(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	mia := e.user(t, "mia", nil)
	until(t, "mia is known, and has no access", func() bool { return e.login(t, "mia").status == 400 })
	e.grant(t, mia)
	var in outcome
	until(t, "mia may log in", func() bool { in = e.login(t, "mia"); return in.status == 200 })
	until(t, "the other node knows it too", func() bool { return e.call(t, 1, in.text("access_token")).status == 200 })
	if o := e.call(t, 1, in.text("access_token")); o.status != 200 || o.body != "mia|audit,ops|" {
		t.Errorf("the API saw %d %q", o.status, o.body)
	}
	second := e.refresh(t, 1, in.text("refresh_token"))
	second.wants(t, 200, "")
	if again := e.refresh(t, 0, in.text("refresh_token")); again.text("refresh_token") != second.text("refresh_token") {
		t.Errorf("a retry at another node got another successor")
	}
	third := e.refresh(t, 0, second.text("refresh_token"))
	third.wants(t, 200, "")
	e.refresh(t, 1, third.text("refresh_token")).wants(t, 400, "invalid_grant") // used up
	e.call(t, 0, in.text("access_token")).wants(t, 200, "")                     // lives to its end
	draft := mia.Draft()
	draft.Enabled = false
	if _, _, err := e.store.SaveCredential(t.Context(), modelstest.By(), e.project.ID, mia.ID, mia.Version, draft); err != nil {
		t.Fatal(err)
	}
	for node := range e.nodes {
		until(t, "mia is out", func() bool { return e.call(t, node, third.text("access_token")).status == 401 })
	}
	e.login(t, "mia").wants(t, 400, "invalid_grant")
}

func TestARevocationReachesEveryNodeAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	e.grant(t, e.user(t, "mia", nil))
	e.grant(t, e.user(t, "leo", nil))
	var mia, leo outcome
	until(t, "mia may log in", func() bool { mia = e.login(t, "mia"); return mia.status == 200 })
	until(t, "leo may log in", func() bool { leo = e.login(t, "leo"); return leo.status == 200 })
	for node := range e.nodes {
		e.call(t, node, mia.text("access_token")).wants(t, 200, "") // now it is in the node's cache
	}
	result, err := e.store.Revoke(t.Context(), modelstest.By(), "production", revoke.Entry{Kind: revoke.User, Key: "mia", Before: time.Now().Add(time.Second)}, "test")
	if err != nil || result.Families != 1 {
		t.Fatalf("Revoke = %+v, %v", result, err)
	}
	for node := range e.nodes {
		until(t, "mia's token is worthless", func() bool { return e.call(t, node, mia.text("access_token")).status == 401 })
		e.call(t, node, leo.text("access_token")).wants(t, 200, "")
	}
	e.refresh(t, 0, mia.text("refresh_token")).wants(t, 400, "invalid_grant")
	e.node(t)
	e.call(t, 2, mia.text("access_token")).wants(t, 401, "")
	e.call(t, 2, leo.text("access_token")).wants(t, 200, "")
}

func TestAClientRevokesItsOwnTokens(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	e.grant(t, e.user(t, "mia", nil))
	var in outcome
	until(t, "mia may log in", func() bool { in = e.login(t, "mia"); return in.status == 200 })
	gone := func(token string) outcome {
		return e.post(t, 0, "/auth/revoke", url.Values{"client_id": {e.proxy.ClientID}, "client_secret": {e.pair.Reveal()}, "token": {token}})
	}
	gone(in.text("refresh_token")).wants(t, 200, "")
	e.refresh(t, 1, in.text("refresh_token")).wants(t, 400, "invalid_grant")
	e.call(t, 1, in.text("access_token")).wants(t, 200, "") // reference 3.10, 7
	gone(in.text("access_token")).wants(t, 200, "")
	for node := range e.nodes {
		until(t, "the access token is worthless", func() bool { return e.call(t, node, in.text("access_token")).status == 401 })
	}
}

// A hundred clients redeem one refresh token at once, at two nodes: all get the
// same successor, which the database decides.
func TestAHundredRedemptionsOverTwoNodesGiveOneSuccessor(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	e.grant(t, e.user(t, "mia", nil))
	var in outcome
	until(t, "mia may log in", func() bool { in = e.login(t, "mia"); return in.status == 200 })
	until(t, "the other node knows her too", func() bool {
		form := url.Values{"grant_type": {"password"}, "client_id": {e.proxy.ClientID}, "username": {"mia"}, "password": {userPassword}}
		return e.post(t, 1, "/auth/jwt", form).status == 200
	})
	var mu sync.Mutex
	got := map[string]int{}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			answer := e.refresh(t, i%2, in.text("refresh_token"))
			mu.Lock()
			defer mu.Unlock()
			if got[answer.text("refresh_token")]++; answer.status != http.StatusOK {
				t.Errorf("%d %s", answer.status, answer.body)
			}
		})
	}
	group.Wait()
	if len(got) != 1 || got[""] != 0 {
		t.Errorf("successors %v", got)
	}
}

// Each refusal of a credential has a row of its own in the record, and one look
// from outside.
func TestCredentialsAreCheckedOnEveryCallWhereTheyManageAccess(t *testing.T) {
	t.Parallel()
	e := newEstate(t, func(c *jwtauth.Config) { c.ManagedFromThisPolicy = false })
	phone := e.user(t, "phone", func(d *models.CredentialDraft) {
		d.Tokens.GrantType, d.Tokens.JWTSignatureAlgorithm = issue.ClientCredentials, keys.EdDSA
	})
	ask := func() outcome {
		return e.post(t, 0, "/credential/jwt", url.Values{"grant_type": {"client_credentials"}, "client_id": {"phone"}, "client_secret": {userPassword}})
	}
	until(t, "the phone is known", func() bool { return ask().status == 400 })
	ask().wants(t, 400, "unauthorized_client")
	e.grant(t, phone)
	var in outcome
	until(t, "the phone gets a token", func() bool { in = ask(); return in.status == 200 })
	for node := range e.nodes {
		until(t, "the phone has access", func() bool { return e.call(t, node, in.text("access_token")).status == 200 })
	}
	e.post(t, 0, "/auth/jwt", url.Values{"grant_type": {"client_credentials"}, "client_id": {e.proxy.ClientID}, "client_secret": {e.pair.Reveal()}}).
		wants(t, 401, "invalid_client") // ERR-140
	if err := e.store.DeleteCredential(t.Context(), modelstest.By(), e.project.ID, phone.ID, phone.Version); err != nil {
		t.Fatal(err)
	}
	for node := range e.nodes {
		until(t, "the phone is gone", func() bool { return e.call(t, node, in.text("access_token")).status == 401 })
	}
}
