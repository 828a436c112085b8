package models_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// staff is the directory of a server, for sign-in.
func staff(server *ldaptest.Server) models.Directory {
	d := models.DefaultDirectory()
	d.Enabled, d.URL, d.CACertificates = true, server.LDAPS, server.CA
	d.BindDN, d.BaseDN, d.Filter = ldaptest.BindDN, ldaptest.People, "(&(objectClass=inetOrgPerson)(|(uid={{username}})(mail={{username}})))"
	return d
}

func bindSecret(text string) *secret.Text {
	s := secret.New(text)
	return &s
}

func TestPeopleOfADirectorySignIn(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	modelstest.User(t, s, "bora", models.RoleAuditor, password) // a LOCAL user of a name that the directory has too
	ldapUser := func(name string, locked bool) models.User {
		t.Helper()
		u, err := s.CreateUser(t.Context(), by, models.User{Name: name, Role: models.RoleMember, LoginType: models.LoginLDAP, Locked: locked}, secret.Text{})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	ldapUser("Ayse", false)
	ldapUser("twin1", true)
	ldapUser("a.yilmaz@gatewright.test", false) // an alias of ayse's
	state, err := s.SaveDirectory(t.Context(), by, 0, staff(server), bindSecret(ldaptest.BindPassword))
	if err != nil || !state.HasPassword {
		t.Fatal(state, err)
	}
	for _, tt := range []struct {
		title, name, password string
		ok                    bool
	}{
		{"by the directory's password", "ayse", ldaptest.Password, true},
		{"by another", "ayse", "wrong password", false},
		{"by none", "ayse", "", false},
		{"locked here", "twin1", ldaptest.Password, false},
		{"nobody here", "many", ldaptest.Password, false},
		{"nobody anywhere", "nobody", ldaptest.Password, false},
		{"a local user by the password here", "bora", password, true},
		{"Attack: a local user by the directory's password", "bora", ldaptest.Password, false},
		{"Attack: as an account that the directory knows as somebody else", "a.yilmaz@gatewright.test", ldaptest.Password, false},
		{"Attack: a name that changes the filter", "*)(uid=ayse", ldaptest.Password, false},
	} {
		t.Run(tt.title, func(t *testing.T) {
			t.Parallel()
			u, ok, err := s.Authenticate(t.Context(), tt.name, secret.New(tt.password), netip.Addr{}, "")
			if err != nil || ok != tt.ok || ok != strings.EqualFold(u.Name, tt.name) {
				t.Errorf("got %+v, %v, %v", u, ok, err)
			}
		})
	}
}

func TestARefusalTakesAsLongWhoeverRefuses(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	modelstest.User(t, s, "bora", models.RoleAuditor, password)
	if _, err := s.SaveDirectory(t.Context(), by, 0, staff(server), bindSecret(ldaptest.BindPassword)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bora", "nobody"} {
		began := time.Now()
		if _, ok, err := s.Authenticate(t.Context(), name, secret.New("wrong password"), netip.Addr{}, ""); ok || err != nil {
			t.Fatal(ok, err)
		}
		if took := time.Since(began); took < time.Second {
			t.Errorf("%s is refused after %v", name, took)
		}
	}
}

func TestMembersOfAGroupBecomeUsersAtTheirFirstSignIn(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	modelstest.User(t, s, "bora", models.RoleAdministrator, password)
	d := staff(server)
	d.CreateUsers, d.MemberFilter = true, "(memberOf=cn=orders-read,ou=groups,"+ldaptest.Base+")"
	if _, err := s.SaveDirectory(t.Context(), by, 0, d, bindSecret(ldaptest.BindPassword)); err != nil {
		t.Fatal(err)
	}
	in := func(name string) (models.User, bool) {
		t.Helper()
		u, ok, err := s.Authenticate(t.Context(), name, secret.New(ldaptest.Password), netip.Addr{}, "")
		if err != nil {
			t.Fatal(err)
		}
		return u, ok
	}
	if _, ok := in("many"); ok {
		t.Error("somebody outside of the group gets in")
	}
	if _, ok := in("bora@gatewright.test"); ok {
		t.Error("Attack: a person of the directory gets the account of a local user of the same name")
	}
	u, ok := in("ayse@gatewright.test")
	if !ok || u.Name != "ayse" || u.Role != models.RoleMember || u.LoginType != models.LoginLDAP || u.FullName == "" || !strings.HasSuffix(u.Email, "@gatewright.test") {
		t.Errorf("made %+v, %v", u, ok)
	}
	again, ok := in("ayse")
	if !ok || again.ID != u.ID {
		t.Errorf("the second time %+v, %v", again, ok)
	}
	if found, _, err := s.FindUsers(t.Context(), models.UserFilter{}); err != nil || len(found) != 2 {
		t.Errorf("users %v, %v", found, err)
	}
}

func TestADirectoryThatIsDownLetsNobodyInAndHurtsNoLocalUser(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	modelstest.User(t, s, "local", models.RoleAuditor, password)
	if _, err := s.CreateUser(t.Context(), by, models.User{Name: "ayse", Role: models.RoleMember, LoginType: models.LoginLDAP}, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveDirectory(t.Context(), by, 0, staff(server), bindSecret(ldaptest.BindPassword)); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Authenticate(t.Context(), "ayse", secret.New(ldaptest.Password), netip.Addr{}, ""); ok || !errors.Is(err, models.ErrDirectory) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("while it is down: %v, %v", ok, err)
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 1})
	if err != nil || records[0].Action != models.ActionSignInFailed || records[0].ObjectName != "ayse" {
		t.Errorf("audited %+v, %v", records, err)
	}
	if _, ok, err := s.Authenticate(t.Context(), "local", secret.New(password), netip.Addr{}, ""); !ok || err != nil {
		t.Errorf("a local user: %v, %v", ok, err)
	}
}

func TestTheSettingsOfTheDirectory(t *testing.T) {
	t.Parallel()
	server, s := ldaptest.Start(t), modelstest.New(t)
	if d, err := s.Directory(t.Context()); err != nil || d.Value.Enabled || d.Version != 0 {
		t.Errorf("at first %+v, %v", d, err)
	}
	for field, change := range map[string]func(*models.Directory){
		"url":               func(d *models.Directory) { d.URL = "https://x" },
		"startTls":          func(d *models.Directory) { d.URL, d.StartTLS = "ldap://x", false },
		"bindDn":            func(d *models.Directory) { d.BindDN = "gateway" },
		"baseDn":            func(d *models.Directory) { d.BaseDN = "" },
		"filter":            func(d *models.Directory) { d.Filter = "(uid=x)" },
		"nameAttribute":     func(d *models.Directory) { d.NameAttribute = "a b" },
		"fullNameAttribute": func(d *models.Directory) { d.FullNameAttribute = "userPassword" },
		"emailAttribute":    func(d *models.Directory) { d.EmailAttribute = "*" },
		"memberFilter":      func(d *models.Directory) { d.CreateUsers = true },
	} {
		d := staff(server)
		change(&d)
		_, err := s.SaveDirectory(t.Context(), by, 0, d, bindSecret(ldaptest.BindPassword))
		wantProblem(t, err, field)
	}
	open := staff(server)
	open.CreateUsers, open.MemberFilter = true, "(cn=x))(|(uid=*)"
	_, err := s.SaveDirectory(t.Context(), by, 0, open, bindSecret(ldaptest.BindPassword))
	wantProblem(t, err, "memberFilter")
	_, err = s.SaveDirectory(t.Context(), by, 0, staff(server), nil)
	wantProblem(t, err, models.DirectoryPassword)

	saved, err := s.SaveDirectory(t.Context(), by, 0, staff(server), bindSecret(ldaptest.BindPassword))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.SaveDirectory(t.Context(), by, 0, staff(server), nil)
	if stale := wantStale(t, err); stale.Version != 1 {
		t.Errorf("stale %+v", stale)
	}
	kept := staff(server)
	kept.EmailAttribute = ""
	if saved, err = s.SaveDirectory(t.Context(), by, saved.Version, kept, nil); err != nil || !saved.HasPassword {
		t.Fatalf("with the stored password: %+v, %v", saved, err)
	}
	report, err := s.TestDirectory(t.Context(), kept, nil, "ayse", secret.New(ldaptest.Password))
	if err != nil || !report.Accepted {
		t.Errorf("test: %+v, %v", report, err)
	}

	// Attack: the stored password, sent to a server of the attacker's.
	elsewhere := kept
	elsewhere.URL = "ldaps://attacker.example"
	_, err = s.TestDirectory(t.Context(), elsewhere, nil, "", secret.Text{})
	wantProblem(t, err, models.DirectoryPassword)
	_, err = s.SaveDirectory(t.Context(), by, saved.Version, elsewhere, nil)
	wantProblem(t, err, models.DirectoryPassword)
	plain := kept
	plain.CACertificates = ""
	_, err = s.TestDirectory(t.Context(), plain, nil, "", secret.Text{})
	wantProblem(t, err, models.DirectoryPassword)

	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindSettings})
	if err != nil || len(records) != 2 {
		t.Fatal(records, err)
	}
	for _, r := range records {
		whole, err := s.AuditRecord(t.Context(), models.Everywhere, r.ID)
		if err != nil || strings.Contains(string(whole.After), `"bindPassword"`) || !strings.Contains(string(whole.After), `"hasBindPassword": true`) {
			t.Errorf("audited %s, %v", whole.After, err)
		}
	}
}
