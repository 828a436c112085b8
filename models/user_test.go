package models_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const password = "correct horse battery"

func TestEnsureAdministrator(t *testing.T) {
	t.Parallel()
	t.Run("generates a password once", func(t *testing.T) {
		s := modelstest.New(t)
		u, generated, created, err := s.EnsureAdministrator(t.Context(), secret.Text{})
		if err != nil {
			t.Fatal(err)
		}
		if !created || len(generated.Reveal()) < 20 || !u.MustChangePassword || u.Role != models.RoleAdministrator || u.Name != "admin" {
			t.Errorf("got %+v, created %v", u, created)
		}
		if _, ok, err := s.Authenticate(t.Context(), "ADMIN", generated, netip.Addr{}, ""); err != nil || !ok {
			t.Errorf("sign-in with it: %v, %v", ok, err)
		}
		again, generated, created, err := s.EnsureAdministrator(t.Context(), secret.New(password))
		if err != nil || created || !generated.IsZero() || again.ID != u.ID {
			t.Errorf("the second time: %+v, %v, %v", again, created, err)
		}
		if _, ok, err := s.Authenticate(t.Context(), "admin", secret.New(password), netip.Addr{}, ""); err != nil || ok {
			t.Errorf("the second start set a password: %v, %v", ok, err)
		}
	})
	t.Run("takes a given one, and a weak one not", func(t *testing.T) {
		s := modelstest.New(t)
		_, _, _, err := s.EnsureAdministrator(t.Context(), secret.New("short"))
		wantProblem(t, err, "password")
		u, generated, created, err := s.EnsureAdministrator(t.Context(), secret.New(password))
		if err != nil || !created || !generated.IsZero() || u.MustChangePassword {
			t.Errorf("got %+v, %v, %v", u, created, err)
		}
	})
	t.Run("makes one when many start at once", func(t *testing.T) {
		s := modelstest.New(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 4 {
			wg.Go(func() {
				_, _, created, err := s.EnsureAdministrator(t.Context(), secret.Text{})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if created {
					n++
				}
			})
		}
		wg.Wait()
		if n != 1 {
			t.Errorf("%d were told that they created it", n)
		}
	})
}

func TestCreateUserRefuses(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	modelstest.User(t, s, "ada", models.RoleAuditor, password)
	for _, tt := range []struct {
		name, field, password string
		user                  models.User
	}{
		{"a name taken in other case", "name", password, models.User{Name: "ADA", Role: models.RoleAuditor}},
		{"a blank in front", "name", password, models.User{Name: " x", Role: models.RoleAuditor}},
		{"no role", "role", password, models.User{Name: "x"}},
		{"an unknown theme", "theme", password, models.User{Name: "x", Role: models.RoleAuditor, Theme: "pink"}},
		{"a control character in the full name", "fullName", password, models.User{Name: "x", FullName: "a\x00", Role: models.RoleAuditor}},
		{"no password", "password", "", models.User{Name: "x", Role: models.RoleAuditor}},
		{"eleven characters", "password", "ääääääääääb", models.User{Name: "x", Role: models.RoleAuditor}},
		{"too many bytes", "password", strings.Repeat("xy", 513), models.User{Name: "x", Role: models.RoleAuditor}},
		{"the name for a password", "password", "Ada Lovelace of London", models.User{Name: "ada lovelace of london", Role: models.RoleAuditor}},
		{"one character repeated", "password", strings.Repeat("a", 20), models.User{Name: "x", Role: models.RoleAuditor}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.CreateUser(t.Context(), by, tt.user, secret.New(tt.password))
			wantProblem(t, err, tt.field)
		})
	}
	if _, err := s.CreateUser(t.Context(), by, models.User{Name: "y", Role: models.RoleAuditor}, secret.New("äbcdefghijkl")); err != nil {
		t.Errorf("twelve characters: %v", err)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	modelstest.User(t, s, "ada", models.RoleAuditor, password)
	client := netip.MustParseAddr("192.0.2.7")
	for _, tt := range []struct {
		title, name, password string
		ok                    bool
	}{
		{"right", "Ada", password, true},
		{"wrong password", "ada", password + "x", false},
		{"empty password", "ada", "", false},
		{"unknown name", "bob", password, false},
		{"a name that the database cannot hold", "a\x00\xff", password, false},
		{"a very long name", strings.Repeat("x", 100_000), password, false},
		{"a password longer than any", "ada", strings.Repeat("x", 100_000), false},
	} {
		t.Run(tt.title, func(t *testing.T) {
			u, ok, err := s.Authenticate(t.Context(), tt.name, secret.New(tt.password), client, "c-1")
			if err != nil || ok != tt.ok || ok != (u.Name == "ada") {
				t.Errorf("got %+v, %v, %v", u, ok, err)
			}
			records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 1})
			if err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: models.ActionSignedIn, false: models.ActionSignInFailed}[tt.ok]
			if r := records[0]; r.Action != want || r.Client != "192.0.2.7" || r.CorrelationID != "c-1" {
				t.Errorf("audited %+v", r)
			}
		})
	}
	u, err := s.UserByName(t.Context(), "ADA")
	if err != nil || u.LastSignInAt == nil || u.Version != 1 {
		t.Errorf("got %+v, %v", u, err)
	}
}

// People type their password into the field above it. It must not stay in the
// audit, which is append-only; enough of a guessed name does.
func TestASecretTypedAsANameDoesNotReachTheAudit(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	for typed, want := range map[string]string{password: password[:3] + "…", "bob": "bo…", "İö": "İ…"} {
		if _, ok, err := s.Authenticate(t.Context(), typed, secret.New("x"), netip.MustParseAddr("192.0.2.7"), "c-1"); ok || err != nil {
			t.Fatal(ok, err)
		}
		records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 1})
		if err != nil || records[0].Actor != want || records[0].ObjectName != want {
			t.Errorf("audited as %+v, %v; want the name %q", records[0], err, want)
		}
	}
}

// An attacker who times the sign-in must not learn which names exist.
func TestAttackUnknownNameCostsAsMuchAsAWrongPassword(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	modelstest.User(t, s, "ada", models.RoleAuditor, password)
	took := func(name string) time.Duration {
		best := time.Hour
		for range 3 {
			begin := time.Now()
			if _, ok, err := s.Authenticate(t.Context(), name, secret.New("wrong password"), netip.Addr{}, ""); err != nil || ok {
				t.Fatal(ok, err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	// Without the dummy hash the unknown name is more than ten times faster.
	if known, unknown := took("ada"), took("bob"); unknown < known/4 {
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	actor := models.Actor{UserID: u.ID, Name: u.Name}
	change := func(current, next string) error {
		return s.ChangePassword(t.Context(), actor, u.ID, secret.New(current), secret.New(next))
	}
	wantProblem(t, change("wrong", "another good one"), "currentPassword")
	wantProblem(t, change(password, "short"), "newPassword")
	wantProblem(t, change(password, password), "newPassword")
	wantNotFound(t, s.ChangePassword(t.Context(), actor, "x", secret.New("a"), secret.New("b")))

	sessions := s.SessionStore()
	hold(t, sessions, "mine", u.ID)
	if err := change(password, "another good one"); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{password: false, "another good one": true} {
		if _, ok, err := s.Authenticate(t.Context(), "ada", secret.New(p), netip.Addr{}, ""); err != nil || ok != want {
			t.Errorf("sign-in with %q: %v, %v", p, ok, err)
		}
	}
	if _, held, err := sessions.FindCtx(t.Context(), "mine"); err != nil || held {
		t.Errorf("the session lives on: %v, %v", held, err)
	}
	generated, err := s.ResetPassword(t.Context(), by, "ADA")
	if err != nil {
		t.Fatal(err)
	}
	if u, ok, err := s.Authenticate(t.Context(), "ada", generated, netip.Addr{}, ""); err != nil || !ok || !u.MustChangePassword {
		t.Errorf("sign-in with the reset password: %+v, %v, %v", u, ok, err)
	}
	if err := change(generated.Reveal(), "my very own one"); err != nil {
		t.Fatal(err)
	}
	if u, err := s.User(t.Context(), u.ID); err != nil || u.MustChangePassword {
		t.Errorf("after the change: %+v, %v", u, err)
	}
	_, err = s.ResetPassword(t.Context(), by, "bob")
	wantNotFound(t, err)
}

func TestSetTheme(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	if u.Theme != models.ThemeSystem {
		t.Errorf("starts with %q", u.Theme)
	}
	if err := s.SetTheme(t.Context(), u.ID, models.ThemeDark); err != nil {
		t.Fatal(err)
	}
	if u, err := s.User(t.Context(), u.ID); err != nil || u.Theme != models.ThemeDark {
		t.Errorf("got %+v, %v", u, err)
	}
	wantProblem(t, s.SetTheme(t.Context(), u.ID, "pink"), "theme")
}

// hold saves a session as scs would.
func hold(t *testing.T, sessions scs.CtxStore, token, userID string) {
	t.Helper()
	data, err := scs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{models.SessionUserKey: userID})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.CommitCtx(t.Context(), token, data, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func held(t *testing.T, sessions scs.CtxStore, token string) bool {
	t.Helper()
	_, ok, err := sessions.FindCtx(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestSessionStore(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	now := time.Now()
	var mu sync.Mutex
	s := modelstest.Open(t, url, func(o *models.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	ada, bob := modelstest.User(t, s, "ada", models.RoleAuditor, password), modelstest.User(t, s, "bob", models.RoleAuditor, password)
	sessions := s.SessionStore()
	hold(t, sessions, "one", ada.ID)
	hold(t, sessions, "two", ada.ID)
	hold(t, sessions, "bobs", bob.ID)
	hold(t, sessions, "nobody", "")
	t.Run("all but one of a user end", func(t *testing.T) {
		if err := s.EndSessions(t.Context(), ada.ID, "two"); err != nil {
			t.Fatal(err)
		}
		for token, want := range map[string]bool{"one": false, "two": true, "bobs": true, "nobody": true, "unknown": false, "a\x00": false} {
			if held(t, sessions, token) != want {
				t.Errorf("%q is held: %v", token, !want)
			}
		}
	})
	t.Run("an ended session is not brought back by a request that was under way", func(t *testing.T) {
		hold(t, sessions, "one", ada.ID)
		if held(t, sessions, "one") {
			t.Error("it was")
		}
		if err := sessions.DeleteCtx(t.Context(), "two"); err != nil {
			t.Fatal(err)
		}
		hold(t, sessions, "two", ada.ID)
		if held(t, sessions, "two") {
			t.Error("it was, after a sign-out")
		}
		if n := scalar[int](t, connect(t, url), "select count(*) from web_sessions where ended_at is not null and data <> ''"); n != 0 {
			t.Errorf("%d ended sessions keep their data", n)
		}
	})
	t.Run("an expired one is not found, and swept away by the next", func(t *testing.T) {
		mu.Lock()
		now = now.Add(2 * time.Hour)
		mu.Unlock()
		if held(t, sessions, "bobs") {
			t.Error("it is found")
		}
		hold(t, sessions, "new", bob.ID)
		// "new" expires by the real clock, which is behind the moved one.
		if n := scalar[int](t, connect(t, url), "select count(*) from web_sessions where token_hash <> 'new'"); n != 0 {
			t.Errorf("%d are kept", n)
		}
	})
}

func TestStaleUser(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = s.SetTheme(t.Context(), u.ID, []string{models.ThemeDark, models.ThemeLight}[i%2]) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, models.ErrStale) {
			t.Error(err)
		}
	}
	after, err := s.User(t.Context(), u.ID)
	if err != nil || after.Version < 2 {
		t.Errorf("got %+v, %v", after, err)
	}
}
