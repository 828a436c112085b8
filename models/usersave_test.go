package models_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// as is what a user is recorded as.
func as(u models.User) models.Actor { return models.Actor{UserID: u.ID, Name: u.Name} }

func TestAnAdministratorChangesAUser(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleMember, password)
	edit := u
	edit.Name, edit.FullName, edit.Email, edit.Role = "other", "Ada Lovelace", "ada@example.com", models.RoleAuditor
	saved, err := s.SaveUser(t.Context(), by, edit)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Name != "ada" || saved.FullName != "Ada Lovelace" || saved.Email != "ada@example.com" || saved.Role != models.RoleAuditor || saved.Version != 2 {
		t.Errorf("saved %+v", saved)
	}
	_, err = s.SaveUser(t.Context(), by, edit)
	if stale := wantStale(t, err); stale.Name != "ada" || stale.Version != 2 {
		t.Errorf("stale %+v", stale)
	}
	for field, change := range map[string]func(*models.User){
		"email":     func(u *models.User) { u.Email = "Ada <ada@example.com>" },
		"role":      func(u *models.User) { u.Role = "ROOT" },
		"loginType": func(u *models.User) { u.LoginType = "NONE" },
		"fullName":  func(u *models.User) { u.FullName = "a\x00" },
	} {
		wrong := saved
		change(&wrong)
		_, err := s.SaveUser(t.Context(), by, wrong)
		wantProblem(t, err, field)
	}
	_, err = s.SaveUser(t.Context(), by, models.User{ID: "x"})
	wantNotFound(t, err)
}

func TestAttackALockedUserIsOut(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	u := modelstest.User(t, s, "ada", models.RoleAuditor, password)
	sessions := s.SessionStore()
	hold(t, sessions, "mine", u.ID)
	personal, _ := bearer(t, s, u, "ci")
	signedIn, _, err := s.IssueAPIToken(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	u.Locked = true
	locked, err := s.SaveUser(t.Context(), by, u)
	if err != nil {
		t.Fatal(err)
	}
	if held(t, sessions, "mine") {
		t.Error("the session lives on")
	}
	if _, ok, err := s.Authenticate(t.Context(), "ada", secret.New(password), netip.Addr{}, ""); ok || err != nil {
		t.Errorf("signs in: %v, %v", ok, err)
	}
	for _, value := range []secret.Text{personal, signedIn} {
		if _, _, err := s.RedeemPersonalToken(t.Context(), value); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a token is good: %v", err)
		}
	}
	if _, _, err := s.IssueAPIToken(t.Context(), locked); !errors.Is(err, models.ErrForbidden) {
		t.Errorf("gets a token: %v", err)
	}
	locked.Locked = false
	if _, err := s.SaveUser(t.Context(), by, locked); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.RedeemPersonalToken(t.Context(), personal); err != nil {
		t.Errorf("unlocked, the personal token: %v", err)
	}
	if _, _, err := s.RedeemPersonalToken(t.Context(), signedIn); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("what was given for the password is back: %v", err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	ada := modelstest.User(t, s, "ada", models.RoleAdministrator, password)
	attempts := map[string]func(*models.User){
		"locked":    func(u *models.User) { u.Locked = true },
		"role":      func(u *models.User) { u.Role = models.RoleAuditor },
		"loginType": func(u *models.User) { u.LoginType = models.LoginLDAP },
	}
	for field, change := range attempts {
		u := ada
		change(&u)
		_, err := s.SaveUser(t.Context(), by, u)
		wantProblem(t, err, field)
	}
	wantProblem(t, s.DeleteUser(t.Context(), by, ada.ID, ada.Version), "name")
	modelstest.User(t, s, "bob", models.RoleAdministrator, password)
	if err := s.DeleteUser(t.Context(), by, ada.ID, ada.Version); err != nil {
		t.Errorf("beside another one: %v", err)
	}
}

func TestTwoAdministratorsWhoLockEachOtherLeaveOne(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	users := []models.User{modelstest.User(t, s, "ada", models.RoleAdministrator, password), modelstest.User(t, s, "bob", models.RoleAdministrator, password)}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range users {
		wg.Go(func() {
			other := users[1-i]
			other.Locked = true
			_, errs[i] = s.SaveUser(t.Context(), as(users[i]), other)
		})
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("errors %v; want exactly one to be refused", errs)
	}
}

func TestNobodyLocksOrDeletesThemselves(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	modelstest.User(t, s, "bob", models.RoleAdministrator, password)
	ada := modelstest.User(t, s, "ada", models.RoleAdministrator, password)
	u := ada
	u.Locked = true
	_, err := s.SaveUser(t.Context(), as(ada), u)
	wantProblem(t, err, "locked")
	wantProblem(t, s.DeleteUser(t.Context(), as(ada), ada.ID, ada.Version), "name")
}

func TestADeletedUserIsOutAndLeavesNothingButRecords(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	project := modelstest.Project(t, s, "Shop")
	u := modelstest.User(t, s, "ada", models.RoleMember, password)
	value, _ := bearer(t, s, u, "ci")
	if _, err := s.SaveProjectMember(t.Context(), by, project.ID, models.ProjectMember{UserID: u.ID, Roles: []string{"API Tester"}}, models.AllPermissions()); err != nil {
		t.Fatal(err)
	}
	wantStale(t, s.DeleteUser(t.Context(), by, u.ID, 7))
	if err := s.DeleteUser(t.Context(), by, u.ID, u.Version); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.RedeemPersonalToken(t.Context(), value); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("the token is good: %v", err)
	}
	if members, err := s.ProjectMembers(t.Context(), project.ID); err != nil || len(members) != 0 {
		t.Errorf("members %v, %v", members, err)
	}
	if stale := wantStale(t, s.DeleteUser(t.Context(), by, u.ID, u.Version)); !stale.Deleted || stale.Name != "ada" {
		t.Errorf("again: %+v", stale)
	}
}

func TestWhoeverSignsInByTheDirectoryHasNoPasswordHere(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	_, err := s.CreateUser(t.Context(), by, models.User{Name: "ada", Role: models.RoleMember, LoginType: models.LoginLDAP}, secret.New(password))
	wantProblem(t, err, "password")
	u, err := s.CreateUser(t.Context(), by, models.User{Name: "ada", Role: models.RoleMember, LoginType: models.LoginLDAP, MustChangePassword: true}, secret.Text{})
	if err != nil || u.MustChangePassword {
		t.Fatal(u, err)
	}
	_, err = s.ResetPassword(t.Context(), by, "ada")
	wantProblem(t, err, "password")
	wantProblem(t, s.ChangePassword(t.Context(), as(u), u.ID, secret.New(""), secret.New(password)), "currentPassword")
	for _, p := range []string{"", password} {
		if _, ok, err := s.Authenticate(t.Context(), "ada", secret.New(p), netip.Addr{}, ""); ok || err != nil {
			t.Errorf("signs in with %q while there is no directory: %v, %v", p, ok, err)
		}
	}
	u.LoginType = models.LoginLocal
	local, err := s.SaveUser(t.Context(), by, u)
	if err != nil || !local.MustChangePassword {
		t.Fatal(local, err)
	}
	generated, err := s.ResetPassword(t.Context(), by, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Authenticate(t.Context(), "ada", generated, netip.Addr{}, ""); !ok || err != nil {
		t.Errorf("with the password that was reset: %v, %v", ok, err)
	}
}

func TestFindUsers(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	for _, u := range []models.User{
		{Name: "ada", FullName: "Ada Lovelace", Role: models.RoleAdministrator}, {Name: "bob", Email: "bob@lovelace.example", Role: models.RoleMember},
		{Name: "cyd", Role: models.RoleMember, Locked: true},
	} {
		if _, err := s.CreateUser(t.Context(), by, u, secret.New(password)); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	for name, tt := range map[string]struct {
		filter models.UserFilter
		want   []string
	}{
		"all by name":        {models.UserFilter{}, []string{"ada", "bob", "cyd"}},
		"name and email":     {models.UserFilter{Query: "LOVELACE"}, []string{"ada", "bob"}},
		"a role":             {models.UserFilter{Role: models.RoleMember, Sort: "name", Desc: true}, []string{"cyd", "bob"}},
		"the locked":         {models.UserFilter{Locked: &yes}, []string{"cyd"}},
		"the others":         {models.UserFilter{Locked: &no}, []string{"ada", "bob"}},
		"a page of one":      {models.UserFilter{Page: 2, PerPage: 1}, []string{"bob"}},
		"a pattern for LIKE": {models.UserFilter{Query: "_"}, nil},
	} {
		found, total, err := s.FindUsers(t.Context(), tt.filter)
		var names []string
		for _, u := range found {
			names = append(names, u.Name)
		}
		if diff := cmp.Diff(tt.want, names); diff != "" || err != nil || total < len(names) {
			t.Errorf("%s: %v, total %d (-want +got):\n%s", name, err, total, diff)
		}
	}
}
