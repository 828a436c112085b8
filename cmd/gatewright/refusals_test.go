package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// standing is a clock that does not go.
func standing() func() time.Time {
	now := time.Now()
	return func() time.Time { return now }
}

func testRefusals(store refusalStore, dropped *prometheus.CounterVec, now func() time.Time) *refusals {
	return newRefusals(store, quiet, prometheus.NewRegistry(), dropped, now)
}

func leftOut(t *testing.T, w *refusals) int {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(w.leftOut)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}

func refusedFrom(address string) event.Access {
	return event.Access{
		Time: time.Now(), Client: netip.MustParseAddr(address), Status: 401, Fault: fault.TokenMissing, CorrelationID: address, Path: "/x",
	}
}

func recorded(t *testing.T, s *models.Store, f models.RefusalFilter) []models.Refusal {
	t.Helper()
	f.PerPage = 500
	list, _, err := s.Refusals(t.Context(), models.Everywhere, f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// ATTACK: a flood of refused calls fills the disk, or hides what others are
// asking about.
func TestAFloodOfRefusalsLeavesRoomForEverybodyElse(t *testing.T) {
	t.Parallel()
	s, dropped := modelstest.New(t), testDropped()
	w := testRefusals(s, dropped, standing())
	const flood = 10_000
	for range flood {
		w.Access(refusedFrom("203.0.113.66"))
	}
	for i := range 200 { // one subscriber's network, where addresses are free
		w.Access(refusedFrom(fmt.Sprintf("2001:db8::%x", i+1)))
	}
	w.Access(refusedFrom("192.0.2.7"))
	w.Close()
	kept := map[string]int{}
	for _, r := range recorded(t, s, models.RefusalFilter{}) {
		if strings.HasPrefix(r.CorrelationID, "2001") {
			r.CorrelationID = "2001"
		}
		kept[r.CorrelationID]++
	}
	burst := int(refusalsOfNetwork.Burst)
	if kept["203.0.113.66"] != burst || kept["2001"] != burst || kept["192.0.2.7"] != 1 {
		t.Errorf("kept %v; want %d of each network and the one of the other address", kept, burst)
	}
	if n := leftOut(t, w); n != flood+200-2*burst || lost(dropped, "refusals") != 0 {
		t.Errorf("%d left out and %d dropped", n, lost(dropped, "refusals"))
	}
}

func TestAFloodFromEverywhereIsBoundedTooAndEnds(t *testing.T) {
	t.Parallel()
	s, now := &shelf{}, time.Now()
	w := testRefusals(s, testDropped(), func() time.Time { return now })
	for i := range 5000 {
		w.Access(refusedFrom(fmt.Sprintf("198.18.%d.%d", i/250, i%250)))
	}
	now = now.Add(time.Second)
	for i := range 5000 {
		w.Access(refusedFrom(fmt.Sprintf("198.19.%d.%d", i/250, i%250)))
	}
	w.Close()
	if want := int(refusalsOfAll.Burst) + int(time.Second/refusalsOfAll.Every); len(s.refused) != want {
		t.Errorf("%d are kept, want %d", len(s.refused), want)
	}
}

func TestCallsThatPassedOrWereLeftAreNotRecorded(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	w := testRefusals(s, testDropped(), time.Now)
	w.Access(event.Access{Status: 200, Result: event.Success})
	w.Access(event.Access{Status: 499, Result: event.Failed, Reason: "the caller closed the connection"})
	w.Token(event.Token{Fault: fault.UserRefused})
	w.Security(event.Security{Kind: event.ForgedToken})
	w.Access(event.Access{Status: 502, Result: event.Failed, Fault: fault.UpstreamRefused})
	w.Close()
	if len(s.refused) != 1 || s.refused[0].Fault != fault.UpstreamRefused {
		t.Errorf("recorded %+v", s.refused)
	}
}

// ATTACK: calls with endless paths wait in the buffer until the memory is full.
func TestTextsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	w := testRefusals(s, testDropped(), time.Now)
	a := refusedFrom("192.0.2.7")
	a.Path, a.Method, a.Reason = strings.Repeat("/p", 1<<20), strings.Repeat("M", 1<<20), strings.Repeat("r", 1<<20)
	w.Access(a)
	w.Close()
	if got := s.refused[0]; len(got.Path)+len(got.Method)+len(got.Reason) > 3*maxRefusalText {
		t.Errorf("%d, %d and %d bytes waited", len(got.Path), len(got.Method), len(got.Reason))
	}
}

// mirror is an API that answers no HTTP: it sends back what it was sent.
func mirror(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := bufio.NewReader(io.TeeReader(c, c)).ReadString('\n'); err != nil {
					return
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// everyColumn is all that the table holds, as text.
func everyColumn(t *testing.T, url string) (text string, rows int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found, err := conn.Query(t.Context(), "select r::text from refusals r")
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n"), len(list)
}

// sender sends calls to a gateway until one of them is not refused.
type sender struct {
	t   *testing.T
	url string
	n   int
}

func (s *sender) send(method, path, body string, header ...string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 || resp.Header.Get(engine.CorrelationHeader) == "" {
		s.t.Errorf("%s %s: status %d with the id %q; want a refusal with one", method, path, resp.StatusCode, resp.Header.Get(engine.CorrelationHeader))
	}
	s.n++
}

// ATTACK: tokens and passwords are read out of the record of refusals, whichever
// way they came.
func TestNoTokenAndNoPasswordGetsIntoTheRecordOfRefusals(t *testing.T) {
	t.Parallel()
	const password = "hunter2-of-ada"
	database := modelstest.Database(t)
	store := modelstest.Open(t, database)
	e := &estate{store: store, project: modelstest.Project(t, store, "Default")}
	modelstest.Environment(t, store, "production")
	policy := modelstest.Policy(t, store, e.project.ID, "standard", func(c *jwtauth.Config) {
		c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.AllowURLParameters = false, 15, issue.Minutes, false
	})
	proxy := func(name string, guarded bool) models.Owner {
		p, pair, err := store.SaveProxy(t.Context(), modelstest.By(), e.project.ID, models.Owner{
			Name: name, Route: engine.Route{BasePath: "/" + name}, Upstream: engine.Upstream{URL: mirror(t)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if guarded {
			e.proxy, e.pair = modelstest.Bind(t, store, p, policy), pair
			p = e.proxy
		}
		modelstest.Deploy(t, store, p, "production")
		return p
	}
	proxy("open", false)
	proxy("guarded", true)
	w := newRefusals(store, quiet, prometheus.NewRegistry(), testDropped(), time.Now)
	gateway := engine.New(engine.Options{
		Types: policyTypes(), Identities: identityKinds(), Sink: w, Tokens: store, RefreshKey: []byte("0123456789abcdef0123456789abcdef"),
		Logger: slog.New(slog.DiscardHandler), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	n := newNode(t.Name(), store, nil, quiet, newMetrics())
	n.add("production", gateway)
	if err := n.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	e.nodes = []*httptest.Server{server}

	answer := e.post(t, 0, "/auth/jwt", url.Values{"grant_type": {"client_credentials"}, "client_id": {e.proxy.ClientID}, "client_secret": {e.pair.Reveal()}})
	token := answer.text("access_token")
	if token == "" {
		t.Fatalf("no token: %s", answer.body)
	}
	broken := token[:len(token)-8] + "AAAAAAAA"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+password))
	form := url.Values{"username": {"ada"}, "password": {password}, "access_token": {token}}.Encode()
	s := &sender{t: t, url: server.URL}
	for _, path := range []string{"/guarded/x", "/nowhere", "/open/x"} {
		s.send("GET", path, "", "Authorization", "Bearer "+broken)
		s.send("GET", path+"?access_token="+token+"&password="+password, "", "Authorization", "Bearer "+token)
		s.send("GET", path+"?"+form, "")
		s.send("GET", path, "", "Cookie", "access_token="+token+"; password="+password)
		s.send("POST", path, form, "Content-Type", "application/x-www-form-urlencoded")
		s.send("POST", path, `{"password":"`+password+`","token":"`+token+`"}`, "Content-Type", "application/json")
		s.send("GET", path, "", "Authorization", basic)
		s.send("GET", path, "", "Authorization", basic, "Authorization", "Bearer "+token)
		s.send("GET", path, "", "Authorization", token, "Proxy-Authorization", basic)
		s.send("GET", path, "", "Authorization", "Bearer "+token+"x"+password)
		s.send("GET", path, "", "Authorization", "Bearer "+token+","+token, "X-Api-Key", password, "X-Token", token)
		s.send("GET", path, "", "X-Forwarded-For", password, "Referer", "https://x.example/?access_token="+token, "User-Agent", password)
	}
	s.send("GET", "/guarded/reset/"+token+"/x", "")
	s.send("GET", "/guarded/x%3Faccess_token="+token+"&password="+password, "")
	s.send("GET", "/guarded//x%3Faccess_token="+token+"&password="+password, "")
	s.send("GET", "/guarded//x?password="+password+"&access_token="+token, "", "Authorization", "Bearer "+token)
	s.send("POST", "/auth/jwt", url.Values{"grant_type": {"password"}, "client_id": {e.proxy.ClientID}, "username": {"ada"}, "password": {password}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded")
	s.n-- // a token request, which is in a log of its own
	w.Close()

	text, rows := everyColumn(t, database)
	if rows != s.n {
		t.Errorf("%d calls were refused and %d are recorded", s.n, rows)
	}
	parts := strings.Split(token, ".")
	secrets := map[string]string{
		"the password": password, "the Basic credentials": strings.TrimPrefix(basic, "Basic "), "the client secret": e.pair.Reveal(),
		"a query": "access_token=", "the token's head": parts[0], "the token's claims": parts[1], "the token's signature": parts[2][:20],
		"a part of the token": parts[1][10:40], "a query's end": "password=",
	}
	for what, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s is in the record: %s", what, text[max(0, at-200):min(len(text), at+100)])
		}
	}
	for _, want := range []string{"POLICY_AUTH_JWT_NOT_VALID", "POLICY_AUTH_AMBIGUOUS", "POLICY_AUTH_EMPTYUSERNAMEORPSSWD", "APIPROXY_NOTFOUND", "BAD_REQUEST", "POLICY_ROUTING_"} {
		if !strings.Contains(text, want) {
			t.Errorf("no call ended with %s, so that row was not tried", want)
		}
	}
}
