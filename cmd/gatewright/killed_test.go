package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// killed is a whole process that is killed again and again while everything in it is
// changed through the management API and logins go on, and what it has answered.
type killed struct {
	*lone
	*served
	api    string // token of the management API
	client *http.Client
	// acked counts what was answered since the last start, refreshed the refreshes of it.
	acked, refreshed atomic.Int64
	saved, packed, deployed,
	rotated written
	login struct{ spent, newest string } // refresh tokens
	held  []string                       // access tokens that were answered
}

// written is one thing that is written again and again: the last value that was sent,
// and the last one that was answered.
type written struct{ sent, acked int }

// holds tells that a value is the one that was answered, or the one under way.
func (w written) holds(value int) bool { return value == w.acked || value == w.sent }

func newKilled(t *testing.T) *killed {
	t.Helper()
	k := &killed{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	t.Cleanup(k.client.CloseIdleConnections)
	k.lone = newLone(t, passwords, func(c *jwtauth.Config) {
		c.JWTSignatureAlgorithm, c.RefreshTokenCount = keys.ES256, issue.MaxRefreshCount
		c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = false, 1, issue.Hours
	})
	project := modelstest.Project(t, k.store, "Shop")
	for _, role := range []string{"ops", "audit"} {
		if _, err := k.store.SaveRole(t.Context(), modelstest.By(), project.ID, "", 0, role, ""); err != nil {
			t.Fatal(err)
		}
	}
	e := &estate{store: k.store, project: project, proxy: k.proxy, pair: k.pair}
	e.grant(t, e.user(t, "mia", nil))
	for _, name := range []string{"saved", "packed"} {
		modelstest.Policy(t, k.store, project.ID, name, func(c *jwtauth.Config) { c.Description = "0" })
	}
	m, err := k.store.TokenManagement(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Value.RefreshGraceSeconds = issue.MaxRefreshGrace // a start may take long on a busy machine
	if _, err := k.store.SaveTokenManagement(t.Context(), modelstest.By(), m.Version, m.Value); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := k.store.EnsureAdministrator(t.Context(), secret.New(userPassword)); err != nil {
		t.Fatal(err)
	}
	k.begin()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {models.AdministratorName}, "client_secret": {userPassword}}
	if status, body := k.ask("POST", k.console+"/apiops/auth/token", "application/x-www-form-urlencoded", form.Encode()); status != 200 || json.Unmarshal(body, &answer) != nil {
		t.Fatalf("no token of the management API: %d %s", status, body)
	}
	k.api = answer.AccessToken
	return k
}

func (k *killed) begin() {
	k.t.Helper()
	k.served = launch(k.t, "serve", "--data-dir="+k.dir, "--database-url="+k.url, "--master-key="+testMasterKey, "--console-addr=127.0.0.1:0",
		"--gateway=production=127.0.0.1:0", "--ops-addr=", "--log-level=error")
}

// ask sends a request; the status is 0 when no answer came.
func (k *killed) ask(method, address, kind, body string) (int, []byte) {
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", kind)
	if k.api != "" && strings.Contains(address, "/apiops/") {
		r.Header.Set("Authorization", "Bearer "+k.api)
	}
	res, err := k.client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, raw
}

// manage asks the management API.
func (k *killed) manage(method, path, kind, body string) (int, []byte) {
	return k.ask(method, k.console+"/apiops/"+path, kind, body)
}

// write makes a thing one more, and notes when that was answered. It is false when
// the process is gone.
func (k *killed) write(c *written, send func(n int) (int, []byte)) bool {
	c.sent++
	status, body := send(c.sent)
	switch {
	case status == 0:
		return false
	case status != http.StatusOK:
		k.t.Errorf("write %d is answered %d %s", c.sent, status, body)
		return false
	}
	c.acked = c.sent
	k.acked.Add(1)
	return true
}

func definition(n int) string {
	return fmt.Sprintf(`{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"ES256","description":"%d"}`, n)
}

func (k *killed) save(n int) (int, []byte) {
	return k.manage("PUT", "projects/Shop/globalPolicies/saved/", "application/json", definition(n))
}

func (k *killed) pack(n int) (int, []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("override", "true")
	file, _ := w.CreateFormFile("exportFile", "package.json")
	fmt.Fprintf(file, `{"kind":"GLOBAL_POLICY","name":"packed","policy":%s}`, strings.Replace(definition(n), "{", `{"name":"packed",`, 1))
	_ = w.Close() // all to memory
	return k.manage("POST", "projects/Shop/export-import/GLOBAL_POLICY/import/", w.FormDataContentType(), b.String())
}

func (k *killed) deployTo(n int) (int, []byte) {
	upstream := k.proxy.Upstream.URL[:strings.LastIndexByte(k.proxy.Upstream.URL, '/')]
	return k.manage("PUT", "projects/Shop/apiProxies/api/", "application/json", fmt.Sprintf(
		`{"deploy":true,"clientRoute":{"relativePathList":["/api"]},"routingInfo":{"routingAddressList":[{"address":"%s/v%d"}]}}`, upstream, n))
}

// signing is the key that signs now.
func (k *killed) signing() string {
	k.t.Helper()
	b, err := k.store.Bundle(k.t.Context(), "production")
	if err != nil {
		k.t.Fatal(err)
	}
	return b.Keys.Signing(keys.ES256).ID
}

// rotate makes another key sign: the one that signs is asked of the database, as its
// last change may have been made and not answered.
func (k *killed) rotate(int) (int, []byte) {
	return k.manage("POST", "environments/production/keys/"+k.signing()+"/rotate/", "application/json", "")
}

func (k *killed) token(form url.Values) (status int, access, refresh string) {
	form.Set("client_id", k.proxy.ClientID)
	status, body := k.ask("POST", k.gateway+"/auth/jwt", "application/x-www-form-urlencoded", form.Encode())
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &answer)
	return status, answer.AccessToken, answer.RefreshToken
}

func (k *killed) refresh(token string) (status int, access, refresh string) {
	return k.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// stay refreshes a new login until the process is gone, and keeps the newest token
// that was answered, and one that was spent long before it.
func (k *killed) stay() {
	status, _, refresh := k.token(url.Values{"grant_type": {"password"}, "username": {"mia"}, "password": {userPassword}})
	for k.login.spent, k.login.newest = "", refresh; status == http.StatusOK; {
		before := k.login.newest
		var access string
		if status, access, refresh = k.refresh(before); status == http.StatusOK {
			k.login.spent, k.login.newest = before, refresh
			k.held = append(k.held[max(0, len(k.held)-20):], access)
			k.acked.Add(1)
			k.refreshed.Add(1)
		}
	}
	if status != 0 {
		k.t.Errorf("a login that goes on is answered %d", status)
	}
}

// SIGKILL in the middle of everything: saves, imports, deploys, rotations and refreshes.
// After each of ten kills all that was answered is there, what was under way is there
// whole or not at all, every save has its audit record, the login goes on with its last
// token and ends when an older one is played again, and tokens go on. When it strikes is
// decided by how much was answered, differently in each round and alike in each run.
func TestKillsAtAnyMomentLoseNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	k := newKilled(t)
	chance := rand.New(rand.NewPCG(7, 9))
	for round := range 10 {
		k.acked.Store(0)
		k.refreshed.Store(0)
		var writers sync.WaitGroup
		for c, send := range map[*written]func(int) (int, []byte){&k.saved: k.save, &k.packed: k.pack, &k.deployed: k.deployTo, &k.rotated: k.rotate} {
			writers.Go(func() {
				for k.write(c, send) {
				}
			})
		}
		writers.Go(k.stay)
		strike := 10 + chance.Int64N(240)
		until(t, "enough is answered", func() bool { return t.Failed() || k.acked.Load() >= strike && k.refreshed.Load() > 1 })
		k.stop(t, os.Kill)
		writers.Wait()
		k.client.CloseIdleConnections()
		k.begin()
		k.verify(round)
		if t.Failed() {
			return
		}
	}
	t.Logf("answered: %d saves, %d imports, %d deploys, %d rotations", k.saved.acked, k.packed.acked, k.deployed.acked, k.rotated.acked)
}

func (k *killed) verify(round int) {
	k.t.Helper()
	for name, c := range map[string]*written{"saved": &k.saved, "packed": &k.packed} {
		c.sent = k.policy(round, name, *c)
		c.acked = c.sent
	}
	k.deploys(round)
	for _, token := range k.held {
		if status, _ := k.call(k.gateway, token); status != http.StatusOK {
			k.t.Errorf("round %d: a token that was answered gets %d", round, status)
		}
	}
	k.ends(round)
	k.held = nil                                                  // they ended with their login
	if _, _, _, err := k.files().read("production"); err != nil { // what the node starts from without the database
		k.t.Errorf("round %d: the last good configuration: %v", round, err)
	}
}

// policy is what a policy says, whose versions and audit records must agree.
func (k *killed) policy(round int, name string, c written) int {
	k.t.Helper()
	status, body := k.manage("GET", "projects/Shop/globalPolicies/"+name+"/", "", "")
	var answer struct {
		Result struct {
			Description string
			Version     int
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		k.t.Fatalf("round %d: policy %s: %d %s", round, name, status, body)
	}
	var n int
	if _, err := fmt.Sscan(answer.Result.Description, &n); err != nil || !c.holds(n) {
		k.t.Errorf("round %d: policy %s says %d; sent was %d, answered %d", round, name, n, c.sent, c.acked)
	}
	if records := k.count(`select count(*) from audit_records where kind = 'POLICY' and object_name = $1 and action in ('CREATED', 'UPDATED', 'IMPORTED')`, name); records != answer.Result.Version {
		k.t.Errorf("round %d: policy %s has version %d and %d audit records", round, name, answer.Result.Version, records)
	}
	return n
}

// deploys checks what runs against what was answered, and each revision's record.
func (k *killed) deploys(round int) {
	k.t.Helper()
	var version int
	status, access, _ := k.token(url.Values{"grant_type": {"password"}, "username": {"mia"}, "password": {userPassword}})
	if status != http.StatusOK {
		k.t.Fatalf("round %d: a login is answered %d", round, status)
	}
	_, body := k.call(k.gateway, access)
	if _, err := fmt.Sscanf(body, "/v%d/pets", &version); err != nil || !k.deployed.holds(version) {
		k.t.Errorf("round %d: %s runs; sent was %d, answered %d", round, body, k.deployed.sent, k.deployed.acked)
	}
	k.deployed.acked = version
	revisions := k.count(`select count(*) from revisions`)
	if records := k.count(`select count(*) from audit_records where action = 'DEPLOYED'`); records != revisions {
		k.t.Errorf("round %d: %d revisions and %d audit records", round, revisions, records)
	}
	if rotations := k.count(`select count(*) from audit_records where kind = 'ENVIRONMENT_KEY' and action = 'ROTATED'`); rotations < k.rotated.acked || rotations > k.rotated.sent {
		k.t.Errorf("round %d: %d rotations recorded; sent were %d, answered %d", round, rotations, k.rotated.sent, k.rotated.acked)
	} else {
		k.rotated.sent, k.rotated.acked = rotations, rotations
	}
}

// ends goes on with the login of the round, and then plays a spent token again: no
// kill makes the family forget that it was spent.
func (k *killed) ends(round int) {
	k.t.Helper()
	status, _, next := k.refresh(k.login.newest)
	if status != http.StatusOK {
		k.t.Errorf("round %d: the newest refresh token is answered %d", round, status)
	}
	k.count(`with aged as (update refresh_families set spent = array(select s - interval '1 hour' from unnest(spent) with ordinality x (s, o) order by o) returning 1)
		select count(*) from aged`) // out of the window in which a lost answer is given again
	if status, _, again := k.refresh(k.login.spent); status != http.StatusBadRequest {
		k.t.Errorf("round %d: ATTACK: a refresh token of long ago is answered %d %s", round, status, again)
	}
	if status, _, _ := k.refresh(next); status != http.StatusBadRequest {
		k.t.Errorf("round %d: ATTACK: after a replay the login goes on: %d", round, status)
	}
}
