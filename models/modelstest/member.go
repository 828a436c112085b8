package modelstest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatewright/gatewright/models"
)

// Member makes a user a member of a project, with a role of these permissions.
func Member(t testing.TB, s *models.Store, user models.User, project models.Project, permissions ...models.Permission) {
	t.Helper()
	role, err := s.SaveProjectRole(t.Context(), By(), models.ProjectRole{Name: uuid.NewString(), Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	m := models.ProjectMember{UserID: user.ID, Roles: []string{role.Name}}
	if _, err := s.SaveProjectMember(t.Context(), By(), project.ID, m, models.AllPermissions()); err != nil {
		t.Fatal(err)
	}
}
