package models_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// guest is a user of the directory with a session and a token.
type guest struct {
	models.User
	token secret.Text
}

func TestWhoIsGoneFromTheDirectoryIsSignedOut(t *testing.T) {
	t.Parallel()
	server, b := ldaptest.Start(t), newBench(t)
	s, ctx := b.Store, t.Context()
	settings, err := s.SaveDirectory(ctx, by, 0, staff(server), bindSecret(ldaptest.BindPassword))
	if err != nil {
		t.Fatal(err)
	}
	guests := map[string]guest{}
	for _, name := range []string{"ayse", "many", "locked", "never-there"} {
		u, err := s.CreateUser(ctx, by, models.User{Name: name, Role: models.RoleMember, LoginType: models.LoginLDAP}, secret.Text{})
		if err != nil {
			t.Fatal(err)
		}
		_, value, err := s.CreatePersonalToken(ctx, models.Actor{UserID: u.ID, Name: name}, models.PersonalToken{Name: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		guests[name] = guest{u, value}
		hold(t, s.SessionStore(), name, u.ID)
	}
	local := modelstest.User(t, s, "local", models.RoleAuditor, password)
	hold(t, s.SessionStore(), "local", local.ID)
	guests["local"] = guest{User: local}

	recheck := func(want int) {
		t.Helper()
		if gone, err := s.RecheckDirectory(ctx); gone != want || err != nil {
			t.Errorf("gone %d, %v, want %d", gone, err, want)
		}
	}
	inside := func() (list []string) {
		t.Helper()
		for name, g := range guests {
			sessions, err := s.WebSessions(ctx, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(sessions) > 0 {
				list = append(list, name)
			}
			if _, _, err := s.RedeemPersonalToken(ctx, g.token); (err == nil) != (len(sessions) > 0) && name != "local" {
				t.Errorf("%s: %d sessions, the token %v", name, len(sessions), err)
			}
		}
		slices.Sort(list)
		return list
	}
	is := func(when string, want ...string) {
		t.Helper()
		if got := inside(); !slices.Equal(got, want) {
			t.Errorf("%s: inside are %v, want %v", when, got, want)
		}
	}

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.RecheckDirectory(ctx); gone != 0 || err == nil {
		t.Errorf("a directory that is down: %d, %v", gone, err)
	}
	is("while it is down", "ayse", "local", "locked", "many", "never-there")
	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	recheck(2)
	is("afterwards", "ayse", "local", "many")
	records, _, err := s.Audit(ctx, models.Everywhere, models.AuditFilter{Actor: "directory"})
	if err != nil || len(records) != 2 || records[0].Action != models.ActionUpdated {
		t.Errorf("audited %+v, %v", records, err)
	}
	if _, ok, err := s.Authenticate(ctx, "locked", secret.New(ldaptest.Password), netip.Addr{}, ""); ok || err != nil {
		t.Errorf("who is switched off signs in: %v, %v", ok, err)
	}

	narrow := staff(server)
	narrow.Filter = "(&(uid={{username}})(!(uid=many)))"
	if settings, err = s.SaveDirectory(ctx, by, settings.Version, narrow, nil); err != nil {
		t.Fatal(err)
	}
	recheck(0) // everybody was asked about just now
	pass := func() {
		scalar[int64](t, connect(t, b.url), "with due as (update users set checked_at = checked_at - interval '6 minutes' returning 1) select count(*) from due")
	}
	pass()
	recheck(3)
	is("when the filter leaves one out", "ayse", "local")
	if u, err := s.UserByName(ctx, "many"); err != nil || u.AbsentSince == nil || time.Since(*u.AbsentSince) > time.Minute {
		t.Errorf("got %+v, %v", u, err)
	}

	if _, err = s.SaveDirectory(ctx, by, settings.Version, staff(server), nil); err != nil {
		t.Fatal(err)
	}
	pass()
	recheck(2)
	if _, _, err := s.RedeemPersonalToken(ctx, guests["many"].token); err != nil {
		t.Errorf("who is there again has a token that opens nothing: %v", err)
	}
	if _, _, err := s.RedeemPersonalToken(ctx, guests["locked"].token); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("who is still gone has one that does: %v", err)
	}
}

// What an attacker reads of an answer must not tell whether a name is one, whoever
// knows its password, whether or not the directory answers.
func TestAttackADirectoryThatIsDownTellsNoNames(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	modelstest.User(t, s, "local", models.RoleAuditor, password)
	for name, locked := range map[string]bool{"ayse": false, "twin1": true} {
		if _, err := s.CreateUser(t.Context(), by, models.User{Name: name, Role: models.RoleMember, LoginType: models.LoginLDAP, Locked: locked}, secret.Text{}); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := s.SaveDirectory(t.Context(), by, 0, staff(server), bindSecret(ldaptest.BindPassword))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, makes := range []bool{false, true} {
		d := settings.Value
		d.CreateUsers, d.MemberFilter = makes, "(objectClass=*)"
		if settings, err = s.SaveDirectory(t.Context(), by, settings.Version, d, nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ayse", "twin1", "local", "nobody", "*)(uid=*"} {
			began := time.Now()
			_, ok, err := s.Authenticate(t.Context(), name, secret.New("wrong password"), netip.Addr{}, "")
			if ok || !errors.Is(err, models.ErrDirectory) {
				t.Errorf("%q: %v, %v", name, ok, err)
			}
			if took := time.Since(began); took < time.Second {
				t.Errorf("%q is refused after %v", name, took)
			}
		}
	}
}
