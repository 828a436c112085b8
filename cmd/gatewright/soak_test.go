package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// soak is a console with two gateway nodes as processes, and callers who know for each
// of their calls what the answer must be.
type soak struct {
	store    *models.Store
	proxy    models.Owner
	pair     secret.Text
	nodes    [2]*soakNode
	client   *http.Client
	revoked  atomic.Pointer[string] // a token that every node refuses by now
	calls    [callKinds]atomic.Int64
	mu       sync.Mutex
	mistakes []string
}

type soakNode struct {
	args []string
	*served
	// away counts the restarts: odd while the node is away.
	away atomic.Int64
	url  string
}

// The kinds of calls.
const (
	known = iota
	fresh
	forged
	anonymous
	worthless
	callKinds
)

var callNames = [callKinds]string{"a known token", "a new token", "a forged token", "no token", "a revoked token"}

func newSoak(t *testing.T) *soak {
	t.Helper()
	dir, database := newDataDir(t), modelstest.Empty(t)
	s := &soak{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	t.Cleanup(s.client.CloseIdleConnections)
	launch(t, "serve", "--data-dir="+dir, "--database-url="+database, "--console-addr=127.0.0.1:0", "--gateway=production=127.0.0.1:0", "--ops-addr=", "--log-level=error")
	key, err := secret.LoadOrCreateMasterKey(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	s.store = modelstest.Open(t, database, func(o *models.Options) { o.Sealer, o.Types, o.Identities = sealer, policyTypes(), identityKinds() })
	s.deploy(t)
	for i := range s.nodes {
		address := demoAddr(t)
		s.nodes[i] = &soakNode{url: "http://" + address, args: []string{
			"gateway", "--data-dir=" + dir, "--database-url=" + database, "--gateway=production=" + address, "--ops-addr=127.0.0.1:0", "--log-level=error",
			"--max-forged=0", // all callers have one address
		}}
		s.nodes[i].served = launch(t, s.nodes[i].args...)
	}
	return s
}

// deploy makes the API that the callers call: it answers who calls.
func (s *soak) deploy(t *testing.T) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s|%s|%s", r.Header.Get("X-User"), r.URL.Path, body)
	}))
	t.Cleanup(upstream.Close)
	project, _, err := s.store.EnsureProject(t.Context(), modelstest.By(), "Default", "")
	if err != nil {
		t.Fatal(err)
	}
	s.proxy, s.pair, err = s.store.SaveProxy(t.Context(), modelstest.By(), project.ID, models.Owner{
		Name: "api", Route: engine.Route{BasePath: "/api"}, Upstream: engine.Upstream{URL: upstream.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := modelstest.Policy(t, s.store, project.ID, "standard", func(c *jwtauth.Config) {
		c.JWTSignatureAlgorithm, c.AddUserToHeader, c.UserHeaderName, c.ClearAuth = keys.ES256, true, "X-User", true
	})
	s.proxy = modelstest.Bind(t, s.store, s.proxy, p)
	modelstest.Deploy(t, s.store, s.proxy, "production")
}

// do is one request to a node. Nothing is wrong with an error while the node is away.
func (s *soak) do(n *soakNode, kind int, r *http.Request) (status int, body string, ok bool) {
	before := n.away.Load()
	res, err := s.client.Do(r)
	var raw []byte
	if err == nil {
		raw, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err != nil {
		if before&1 == 0 && n.away.Load() == before {
			s.mistake("%s: %v", callNames[kind], err)
		}
		return 0, "", false
	}
	s.calls[kind].Add(1)
	return res.StatusCode, string(raw), true
}

func (s *soak) mistake(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mistakes = append(s.mistakes, fmt.Sprintf(format, args...))
}

// token gets a new token of a node.
func (s *soak) token(n *soakNode) string {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.proxy.ClientID}, "client_secret": {s.pair.Reveal()}}
	r, err := http.NewRequest("POST", n.url+"/auth/jwt", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body, ok := s.do(n, fresh, r)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if ok && (status != 200 || json.Unmarshal([]byte(body), &answer) != nil) {
		s.mistake("a token request: %d %s", status, body)
	}
	return answer.AccessToken
}

// use calls the API and checks the answer: it is nobody else's.
func (s *soak) use(n *soakNode, kind int, token string, number int) {
	path, content := fmt.Sprintf("/pets/%d", number), strings.Repeat("x", number%5000)
	method := "POST"
	if number%3 > 0 {
		method, content = "GET", ""
	}
	r, err := http.NewRequest(method, n.url+"/api"+path, strings.NewReader(content))
	if err != nil {
		panic(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	status, body, ok := s.do(n, kind, r)
	if !ok {
		return
	}
	want := http.StatusUnauthorized
	if kind == known || kind == fresh {
		want = http.StatusOK
	}
	if status != want || status == http.StatusOK && body != s.proxy.ClientID+"|"+path+"|"+content {
		s.mistake("%s: %d %.100s", callNames[kind], status, body)
	}
}

// caller calls both nodes in every way until the end.
func (s *soak) caller(i int, stop <-chan struct{}) {
	held := ""
	for number := i * 1_000_000; ; number++ {
		select {
		case <-stop:
			return
		default:
		}
		n := s.nodes[number%2]
		if token := s.token(n); token != "" {
			held = token
			s.use(n, fresh, held, number)
		}
		if held == "" {
			continue
		}
		for range 10 {
			number++
			s.use(s.nodes[number%2], known, held, number)
		}
		s.use(n, anonymous, "", number)
		middle := len(held) - 20
		s.use(n, forged, held[:middle]+flipped(held[middle:middle+1])+held[middle+1:], number)
		if revoked := s.revoked.Load(); revoked != nil {
			s.use(n, worthless, *revoked, number)
		}
	}
}

// flipped is another letter.
func flipped(s string) string {
	if s == "A" {
		return "B"
	}
	return "A"
}

// restart ends a node and begins it anew.
func (s *soak) restart(t *testing.T, i int, sig os.Signal) {
	t.Helper()
	n := s.nodes[i]
	n.away.Add(1)
	n.stop(t, sig)
	n.served = launch(t, n.args...)
	n.away.Add(1)
}

// revoke makes a token worthless and waits until every node says so.
func (s *soak) revoke(t *testing.T) {
	t.Helper()
	token := s.token(s.nodes[0])
	entry := revoke.Entry{Kind: revoke.Token, Key: tokenID(t, token), Expires: time.Now().Add(time.Hour)}
	if err := s.store.RevokeTokens(t.Context(), "production", entry, "lost"); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.nodes {
		until(t, "the node hears of the revocation", func() bool { return n.answers(t, token) == http.StatusUnauthorized })
	}
	s.revoked.Store(&token)
}

func (n *soakNode) answers(t *testing.T, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", n.url+"/api/pets", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// tokenID is the jti of a token.
func tokenID(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token+"..", ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		ID string `json:"jti"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.ID == "" {
		t.Fatalf("no jti in %s: %v", raw, err)
	}
	return claims.ID
}

// figure is one of a node's metrics.
func (n *soakNode) figure(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get(n.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(raw)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	f, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Mixed traffic over two nodes while policies are deployed, keys rotated, tokens revoked
// and nodes stopped and killed: not one answer is wrong, and nothing is left of it.
func TestASoakInMiniature(t *testing.T) {
	t.Parallel()
	s := newSoak(t)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() { s.caller(i, stop) })
	}
	rest := sync.OnceFunc(func() { close(stop); callers.Wait() })
	defer rest()
	s.operate(t)
	goroutines := s.nodes[0].figure(t, "go_goroutines")
	for range 3 {
		s.edit(t)
	}
	rest()
	s.client.CloseIdleConnections()
	for kind := range s.calls {
		t.Logf("%d calls with %s", s.calls[kind].Load(), callNames[kind])
	}
	if len(s.mistakes) > 0 {
		t.Errorf("%d wrong answers, the first: %v", len(s.mistakes), s.mistakes[:min(5, len(s.mistakes))])
	}
	for kind := range s.calls {
		if n := s.calls[kind].Load(); n < 20 {
			t.Errorf("only %d calls with %s", n, callNames[kind])
		}
	}
	for i, n := range s.nodes {
		until(t, "the connections' goroutines end", func() bool { return n.figure(t, "go_goroutines") < goroutines+10 })
		if heap := n.figure(t, "go_memstats_heap_inuse_bytes"); heap > 200<<20 {
			t.Errorf("node %d holds %.0f MiB", i, heap/(1<<20))
		}
	}
}

// operate is what an operator's busy day does, one thing after the other.
func (s *soak) operate(t *testing.T) {
	t.Helper()
	for round := range 3 {
		s.edit(t)
		s.rotate(t)
		s.revoke(t)
		s.restart(t, round%2, []os.Signal{syscall.SIGTERM, os.Kill}[round%2])
		s.edit(t)
	}
}

// edit changes the proxy and deploys it.
func (s *soak) edit(t *testing.T) {
	t.Helper()
	changed := modelstest.Reload(t, s.store, s.proxy) // the callers read the other one
	changed.Upstream.ResponseTimeout = 30_000 + changed.Upstream.ResponseTimeout%1000 + 1
	saved, _, err := s.store.SaveProxy(t.Context(), modelstest.By(), changed.ProjectID, changed)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.store, saved, "production")
}

func (s *soak) rotate(t *testing.T) {
	t.Helper()
	b, err := s.store.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	slot := models.KeySlot{Environment: "production", Algorithm: keys.ES256}
	if _, err := s.store.RotateKey(t.Context(), modelstest.By(), slot, b.Keys.Signing(keys.ES256).ID); err != nil {
		t.Fatal(err)
	}
}
