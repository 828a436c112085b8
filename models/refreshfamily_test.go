package models_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func familyID() token.FamilyID {
	var id token.FamilyID
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// newFamily is a login of ada at orders with three refreshes of an hour.
func newFamily(changes ...func(*token.Family)) token.Family {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f := token.Family{
		ID: familyID(), Environment: "production", Project: "Shop", OwnerID: "0195", Owner: "orders", Policy: "standard",
		ClientID: "orders-client", Subject: "ada", User: true, Grant: "password", Source: "LDAP:corp",
		Roles: []string{"admin", "ops"}, Scope: "ops", Claims: map[string]any{"big": json.Number("9007199254740993")},
		Response: map[string]any{"region": "eu"}, Client: netip.MustParseAddr("192.0.2.7"),
		StartedAt: now, ExpiresAt: now.Add(time.Hour), MaxRefreshes: 3,
	}
	for _, change := range changes {
		change(&f)
	}
	return f
}

func startFamily(t testing.TB, s *models.Store, changes ...func(*token.Family)) token.Family {
	t.Helper()
	f := newFamily(changes...)
	if err := s.StartFamily(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func redemption(f token.Family, generation int) token.Redemption {
	return token.Redemption{
		Environment: f.Environment, ID: f.ID, Generation: generation, ClientID: f.ClientID, Lifetime: time.Hour, Grace: 10 * time.Second,
	}
}

// elapse lets time pass for a family: all its moments move into the past.
func elapse(t testing.TB, conn *pgx.Conn, f token.Family, d time.Duration) {
	t.Helper()
	_, err := conn.Exec(t.Context(), `update refresh_families set started_at = started_at - $2::interval, refreshed_at = refreshed_at - $2::interval,
		expires_at = expires_at - $2::interval, ended_at = ended_at - $2::interval,
		spent = (select coalesce(array_agg(m - $2::interval order by i), '{}') from unnest(spent) with ordinality u(m, i)) where id = $1`, f.ID, d)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFamilyComesBackAsItWasStarted(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	f := startFamily(t, s.Store)
	got, ok, err := s.FindFamily(t.Context(), "Production", f.ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if life := got.ExpiresAt.Sub(got.StartedAt); life != time.Hour {
		t.Errorf("its refresh token lives %s", life)
	}
	f.Environment, f.StartedAt, f.ExpiresAt = "Production", got.StartedAt, got.ExpiresAt
	if diff := cmp.Diff(f, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, look := range map[string]struct {
		environment string
		id          token.FamilyID
	}{"another id": {"production", familyID()}, "another environment": {"test", f.ID}, "a name that cannot be one": {"\x00\xff", f.ID}} {
		if _, ok, err := s.FindFamily(t.Context(), look.environment, look.id); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestStartFamilyRefusesWhatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for name, change := range map[string]func(*token.Family){
		"no such environment": func(f *token.Family) { f.Environment = "nowhere" },
		"expired at birth":    func(f *token.Family) { f.ExpiresAt = f.StartedAt },
		"nobody's":            func(f *token.Family) { f.Subject = "" },
		"of no client":        func(f *token.Family) { f.ClientID = "" },
		"claims without JSON": func(f *token.Family) { f.Claims = map[string]any{"a": func() {}} },
		"negative refreshes":  func(f *token.Family) { f.MaxRefreshes = -1 },
	} {
		if err := s.StartFamily(t.Context(), newFamily(change)); err == nil {
			t.Errorf("%s: kept", name)
		}
	}
}

func TestRedeemFamily(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	type step struct {
		wait       time.Duration
		generation int
		client     string // of the family unless set
		want       token.RedeemOutcome
		after      int // generation of the family that comes back
	}
	for name, steps := range map[string][]step{
		"one after the other to the end": {
			{0, 0, "", token.Redeemed, 1}, {0, 1, "", token.Redeemed, 2}, {0, 2, "", token.Redeemed, 3},
			{0, 3, "", token.UsedUp, 0}, {0, 3, "", token.Unknown, 0}, {0, 2, "", token.Unknown, 0}},
		"spent, within the window":            {{0, 0, "", token.Redeemed, 1}, {9 * time.Second, 0, "", token.Repeated, 1}, {0, 1, "", token.Redeemed, 2}},
		"spent, after the window":             {{0, 0, "", token.Redeemed, 1}, {11 * time.Second, 0, "", token.Reused, 1}, {0, 1, "", token.Unknown, 0}},
		"the window does not slide":           {{0, 0, "", token.Redeemed, 1}, {6 * time.Second, 0, "", token.Repeated, 1}, {6 * time.Second, 0, "", token.Reused, 1}},
		"spent twice over, within the window": {{0, 0, "", token.Redeemed, 1}, {0, 1, "", token.Redeemed, 2}, {0, 0, "", token.Repeated, 2}},
		"expired":                             {{time.Hour + time.Second, 0, "", token.Lapsed, 0}, {0, 0, "", token.Lapsed, 0}},
		"each token has its own lifetime":     {{59 * time.Minute, 0, "", token.Redeemed, 1}, {59 * time.Minute, 1, "", token.Redeemed, 2}},
		"reuse counts even when all expired":  {{0, 0, "", token.Redeemed, 1}, {2 * time.Hour, 0, "", token.Reused, 1}},
		"of another client":                   {{0, 0, "thief", token.Unknown, 0}, {0, 0, "", token.Redeemed, 1}},
		"a client that cannot be one":         {{0, 0, "\x00", token.Unknown, 0}},
		"from the future":                     {{0, 1, "", token.Unknown, 0}, {0, 0, "", token.Redeemed, 1}},
		"a negative generation":               {{0, -1, "", token.Reused, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFamily(t, s.Store)
			for i, st := range steps {
				elapse(t, conn, f, st.wait)
				r := redemption(f, st.generation)
				if st.client != "" {
					r.ClientID = st.client
				}
				got, outcome, err := s.RedeemFamily(t.Context(), r)
				if err != nil || outcome != st.want || got.Generation != st.after {
					t.Fatalf("step %d: %s at generation %d, %v; want %s at %d", i, outcome, got.Generation, err, st.want, st.after)
				}
			}
		})
	}
	t.Run("another family and another environment", func(t *testing.T) {
		f := startFamily(t, s.Store)
		other, elsewhere := redemption(f, 0), redemption(f, 0)
		other.ID, elsewhere.Environment = familyID(), "test"
		for _, r := range []token.Redemption{other, elsewhere} {
			if _, outcome, err := s.RedeemFamily(t.Context(), r); outcome != token.Unknown || err != nil {
				t.Errorf("%s, %v", outcome, err)
			}
		}
	})
	t.Run("without a window nothing is repeated", func(t *testing.T) {
		f := startFamily(t, s.Store)
		r := redemption(f, 0)
		r.Grace = 0
		for _, want := range []token.RedeemOutcome{token.Redeemed, token.Reused} {
			if _, outcome, err := s.RedeemFamily(t.Context(), r); outcome != want || err != nil {
				t.Fatalf("%s, %v; want %s", outcome, err, want)
			}
		}
	})
}

func TestOfAHundredRedemptionsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	f := startFamily(t, s.Store)
	const clients = 100
	type answer struct {
		outcome    token.RedeemOutcome
		generation int
		expires    time.Time
	}
	answers := make([]answer, clients)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			<-begin
			got, outcome, err := s.RedeemFamily(context.Background(), redemption(f, 0))
			if err != nil {
				t.Error(err)
			}
			answers[i] = answer{outcome, got.Generation, got.ExpiresAt}
		})
	}
	close(begin)
	wg.Wait()
	count := map[token.RedeemOutcome]int{}
	for _, a := range answers {
		count[a.outcome]++
		if a.generation != 1 || !a.expires.Equal(answers[0].expires) {
			t.Errorf("%s gives generation %d until %s", a.outcome, a.generation, a.expires)
		}
	}
	if diff := cmp.Diff(map[token.RedeemOutcome]int{token.Redeemed: 1, token.Repeated: clients - 1}, count); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// plainFamily is what a family is meant to be, written down plainly.
type plainFamily struct {
	now, expires time.Duration
	generation   int
	most         int
	spent        map[int]time.Duration
	ended        bool
}

func (p *plainFamily) redeem(generation int, rightClient bool, lifetime, grace time.Duration) token.RedeemOutcome {
	if p.ended || !rightClient || generation > p.generation {
		return token.Unknown
	}
	if generation < p.generation {
		if p.now-p.spent[generation] >= grace {
			p.ended = true
			return token.Reused
		}
		if p.now >= p.expires {
			return token.Lapsed
		}
		return token.Repeated
	}
	if p.now >= p.expires {
		return token.Lapsed
	}
	if generation == p.most {
		p.ended = true
		return token.UsedUp
	}
	p.spent[generation] = p.now
	p.generation++
	p.expires = p.now + lifetime
	return token.Redeemed
}

func TestAnySequenceOfRedemptionsGoesAsThePlainModelSays(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	for seed := range uint64(25) {
		r := mathrand.New(mathrand.NewPCG(seed, 7))
		most := 1 + r.IntN(6)
		f := startFamily(t, s.Store, func(f *token.Family) { f.MaxRefreshes = most })
		p := plainFamily{expires: time.Hour, most: most, spent: map[int]time.Duration{}}
		var history []string
		for range 14 {
			// Never near an edge: the statements themselves take time.
			wait := []time.Duration{0, 4 * time.Second, 33 * time.Second, 25 * time.Minute}[r.IntN(4)]
			elapse(t, conn, f, wait)
			p.now += wait
			q := redemption(f, max(p.generation-r.IntN(3)+r.IntN(2), 0))
			q.Grace = 30 * time.Second
			right := r.IntN(8) > 0
			if !right {
				q.ClientID = "thief"
			}
			want := p.redeem(q.Generation, right, q.Lifetime, q.Grace)
			history = append(history, fmt.Sprintf("+%s %d %v %s", wait, q.Generation, right, want))
			got, outcome, err := s.RedeemFamily(t.Context(), q)
			if err != nil || outcome != want {
				t.Fatalf("seed %d, at most %d: %s, %v; want the last of\n%s", seed, most, outcome, err, strings.Join(history, "\n"))
			}
			if (outcome == token.Redeemed || outcome == token.Repeated) && got.Generation != p.generation {
				t.Fatalf("seed %d: generation %d, want %d", seed, got.Generation, p.generation)
			}
			if _, there, err := s.FindFamily(t.Context(), "production", f.ID); there == p.ended || err != nil {
				t.Fatalf("seed %d: there is %v, ended is %v, %v", seed, there, p.ended, err)
			}
		}
	}
}

func TestManyGenerationsKeepTheRowSmall(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	f := startFamily(t, s.Store, func(f *token.Family) { f.MaxRefreshes = 100 })
	for g := range 50 {
		if _, outcome, err := s.RedeemFamily(t.Context(), redemption(f, g)); outcome != token.Redeemed || err != nil {
			t.Fatal(g, outcome, err)
		}
	}
	if n := scalar[int](t, conn, "select cardinality(spent) from refresh_families where id = $1", f.ID); n != 32 {
		t.Errorf("%d moments are kept", n)
	}
	if _, outcome, err := s.RedeemFamily(t.Context(), redemption(f, 18)); outcome != token.Repeated || err != nil {
		t.Errorf("32 generations back: %s, %v", outcome, err)
	}
	if _, outcome, err := s.RedeemFamily(t.Context(), redemption(f, 17)); outcome != token.Reused || err != nil {
		t.Errorf("33 generations back: %s, %v", outcome, err)
	}
}

func TestOverTheLimitTheOldestLoginEnds(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	two := func(f *token.Family) { f.MaxActive = 2 }
	bystanders := []token.Family{
		startFamily(t, s.Store, func(f *token.Family) { f.Subject = "bob" }),
		startFamily(t, s.Store, func(f *token.Family) { f.OwnerID = "other" }),
		startFamily(t, s.Store, func(f *token.Family) { f.User = false }), // a client called ada
	}
	var logins []token.Family
	for range 4 {
		logins = append(logins, startFamily(t, s.Store, two))
	}
	for i, f := range append(logins, bystanders...) {
		_, there, err := s.FindFamily(t.Context(), "production", f.ID)
		if want := i >= 2; there != want || err != nil {
			t.Errorf("login %d: there is %v, %v", i, there, err)
		}
	}
}

func TestLoginsAtOnceDoNotGetOverTheLimit(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := s.StartFamily(context.Background(), newFamily(func(f *token.Family) { f.MaxActive = 3 })); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := scalar[int](t, connect(t, s.url), "select count(*) from refresh_families where ended_at is null"); n != 3 {
		t.Errorf("%d logins are active", n)
	}
}

func TestAnExpiredLoginHoldsNoPlace(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	one := func(f *token.Family) { f.MaxActive = 1 }
	old := startFamily(t, s.Store, one)
	elapse(t, connect(t, s.url), old, 2*time.Hour)
	startFamily(t, s.Store, one)
	if _, there, err := s.FindFamily(t.Context(), "production", old.ID); !there || err != nil {
		t.Errorf("the expired one was ended: %v, %v", there, err)
	}
}

func TestEndFamily(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	f := startFamily(t, s.Store)
	for _, c := range []struct {
		name, environment, client string
		id                        token.FamilyID
		want                      bool
	}{
		{"another client", "production", "thief", f.ID, false},
		{"another environment", "test", f.ClientID, f.ID, false},
		{"another family", "production", f.ClientID, familyID(), false},
		{"its own", "production", f.ClientID, f.ID, true},
		{"once more", "production", f.ClientID, f.ID, false},
	} {
		got, err := s.EndFamily(t.Context(), c.environment, c.id, c.client, "")
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if _, outcome, err := s.RedeemFamily(t.Context(), redemption(f, 0)); outcome != token.Unknown || err != nil {
		t.Errorf("afterwards: %s, %v", outcome, err)
	}
}

// A login that began while its user was being revoked is not in what the
// revocation saw; it must be worthless all the same.
func TestARevocationCoversALoginThatItDidNotSee(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	ahead := time.Now().Add(time.Minute) // stands for a login that is written a moment later
	for _, c := range []struct {
		name    string
		entry   revoke.Entry
		covered bool
	}{
		{"the user", revoke.Entry{Kind: revoke.User, Key: "ada"}, true},
		{"the user in the project", revoke.Entry{Kind: revoke.User, Key: "ada", Project: "Shop"}, true},
		{"the user in another project", revoke.Entry{Kind: revoke.User, Key: "ada", Project: "Other"}, false},
		{"another user", revoke.Entry{Kind: revoke.User, Key: "bob"}, false},
		{"the client", revoke.Entry{Kind: revoke.Client, Key: "orders-client"}, true},
		{"a client called as the user", revoke.Entry{Kind: revoke.Client, Key: "ada"}, false},
		{"the policy", revoke.Entry{Kind: revoke.Policy, Key: "standard"}, true},
		{"everything", revoke.Entry{Kind: revoke.All}, true},
	} {
		c.entry.Before = ahead
		if err := s.RevokeTokens(t.Context(), "production", c.entry, "test"); err != nil {
			t.Fatal(err)
		}
		f := startFamily(t, s.Store)
		want := token.Redeemed
		if c.covered {
			want = token.Unknown
		}
		if _, outcome, err := s.RedeemFamily(t.Context(), redemption(f, 0)); outcome != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", c.name, outcome, err, want)
		}
		if _, err := conn.Exec(t.Context(), "delete from revocations"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	ended := startFamily(t, s.Store)
	if _, err := s.EndFamily(t.Context(), "production", ended.ID, ended.ClientID, "test"); err != nil {
		t.Fatal(err)
	}
	elapse(t, conn, startFamily(t, s.Store), 2*time.Hour)
	ada := startFamily(t, s.Store)
	bob := startFamily(t, s.Store, func(f *token.Family) {
		f.Subject, f.Client, f.Policy = "bob", netip.MustParseAddr("2001:db8::7"), "strict"
	})
	if _, _, err := s.RedeemFamily(t.Context(), redemption(ada, 0)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter models.LoginFilter
		want   []token.FamilyID
	}{
		"all, newest first": {models.LoginFilter{}, []token.FamilyID{bob.ID, ada.ID}},
		"by user":           {models.LoginFilter{Query: "AD"}, []token.FamilyID{ada.ID}},
		"by policy":         {models.LoginFilter{Policy: "strict"}, []token.FamilyID{bob.ID}},
		"by environment":    {models.LoginFilter{Environment: "test"}, nil},
		"by address":        {models.LoginFilter{Address: "192.0.2.7"}, []token.FamilyID{ada.ID}},
		"by network":        {models.LoginFilter{Address: "2001:db8::/32"}, []token.FamilyID{bob.ID}},
		"by nonsense":       {models.LoginFilter{Address: "here"}, nil},
		"the second page":   {models.LoginFilter{Page: 2, PerPage: 1}, []token.FamilyID{ada.ID}},
	} {
		list, _, err := s.Logins(t.Context(), models.Everywhere, c.filter)
		if err != nil {
			t.Fatal(name, err)
		}
		var got []token.FamilyID
		for _, l := range list {
			got = append(got, l.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	list, total, err := s.Logins(t.Context(), models.Everywhere, models.LoginFilter{Query: "ada"})
	if err != nil || total != 1 {
		t.Fatal(total, err)
	}
	l := list[0]
	if id, ok := token.SessionID(l.Session); !ok || id != ada.ID {
		t.Errorf("session %q", l.Session)
	}
	if l.Refreshes != 1 || l.Allowed != 3 || l.RefreshedAt.IsZero() || l.Client != "192.0.2.7" || l.Environment != "production" {
		t.Errorf("got %+v", l)
	}
}

func TestPurgeFamiliesKeepsWhatIsAlive(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	alive, expired, lately := startFamily(t, s.Store), startFamily(t, s.Store), startFamily(t, s.Store)
	elapse(t, conn, expired, 50*time.Hour)
	elapse(t, conn, lately, 2*time.Hour)
	ended := startFamily(t, s.Store, func(f *token.Family) { f.ExpiresAt = f.StartedAt.Add(1000 * time.Hour) })
	if _, err := s.EndFamily(t.Context(), "production", ended.ID, ended.ClientID, "test"); err != nil {
		t.Fatal(err)
	}
	elapse(t, conn, ended, 50*time.Hour)
	n, err := s.PurgeFamilies(t.Context(), 24*time.Hour)
	if n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	for _, f := range []token.Family{alive, lately} {
		if _, there, err := s.FindFamily(t.Context(), "production", f.ID); !there || err != nil {
			t.Errorf("gone: %v, %v", there, err)
		}
	}
}

func BenchmarkRedeemFamily(b *testing.B) {
	s := newStoreForBenchmark(b)
	b.Run("one after the other", func(b *testing.B) {
		f := startFamily(b, s, func(f *token.Family) { f.MaxRefreshes = 1 << 30 })
		for g := 0; b.Loop(); g++ {
			if _, outcome, err := s.RedeemFamily(b.Context(), redemption(f, g)); outcome != token.Redeemed || err != nil {
				b.Fatal(outcome, err)
			}
		}
	})
	b.Run("many at once", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			f := newFamily(func(f *token.Family) { f.MaxRefreshes = 1 << 30 })
			if err := s.StartFamily(context.Background(), f); err != nil {
				b.Error(err)
			}
			for g := 0; pb.Next(); g++ {
				if _, outcome, err := s.RedeemFamily(context.Background(), redemption(f, g)); outcome != token.Redeemed || err != nil {
					b.Error(outcome, err)
				}
			}
		})
	})
}

func newStoreForBenchmark(b *testing.B) *models.Store {
	s := modelstest.New(b)
	modelstest.Environment(b, s, "production")
	return s
}
