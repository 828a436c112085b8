package main

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// turned is two gateway nodes on one database: tokens are issued on either and
// used on both, while the key that signs them is rotated.
type turned struct {
	store *models.Store
	proxy models.Owner
	pair  secret.Text
	nodes [2]*httptest.Server

	mu sync.Mutex
	// issued, used and refused count by kid.
	issued, used map[string]int
	refused      []string
}

func newTurned(t *testing.T) *turned {
	t.Helper()
	w := &turned{store: modelstest.New(t), issued: map[string]int{}, used: map[string]int{}}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(upstream.Close)
	project := modelstest.Project(t, w.store, "Default")
	modelstest.Environment(t, w.store, "production")
	var err error
	w.proxy, w.pair, err = w.store.SaveProxy(t.Context(), modelstest.By(), project.ID, models.Owner{
		Name: "api", Route: engine.Route{BasePath: "/api"}, Upstream: engine.Upstream{URL: upstream.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := modelstest.Policy(t, w.store, project.ID, "standard", func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.ES256 })
	w.proxy = modelstest.Bind(t, w.store, w.proxy, policy)
	modelstest.Deploy(t, w.store, w.proxy, "production")
	for i, name := range []string{"gw-1", "gw-2"} {
		w.nodes[i] = w.node(t, name)
	}
	return w
}

// node starts a gateway node as a process of its own would.
func (w *turned) node(t *testing.T, name string) *httptest.Server {
	t.Helper()
	gateway := engine.New(engine.Options{Types: policyTypes(), Sink: event.Discard{}})
	n := newNode(name, w.store, nil, slog.New(slog.DiscardHandler), newMetrics())
	n.add("production", gateway)
	if err := n.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = n.follow(t.Context()) }) // ends with the test's context
	t.Cleanup(running.Wait)
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	return server
}

// token gets a token from a node.
func (w *turned) token(client *http.Client, node *httptest.Server) string {
	resp, err := client.PostForm(node.URL+"/auth/jwt", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.proxy.ClientID}, "client_secret": {w.pair.Reveal()},
	})
	if err != nil {
		w.refuse("token: " + err.Error())
		return ""
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		w.refuse("token: " + resp.Status)
		return ""
	}
	w.count(w.issued, answer.AccessToken)
	return answer.AccessToken
}

// use calls the API on a node.
func (w *turned) use(client *http.Client, node *httptest.Server, token string) {
	req, err := http.NewRequest(http.MethodGet, node.URL+"/api/pets", http.NoBody)
	if err != nil {
		w.refuse(err.Error())
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		w.refuse("call: " + err.Error())
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		w.refuse("call with a token of " + kidOf(token) + ": " + resp.Status)
		return
	}
	w.count(w.used, token)
}

func (w *turned) refuse(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = append(w.refused, what)
}

func (w *turned) count(in map[string]int, token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[kidOf(token)]++
}

func kidOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(head) // a broken head has no kid
	var h struct {
		Kid string `json:"kid"`
	}
	_ = json.Unmarshal(raw, &h)
	return h.Kid
}

// A key every second, from the database to two running nodes, while clients get
// tokens on one node and use them, new and old, on both.
func TestRotatingEverySecondUnderLoadRefusesNotOneValidToken(t *testing.T) {
	t.Parallel()
	w := newTurned(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(client.CloseIdleConnections)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() { w.load(client, i%2, stop) })
	}
	rest := sync.OnceFunc(func() { close(stop); callers.Wait() })
	defer rest()
	slot := models.KeySlot{Environment: "production", Algorithm: keys.ES256}
	signed := []string{w.signing(t)}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for range 10 {
		<-second.C
		r, err := w.store.RotateKey(t.Context(), modelstest.By(), slot, signed[len(signed)-1])
		if err != nil {
			t.Fatal(err)
		}
		signed = append(signed, r.New.Kid)
	}
	<-second.C // the last key has its second, too
	rest()
	w.judge(t, signed)
}

// load gets a token on one node every few milliseconds and uses it on both, and
// now and then every token that it has so far.
func (w *turned) load(client *http.Client, at int, stop <-chan struct{}) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var all []string
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-pace.C:
		}
		if token := w.token(client, w.nodes[at]); token != "" {
			all = append(all, token)
			w.use(client, w.nodes[1-at], token) // at once, where it was not issued
			w.use(client, w.nodes[at], token)
		}
		if len(all) > 0 {
			w.use(client, w.nodes[i%2], all[(i*7)%len(all)]) // an old one
		}
	}
}

func (w *turned) signing(t *testing.T) string {
	t.Helper()
	b, err := w.store.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	return b.Keys.Signing(keys.ES256).ID
}

func (w *turned) judge(t *testing.T, signed []string) {
	t.Helper()
	if len(w.refused) > 0 {
		t.Errorf("%d refusals, the first: %v", len(w.refused), w.refused[:min(5, len(w.refused))])
	}
	issued, used := 0, 0
	for _, kid := range signed {
		if w.issued[kid] == 0 || w.used[kid] == 0 {
			t.Errorf("the key %s signed %d tokens that were used %d times", kid, w.issued[kid], w.used[kid])
		}
		issued, used = issued+w.issued[kid], used+w.used[kid]
	}
	t.Logf("%d keys signed %d tokens, which were used %d times; %d refusals", len(signed), issued, used, len(w.refused))
	b, err := w.store.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range signed {
		if b.Keys.Verifying(kid) == nil {
			t.Errorf("the key %s is gone while its tokens live", kid)
		}
	}
}
