package console_test

import (
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// logged puts token requests into the log of a site: one that ada got, and one
// that was refused.
func logged(t *testing.T, site *handlerstest.Site, changes ...func(*event.Token)) {
	t.Helper()
	now := site.Clock.Now().UTC().Truncate(time.Second)
	e := event.Token{
		Time: now.Add(-time.Minute), Environment: "production", Operation: event.Issue, Project: "Default", Owner: "orders", Policy: "standard",
		Grant: "password", ClientID: "orders-client", Username: "ada", Source: "LDAP:corp", Client: netip.MustParseAddr("192.0.2.7"), Method: "POST",
		Algorithm: "RS256", KeyID: "kid-1", TokenID: "jti-1", Family: "", Scope: "ops", IssuedAt: now, ExpiresAt: time.Now().Add(time.Hour),
		Status: 200, CorrelationID: "corr-1", Duration: 3 * time.Millisecond,
	}
	for _, change := range changes {
		change(&e)
	}
	if err := site.Store.AddTokenRequests(t.Context(), []event.Token{e}); err != nil {
		t.Fatal(err)
	}
}

func refusal(e *event.Token) {
	e.TokenID, e.Status, e.Error, e.Reason, e.Username, e.CorrelationID = "", 400, "invalid_grant", "wrong password", "bob", "corr-2"
}

func login(t *testing.T, site *handlerstest.Site, subject string) token.Family {
	t.Helper()
	f := token.Family{
		Environment: "production", Project: "Default", OwnerID: "o", Owner: "orders", Policy: "standard", ClientID: "orders-client", Subject: subject,
		User: true, Grant: "password", Client: netip.MustParseAddr("192.0.2.7"), StartedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), MaxRefreshes: 3,
	}
	_, _ = rand.Read(f.ID[:]) // never fails
	if err := site.Store.StartFamily(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLogsBeginWithAWordAboutWhatComesHere(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	for path, want := range map[string]string{
		link.TokenRequests: "No token request yet", link.SecurityEvents: "No security event", link.Logins: "Nobody is logged in",
		link.TokenRequests + "?who=nobody": "No token request matches", link.SecurityEvents + "?who=nobody": "No security event matches",
		link.Logins + "?q=nobody": "No login matches",
	} {
		page := v.Get(t, path)
		wantStatus(t, page, http.StatusOK)
		wantText(t, page.One(t, "main"), want)
		htmlcheck.Sound(t, page.Node)
	}
}

func TestTokenRequestsAreNarrowedByTheirAddress(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	logged(t, site)
	logged(t, site, refusal)
	v := site.SignIn(t, handlerstest.Auditor)
	both := []string{"Refused: invalid_grant", "Token issued"}
	for query, want := range map[string][]string{
		"": both, "outcome=issued": both[1:], "outcome=refused": both[:1], "who=ADA": both[1:], "error=invalid_grant": both[:1],
		"address=192.0.2.0%2F24": both, "address=198.51.100.1": nil, "statusFrom=400&statusTo=499": both[:1], "span=1h": both,
		"grant=client_credentials": nil, "source=LDAP%3Acorp": both, "environment=test": nil, "owner=orders": both, "q=wrong": both[:1],
	} {
		page := v.Get(t, link.TokenRequests+"?"+query)
		wantStatus(t, page, http.StatusOK)
		if diff := cmp.Diff(want, listOf(t, page)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		htmlcheck.Sound(t, page.Node)
	}
	for _, query := range []string{"statusFrom=abc", "statusFrom=500&statusTo=400", "address=here", "from=yesterday"} {
		page := v.Get(t, link.TokenRequests+"?"+query)
		wantStatus(t, page, http.StatusUnprocessableEntity)
		if !page.Has("[role=alert]") {
			t.Errorf("%s is not explained", query)
		}
	}
}

func TestTheFiguresCountWhatWasIssuedAndRefused(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	logged(t, site)
	logged(t, site)
	logged(t, site, refusal)
	v := site.SignIn(t, handlerstest.Auditor)
	for by, want := range map[string][2]string{
		"": {"Password 2", "Password 1"}, "source": {"LDAP:corp 2", "LDAP:corp 1"}, "reason": {"Issued 2", "invalid_grant 1"},
	} {
		page := v.Get(t, link.TokenRequests+"?by="+by)
		for i, id := range []string{"#issued", "#refused"} {
			wantText(t, page.One(t, id+" .Chart-legend"), want[i])
			wantText(t, page.One(t, id+" svg desc"), want[i])
		}
	}
	wantText(t, v.Get(t, link.TokenRequests+"?by=reason").One(t, "main"), "wrong password")
}

func TestALogIsPagedBackAndForth(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for i := range 120 {
		logged(t, site, func(e *event.Token) { e.Username = fmt.Sprintf("user-%03d", 119-i) })
	}
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.TokenRequests+"?outcome=issued")
	users := func() string {
		list := page.Texts(`td[data-label="User or client"]`)
		return fmt.Sprintf("%d %s %s", len(list), list[0], list[len(list)-1])
	}
	var got []string
	for _, rel := range []string{"", "next", "next", "prev", "prev"} {
		if rel != "" {
			page = v.Get(t, page.One(t, ".Pager a[rel="+rel+"]").Attr("href"))
			wantStatus(t, page, http.StatusOK)
		}
		got = append(got, strings.ReplaceAll(users(), " orders-client", ""))
	}
	want := []string{
		"50 user-000 user-049", "50 user-050 user-099", "20 user-100 user-119", "50 user-050 user-099", "50 user-000 user-049",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if page.Has(".Pager a[rel=prev]") {
		t.Error("there is something newer than the newest")
	}
}

// What is found only far back is found by going on, in each of the two logs.
func TestASearchThatGaveUpSaysSoAndLeadsOn(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	requests, events := make([]event.Token, 5100), make([]event.Security, 5100)
	for i := range requests {
		at, text := now.Add(-time.Duration(i)*time.Second), "usual"
		if i > 5090 {
			text = "rare" + fmt.Sprint(i)
		}
		requests[i] = event.Token{Time: at, Operation: event.Issue, Reason: text, Status: 200}
		events[i] = event.Security{Time: at, Kind: event.ForgedToken, Detail: text}
	}
	if err := site.Store.AddTokenRequests(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.AddSecurityEvents(t.Context(), events[:3000]); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.AddSecurityEvents(t.Context(), events[3000:]); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Auditor)
	for list, one := range map[string]string{link.TokenRequests: "token request", link.SecurityEvents: "security event"} {
		page := v.Get(t, list+"?q=RARE")
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		wantText(t, page.One(t, "main"), "No "+one+" matches so far")
		wantText(t, page.One(t, "main"), "searched back to "+now.Add(-4999*time.Second).Format("2006-01-02 15:04:05"))
		further := ""
		for _, a := range page.All("main a.Button") {
			if strings.Contains(a.Text(), "Search further back") {
				further = a.Attr("href")
			}
		}
		page = v.Get(t, further)
		wantStatus(t, page, http.StatusOK)
		wantText(t, page.One(t, ".Pager-text"), "9 "+one+"s")
		if len(page.All("main tbody tr")) != 9 {
			t.Errorf("%s leads to %s", further, page.One(t, "main").Text())
		}
	}
}

func TestTokenRequestPageShowsEveryField(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	logged(t, site)
	logged(t, site, refusal)
	v := site.SignIn(t, handlerstest.Auditor)
	list := v.Get(t, link.TokenRequests)
	links := list.All("tbody th a.Table-link")
	issued := v.Get(t, links[len(links)-1].Attr("href"))
	wantStatus(t, issued, http.StatusOK)
	for _, want := range []string{"ada", "orders-client", "LDAP:corp", "192.0.2.7", "jti-1", "kid-1", "RS256", "ops", "corr-1", "standard", "production"} {
		wantText(t, issued.One(t, "main"), want)
	}
	refused := v.Get(t, links[len(links)-2].Attr("href"))
	wantText(t, refused.One(t, "main"), "wrong password")
	wantText(t, refused.One(t, "main"), "No token was issued")
	for _, path := range []string{"/token-requests/0", "/token-requests/x", "/token-requests/999999", "/security-events/-1"} {
		wantStatus(t, v.Get(t, path), http.StatusNotFound)
	}
}

func TestACSVCellIsNeverAFormula(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	attacks := []string{`=cmd|'/c calc'!A1`, "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "＝1", "%0A", "|x", "\r=1", "a;=1", "a; +1", "a\t@x", "a\n=1", "a\r\n -1", "a,b\n\"c\""}
	for _, a := range attacks {
		logged(t, site, func(e *event.Token) { e.Username, e.ClientID, e.ForwardedFor, e.Scope = a, a, a, a })
	}
	if err := site.Store.AddSecurityEvents(t.Context(), []event.Security{{Time: time.Now(), Kind: event.ForgedToken, Detail: "=1", Subject: "@x"}}); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Auditor)
	cells := func(path string) [][]string {
		t.Helper()
		page := v.Get(t, path)
		wantStatus(t, page, http.StatusOK)
		if got := page.Header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
			t.Errorf("type %q", got)
		}
		if !strings.HasPrefix(page.Header.Get("Content-Disposition"), "attachment") {
			t.Error("it is shown and not downloaded")
		}
		rows, err := csv.NewReader(strings.NewReader(page.Body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				// Each part is a cell of its own where semicolons or tabs divide them.
				for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
					if first := strings.TrimLeft(part, " "); first != "" && (strings.ContainsAny(first[:1], "=+-@|%") || strings.HasPrefix(first, "＝")) {
						t.Errorf("%q would be run", cell)
					}
				}
			}
		}
		return rows
	}
	rows := cells(link.TokenRequestsCSV)
	if len(rows) != len(attacks)+1 {
		t.Errorf("%d rows", len(rows))
	}
	who := slices.Index(rows[0], "User")
	if got := rows[1][who]; got != "a,b\n\"c\"" {
		t.Errorf("a harmless cell came out as %q", got)
	}
	if rows := cells(link.TokenRequestsCSV + "?who=nobody"); len(rows) != 1 {
		t.Errorf("%d rows of nobody", len(rows))
	}
	if rows := cells(link.SecurityEventsCSV); len(rows) != 2 {
		t.Errorf("%d events", len(rows))
	}
	wantStatus(t, v.Get(t, link.TokenRequestsCSV+"?statusFrom=abc"), http.StatusUnprocessableEntity)
}

func TestWhatCallersSendIsNoMarkup(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	attack := `"><script>alert(1)</script>`
	logged(t, site, func(e *event.Token) {
		e.Username, e.ClientID, e.Source, e.Scope, e.ForwardedFor, e.ContentType, e.Grant = attack, attack, attack, attack, attack, attack, attack
	})
	v := site.SignIn(t, handlerstest.Auditor)
	list := v.Get(t, link.TokenRequests+"?by=source&session="+url.QueryEscape(attack))
	page := v.Get(t, v.Get(t, link.TokenRequests).One(t, "tbody th a.Table-link").Attr("href"))
	for _, p := range []handlerstest.Page{list, page} {
		wantStatus(t, p, http.StatusOK)
		if strings.Contains(p.Body, "<script>alert") {
			t.Error("markup of a caller's is in the page")
		}
	}
}

func TestEndingALogin(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	ada, bob := login(t, site, "ada"), login(t, site, "bob")
	v := site.SignIn(t, handlerstest.Administrator)
	list := v.Get(t, link.Logins)
	htmlcheck.Sound(t, list.Node)
	if diff := cmp.Diff([]string{"bob", "ada"}, listOf(t, list)); diff != "" {
		t.Error(diff)
	}
	ask := v.Get(t, list.All("td.Table-menu a")[1].Attr("href"))
	wantStatus(t, ask, http.StatusOK)
	wantText(t, ask.One(t, "form.Confirm"), "End this login of ada?")
	done := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, done, http.StatusSeeOther)
	after := v.Follow(t, done)
	wantText(t, after.One(t, "body"), "The login of ada was ended.")
	if diff := cmp.Diff([]string{"bob"}, listOf(t, after)); diff != "" {
		t.Error(diff)
	}
	for f, want := range map[token.FamilyID]bool{ada.ID: false, bob.ID: true} {
		if _, there, err := site.Store.FindFamily(t.Context(), "production", f); there != want || err != nil {
			t.Errorf("there %v, want %v; %v", there, want, err)
		}
	}
	if entries, err := site.Store.Revocations(t.Context(), "production", 0); err != nil || len(entries) != 1 || entries[0].Kind != revoke.Family {
		t.Errorf("%v, %v", entries, err)
	}
	wantStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusNotFound)
	wantStatus(t, v.Get(t, link.EndLogin("nonsense")), http.StatusNotFound)
}

func TestRevokingTokensAsksForTheNameAndSaysTheEffect(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	logged(t, site)
	ada := login(t, site, "ada")
	site.Clock.Advance(time.Minute) // logins begin by the database's clock, which does not stand
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.RevokeTokens)
	wantStatus(t, form, http.StatusOK)
	htmlcheck.Sound(t, form.Node)
	wrong := v.Submit(t, form, "form#revoke-form", url.Values{"before": {"2999-01-01T00:00"}, "environment": {"nowhere"}})
	wantStatus(t, wrong, http.StatusUnprocessableEntity)
	for _, field := range []string{"#f-key", "#f-reason", "#f-before", "#f-environment"} {
		if wrong.One(t, field).Attr("aria-invalid") != "true" {
			t.Errorf("%s is not marked", field)
		}
	}
	checked := v.Submit(t, form, "form#revoke-form", url.Values{"kind": {"USER"}, "key": {"ada"}, "reason": {"laptop stolen"}, "environment": {"production"}})
	wantStatus(t, checked, http.StatusSeeOther)
	ask := v.Follow(t, checked)
	wantText(t, ask.One(t, "form.Confirm"), "Revoke the tokens of user ada in production?")
	wantText(t, ask.One(t, "form.Confirm"), "1 login ends")
	wantText(t, ask.One(t, "form.Confirm"), "1 live access token that the log knows of is worth nothing")
	mistyped := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"Ada"}})
	wantStatus(t, mistyped, http.StatusUnprocessableEntity)
	if _, there, _ := site.Store.FindFamily(t.Context(), "production", ada.ID); !there {
		t.Error("it was done without the name")
	}
	site.Clock.Advance(2 * time.Second)
	done := v.Submit(t, mistyped, "form.Confirm", url.Values{"confirm": {"ada"}})
	wantStatus(t, done, http.StatusSeeOther)
	wantText(t, v.Follow(t, done).One(t, "body"), "Revoked the tokens of user ada: 1 login ended, 1 known token is worthless.")
	if _, there, _ := site.Store.FindFamily(t.Context(), "production", ada.ID); there {
		t.Error("the login goes on")
	}
	events, _, err := site.Store.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{Kind: string(event.TokensRevoked)})
	if err != nil || len(events) != 1 || !strings.Contains(events[0].Detail, "laptop stolen") {
		t.Errorf("%v, %v", events, err)
	}
	wantText(t, v.Get(t, link.SecurityEvent(fmt.Sprint(events[0].ID))).One(t, "main"), "laptop stolen")
}

func TestRevokingEverythingAsksForTheEnvironment(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for environment, name := range map[string]string{"production": "production", "": "every environment"} {
		q := url.Values{"kind": {"ALL"}, "key": {"left over"}, "reason": {"leak"}, "environment": {environment}}
		ask := v.Get(t, link.ConfirmRevoke+"?"+q.Encode())
		wantStatus(t, ask, http.StatusOK)
		if got := ask.One(t, "input[name=confirm]").Attr("data-confirm-name"); got != name {
			t.Errorf("asks for %q, want %q", got, name)
		}
		wantStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {name}}), http.StatusSeeOther)
	}
}

func TestTokenManagementIsSavedAndShown(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.TokenManagement)
	wantStatus(t, page, http.StatusOK)
	htmlcheck.Sound(t, page.Node)
	wantText(t, page.One(t, "#token-preview"), `"access_token"`)
	preview := v.Post(t, link.TokenManagementPreview, handlerstest.Fields(page.One(t, "#token-management-form")))
	wantText(t, preview.Node, `"expires_in": 900`)
	wrong := v.Submit(t, page, "#token-management-form", url.Values{"accessTokenName": {"error"}, "refreshGraceSeconds": {"soon"}, "scopeName": {"s p"}})
	wantStatus(t, wrong, http.StatusUnprocessableEntity)
	for _, field := range []string{"#f-accessTokenName", "#f-scopeName", "#f-refreshGraceSeconds"} {
		if wrong.One(t, field).Attr("aria-invalid") != "true" {
			t.Errorf("%s is not marked", field)
		}
	}
	if got := wrong.One(t, "#f-refreshGraceSeconds").Attr("value"); got != "soon" {
		t.Errorf("what was typed became %q", got)
	}
	saved := v.Submit(t, page, "#token-management-form", url.Values{"accessTokenName": {"token"}, "includeScope": {""}, "extendedResponse": {"true"}})
	wantStatus(t, saved, http.StatusSeeOther)
	want := issue.DefaultManagement()
	want.AccessTokenName, want.IncludeScope, want.ExtendedResponse = "token", false, true
	if got, err := site.Store.TokenManagement(t.Context()); err != nil || got.Value != want {
		t.Errorf("saved %+v, %v", got.Value, err)
	}
	after := v.Follow(t, saved)
	wantText(t, after.One(t, "#token-preview"), `"X-IssuedAt"`)
	stale := v.Submit(t, page, "#token-management-form", url.Values{"scopeName": {"scopes"}})
	wantStatus(t, stale, http.StatusConflict)
	wantText(t, stale.One(t, "#token-management-form [role=alert]"), "Access token is token")
	wantStatus(t, v.Submit(t, stale, "#token-management-form", nil), http.StatusSeeOther)
	record := v.Get(t, link.Audit+"?kind=SETTINGS")
	wantStatus(t, v.Get(t, record.All("tbody th a")[0].Attr("href")), http.StatusOK)
}

func TestRetentionIsSaved(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.TokenManagement)
	wrong := v.Submit(t, page, "#retention-form", url.Values{"tokenRequestDays": {"a month"}})
	wantStatus(t, wrong, http.StatusUnprocessableEntity)
	if wrong.One(t, "#f-tokenRequestDays").Attr("aria-invalid") != "true" {
		t.Error("not marked")
	}
	wantStatus(t, v.Submit(t, page, "#retention-form", url.Values{"tokenRequestDays": {"7"}}), http.StatusSeeOther)
	if got, err := site.Store.Retention(t.Context()); err != nil || got.Value != (models.Retention{TokenRequestDays: 7, SecurityEventDays: 365, RefusalDays: 7, LoginDays: 30, Revisions: 6}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnAuditorSeesAndChangesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	login(t, site, "ada")
	v := site.SignIn(t, handlerstest.Auditor)
	list := v.Get(t, link.Logins)
	if list.Has("td.Table-menu a") {
		t.Error("an auditor is offered to end a login")
	}
	settings := v.Get(t, link.TokenManagement)
	wantStatus(t, settings, http.StatusOK)
	if settings.Has("main [data-save]") || !settings.One(t, "#f-scopeName").HasAttr("disabled") {
		t.Error("an auditor is offered to save")
	}
	for _, path := range []string{link.RevokeTokens, link.ConfirmRevoke, link.EndLogin("AAAAAAAAAAAAAAAAAAAAAA")} {
		wantStatus(t, v.Get(t, path), http.StatusForbidden)
		wantStatus(t, v.Post(t, path, url.Values{}), http.StatusForbidden)
	}
	for _, path := range []string{link.TokenManagement, link.Retention, link.TokenManagementPreview} {
		wantStatus(t, v.Post(t, path, url.Values{}), http.StatusForbidden)
	}
}
