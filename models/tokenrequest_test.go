package models_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// neverExpires makes the tokens of a policy live for ever.
func neverExpires(p *models.Policy) {
	c := p.Config.(*jwtauth.Config)
	c.TokenNeverExpires = true
	c.Normalize()
}

var sameAddress = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// issued is a token that ada got by her password.
func issued(changes ...func(*event.Token)) event.Token {
	now := time.Now().UTC().Truncate(time.Second)
	e := event.Token{
		Time: now, Environment: "production", Operation: event.Issue, Project: "Shop", Owner: "orders", Policy: "standard", Grant: "password",
		ClientID: "orders-client", Username: "ada", Source: "LDAP:corp", Client: netip.MustParseAddr("192.0.2.7"), ForwardedFor: "192.0.2.7, 10.0.0.1",
		Method: "POST", ContentType: "application/x-www-form-urlencoded", Algorithm: "RS256", KeyID: "kid-1", TokenID: "jti-1", Family: "sid-1",
		Scope: "ops admin", IssuedAt: now, ExpiresAt: now.Add(time.Hour), RefreshExpiresAt: now.Add(2 * time.Hour), RefreshCount: 1, RefreshMax: 3,
		Status: 200, CorrelationID: "corr-1", Duration: 1500 * time.Microsecond,
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

// refused is a login with a wrong password.
func refused(changes ...func(*event.Token)) event.Token {
	return issued(append([]func(*event.Token){func(e *event.Token) {
		e.TokenID, e.KeyID, e.Family, e.Scope, e.Algorithm = "", "", "", "", ""
		e.IssuedAt, e.ExpiresAt, e.RefreshExpiresAt, e.RefreshCount, e.RefreshMax = time.Time{}, time.Time{}, time.Time{}, 0, 0
		e.Status, e.Error, e.Reason, e.Fault, e.CorrelationID = 400, "invalid_grant", "wrong password", fault.ClientRefused, "corr-2"
	}}, changes...)...)
}

func logTokens(t testing.TB, s *models.Store, list ...event.Token) {
	t.Helper()
	if err := s.AddTokenRequests(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func TestATokenRequestComesBackAsItWasLogged(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	want := []event.Token{issued(), refused(func(e *event.Token) { e.Client = netip.Addr{} }), issued(func(e *event.Token) {
		e.NeverExpires, e.ExpiresAt = true, time.Time{}
	})}
	logTokens(t, s.Store, want...)
	list, found, err := s.TokenRequests(t.Context(), models.Everywhere, models.TokenRequestFilter{})
	if err != nil || found.Total != 3 {
		t.Fatal(found, err)
	}
	for i, r := range list {
		if diff := cmp.Diff(want[len(want)-1-i], r.Token, sameAddress); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i, diff)
		}
		one, err := s.TokenRequest(t.Context(), models.Everywhere, r.ID)
		if diff := cmp.Diff(r, one, sameAddress); diff != "" || err != nil {
			t.Errorf("by id: %v\n%s", err, diff)
		}
	}
}

// What callers send is kept bounded, and can break neither the batch nor the
// database.
func TestCallersCanNeitherBreakNorFloodTheLog(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	long := strings.Repeat("€", 100_000)
	bad := "a\x00b\xffc"
	logTokens(t, s.Store, issued(), issued(func(e *event.Token) {
		e.Grant, e.ClientID, e.Username, e.ForwardedFor, e.ContentType, e.Scope, e.Reason, e.CorrelationID = bad, bad, bad, bad, bad, bad, bad, bad
		e.Duration = -time.Second
	}), issued(func(e *event.Token) {
		e.Grant, e.ClientID, e.Username, e.ForwardedFor, e.Method, e.Scope, e.Reason, e.Source = long, long, long, long, long, long, long, long
	}))
	list, _, err := s.TokenRequests(t.Context(), models.Everywhere, models.TokenRequestFilter{})
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	for _, r := range list {
		if n := len(fmt.Sprint(r.Token)); n > 20_000 {
			t.Errorf("a row of %d bytes", n)
		}
	}
}

func TestTokenRequestsFilters(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	at := func(minutes int) func(*event.Token) {
		return func(e *event.Token) { e.Time = time.Date(2026, 5, 1, 12, minutes, 0, 0, time.UTC) }
	}
	logTokens(t, s.Store,
		issued(at(0)),
		refused(at(1)),
		issued(at(2), func(e *event.Token) {
			e.Environment, e.Project, e.Owner, e.Policy, e.Grant, e.Username = "test", "Bank", "pay", "strict", "client_credentials", "pay-client"
			e.ClientID, e.Client, e.Source, e.Family, e.CorrelationID = "pay-client", netip.MustParseAddr("2001:db8::1"), "", "sid-2", "corr-3"
		}),
		refused(at(3), func(e *event.Token) {
			e.Status, e.Error, e.Reason, e.Operation = 503, "temporarily_unavailable", "the directory is down", event.Refresh
		}),
		issued(at(4), func(e *event.Token) { e.Operation, e.TokenID = event.Introspect, "" }),
	)
	for name, c := range map[string]struct {
		filter models.TokenRequestFilter
		want   string
	}{
		"all, newest first": {models.TokenRequestFilter{}, "4 3 2 1 0"},
		"environment":       {models.TokenRequestFilter{Environment: "test"}, "2"},
		"project":           {models.TokenRequestFilter{Project: "Bank"}, "2"},
		"owner":             {models.TokenRequestFilter{Owner: "pay"}, "2"},
		"policy":            {models.TokenRequestFilter{Policy: "strict"}, "2"},
		"grant":             {models.TokenRequestFilter{Grant: "client_credentials"}, "2"},
		"operation":         {models.TokenRequestFilter{Operation: "REFRESH"}, "3"},
		"source":            {models.TokenRequestFilter{Source: "LDAP:corp"}, "4 3 1 0"},
		"issued":            {models.TokenRequestFilter{Outcome: models.OutcomeIssued}, "2 0"},
		"refused":           {models.TokenRequestFilter{Outcome: models.OutcomeRefused}, "3 1"},
		"error":             {models.TokenRequestFilter{Error: "invalid_grant"}, "1"},
		"user, any case":    {models.TokenRequestFilter{Who: "ADA"}, "4 3 1 0"},
		"client":            {models.TokenRequestFilter{Who: "pay-client"}, "2"},
		"address":           {models.TokenRequestFilter{Address: "2001:DB8::1"}, "2"},
		"network":           {models.TokenRequestFilter{Address: "192.0.2.0/24"}, "4 3 1 0"},
		"no address":        {models.TokenRequestFilter{Address: "x' or true --"}, ""},
		"status from":       {models.TokenRequestFilter{StatusFrom: 400}, "3 1"},
		"status range":      {models.TokenRequestFilter{StatusFrom: 400, StatusTo: 499}, "1"},
		"from and to":       {models.TokenRequestFilter{From: time.Date(2026, 5, 1, 12, 1, 0, 0, time.UTC), To: time.Date(2026, 5, 1, 12, 3, 0, 0, time.UTC)}, "2 1"},
		"family":            {models.TokenRequestFilter{Family: "sid-2"}, "2"},
		"correlation":       {models.TokenRequestFilter{CorrelationID: "corr-3"}, "2"},
		"keyword":           {models.TokenRequestFilter{Keyword: "DIRECTORY is"}, "3"},
		"keyword, an id":    {models.TokenRequestFilter{Keyword: "corr-3"}, "2"},
		"keyword, literal":  {models.TokenRequestFilter{Keyword: "%"}, ""},
		"keyword, broken":   {models.TokenRequestFilter{Keyword: "\x00\xff"}, ""},
	} {
		list, found, err := s.TokenRequests(t.Context(), models.Everywhere, c.filter)
		if err != nil || found.Total != len(list) {
			t.Errorf("%s: %d of %d, %v", name, len(list), found.Total, err)
		}
		if got := minutes(list); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var streamed []models.TokenRequest
		err = s.EachTokenRequest(t.Context(), models.Everywhere, c.filter, 100, func(r models.TokenRequest) error { streamed = append(streamed, r); return nil })
		if got := minutes(streamed); got != c.want || err != nil {
			t.Errorf("%s, streamed: %q, %v", name, got, err)
		}
	}
}

func minutes(list []models.TokenRequest) string {
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprint(r.Time.Minute()))
	}
	return strings.Join(out, " ")
}

// An address of a link has a zone, which PostgreSQL's addresses have not.
func TestAnAddressWithAZoneIsLoggedAndFound(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	link := netip.MustParseAddr("fe80::1%eth0")
	logTokens(t, s.Store, issued(), issued(func(e *event.Token) { e.Client = link }))
	if err := s.AddSecurityEvents(t.Context(), []event.Security{{Time: time.Now(), Kind: event.ForgedToken, Client: link}}); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"fe80::1", "FE80::1%eth0", "fe80::/10"} {
		requests, _, err := s.TokenRequests(t.Context(), models.Everywhere, models.TokenRequestFilter{Address: address})
		if err != nil || len(requests) != 1 || requests[0].Client != link {
			t.Errorf("requests from %s: %v, %v", address, requests, err)
		}
		events, _, err := s.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{Address: address})
		if err != nil || len(events) != 1 {
			t.Errorf("events from %s: %v, %v", address, events, err)
		}
	}
}

func TestPagesOfALogDoNotShiftWhileItGrows(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	same := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	add := func(scopes ...string) {
		for _, scope := range scopes {
			logTokens(t, s.Store, issued(func(e *event.Token) { e.Time, e.Scope = same, scope })) // one moment: the id decides
		}
	}
	page := func(f models.TokenRequestFilter) (string, []models.TokenRequest) {
		t.Helper()
		f.PerPage = 2
		list, _, err := s.TokenRequests(t.Context(), models.Everywhere, f)
		if err != nil {
			t.Fatal(err)
		}
		var scopes []string
		for _, r := range list {
			scopes = append(scopes, r.Scope)
		}
		return strings.Join(scopes, " "), list
	}
	add("a", "b", "c", "d", "e")
	got, list := page(models.TokenRequestFilter{})
	if got != "e d" {
		t.Fatal(got)
	}
	add("f")
	older := models.CursorOf(list[1].Time, list[1].ID)
	if got, list = page(models.TokenRequestFilter{Before: older}); got != "c b" {
		t.Errorf("older: %s", got)
	}
	if got, _ = page(models.TokenRequestFilter{After: models.CursorOf(list[0].Time, list[0].ID)}); got != "e d" {
		t.Errorf("newer: %s", got)
	}
	for _, nonsense := range []models.Cursor{"x", "1", "1.", ".1", "9999999999999999999.1", "-9223372036854775808.1", "1.1; drop table token_requests"} {
		if got, _ = page(models.TokenRequestFilter{Before: nonsense}); got != "f e" {
			t.Errorf("after %q: %s", nonsense, got)
		}
	}
}

func TestTokenStatsCountByGrantSourceAndError(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	from := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) func(*event.Token) { return func(e *event.Token) { e.Time = from.Add(d) } }
	logTokens(t, s.Store,
		issued(at(0)), issued(at(59*time.Second)), refused(at(time.Minute)),
		refused(at(time.Minute), func(e *event.Token) {
			e.Grant, e.Source, e.Error = "made up by the caller", "", "unsupported_grant_type"
		}),
		issued(at(2*time.Minute), func(e *event.Token) { e.Environment = "test" }),
		issued(at(-time.Second)), issued(at(3*time.Minute)), // outside
		issued(at(0), func(e *event.Token) { e.Operation = event.Introspect }),
	)
	got, err := s.TokenStats(t.Context(), models.Everywhere, from, from.Add(3*time.Minute), time.Minute, "production", "")
	if err != nil || got.Buckets != 3 {
		t.Fatal(got, err)
	}
	want := []models.TokenCount{
		{Bucket: 0, Grant: "password", Source: "LDAP:corp", Count: 2},
		{Bucket: 1, Grant: "other", Error: "unsupported_grant_type", Count: 1},
		{Bucket: 1, Grant: "password", Source: "LDAP:corp", Error: "invalid_grant", Count: 1},
	}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := s.TokenStats(t.Context(), models.Everywhere, from, from.Add(1000*time.Hour), time.Second, "", ""); err == nil {
		t.Error("millions of buckets were counted")
	}
	logTokens(t, s.Store, issued(func(e *event.Token) { e.Source = "SECRET_MANAGER" }))
	sources, err := s.TokenSources(t.Context(), models.Everywhere)
	if diff := cmp.Diff([]string{"LDAP:corp", "SECRET_MANAGER"}, sources); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	reasons, err := s.RefusalReasons(t.Context(), models.Everywhere, from, from.Add(3*time.Minute), "", 10)
	if diff := cmp.Diff([]models.ReasonCount{{"invalid_grant", "wrong password", 1}, {"unsupported_grant_type", "wrong password", 1}}, reasons); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestCountLiveTokensLeavesOutWhatIsOver(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	token := func(id string, changes ...func(*event.Token)) event.Token {
		return issued(append([]func(*event.Token){func(e *event.Token) {
			e.TokenID = id
			e.IssuedAt = e.IssuedAt.Add(-time.Minute)
		}}, changes...)...)
	}
	logTokens(t, s.Store,
		token("ada"), token("for ever", func(e *event.Token) { e.NeverExpires, e.ExpiresAt, e.Username = true, time.Time{}, "bob" }),
		token("expired", func(e *event.Token) { e.ExpiresAt = time.Now().Add(-time.Second) }),
		token("asked about", func(e *event.Token) { e.Operation = event.Introspect }),
		token("client", func(e *event.Token) { e.Grant, e.Username, e.ClientID = "client_credentials", "ada", "ada" }),
		refused(),
	)
	count := func(f models.LiveTokenFilter) int {
		t.Helper()
		n, err := s.CountLiveTokens(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, c := range map[string]struct {
		filter models.LiveTokenFilter
		want   int
	}{
		"all":               {models.LiveTokenFilter{}, 3},
		"by key":            {models.LiveTokenFilter{KeyID: "kid-1"}, 3},
		"by another key":    {models.LiveTokenFilter{KeyID: "kid-2"}, 0},
		"by policy":         {models.LiveTokenFilter{Policy: "standard", Project: "Shop"}, 3},
		"of a user":         {models.LiveTokenFilter{Username: "ada"}, 1},
		"of a client":       {models.LiveTokenFilter{ClientID: "ada"}, 1},
		"of a login":        {models.LiveTokenFilter{Family: "sid-1"}, 3},
		"elsewhere":         {models.LiveTokenFilter{Environment: "test"}, 0},
		"here, any case":    {models.LiveTokenFilter{Environment: "Production"}, 3},
		"issued long ago":   {models.LiveTokenFilter{IssuedBefore: time.Now().Add(-time.Hour)}, 0},
		"issued before now": {models.LiveTokenFilter{IssuedBefore: time.Now()}, 3},
	} {
		if got := count(c.filter); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	r, err := s.Revoke(t.Context(), by, "production", revoke.Entry{Kind: revoke.User, Key: "ada"}, "test")
	if err != nil || r.LiveTokens != 1 {
		t.Errorf("revoked %d, %v", r.LiveTokens, err)
	}
	if got := count(models.LiveTokenFilter{}); got != 2 {
		t.Errorf("%d are left", got)
	}
	for _, e := range []revoke.Entry{{Kind: revoke.Token, Key: "client"}, {Kind: revoke.All}} {
		if _, err := s.Revoke(t.Context(), by, "", e, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(models.LiveTokenFilter{}); got != 0 {
		t.Errorf("%d are left of all", got)
	}
}

func TestSecurityEvents(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	want := event.Security{
		Time: at, Kind: event.RefreshReused, Environment: "production", Project: "Shop", Owner: "orders", Subject: "ada", Source: "LDAP:corp",
		Client: netip.MustParseAddr("192.0.2.7"), Detail: "A spent refresh token came again.", CorrelationID: "corr-1",
	}
	other := event.Security{Time: at.Add(time.Minute), Kind: event.SourceFailing, Environment: "test", Detail: strings.Repeat("x", 5000) + "\x00"}
	if err := s.AddSecurityEvents(t.Context(), []event.Security{want, other}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter models.SecurityEventFilter
		want   int
	}{
		"all":         {models.SecurityEventFilter{}, 2},
		"kind":        {models.SecurityEventFilter{Kind: "REFRESH_TOKEN_REUSED"}, 1},
		"environment": {models.SecurityEventFilter{Environment: "test"}, 1},
		"subject":     {models.SecurityEventFilter{Subject: "Ada"}, 1},
		"address":     {models.SecurityEventFilter{Address: "192.0.2.0/24"}, 1},
		"keyword":     {models.SecurityEventFilter{Keyword: "spent REFRESH"}, 1},
		"before":      {models.SecurityEventFilter{To: at.Add(time.Second)}, 1},
		"nothing":     {models.SecurityEventFilter{Project: "Bank"}, 0},
	} {
		list, found, err := s.SecurityEvents(t.Context(), models.Everywhere, c.filter)
		if err != nil || found.Total != c.want || len(list) != c.want {
			t.Errorf("%s: %d of %d, %v", name, len(list), found.Total, err)
		}
	}
	list, _, err := s.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{Subject: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.SecurityEvent(t.Context(), models.Everywhere, list[0].ID)
	if diff := cmp.Diff(want, one.Security, sameAddress); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	n := 0
	if err := s.EachSecurityEvent(t.Context(), models.Everywhere, models.SecurityEventFilter{}, 1, func(models.SecurityEvent) error { n++; return nil }); n != 1 || err != nil {
		t.Errorf("streamed %d, %v", n, err)
	}
	if err := s.AddSecurityEvents(t.Context(), nil); err != nil {
		t.Errorf("none: %v", err)
	}
}

func TestPurgeKeepsWhatItsRetentionSays(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	days := func(n int) func(*event.Token) {
		return func(e *event.Token) { e.Time = time.Now().Add(-time.Duration(n) * 24 * time.Hour) }
	}
	logTokens(t, s.Store, issued(), issued(days(29)), issued(days(31)), issued(days(400)))
	for _, n := range []int{1, 364, 366} {
		if err := s.AddSecurityEvents(t.Context(), []event.Security{{Time: time.Now().Add(-time.Duration(n) * 24 * time.Hour), Kind: event.ForgedToken}}); err != nil {
			t.Fatal(err)
		}
	}
	hours := func() int { return scalar[int](t, connect(t, s.url), "select count(*) from token_request_hours") }
	if n := hours(); n != 4 {
		t.Fatalf("%d hours are counted", n)
	}
	got, mine, err := s.Purge(t.Context())
	if n := hours(); n != 2 {
		t.Errorf("%d hours are left", n)
	}
	if diff := cmp.Diff(models.Purged{TokenRequests: 2, SecurityEvents: 1}, got); diff != "" || !mine || err != nil {
		t.Errorf("%v, %v (-want +got):\n%s", mine, err, diff)
	}
	if _, err := s.SaveRetention(t.Context(), by, 0, models.Retention{TokenRequestDays: 7, SecurityEventDays: 0, LoginDays: 1}); err != nil {
		t.Fatal(err)
	}
	if got, _, err = s.Purge(t.Context()); got != (models.Purged{TokenRequests: 1}) || err != nil {
		t.Errorf("after the change: %+v, %v", got, err)
	}
}

// The database's clock jumps ahead: what is too old by it is kept until it is set right.
func TestAClockThatJumpedAheadRemovesNothing(t *testing.T) {
	t.Parallel()
	behind := new(atomic.Int64)
	behind.Store(int64(2 * time.Hour))
	s := modelstest.Open(t, modelstest.Database(t), func(o *models.Options) {
		o.Steady = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
	})
	modelstest.Environment(t, s, "production")
	logTokens(t, s, issued(func(e *event.Token) { e.Time = time.Now().Add(-400 * 24 * time.Hour) }))
	if got, _, err := s.Purge(t.Context()); got != (models.Purged{}) || err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("%+v, %v", got, err)
	}
	behind.Store(0)
	if got, _, err := s.Purge(t.Context()); got != (models.Purged{TokenRequests: 1}) || err != nil {
		t.Errorf("when the clocks agree: %+v, %v", got, err)
	}
}

func TestOnlyOneProcessPurgesAtATime(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	scalar[string](t, conn, "select pg_advisory_lock(2880137406715911204)::text")
	if _, mine, err := s.Purge(t.Context()); mine || err != nil {
		t.Errorf("purged beside another: %v, %v", mine, err)
	}
	scalar[bool](t, conn, "select pg_advisory_unlock(2880137406715911204)")
	for range 2 { // the lock is given back
		if _, mine, err := s.Purge(t.Context()); !mine || err != nil {
			t.Errorf("not purged: %v, %v", mine, err)
		}
	}
}

func TestTokenManagement(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	before, err := s.TokenManagement(t.Context())
	if err != nil || before.Version != 0 || before.Value != issue.DefaultManagement() {
		t.Fatal(before, err)
	}
	generation, err := s.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	m := before.Value
	m.AccessTokenName, m.RefreshGraceSeconds = "token", 0
	saved, err := s.SaveTokenManagement(t.Context(), by, 0, m)
	if err != nil || saved.Version != 1 || saved.Value != m {
		t.Fatal(saved, err)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil || b.Generation != generation+1 || b.Tokens == nil || *b.Tokens != m {
		t.Errorf("bundle of generation %d with %v, %v", b.Generation, b.Tokens, err)
	}
	_, err = s.SaveTokenManagement(t.Context(), by, 0, before.Value)
	if stale := wantStale(t, err); stale.Version != 1 || stale.By != by.Name {
		t.Errorf("stale: %+v", stale)
	}
	m.ScopeName = "token"
	_, err = s.SaveTokenManagement(t.Context(), by, 1, m)
	wantProblem(t, err, "scopeName")
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindSettings})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	r, err := s.AuditRecord(t.Context(), models.Everywhere, records[0].ID)
	var names [2]issue.Management
	for i, raw := range []json.RawMessage{r.Before, r.After} {
		if err := json.Unmarshal(raw, &names[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil || names[0].AccessTokenName != "access_token" || names[1].AccessTokenName != "token" {
		t.Errorf("audited %+v, %v", names, err)
	}
}

func TestOfTwoWhoSaveSettingsAtOnceOneIsStale(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	errs := make(chan error, 2)
	for i := range 2 {
		go func() {
			_, err := s.SaveRetention(context.Background(), by, 0, models.Retention{TokenRequestDays: i + 1})
			errs <- err
		}()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Fatalf("%v and %v", first, second)
	}
	if first == nil {
		first = second
	}
	wantStale(t, first)
	_, err := s.SaveRetention(t.Context(), by, 1, models.Retention{TokenRequestDays: -1, LoginDays: 1})
	wantProblem(t, err, "tokenRequestDays")
}

// What is stored about tokens must not contain anything that could be used as
// one, nor a secret, wherever it went in.
func TestNothingStoredAboutTokensCanBeUsed(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	f := startFamily(t, s.Store)
	if _, _, err := s.RedeemFamily(t.Context(), redemption(f, 0)); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, s.url)
	// Neither a table nor an event has a place for one; a family is its id and
	// a number, which are worth nothing without the MAC.
	for _, word := range []string{"secret", "password", "access_token", "refresh_token", "bearer", "mac", "hash"} {
		columns := scalar[int](t, conn, `select count(*) from information_schema.columns where table_schema = 'public'
			and table_name in ('refresh_families', 'revocations', 'token_requests', 'security_events', 'settings') and column_name like '%' || $1 || '%'`, word)
		if columns != 0 {
			t.Errorf("%d columns are called like %s", columns, word)
		}
	}
	if row := scalar[string](t, conn, "select to_jsonb(f)::text from refresh_families f"); strings.Contains(row, "gwr_") || strings.Contains(row, f.ID.String()) {
		t.Errorf("a row has a token: %s", row)
	}
}
