package token

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/gatewright/gatewright/engine/enginetest/calls"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
)

const (
	clientID     = "orders-client"
	clientSecret = "s3cr3t-0f-0rders"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func quarterHour() issue.Settings {
	s := issue.Starting()
	s.JWTSignatureAlgorithm = keys.ES256
	return s
}

// secretHash is made once: a hash is meant to take long.
var secretHash = sync.OnceValue(func() string {
	h, err := secret.Hash(clientSecret)
	if err != nil {
		panic(err)
	}
	return h
})

// keySet has a signing key for every algorithm.
var keySet = sync.OnceValue(func() *keys.Set {
	var entries []keys.Entry
	for _, alg := range keys.Algorithms() {
		k, err := keys.Generate(alg)
		if err != nil {
			panic(err)
		}
		entries = append(entries, keys.Entry{Key: k, State: keys.Active})
	}
	set, err := keys.NewSet(entries)
	if err != nil {
		panic(err)
	}
	return set
})

// world is a service behind a real server, with what it reports.
type world struct {
	*Service
	URL string

	mu       sync.Mutex
	now      time.Time
	from     netip.Addr
	owners   map[string]Owner
	people   map[string]*identity.Credential
	source   identity.Guarded // of every name; nil for none
	manage   issue.Management
	messages *fault.Set
	keys     *keys.Set
	store    *memory
	gone     *revoke.List
	events   []event.Token
	alarms   []event.Security
	quiet    bool // keeps no events
	log      bytes.Buffer
	hashes   int // checks that were made with argon2id or its stand-in
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		now: start, from: netip.MustParseAddr("192.0.2.1"), keys: keySet(), manage: issue.DefaultManagement(),
		people: map[string]*identity.Credential{}, owners: map[string]Owner{
			clientID: {
				ID: "orders", Kind: "PROXY", Project: "Default", Name: "Orders", URL: "https://gateway.example/orders",
				ClientID: clientID, SecretHash: secretHash(), Settings: &Settings{Issue: quarterHour(), Keys: keySet(), Policy: "Standard", Managed: true},
			},
		},
	}
	w.store, w.gone = newMemory(w.clock), revoke.NewList(w.clock)
	w.Service = New(Options{
		Now: w.clock, Sink: w, Logger: slog.New(slog.NewTextHandler(lockedWriter{w}, nil)),
		Store: w.store, RefreshKey: []byte("0123456789abcdef0123456789abcdef"), Revoked: w.gone,
	})
	verify := w.logins.verify
	w.logins.verify = func(ctx context.Context, hash, password string) (bool, error) {
		w.mu.Lock()
		w.hashes++
		w.mu.Unlock()
		return verify(ctx, hash, password)
	}
	server := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

// cheap replaces argon2id, for tests with many guesses.
func (w *world) cheap() {
	w.logins.verify = func(_ context.Context, hash, password string) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hashes++
		return hash == "hash of "+password, nil
	}
	w.edit(func(o *Owner) { o.SecretHash = "hash of " + clientSecret })
}

// edit changes the owner as a save would.
func (w *world) edit(change func(*Owner)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.owners[clientID]
	s := *o.Settings
	o.Settings = &s
	change(&o)
	w.owners[clientID] = o
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	c := Caller{Client: w.from, CorrelationID: "corr-1"}
	d := directory{w}
	w.mu.Unlock()
	w.ServeHTTP(rw, r, d, c)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) move(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) comeFrom(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from = netip.MustParseAddr(address)
}

func (w *world) hashed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hashes
}

// Access and Token make world an event.Sink.
func (w *world) Access(event.Access) {}

func (w *world) Security(e event.Security) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarms = append(w.alarms, e)
}

func (w *world) Token(e event.Token) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.quiet {
		w.events = append(w.events, e)
	}
}

func (w *world) lastEvent() event.Token {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return event.Token{}
	}
	return w.events[len(w.events)-1]
}

// said is everything that the service has reported and logged.
func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := json.Marshal([]any{w.events, w.alarms})
	if err != nil {
		panic(err)
	}
	return string(all) + w.log.String()
}

type lockedWriter struct{ w *world }

func (l lockedWriter) Write(b []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(b)
}

type directory struct{ w *world }

func (d directory) Messages() *fault.Set   { return d.w.messages }
func (directory) Environment() string      { return "production" }
func (directory) Issuer() string           { return "https://gateway.example" }
func (d directory) Keys() *keys.Set        { return d.w.keys }
func (d directory) Newest() Directory      { return d }
func (d directory) JWKS() ([]byte, string) { return d.w.keys.JWKS(), d.w.keys.Digest() }
func (d directory) Tokens() *issue.Management {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	m := d.w.manage
	return &m
}
func (d directory) Credential(name string) (*identity.Credential, bool) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	c, ok := d.w.people[name]
	return c, ok
}
func (d directory) IdentitySource(_, _ string) (identity.Guarded, bool) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return d.w.source, d.w.source != nil
}
func (d directory) OwnerByID(id string) (Owner, bool) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, o := range d.w.owners {
		if o.ID == id {
			return o, true
		}
	}
	return Owner{}, false
}
func (d directory) Owner(id string) (Owner, bool) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	o, ok := d.w.owners[id]
	return o, ok
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) member(t *testing.T, name string) any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(r.body), &object); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	return object[name]
}

func (r reply) token(t *testing.T) string {
	t.Helper()
	text, _ := r.member(t, "access_token").(string)
	if r.status != http.StatusOK || text == "" {
		t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return text
}

func do(t testing.TB, req *http.Request) reply {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

const formType = "application/x-www-form-urlencoded"

func (w *world) post(t testing.TB, body string, header http.Header) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL+"/auth/jwt", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	for name, values := range header {
		req.Header[name] = values
	}
	return do(t, req)
}

// login sends the credentials in the body.
func (w *world) login(t testing.TB, id, password string) reply {
	t.Helper()
	return w.post(t, url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {password}}.Encode(), nil)
}

// loginBasic sends them in the header.
func (w *world) loginBasic(t testing.TB, id, password string) reply {
	t.Helper()
	return w.post(t, "grant_type=client_credentials", http.Header{"Authorization": {basic(id, password)}})
}

func basic(id, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	return r.Header.Get("Authorization")
}

func TestHandlesWhatNoProxyMayHave(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	tests := map[string]bool{
		"/auth": true, "/auth/": true, "/auth/jwt": true, "/auth/anything/else": true, "/credential": true, "/credential/jwt": true,
		"/.well-known": true, "/.well-known/jwks.json": true,
		"": false, "/": false, "/authors": false, "/auth2/jwt": false, "/credentials": false, "/.well-knowns": false, "/api/auth/jwt": false,
	}
	for path, want := range tests {
		if got := s.Handles(path); got != want {
			t.Errorf("Handles(%q) = %v", path, got)
		}
	}
}

func TestUnknownPathsAnswer404InJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/auth", "/auth/jwt/", "/auth/JWT", "/auth/token", "/credential/token", "/jwt", "/.well-known/openid-configuration", "/.well-known/"} {
		req, _ := http.NewRequest(http.MethodPost, w.URL+path, nil)
		r := do(t, req)
		if r.status != 404 || r.member(t, "statusCode") != 404.0 || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestAServiceWithoutOptionsWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Service = New(Options{})
	if r := w.login(t, clientID, clientSecret); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestEventsTellWhatHappenedAndHoldNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const swapped = "a-secret-that-was-typed-as-the-client-id"
	issued := w.login(t, clientID, clientSecret).token(t)
	ok := w.lastEvent()
	want := event.Token{
		Time: start, Environment: "production", Operation: event.Issue, Project: "Default", Owner: "Orders", Policy: "Standard",
		Grant: "client_credentials", ClientID: clientID, Username: clientID, Client: netip.MustParseAddr("192.0.2.1"), Method: "POST",
		ContentType: formType, Algorithm: "ES256", KeyID: keySet().Signing(keys.ES256).ID, TokenID: ok.TokenID, IssuedAt: start,
		ExpiresAt: start.Add(15 * time.Minute), Status: 200, CorrelationID: "corr-1",
	}
	if diff := cmp.Diff(want, ok, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("event of an issued token (-want +got):\n%s", diff)
	}
	w.loginBasic(t, clientID, "wrong-"+clientSecret)
	if e := w.lastEvent(); e.Status != 401 || e.Error != "invalid_client" || e.Owner != "Orders" || e.Reason != "the client secret is wrong" {
		t.Errorf("event of a wrong secret: %+v", e)
	}
	w.login(t, swapped, clientID)
	if e := w.lastEvent(); e.ClientID != "a-secret..." || e.Reason != "no deployed owner and no credential has this client id" {
		t.Errorf("event of an unknown client: %+v", e)
	}
	w.post(t, "grant_type="+swapped, nil)
	if e := w.lastEvent(); e.Grant != "" || e.Error != "unsupported_grant_type" {
		t.Errorf("event of an unknown grant: %+v", e)
	}
	w.post(t, "grant_type=client_credentials&client_secret="+clientSecret+"&client_secret="+clientSecret, nil)
	for _, text := range []string{clientSecret, issued, strings.Split(issued, ".")[2], swapped, secretHash()} {
		if strings.Contains(w.said(), text) {
			t.Errorf("%q stands in an event or in the log:\n%s", text, w.said())
		}
	}
}

func TestAnUnknownClientIDCannotForgeALogLine(t *testing.T) {
	t.Parallel()
	tests := map[string]string{"": "", "x": "...", "ab": "a...", "a\nb\nc\nd\n": "a?b?...", "0123456789abcdefgh": "01234567...", "äöü": "??..."}
	for id, want := range tests {
		if got := abridge(id); got != want {
			t.Errorf("abridge(%q) = %q, want %q", id, got, want)
		}
	}
}
