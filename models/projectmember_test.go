package models_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestTheDefaultRolesAreThereAndSayWhatExists(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	roles, err := s.ProjectRoles(t.Context())
	if err != nil || len(roles) != 7 {
		t.Fatal(roles, err)
	}
	for _, r := range roles {
		if len(r.Permissions) == 0 || r.Fixed != (r.Name == "Project Owner") {
			t.Errorf("%s: %v, fixed %v", r.Name, r.Permissions, r.Fixed)
		}
	}
	owner, err := s.ProjectRole(t.Context(), "PROJECT OWNER")
	if diff := cmp.Diff(models.Permissions(models.AllPermissions()), owner.Permissions); diff != "" || err != nil {
		t.Errorf("owners may, %v (-want +got):\n%s", err, diff)
	}
	owner.Description = "Less."
	if _, err := s.SaveProjectRole(t.Context(), by, owner); !errors.Is(err, models.ErrForbidden) {
		t.Errorf("the owner is edited: %v", err)
	}
	if err := s.DeleteProjectRole(t.Context(), by, owner.ID, owner.Version); !errors.Is(err, models.ErrForbidden) {
		t.Errorf("the owner is deleted: %v", err)
	}
}

func TestARoleOfProjects(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	made, err := s.SaveProjectRole(t.Context(), by, models.ProjectRole{Name: "Releaser", Permissions: models.Permissions{models.DeployAPIs, models.DeployAPIs}})
	if diff := cmp.Diff(models.Permissions{models.ViewAPIs, models.DeployAPIs}, made.Permissions); diff != "" || err != nil {
		t.Fatalf("made, %v (-want +got):\n%s", err, diff)
	}
	for name, tt := range map[string]struct {
		field string
		role  models.ProjectRole
	}{
		"a name that is taken":     {"name", models.ProjectRole{Name: "api developer", Permissions: models.Permissions{models.ViewAPIs}}},
		"no name":                  {"name", models.ProjectRole{Permissions: models.Permissions{models.ViewAPIs}}},
		"an unknown permission":    {"permissions", models.ProjectRole{Name: "x", Permissions: models.Permissions{"API_MANAGEMENT:EVERYTHING"}}},
		"one of the installation":  {"permissions", models.ProjectRole{Name: "x", Permissions: models.Permissions{models.ManageSystem}}},
		"a pattern of permissions": {"permissions", models.ProjectRole{Name: "x", Permissions: models.Permissions{"*:VIEW"}}},
		"nothing":                  {"permissions", models.ProjectRole{Name: "x"}},
		"a long description":       {"description", models.ProjectRole{Name: "x", Description: strings.Repeat("x", 1001), Permissions: models.Permissions{models.ViewAPIs}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.SaveProjectRole(t.Context(), by, tt.role)
			wantProblem(t, err, tt.field)
		})
	}
	edit := made
	edit.Name, edit.Permissions = "Publisher", models.Permissions{models.ViewAudit}
	edited, err := s.SaveProjectRole(t.Context(), by, edit)
	if err != nil || edited.Name != "Publisher" || len(edited.Permissions) != 1 || edited.Version != 2 {
		t.Errorf("edited %+v, %v", edited, err)
	}
	_, err = s.SaveProjectRole(t.Context(), by, made)
	wantStale(t, err)
	wantStale(t, s.DeleteProjectRole(t.Context(), by, made.ID, made.Version))

	project, ada := modelstest.Project(t, s, "Shop"), modelstest.User(t, s, "ada", models.RoleMember, password)
	m, err := s.SaveProjectMember(t.Context(), by, project.ID, models.ProjectMember{UserID: ada.ID, Roles: []string{"Publisher"}}, models.AllPermissions())
	if err != nil {
		t.Fatal(err)
	}
	if used, err := s.ProjectRole(t.Context(), "Publisher"); err != nil || used.Used != 1 {
		t.Errorf("used %+v, %v", used, err)
	}
	wantProblemSaying(t, s.DeleteProjectRole(t.Context(), by, edited.ID, edited.Version), "name", "one member")
	if err := s.RemoveProjectMember(t.Context(), by, project.ID, ada.ID, m.Version); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteProjectRole(t.Context(), by, edited.ID, edited.Version); err != nil {
		t.Error(err)
	}
}

func TestAMemberMayWhatTheRolesSayAndOnlyThere(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	shop, other := modelstest.Project(t, s, "Shop"), modelstest.Project(t, s, "Other")
	ada := modelstest.User(t, s, "ada", models.RoleMember, password)
	m, err := s.SaveProjectMember(t.Context(), by, shop.ID, models.ProjectMember{UserName: "ADA", Roles: []string{"API Tester", "api analytics"}}, models.AllPermissions())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"API Analytics", "API Tester"}, m.Roles); diff != "" || m.UserName != "ada" {
		t.Errorf("member %+v (-want +got):\n%s", m, diff)
	}
	may := func(project string, p models.Permission, want bool) {
		t.Helper()
		if has, err := s.PermissionsIn(t.Context(), ada.ID, project); err != nil || has.Has(p) != want {
			t.Errorf("%s in %s: %v, %v; want %t", p, project, has, err, want)
		}
	}
	may("Shop", models.ViewAnalytics, true)
	may("Shop", models.ManageAPIs, false)
	may("Other", models.ViewAPIs, false)
	_, err = s.SaveProjectMember(t.Context(), by, shop.ID, models.ProjectMember{UserName: "ada", Roles: []string{"API Tester"}}, models.AllPermissions())
	wantProblem(t, err, "user")
	edit := m
	edit.Roles = []string{"API Creator"}
	edited, err := s.SaveProjectMember(t.Context(), by, shop.ID, edit, models.AllPermissions())
	if err != nil || edited.Version != 2 {
		t.Fatal(edited, err)
	}
	may("Shop", models.ManageAPIs, true)
	may("Shop", models.ViewAnalytics, false)
	_, err = s.SaveProjectMember(t.Context(), by, shop.ID, m, models.AllPermissions())
	wantStale(t, err)
	wantStale(t, s.RemoveProjectMember(t.Context(), by, shop.ID, ada.ID, 1))
	wantNotFound(t, s.RemoveProjectMember(t.Context(), by, other.ID, ada.ID, 0))
	if err := s.RemoveProjectMember(t.Context(), by, shop.ID, ada.ID, 2); err != nil {
		t.Fatal(err)
	}
	may("Shop", models.ViewAPIs, false)
	for name, tt := range map[string]struct {
		field  string
		member models.ProjectMember
	}{
		"nobody":   {"user", models.ProjectMember{UserName: "bob", Roles: []string{"API Tester"}}},
		"no role":  {"roles", models.ProjectMember{UserName: "ada"}},
		"no such":  {"roles", models.ProjectMember{UserName: "ada", Roles: []string{"Boss"}}},
		"with NUL": {"user", models.ProjectMember{UserName: "a\x00", Roles: []string{"API Tester"}}},
	} {
		_, err := s.SaveProjectMember(t.Context(), by, shop.ID, tt.member, models.AllPermissions())
		if err == nil {
			t.Errorf("%s: saved", name)
		}
		wantProblem(t, err, tt.field)
	}
}

// Somebody who manages members must not become more by it, nor make others more.
func TestAttackNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	shop := modelstest.Project(t, s, "Shop")
	ada, bob := modelstest.User(t, s, "ada", models.RoleMember, password), modelstest.User(t, s, "bob", models.RoleMember, password)
	mine := models.Permissions{models.ManageProject, models.ViewAPIs, models.ViewMonitoring}
	give := func(m models.ProjectMember) error {
		_, err := s.SaveProjectMember(t.Context(), as(ada), shop.ID, m, mine)
		return err
	}
	wantProblem(t, give(models.ProjectMember{UserName: "bob", Roles: []string{"API Developer"}}), "roles")
	wantProblem(t, give(models.ProjectMember{UserName: "ada", Roles: []string{"Project Owner"}}), "roles")
	if err := give(models.ProjectMember{UserName: "bob", Roles: []string{"API Tester"}}); err != nil {
		t.Errorf("what ada has: %v", err)
	}
	had, err := s.ProjectMember(t.Context(), shop.ID, bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	had.Roles = append(had.Roles, "API Developer")
	wantProblem(t, give(had), "roles")
	given, err := s.SaveProjectMember(t.Context(), by, shop.ID, had, models.AllPermissions())
	if err != nil {
		t.Fatal(err)
	}
	given.Roles = []string{"API Developer"}
	if err := give(given); err != nil {
		t.Errorf("a role that bob had already stays: %v", err)
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	modelstest.Environment(t, s, "production")
	made, err := s.CreateProject(t.Context(), by, "Shop", "What sells.")
	if err != nil || made.Description != "What sells." || made.Version != 1 {
		t.Fatal(made, err)
	}
	_, err = s.CreateProject(t.Context(), by, "SHOP", "")
	wantProblem(t, err, "name")
	_, err = s.CreateProject(t.Context(), by, " ", "")
	wantProblem(t, err, "name")
	edit := made
	edit.Description = "What is sold."
	saved, err := s.SaveProject(t.Context(), by, edit)
	if err != nil || saved.Version != 2 || saved.Description != "What is sold." {
		t.Errorf("saved %+v, %v", saved, err)
	}
	_, err = s.SaveProject(t.Context(), by, made)
	wantStale(t, err)
	renamed := saved
	renamed.Name = "Store"
	_, err = s.SaveProject(t.Context(), by, renamed)
	wantProblem(t, err, "name")

	p := modelstest.Proxy(t, s, made.ID, "orders")
	wantProblemSaying(t, s.DeleteProject(t.Context(), by, saved.ID, saved.Version), "name", "1 API proxy")
	if err := s.DeleteOwner(t.Context(), by, made.ID, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	modelstest.Policy(t, s, made.ID, "Company")
	if _, err := s.SaveRole(t.Context(), by, made.ID, "", 0, "clerk", ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.SaveCredential(t.Context(), by, made.ID, "", 0, models.CredentialDraft{Name: "mia", Secret: secret.New("mia's secret phrase"), Enabled: true, Roles: []string{"clerk"}, Tokens: models.DefaultCredentialTokens()})
	if err != nil {
		t.Fatal(err)
	}
	wantStale(t, s.DeleteProject(t.Context(), by, saved.ID, 1))
	if err := s.DeleteProject(t.Context(), by, saved.ID, saved.Version); err != nil {
		t.Fatal(err)
	}
	_, err = s.Project(t.Context(), "Shop")
	wantNotFound(t, err)
	if stale := wantStale(t, s.DeleteProject(t.Context(), by, saved.ID, saved.Version)); !stale.Deleted {
		t.Errorf("again: %+v", stale)
	}
}
