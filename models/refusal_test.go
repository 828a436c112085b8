package models_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
)

// missing is a call of ada's without the role that it needs.
func missing(changes ...func(*event.Access)) event.Access {
	a := event.Access{
		Time: time.Now().UTC().Truncate(time.Second), Environment: "production", Project: "Shop", Proxy: "orders", Group: "bundle", Endpoint: "GET /orders/{id}",
		Policy: "standard", Method: "GET", Path: "/orders/7", Client: netip.MustParseAddr("192.0.2.7"), Subject: "ada", Status: 403,
		Fault: fault.RoleMissing, Reason: "the caller lacks the roles", CorrelationID: "corr-1",
	}
	for _, change := range changes {
		change(&a)
	}
	return a
}

func recordRefusals(t testing.TB, s *models.Store, list ...event.Access) {
	t.Helper()
	if err := s.AddRefusals(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func refusalsOf(t testing.TB, s *models.Store, f models.RefusalFilter) []models.Refusal {
	t.Helper()
	list, _, err := s.Refusals(t.Context(), models.Everywhere, f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wordy is a cause that explains itself.
type wordy struct{ fault.Explanation }

func (wordy) Error() string                { return "told" }
func (c wordy) Explain() fault.Explanation { return c.Explanation }

func TestARefusalComesBackWithItsExplanation(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	said := fault.Explanation{Why: "The policy needs any of admin, ops; the caller has clerk.", Fix: "Give the caller the role."}
	want := missing()
	recordRefusals(t, s.Store, missing(func(a *event.Access) { a.Cause, a.Duration, a.Result = wordy{said}, time.Second, event.Blocked }))
	got := refusalsOf(t, s.Store, models.RefusalFilter{CorrelationID: " corr-1 "})
	if len(got) != 1 {
		t.Fatalf("%d refusals", len(got))
	}
	if diff := cmp.Diff(want, got[0].Access, sameAddress); diff != "" || got[0].Explanation != said || got[0].ID == 0 {
		t.Errorf("%+v (-want +got):\n%s", got[0].Explanation, diff)
	}
	if list := refusalsOf(t, s.Store, models.RefusalFilter{CorrelationID: "corr"}); len(list) != 0 {
		t.Error("a part of an id finds a refusal")
	}
}

func TestTheRowExplainsWhatHasNoCause(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	recordRefusals(t, s.Store, missing(), missing(func(a *event.Access) {
		a.Subject, a.Cause = "", fmt.Errorf("x: %w", &jwtauth.Refused{Subject: "bob", Reason: errors.New("y")})
	}))
	list := refusalsOf(t, s.Store, models.RefusalFilter{})
	if list[1].Explanation != fault.Explain(fault.RoleMissing, nil) {
		t.Errorf("explained by %+v", list[1].Explanation)
	}
	if list[0].Subject != "bob" {
		t.Errorf("the subject is %q where the signature had shown whose token it was", list[0].Subject)
	}
}

func TestRefusalsAreNarrowed(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	recordRefusals(t, s.Store, missing(), missing(func(a *event.Access) {
		a.Environment, a.Project, a.Proxy, a.Group, a.Fault, a.Client, a.CorrelationID = "test", "Bank", "pay", "", fault.TokenNotValid, netip.MustParseAddr("2001:db8::1"), "corr-2"
	}))
	for name, tt := range map[string]struct {
		f    models.RefusalFilter
		want string
	}{
		"not":            {models.RefusalFilter{}, "corr-2 corr-1"},
		"an environment": {models.RefusalFilter{Environment: "test"}, "corr-2"},
		"a project":      {models.RefusalFilter{Project: "Shop"}, "corr-1"},
		"a proxy":        {models.RefusalFilter{Proxy: "PA"}, "corr-2"},
		"its group":      {models.RefusalFilter{Proxy: "BUNd"}, "corr-1"},
		"a pattern":      {models.RefusalFilter{Proxy: "%"}, ""},
		"a fault":        {models.RefusalFilter{Fault: fault.RoleMissing}, "corr-1"},
		"an address":     {models.RefusalFilter{Address: "192.0.2.7"}, "corr-1"},
		"a network":      {models.RefusalFilter{Address: "2001:db8::/32"}, "corr-2"},
		"no address":     {models.RefusalFilter{Address: "here"}, ""},
		"several":        {models.RefusalFilter{Project: "Shop", Fault: fault.TokenNotValid}, ""},
		"a broken text":  {models.RefusalFilter{Proxy: "a\x00\xff"}, ""},
	} {
		var ids []string
		for _, r := range refusalsOf(t, s.Store, tt.f) {
			ids = append(ids, r.CorrelationID)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestRefusalsArePagedByTheirPlace(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for i := range 5 {
		recordRefusals(t, s.Store, missing(func(a *event.Access) { a.CorrelationID = fmt.Sprint(i) }))
	}
	var seen []string
	f := models.RefusalFilter{PerPage: 2}
	for range 3 {
		for _, r := range refusalsOf(t, s.Store, f) {
			seen = append(seen, r.CorrelationID)
			f.Before = models.CursorOf(r.Time, r.ID)
		}
	}
	if got := strings.Join(seen, ""); got != "43210" {
		t.Errorf("paged through %s", got)
	}
}

// ATTACK: what callers send is bounded in the record, cannot break a batch, and
// shows nobody a token.
func TestCallersCanNeitherBreakNorFillTheRecordOfRefusals(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
	hostile := func(text string) event.Access {
		return missing(func(a *event.Access) {
			a.Environment, a.Project, a.Proxy, a.Endpoint, a.Policy, a.Method = text, text, text, text, text, text
			a.Path, a.Subject, a.Reason, a.CorrelationID, a.Fault = text, text, text, "same", fault.Type(text)
			a.Cause = wordy{fault.Explanation{Why: text, Fix: text}}
		})
	}
	recordRefusals(t, s.Store,
		hostile(strings.Repeat("€", 100_000)), hostile("a\x00b\xffc\u202e\x1b[31m\r\n"), hostile("x/"+token+"/y?"),
		hostile("gwr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), hostile(strings.Repeat("p", 990)+token), hostile(strings.Repeat("x", 100)+strings.Repeat(token, 100)))
	list := refusalsOf(t, s.Store, models.RefusalFilter{CorrelationID: "same"})
	if len(list) != 6 {
		t.Fatalf("%d are kept", len(list))
	}
	for i, r := range list {
		text := fmt.Sprint(r.Access, r.Explanation)
		if len(text) > 30_000 {
			t.Errorf("row %d has %d bytes", i, len(text))
		}
		if strings.ContainsAny(text, "\x00\u202e\x1b\r\n") {
			t.Errorf("row %d can be looked at in two ways: %q", i, text)
		}
		for _, secret := range []string{"eyJhbGciOi", "eyJzdWIi", "c2lnbmF0", "gwr_AAA"} {
			if strings.Contains(text, secret) {
				t.Errorf("row %d holds %s", i, secret)
			}
		}
	}
}

// ATTACK: an API that sends back what it was sent puts a token into the error of
// its own broken answer.
func TestTheReasonOfAFailedConnectionQuotesNobody(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for reason, want := range map[string]string{
		`net/http: HTTP/1.x transport connection broken: malformed HTTP response "GET /?password=hunter2"`: "net/http: HTTP/1.x transport connection broken: malformed answer",
		"malformed MIME header line: Authorization hunter2":                                                "malformed answer",
		`unsupported transfer encoding: "hunter2 \" hunter2"`:                                              `unsupported transfer encoding: "…"`,
		`bad Content-Length "hunter2`:                                                                      `bad Content-Length "…"`,
		"dial tcp 10.0.0.1:80: connect: connection refused":                                                "dial tcp 10.0.0.1:80: connect: connection refused",
	} {
		recordRefusals(t, s.Store, missing(func(a *event.Access) { a.Fault, a.Reason, a.CorrelationID = fault.UpstreamConnection, reason, "corr" }))
		if got := refusalsOf(t, s.Store, models.RefusalFilter{PerPage: 1})[0].Reason; got != want {
			t.Errorf("%q becomes %q, want %q", reason, got, want)
		}
	}
	recordRefusals(t, s.Store, missing(func(a *event.Access) { a.Fault, a.Reason = fault.Unexpected, "panic: hunter2" }))
	if got := refusalsOf(t, s.Store, models.RefusalFilter{PerPage: 1})[0].Reason; got != "" {
		t.Errorf("the text of a fault of ours is kept: %q", got)
	}
}

func TestTheRecordKeepsTheNewest(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	var list []event.Access
	for i := range 30 {
		list = append(list, missing(func(a *event.Access) { a.CorrelationID = fmt.Sprint(i) }))
	}
	recordRefusals(t, s.Store, list...)
	// Ids that are missing do not count.
	if _, err := connect(t, s.url).Exec(t.Context(), "delete from refusals where id % 2 = 0"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ most, removed int }{{20, 0}, {15, 0}, {10, 5}} {
		if n, err := models.TrimRefusals(t.Context(), s.Store, tt.most); n != tt.removed || err != nil {
			t.Errorf("at most %d: %d are removed, %v", tt.most, n, err)
		}
	}
	left := refusalsOf(t, s.Store, models.RefusalFilter{PerPage: 100})
	if len(left) != 10 || left[0].CorrelationID != "28" || left[9].CorrelationID != "10" {
		t.Errorf("%d are left, from %s to %s", len(left), left[0].CorrelationID, left[len(left)-1].CorrelationID)
	}
}

// ATTACK: whoever is refused fills the disk.
func TestTheRecordNeverHasMoreRowsThanItsBound(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	fill := func(n int) {
		if _, err := conn.Exec(t.Context(), `insert into refusals (at, correlation_id, environment, project, proxy, endpoint, policy, method, path, client, subject, status, fault, why, fix, reason)
			select now(), '', '', '', '', '', '', '', '', '10.0.0.' || i % 250, '', 403, '', '', '', '' from generate_series(1, $1) i`, n); err != nil {
			t.Fatal(err)
		}
	}
	rows := func() int { return scalar[int](t, conn, "select count(*) from refusals") }
	fill(190_010)
	recordRefusals(t, s.Store, missing()) // a process trims at its first
	if n := rows(); n != 190_000 {
		t.Errorf("%d rows after the first", n)
	}
	batch := make([]event.Access, 300)
	for i := range batch {
		batch[i] = missing()
	}
	for range 6 {
		recordRefusals(t, s.Store, batch...)
		if n := rows(); n > 191_000 {
			t.Errorf("%d rows", n)
		}
	}
	if rows() <= 190_000 {
		t.Error("there is nothing to clean up")
	}
	if _, _, err := s.Purge(t.Context()); err != nil || rows() != 190_000 {
		t.Errorf("%d rows after the clean-up, %v", rows(), err)
	}
}

// ATTACK: who is refused without end would push out what is known of everybody
// else.
func TestANetworkKeepsNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	of := func(address string, n int) {
		for i := range n {
			recordRefusals(t, s.Store, missing(func(a *event.Access) {
				a.Client = netip.Addr{}
				if address != "" {
					a.Client = netip.MustParseAddr(strings.ReplaceAll(address, "#", fmt.Sprint(i+1)))
				}
				a.CorrelationID = address
			}))
		}
	}
	of("198.51.100.1", 2)
	of("2001:db8:0:1::#", 7) // of one network, where anyone can pick addresses at will
	of("2001:db8:0:2::1", 2)
	of("192.0.2.7", 9)
	of("fe80::1%eth0", 1)
	of("", 1)
	n, err := models.PurgeCrowds(t.Context(), s.Store, 4)
	if n != 8 || err != nil {
		t.Errorf("%d are removed, %v", n, err)
	}
	got := map[string]int{}
	for _, r := range refusalsOf(t, s.Store, models.RefusalFilter{PerPage: 100}) {
		got[r.CorrelationID]++
	}
	want := map[string]int{"198.51.100.1": 2, "2001:db8:0:1::#": 4, "2001:db8:0:2::1": 2, "192.0.2.7": 4, "fe80::1%eth0": 1, "": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestRefusalsAreKeptForTheirDays(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for _, days := range []int{0, 6, 8, 40} {
		recordRefusals(t, s.Store, missing(func(a *event.Access) { a.Time = time.Now().Add(-time.Duration(days) * 24 * time.Hour) }))
	}
	if got, _, err := s.Purge(t.Context()); got.Refusals != 2 || err != nil {
		t.Errorf("removed %+v, %v", got, err)
	}
	if _, err := s.SaveRetention(t.Context(), by, 0, models.Retention{TokenRequestDays: 30, SecurityEventDays: 365, LoginDays: 30, RefusalDays: 5}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Purge(t.Context()); got.Refusals != 1 || err != nil {
		t.Errorf("removed %+v, %v", got, err)
	}
}
