package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func entries(t testing.TB, s *models.Store, environment string, after int64) []revoke.Entry {
	t.Helper()
	list, err := s.Revocations(t.Context(), environment, after)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRevocationsComeBackAsTheyWereMade(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	before := time.Date(2026, 5, 1, 12, 0, 0, 1, time.UTC)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made := []struct {
		environment string
		entry       revoke.Entry
	}{
		{"production", revoke.Entry{Kind: revoke.Token, Key: "jti-1", Expires: expires}},
		{"production", revoke.Entry{Kind: revoke.User, Key: "ada", Project: "Shop", Before: before}},
		{"test", revoke.Entry{Kind: revoke.Client, Key: "c", Before: before}},
		{"", revoke.Entry{Kind: revoke.All, Before: before}},
	}
	for _, m := range made {
		if err := s.RevokeTokens(t.Context(), m.environment, m.entry, "because"); err != nil {
			t.Fatal(err)
		}
	}
	whole := before.Truncate(time.Second).Add(time.Second) // a token of that second may be older
	want := []revoke.Entry{
		{Kind: revoke.Token, Key: "jti-1", Expires: expires},
		{Kind: revoke.User, Key: "ada", Project: "Shop", Before: whole},
		{Kind: revoke.All, Before: whole},
	}
	got := entries(t, s.Store, "Production", 0)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(revoke.Entry{}, "ID")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rest := entries(t, s.Store, "production", got[1].ID); len(rest) != 1 || rest[0] != got[2] {
		t.Errorf("after the second: %v", rest)
	}
	if n := len(entries(t, s.Store, "test", 0)); n != 2 {
		t.Errorf("test has %d", n)
	}
}

func TestRevokeRefusesWhatMeansNothing(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for name, c := range map[string]struct {
		entry revoke.Entry
		field string
	}{
		"no kind":                  {revoke.Entry{Key: "ada"}, "kind"},
		"nobody":                   {revoke.Entry{Kind: revoke.User}, "key"},
		"everything of somebody":   {revoke.Entry{Kind: revoke.All, Key: "ada"}, "key"},
		"a key that cannot be one": {revoke.Entry{Kind: revoke.User, Key: "a\x00"}, "key"},
		"a project of a client":    {revoke.Entry{Kind: revoke.Client, Key: "c", Project: "Shop"}, "project"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Revoke(t.Context(), by, "production", c.entry, "test")
			wantProblem(t, err, c.field)
		})
	}
	if _, err := s.Revoke(t.Context(), by, "nowhere", revoke.Entry{Kind: revoke.All}, "test"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("in an environment that is not there: %v", err)
	}
}

func TestRevokeEndsLoginsAndSaysHowMany(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	start := func(change func(*token.Family)) token.Family { return startFamily(t, s.Store, change) }
	all := map[string]token.Family{
		"ada":           start(func(*token.Family) {}),
		"ada elsewhere": start(func(f *token.Family) { f.Environment = "test" }),
		"bob":           start(func(f *token.Family) { f.Subject = "bob"; f.Policy = "strict" }),
		"client ada":    start(func(f *token.Family) { f.User = false; f.ClientID = "ada" }),
	}
	for _, c := range []struct {
		environment string
		entry       revoke.Entry
		ended       string
	}{
		{"production", revoke.Entry{Kind: revoke.User, Key: "nobody"}, ""},
		{"production", revoke.Entry{Kind: revoke.User, Key: "bob", Before: time.Now().Add(-time.Hour)}, ""},
		{"production", revoke.Entry{Kind: revoke.User, Key: "ada"}, "ada"},
		{"production", revoke.Entry{Kind: revoke.Client, Key: "ada"}, "client ada"},
		{"", revoke.Entry{Kind: revoke.Policy, Key: "strict", Project: "Shop"}, "bob"},
		{"", revoke.Entry{Kind: revoke.All}, "ada elsewhere"},
	} {
		want := 1
		if c.ended == "" {
			want = 0
		}
		preview, err := s.PreviewRevoke(t.Context(), c.environment, c.entry)
		if err != nil || preview.Families != want {
			t.Errorf("%v would end %d, %v", c.entry, preview.Families, err)
		}
		r, err := s.Revoke(t.Context(), by, c.environment, c.entry, "test")
		if err != nil || r.Families != want {
			t.Errorf("%v ended %d, %v", c.entry, r.Families, err)
		}
		delete(all, c.ended)
		for name, f := range all {
			if _, there, err := s.FindFamily(t.Context(), f.Environment, f.ID); !there || err != nil {
				t.Errorf("%v ended %s too, %v", c.entry, name, err)
			}
		}
	}
}

func TestARevocationIsAuditedAndASecurityEvent(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	f := startFamily(t, s.Store)
	l, _, err := s.Logins(t.Context(), models.Everywhere, models.LoginFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EndLogin(t.Context(), by, l[0].Session, "lost phone"); err != nil {
		t.Fatal(err)
	}
	if _, there, _ := s.FindFamily(t.Context(), "production", f.ID); there {
		t.Error("the login goes on")
	}
	if _, err := s.EndLogin(t.Context(), by, l[0].Session, "again"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	if got := entries(t, s.Store, "production", 0); len(got) != 1 || got[0].Kind != revoke.Family || got[0].Key != l[0].Session {
		t.Errorf("entries %v", got)
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Action: models.ActionRevoked})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	r, err := s.AuditRecord(t.Context(), models.Everywhere, records[0].ID)
	if err != nil || r.Kind != models.KindTokens || !strings.Contains(string(r.After), `"lost phone"`) || !strings.Contains(string(r.After), `"loginsEnded": 1`) {
		t.Errorf("%+v %s %v", r, r.After, err)
	}
	list, found, err := s.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{Kind: string(event.TokensRevoked)})
	if err != nil || found.Total != 1 || !strings.Contains(list[0].Detail, "lost phone") || list[0].Environment != "production" {
		t.Errorf("%v %v", list, err)
	}
}

func TestRotatingAClientSecretRevokesTheTokensOfTheOldOne(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	other := startFamily(t, s.Store)
	mine := startFamily(t, s.Store, func(f *token.Family) { f.ClientID = p.ClientID })
	if _, err := s.RotateOwnerSecret(t.Context(), by, s.project, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	got := entries(t, s.Store, "production", 0)
	if len(got) != 1 || got[0].Kind != revoke.Client || got[0].Key != p.ClientID || time.Until(got[0].Before) > 2*time.Second {
		t.Errorf("entries %v", got)
	}
	for f, want := range map[token.FamilyID]bool{mine.ID: false, other.ID: true} {
		if _, there, err := s.FindFamily(t.Context(), "production", f); there != want || err != nil {
			t.Errorf("login there %v, want %v; %v", there, want, err)
		}
	}
	if n := scalar[int](t, connect(t, s.url), "select count(*) from security_events where kind = 'TOKENS_REVOKED'"); n != 1 {
		t.Errorf("%d security events", n)
	}
}

// Transactions take their ids in one order and commit in another. A reader that
// asks for what came after the last id must not miss one.
func TestNoRevocationIsMissedByReadingOn(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	const writers, each = 6, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e := revoke.Entry{Kind: revoke.Token, Key: fmt.Sprintf("%d-%d", w, i)}
				if err := s.RevokeTokens(context.Background(), "production", e, "test"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen, last := map[string]bool{}, int64(0)
	read := func() {
		for _, e := range entries(t, s.Store, "production", last) {
			seen[e.Key], last = true, e.ID
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	if len(seen) != writers*each {
		t.Errorf("saw %d of %d", len(seen), writers*each)
	}
}

// told is one call of WatchRevocations.
type told struct {
	environment string
	keys        string
}

func watchedRevocations(t *testing.T, s *models.Store, environments ...string) <-chan told {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	calls, done := make(chan told, 100), make(chan error, 1)
	go func() {
		done <- s.WatchRevocations(ctx, environments, func(environment string, entries []revoke.Entry) {
			var keys []string
			for _, e := range entries {
				keys = append(keys, e.Key)
			}
			calls <- told{environment, strings.Join(keys, " ")}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("WatchRevocations returned %v", err)
		}
	})
	return calls
}

func TestWatchRevocationsTellsWhatIsNewAndCatchesUpAfterALostConnection(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	revokeToken := func(environment, key string) {
		t.Helper()
		if err := s.RevokeTokens(t.Context(), environment, revoke.Entry{Kind: revoke.Token, Key: key}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	revokeToken("production", "old")
	calls := watchedRevocations(t, models.NotPolling(s.Store), "production")
	next := func(want string) {
		t.Helper()
		if got := <-calls; got != (told{"production", want}) {
			t.Errorf("told %v, want %q", got, want)
		}
	}
	next("old")
	conn := connect(t, s.url)
	awaitListener(t, conn)
	revokeToken("test", "elsewhere")
	revokeToken("production", "new")
	next("new")
	revokeToken("", "everywhere")
	next("everywhere")
	if n := scalar[int](t, conn, `with cut as (select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() and query like 'listen%') select count(*) from cut`); n != 1 {
		t.Fatalf("cut %d connections, want the one that listens", n)
	}
	revokeToken("production", "missed")
	next("missed")
}

func TestANodeWithoutRevocationsIsToldSo(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	if got := <-watchedRevocations(t, models.NotPolling(s.Store), "production"); got != (told{"production", ""}) {
		t.Errorf("told %v", got)
	}
}

func TestPurgeRevocationsForgetsOnlyWhatCoversNoLivingToken(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	keep := func() {
		for _, e := range []revoke.Entry{
			{Kind: revoke.User, Key: "long ago", Before: ago(10 * 24 * time.Hour)},
			{Kind: revoke.User, Key: "lately", Before: ago(time.Hour)},
			{Kind: revoke.Token, Key: "expired", Expires: ago(time.Hour)},
			{Kind: revoke.Token, Key: "alive", Expires: ago(-time.Hour)},
		} {
			if err := s.RevokeTokens(t.Context(), "production", e, "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func() string {
		return scalar[string](t, conn, "select coalesce(string_agg(key, ', ' order by id), '') from revocations")
	}
	deploy := func(name string, config func(p *models.Policy)) {
		t.Helper()
		p := modelstest.Proxy(t, s.Store, s.project, name)
		g := modelstest.Policy(t, s.Store, s.project, name)
		config(&g)
		if _, err := s.SavePolicy(t.Context(), by, s.project, g.ID, g.Version, g.Config); err != nil {
			t.Fatal(err)
		}
		modelstest.Deploy(t, s.Store, modelstest.Bind(t, s.Store, p, g), "production")
	}
	deploy("quarter", func(p *models.Policy) { p.Config.Base().Description = "As it comes." }) // tokens of 15 minutes
	keep()
	if n, err := s.PurgeRevocations(t.Context()); n != 2 || err != nil || left() != "lately, alive" {
		t.Errorf("purged %d, %v; left %s", n, err, left())
	}
	deploy("forever", func(p *models.Policy) { neverExpires(p) })
	if _, err := conn.Exec(t.Context(), "delete from revocations"); err != nil {
		t.Fatal(err)
	}
	keep()
	if n, err := s.PurgeRevocations(t.Context()); n != 1 || err != nil || left() != "long ago, lately, alive" {
		t.Errorf("where tokens never expire: purged %d, %v; left %s", n, err, left())
	}
}
