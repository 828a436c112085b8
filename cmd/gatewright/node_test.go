package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// deployed is a node of this package with one guarded proxy, on a real
// database and in front of a real upstream.
type deployed struct {
	store   *models.Store
	proxy   models.Owner
	gateway *httptest.Server
	apis    string // base address of the upstream
	token   string
}

func newDeployed(t *testing.T) *deployed {
	t.Helper()
	d := &deployed{store: modelstest.New(t)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(upstream.Close)
	d.apis = upstream.URL
	project := modelstest.Project(t, d.store, "Default")
	modelstest.Environment(t, d.store, "production")
	var pair secret.Text
	var err error
	d.proxy, pair, err = d.store.SaveProxy(t.Context(), modelstest.By(), project.ID, models.Owner{
		Name: "api", Route: engine.Route{BasePath: "/api"}, Upstream: engine.Upstream{URL: d.apis + "/v0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.proxy = modelstest.Bind(t, d.store, d.proxy, modelstest.Policy(t, d.store, project.ID, "standard"))
	modelstest.Deploy(t, d.store, d.proxy, "production")
	d.follow(t)
	d.token = d.issue(t, pair)
	return d
}

// follow starts the node and waits for its first bundle.
func (d *deployed) follow(t *testing.T) {
	t.Helper()
	gateway := engine.New(engine.Options{Types: policyTypes(), Sink: event.Discard{}})
	n := newNode(t.Name(), d.store, nil, slog.New(slog.DiscardHandler), newMetrics())
	n.add("production", gateway)
	if err := n.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = n.follow(t.Context()) }) // ends with the test's context
	t.Cleanup(running.Wait)
	d.gateway = httptest.NewServer(gateway)
	t.Cleanup(d.gateway.Close)
}

func (d *deployed) issue(t *testing.T, pair secret.Text) string {
	t.Helper()
	resp, err := http.PostForm(d.gateway.URL+"/auth/jwt", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {d.proxy.ClientID}, "client_secret": {pair.Reveal()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	return answer.AccessToken
}

// call returns what the upstream saw, or why the call failed.
func (d *deployed) call(t *testing.T, client *http.Client) (string, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.gateway.URL+"/api/pets", http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, bytes.TrimSpace(body))
	}
	return string(body), err
}

// change edits the proxy, deploys it and waits for the node to say that it
// runs the revision.
func (d *deployed) change(t *testing.T, upstream string) {
	t.Helper()
	d.proxy.Upstream.URL = upstream
	saved, _, err := d.store.SaveProxy(t.Context(), modelstest.By(), d.proxy.ProjectID, d.proxy)
	if err != nil {
		t.Fatal(err)
	}
	d.proxy = saved
	result := modelstest.Deploy(t, d.store, d.proxy, "production")
	reports, err := d.store.AwaitNodes(t.Context(), "production", result.Generation)
	if err != nil || len(reports) != 1 || !reports[0].OK {
		t.Fatalf("the node reports %+v, %v", reports, err)
	}
}

// From the database to the running gateway: 100 deploys in a row, each by a
// transaction, a notification and a swap, while calls go on.
func TestAHundredDeploysThroughTheStoreFailNoCall(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(client.CloseIdleConnections)
	var sent, failed atomic.Int64
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			pace := time.NewTicker(4 * time.Millisecond) // 2,000 a second from eight callers
			defer pace.Stop()
			for {
				select {
				case <-stop:
					return
				case <-pace.C:
				}
				sent.Add(1)
				if _, err := d.call(t, client); err != nil {
					failed.Add(1)
					t.Errorf("during a deploy: %v", err)
				}
			}
		})
	}
	for i := range 100 {
		version := fmt.Sprintf("/v%d", i+1)
		d.change(t, d.apis+version)
		if seen, err := d.call(t, client); err != nil || !strings.HasPrefix(seen, version+"/") {
			t.Errorf("right after deploy %d the upstream saw %q, %v", i+1, seen, err)
		}
	}
	close(stop)
	callers.Wait()
	t.Logf("%d calls during 100 deploys", sent.Load())
	if failed.Load() != 0 || sent.Load() < 100 {
		t.Errorf("%d of %d calls failed", failed.Load(), sent.Load())
	}
}

// Two containers may have the name of one host, and both be its first process.
func TestNoTwoNodesHaveOneName(t *testing.T) {
	t.Parallel()
	if one, other := nodeName(), nodeName(); one == other {
		t.Errorf("both are %s", one)
	}
}

// A definition that this build cannot run leaves the last good one serving,
// and the node's row says why.
func TestANodeKeepsItsLastGoodSnapshotAndSaysWhy(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	gateway := engine.New(engine.Options{Types: nil}) // knows no policy type
	n := newNode("old", d.store, nil, slog.New(slog.DiscardHandler), newMetrics())
	n.add("production", gateway)
	if err := n.refresh(t.Context(), "production"); err == nil {
		t.Fatal("a policy of an unknown type was taken over")
	}
	if err := n.load(t.Context()); err != nil || gateway.Running().Ready {
		t.Errorf("a start, which the console needs to put it right: ready %v, %v", gateway.Running().Ready, err)
	}
	reports, err := d.store.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if r.Node == "old" && (r.OK || !strings.Contains(r.Message, "policy-auth-jwt")) {
			t.Errorf("the node reports %+v", r)
		}
	}
	if err := d.store.ForgetNode(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	if reports, err = d.store.Nodes(t.Context()); err != nil || len(reports) != 1 {
		t.Errorf("after it was forgotten there are %+v, %v", reports, err)
	}
	if _, err := d.call(t, http.DefaultClient); err != nil {
		t.Errorf("the other node: %v", err)
	}
}

// ATTACK: a node loses the database, its environment is deleted meanwhile, and
// whoever holds a token goes on calling it there.
func TestAttackADeletedEnvironmentEndsOnANodeThatWasAway(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	modelstest.Environment(t, d.store, "live")
	gateway := engine.New(engine.Options{Types: policyTypes(), Sink: event.Discard{}})
	away := newNode("away", d.store, nil, slog.New(slog.DiscardHandler), newMetrics())
	away.add("staging", gateway)
	e := modelstest.Environment(t, d.store, "staging")
	modelstest.Deploy(t, d.store, d.proxy, "staging")
	if err := away.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(gateway.Running().Owners); n != 1 {
		t.Fatalf("it runs %d owners", n)
	}
	if err := d.store.ForgetNode(t.Context(), "away"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.DeleteEnvironment(t.Context(), modelstest.By(), e.ID, e.Version); err != nil {
		t.Fatal(err)
	}
	away.tell(t.Context())
	if running := gateway.Running(); len(running.Owners) != 0 || running.Failure != nil {
		t.Errorf("it still runs %+v", running)
	}
	answer := httptest.NewRecorder()
	gateway.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/pets", http.NoBody))
	if answer.Code != http.StatusNotFound {
		t.Errorf("it answers %d", answer.Code)
	}
}
