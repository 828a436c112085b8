package models_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// bearer makes a personal token of a user, for everything.
func bearer(t *testing.T, s *models.Store, u models.User, name string, changes ...func(*models.PersonalToken)) (secret.Text, models.PersonalToken) {
	t.Helper()
	p := models.PersonalToken{Name: name}
	for _, change := range changes {
		change(&p)
	}
	made, value, err := s.CreatePersonalToken(t.Context(), as(u), p)
	if err != nil {
		t.Fatal(err)
	}
	return value, made
}

// movable is a store whose clock the test moves.
func movable(t *testing.T) (*models.Store, func(time.Duration)) {
	t.Helper()
	now := time.Now()
	var mu sync.Mutex
	s := modelstest.Open(t, modelstest.Database(t), func(o *models.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	return s, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
}

func TestAPersonalTokenIsRedeemedAsItWasMade(t *testing.T) {
	t.Parallel()
	s, move := movable(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	project := modelstest.Project(t, s, "Shop")
	ends := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Microsecond)
	value, made := bearer(t, s, u, "ci", func(p *models.PersonalToken) {
		p.ExpiresAt = &ends
		p.Scope = models.TokenScope{Permissions: models.Permissions{models.DeployAPIs}, ProjectID: project.ID}
	})
	if !strings.HasPrefix(value.Reveal(), "gwp_") || len(value.Reveal()) < 40 {
		t.Errorf("value %q", value.Reveal())
	}
	user, scope, err := s.RedeemPersonalToken(t.Context(), value)
	if err != nil || user.ID != u.ID || user.Role != models.RoleAuditor {
		t.Fatalf("redeemed %+v, %v", user, err)
	}
	want := models.TokenScope{Permissions: models.Permissions{models.ViewAPIs, models.DeployAPIs}, ProjectID: project.ID}
	if diff := cmp.Diff(want, scope); diff != "" {
		t.Errorf("scope (-want +got):\n%s", diff)
	}
	list, err := s.PersonalTokens(t.Context(), u.ID)
	if err != nil || len(list) != 1 || list[0].ProjectName != "Shop" || list[0].LastUsedAt == nil || list[0].ID != made.ID || !list[0].ExpiresAt.Equal(ends) {
		t.Errorf("list %+v, %v", list, err)
	}
	used := *list[0].LastUsedAt
	move(30 * time.Second)
	_, _, err = s.RedeemPersonalToken(t.Context(), value)
	if list, _ := s.PersonalTokens(t.Context(), u.ID); err != nil || !list[0].LastUsedAt.Equal(used) {
		t.Errorf("half a minute later the last use is %v, was %v, %v", list[0].LastUsedAt, used, err)
	}
	move(31 * time.Second)
	_, _, err = s.RedeemPersonalToken(t.Context(), value)
	if list, _ := s.PersonalTokens(t.Context(), u.ID); err != nil || list[0].LastUsedAt.Equal(used) {
		t.Errorf("a minute later the last use is still %v, %v", list[0].LastUsedAt, err)
	}
}

func TestRedeemingATokenIsOneQuery(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	value, _ := bearer(t, s, modelstest.User(t, s, "ada", models.RoleAuditor, password), "ci")
	if _, _, err := s.RedeemPersonalToken(t.Context(), value); err != nil {
		t.Fatal(err)
	}
	counted, n := models.Counting(s)
	if _, _, err := counted.RedeemPersonalToken(t.Context(), value); err != nil || n.Load() != 1 {
		t.Errorf("%d statements, %v", n.Load(), err)
	}
}

func TestAttackATokenThatIsNoLongerGoodOpensNothing(t *testing.T) {
	t.Parallel()
	s, move := movable(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	other := modelstest.User(t, s, "bob", models.RoleAuditor, password)
	ends := time.Now().Add(time.Hour)
	expired, _ := bearer(t, s, u, "expires", func(p *models.PersonalToken) { p.ExpiresAt = &ends })
	revoked, made := bearer(t, s, u, "revoked")
	good, _ := bearer(t, s, u, "good")
	wantNotFound(t, s.RevokePersonalToken(t.Context(), as(other), other.ID, made.ID))
	if err := s.RevokePersonalToken(t.Context(), as(u), u.ID, made.ID); err != nil {
		t.Fatal(err)
	}
	wantNotFound(t, s.RevokePersonalToken(t.Context(), as(u), u.ID, made.ID))
	move(2 * time.Hour)
	for name, value := range map[string]secret.Text{
		"expired": expired, "revoked": revoked, "nothing": {}, "the prefix": secret.New("gwp_"), "its hash": secret.New("gwp_\x00"),
		"another prefix": secret.New("gws_" + strings.TrimPrefix(good.Reveal(), "gwp_")), "longer": secret.New(good.Reveal() + "A"),
	} {
		if _, _, err := s.RedeemPersonalToken(t.Context(), value); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.ResetPassword(t.Context(), by, "ada"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.RedeemPersonalToken(t.Context(), good); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("while a password has to be chosen: %v", err)
	}
}

func TestCreatePersonalTokenRefuses(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleMember, password)
	theirs := modelstest.Project(t, s, "Theirs")
	bearer(t, s, u, "CI")
	past := time.Now().Add(-time.Second)
	for name, tt := range map[string]struct {
		field string
		token models.PersonalToken
	}{
		"no name":                  {"name", models.PersonalToken{}},
		"a name in use":            {"name", models.PersonalToken{Name: "ci"}},
		"an end that has passed":   {"expiresAt", models.PersonalToken{Name: "x", ExpiresAt: &past}},
		"an unknown permission":    {"permissions", models.PersonalToken{Name: "x", Scope: models.TokenScope{Permissions: models.Permissions{"ALL:ALL"}}}},
		"no permission at all":     {"permissions", models.PersonalToken{Name: "x", Scope: models.TokenScope{Permissions: models.Permissions{}}}},
		"a project of others":      {"project", models.PersonalToken{Name: "x", Scope: models.TokenScope{ProjectID: theirs.ID}}},
		"a project that is absent": {"project", models.PersonalToken{Name: "x", Scope: models.TokenScope{ProjectID: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.CreatePersonalToken(t.Context(), as(u), tt.token)
			wantProblem(t, err, tt.field)
		})
	}
	_, _, err := s.CreatePersonalToken(t.Context(), models.Actor{UserID: modelstest.User(t, s, "bob", models.RoleAdministrator, password).ID}, models.PersonalToken{Name: "x", UserID: u.ID})
	if !errors.Is(err, models.ErrForbidden) {
		t.Errorf("a token of somebody else: %v", err)
	}
}

func TestATokenGivenForAPasswordEndsWithIt(t *testing.T) {
	t.Parallel()
	s, move := movable(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	issue := func() secret.Text {
		t.Helper()
		u, err := s.User(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		value, expires, err := s.IssueAPIToken(t.Context(), u)
		if err != nil || time.Until(expires) < 50*time.Minute {
			t.Fatal(expires, err)
		}
		return value
	}
	bad := func(when string, value secret.Text) {
		t.Helper()
		if _, _, err := s.RedeemPersonalToken(t.Context(), value); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s: %v", when, err)
		}
	}
	first := issue()
	if got, _, err := s.RedeemPersonalToken(t.Context(), first); err != nil || got.ID != u.ID {
		t.Errorf("redeemed %+v, %v", got, err)
	}
	if list, err := s.PersonalTokens(t.Context(), u.ID); err != nil || len(list) != 0 {
		t.Errorf("it is among the personal ones: %v, %v", list, err)
	}
	if err := s.ChangePassword(t.Context(), as(u), u.ID, secret.New(password), secret.New("another good one")); err != nil {
		t.Fatal(err)
	}
	bad("with another password", first)
	if _, _, err := s.IssueAPIToken(t.Context(), u); !errors.Is(err, models.ErrForbidden) {
		t.Errorf("for a sign-in with the password before: %v", err)
	}
	second := issue()
	move(2 * time.Hour)
	bad("after an hour", second)
}

// What opens the management API must be in no record, as it is in no table.
func TestNoTokenReachesTheAudit(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	value, made := bearer(t, s, u, "ci")
	if err := s.RevokePersonalToken(t.Context(), as(u), u.ID, made.ID); err != nil {
		t.Fatal(err)
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindPersonalToken})
	if err != nil || len(records) != 2 {
		t.Fatal(records, err)
	}
	for _, r := range records {
		whole, err := s.AuditRecord(t.Context(), models.Everywhere, r.ID)
		if err != nil || strings.Contains(string(whole.Before)+string(whole.After), value.Reveal()[4:]) || strings.Contains(string(whole.After), "ash") {
			t.Errorf("record %s %s, %v", whole.Before, whole.After, err)
		}
	}
}
