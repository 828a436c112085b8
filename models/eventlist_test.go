package models_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// manyRequests logs so many issued tokens, a second apart, the last one now.
func manyRequests(t *testing.T, s *models.Store, n int) {
	t.Helper()
	list := make([]event.Token, n)
	now := time.Now().UTC().Truncate(time.Second)
	for i := range list {
		list[i] = issued(func(e *event.Token) {
			e.Time = now.Add(-time.Duration(n-1-i) * time.Second)
			e.TokenID, e.Family, e.CorrelationID = fmt.Sprint("jti-", i), fmt.Sprint("sid-", i), fmt.Sprint("corr-", i)
		})
	}
	logTokens(t, s, list...)
}

// What no index answers is looked for in a part of the log at a time, and a page
// says so instead of looking like the end.
func TestASearchGivesUpAndGoesOnFromThere(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	const rare = 3 // seconds after the oldest
	manyRequests(t, s.Store, 20_100)
	if _, err := connect(t, s.url).Exec(t.Context(), "update token_requests set policy = 'rare', username = 'rarely' where token_id = 'jti-"+fmt.Sprint(rare)+"'"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter models.TokenRequestFilter
		pages  int // until it is found
	}{
		"by policy":                   {models.TokenRequestFilter{Policy: "rare"}, 2},
		"by a text":                   {models.TokenRequestFilter{Keyword: "rarel"}, 5},
		"by user, which has an index": {models.TokenRequestFilter{Who: "Rarely", Policy: "rare"}, 1},
		"by an id of a token":         {models.TokenRequestFilter{Keyword: "jti-3", Policy: "rare"}, 1},
		"by an id of a login":         {models.TokenRequestFilter{Keyword: " sid-3 "}, 1},
		"by a correlation id":         {models.TokenRequestFilter{Keyword: "corr-3"}, 1},
	} {
		for page := 1; ; page++ {
			list, found, err := s.TokenRequests(t.Context(), models.Everywhere, c.filter)
			if err != nil {
				t.Fatal(name, err)
			}
			if len(list) > 0 {
				if page != c.pages || list[0].TokenID != "jti-3" || found.Stopped != "" {
					t.Errorf("%s: %s on page %d, stopped at %q; want page %d", name, list[0].TokenID, page, found.Stopped, c.pages)
				}
				break
			}
			if found.Stopped == "" || found.StoppedAt.IsZero() || found.Total != 0 || !found.Capped {
				t.Fatalf("%s: page %d looks like the end: %+v", name, page, found)
			}
			c.filter.Before = found.Stopped
		}
	}
	// The other way: from the oldest to newer ones.
	f := models.TokenRequestFilter{Policy: "standard", Who: "ada", StatusFrom: 500, After: models.CursorOf(time.Unix(0, 0), 0)}
	_, found, err := s.TokenRequests(t.Context(), models.Everywhere, f)
	if err != nil || found.Stopped == "" {
		t.Fatal(found, err)
	}
	f.After = found.Stopped
	if _, found, err = s.TokenRequests(t.Context(), models.Everywhere, f); err != nil || found.Stopped != "" {
		t.Errorf("the rest, newer: %+v, %v", found, err)
	}
	// A page that is full did not give up, and says that there may be more.
	list, found, err := s.TokenRequests(t.Context(), models.Everywhere, models.TokenRequestFilter{Policy: "standard"})
	if err != nil || len(list) != 25 || found.Stopped != "" || found.Total != models.CountCap || !found.Capped {
		t.Errorf("%d rows, %+v, %v", len(list), found, err)
	}
}

// Several nodes write at once; none waits for another for ever, and no request
// is counted twice or not at all.
func TestHoursAreCountedAsTheLogIsWritten(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	from := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 20 {
				var list []event.Token
				for j := range 10 {
					at := func(e *event.Token) {
						e.Time = from.Add(time.Duration((w+i+j)%5) * time.Hour).Add(time.Duration(j) * time.Minute)
						e.Source = fmt.Sprint("LDAP:", (i*j+w)%3)
					}
					list = append(list, issued(at), refused(at), issued(at, func(e *event.Token) { e.Operation = event.Introspect }))
				}
				if err := s.AddTokenRequests(context.Background(), list); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	hours, err := s.TokenStats(t.Context(), models.Everywhere, from, from.Add(5*time.Hour), time.Hour, "", "")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.TokenStats(t.Context(), models.Everywhere, from, from.Add(5*time.Hour-time.Microsecond), time.Hour, "", "")
	if diff := cmp.Diff(raw, hours); diff != "" || err != nil {
		t.Errorf("%v (-log +hours):\n%s", err, diff)
	}
	for _, by := range []models.StatsBy{"", models.ByGrant, models.BySource, models.ByError} {
		stats, err := s.TokenStats(t.Context(), models.Everywhere, from, from.Add(5*time.Hour), time.Hour, "", by)
		if err != nil {
			t.Fatal(err)
		}
		issued, refused := 0, 0
		for _, c := range stats.Counts {
			if c.Error == "" {
				issued += c.Count
			} else {
				refused += c.Count
			}
		}
		if issued != 4*20*10 || refused != issued {
			t.Errorf("by %q %d are issued and %d refused", by, issued, refused)
		}
	}
}

// logged is how many rows each log of the benchmarks has, over thirty days.
const logged = 1_000_000

// fillLogs writes a month of token requests and a year of security events.
func fillLogs(b *testing.B, url string) {
	b.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`insert into token_requests (at, environment, operation, project, owner, policy, grant_type, client_id, username, source, client, forwarded_for,
				method, content_type, algorithm, key_id, token_id, family, scope, issued_at, expires_at, never_expires, refresh_expires_at, refresh_count,
				refresh_max, status, error, fault, reason, correlation_id, duration_us)
			select at, case when n %% 10 = 0 then 'test' else 'production' end,
				case n %% 50 when 1 then 'INTROSPECT' when 2 then 'REVOKE' when 3 then 'REGENERATE' when 4 then 'REFRESH' else 'ISSUE' end,
				'Shop', 'proxy-' || n %% 1000, 'standard', (array['password', 'password', 'password', 'client_credentials', 'refresh_token'])[1 + n %% 5],
				'client-' || n %% 1000, case when n %% 5 = 3 then '' else 'user-' || n::bigint * 7919 %% 20000 end,
				case when n %% 5 = 3 then '' when n %% 4 = 0 then 'SECRET_MANAGER' else 'LDAP:corp-' || n %% 8 end,
				'10.' || n %% 4 || '.' || n / 7 %% 256 || '.' || n / 3 %% 256, '10.0.0.1', 'POST', 'application/x-www-form-urlencoded',
				'ES256', 'kid-' || n %% 3, case when bad or n %% 50 in (1, 2) then '' else 'jti-' || n end, 'sid-' || n / 5, 'ops admin',
				at, case when not bad and n %% 1000 <> 7 then at + interval '1 hour' end, not bad and n %% 1000 = 7, null, 0, 0,
				case when bad then 400 + n %% 2 else 200 end, case when bad then (array['invalid_grant', 'invalid_client'])[1 + n %% 2] else '' end, '',
				case when bad then (array['wrong password', 'the client secret is wrong'])[1 + n %% 2] else '' end, 'corr-' || n, 1000 + n %% 50000
			from (select n, now() - (%[1]d - n) * interval '2592 milliseconds' as at, n %% 13 = 0 as bad from generate_series(1, %[1]d) n) q`, logged),
		fmt.Sprintf(`insert into security_events (at, kind, environment, project, owner, subject, source, client, detail, correlation_id)
			select now() - (%[1]d - n) * interval '31 seconds', (array['REFRESH_TOKEN_REUSED', 'REVOKED_TOKEN_USED', 'FORGED_TOKEN', 'LOGINS_THROTTLED',
					'CLIENT_ADDRESS_REFUSED', 'TOKENS_REVOKED', 'SIGNING_KEY_ROTATED', 'IDENTITY_SOURCE_FAILING'])[1 + n %% 8],
				case when n %% 10 = 0 then 'test' else 'production' end, 'Shop', 'proxy-' || n %% 1000, 'user-' || n::bigint * 7919 %% 20000, '',
				'10.' || n %% 4 || '.' || n / 7 %% 256 || '.' || n / 3 %% 256, 'Something happened that deserves a look, number ' || n, 'corr-' || n
			from generate_series(1, %[1]d) n`, logged),
		"vacuum analyze token_requests",
		"vacuum analyze security_events",
	} {
		if _, err := connect(b, url).Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLogsOfAMillion is what the pages of the logs ask for. A page has
// 50 ms (product.md, "How the console behaves").
func BenchmarkLogsOfAMillion(b *testing.B) {
	url := modelstest.Database(b)
	s := modelstest.Open(b, url)
	modelstest.Environment(b, s, "production")
	fillLogs(b, url)
	now := time.Now().Truncate(time.Hour) // as the console asks for figures
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	for _, c := range []struct {
		name   string
		filter models.TokenRequestFilter
	}{
		{"first page", models.TokenRequestFilter{}},
		{"in the middle", models.TokenRequestFilter{Before: models.CursorOf(day(15), 0)}},
		{"last page", models.TokenRequestFilter{Before: models.CursorOf(day(30).Add(3*time.Minute), 0)}},
		{"before the oldest", models.TokenRequestFilter{After: models.CursorOf(day(40), 0)}},
		{"last hour", models.TokenRequestFilter{From: now.Add(-time.Hour)}},
		{"last 30 days", models.TokenRequestFilter{From: day(30)}},
		{"environment", models.TokenRequestFilter{Environment: "test"}},
		{"environment without any", models.TokenRequestFilter{Environment: "moon"}},
		{"project without any", models.TokenRequestFilter{Project: "Moon"}},
		{"proxy", models.TokenRequestFilter{Owner: "proxy-7"}},
		{"proxy without any", models.TokenRequestFilter{Owner: "moon"}},
		{"policy without any", models.TokenRequestFilter{Policy: "moon"}},
		{"grant", models.TokenRequestFilter{Grant: "client_credentials"}},
		{"grant without any", models.TokenRequestFilter{Grant: "moon"}},
		{"operation", models.TokenRequestFilter{Operation: "REVOKE"}},
		{"source", models.TokenRequestFilter{Source: "LDAP:corp-1"}},
		{"source without any", models.TokenRequestFilter{Source: "LDAP:moon"}},
		{"issued", models.TokenRequestFilter{Outcome: models.OutcomeIssued}},
		{"refused", models.TokenRequestFilter{Outcome: models.OutcomeRefused}},
		{"error", models.TokenRequestFilter{Error: "invalid_client"}},
		{"error without any", models.TokenRequestFilter{Error: "server_error"}},
		{"user", models.TokenRequestFilter{Who: "USER-7"}},
		{"client", models.TokenRequestFilter{Who: "client-7"}},
		{"nobody", models.TokenRequestFilter{Who: "moon"}},
		{"session", models.TokenRequestFilter{Family: "sid-7"}},
		{"correlation id", models.TokenRequestFilter{CorrelationID: "corr-7"}},
		{"address", models.TokenRequestFilter{Address: "10.1.2.3"}},
		{"address without any", models.TokenRequestFilter{Address: "192.0.2.1"}},
		{"network", models.TokenRequestFilter{Address: "10.1.0.0/16"}},
		{"network without any", models.TokenRequestFilter{Address: "192.0.2.0/24"}},
		{"status 400 to 499", models.TokenRequestFilter{StatusFrom: 400, StatusTo: 499}},
		{"status 500 and more", models.TokenRequestFilter{StatusFrom: 500}},
		{"keyword", models.TokenRequestFilter{Keyword: "user-77"}},
		{"keyword, an id", models.TokenRequestFilter{Keyword: "corr-7"}},
		{"keyword without any", models.TokenRequestFilter{Keyword: "moonlight"}},
		{"keyword of two letters", models.TokenRequestFilter{Keyword: "zq"}},
		{"keyword without any in a day", models.TokenRequestFilter{Keyword: "moonlight", From: day(1)}},
	} {
		b.Run("token requests/"+c.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.TokenRequests(b.Context(), models.Everywhere, c.filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, c := range []struct {
		name   string
		filter models.SecurityEventFilter
	}{
		{"first page", models.SecurityEventFilter{}},
		{"last page", models.SecurityEventFilter{Before: models.CursorOf(day(358), 0)}},
		{"kind", models.SecurityEventFilter{Kind: "FORGED_TOKEN"}},
		{"kind without any", models.SecurityEventFilter{Kind: "SIGNING_KEY_REVOKED"}},
		{"environment without any", models.SecurityEventFilter{Environment: "moon"}},
		{"project without any", models.SecurityEventFilter{Project: "Moon"}},
		{"subject", models.SecurityEventFilter{Subject: "user-7"}},
		{"subject without any", models.SecurityEventFilter{Subject: "moon"}},
		{"address without any", models.SecurityEventFilter{Address: "192.0.2.1"}},
		{"network without any", models.SecurityEventFilter{Address: "192.0.2.0/24"}},
		{"keyword", models.SecurityEventFilter{Keyword: "deserves"}},
		{"keyword without any", models.SecurityEventFilter{Keyword: "moonlight"}},
	} {
		b.Run("security events/"+c.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.SecurityEvents(b.Context(), models.Everywhere, c.filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for days, width := range map[int]time.Duration{1: time.Hour, 7: 6 * time.Hour, 30: 12 * time.Hour} {
		b.Run(fmt.Sprintf("figures/%d days", days), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.TokenStats(b.Context(), models.Everywhere, day(days), now, width, "", models.ByGrant); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("reasons/%d days", days), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.RefusalReasons(b.Context(), models.Everywhere, day(days), now, "", 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, do := range map[string]func() error{
		"sources": func() error { _, err := s.TokenSources(b.Context(), models.Everywhere); return err },
		"CSV begins": func() error {
			return s.EachTokenRequest(b.Context(), models.Everywhere, models.TokenRequestFilter{}, 1000, func(models.TokenRequest) error { return nil })
		},
		"live tokens": func() error { _, err := s.CountLiveTokens(b.Context(), models.LiveTokenFilter{}); return err },
		"live tokens of a key": func() error {
			_, err := s.LiveTokens(b.Context(), models.Key{KeySlot: models.KeySlot{Environment: "production"}, Kid: "kid-1"})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
