package modelstest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/models"
)

// Member makes a user a member of a project, with a role of these permissions.
func Member(t testing.TB, s *models.Store, user models.User, project models.Project, permissions ...models.Permission) {
	t.Helper()
	url, _ := urls.Load(s)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url.(string))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	allowed, err := json.Marshal(permissions)
	if err != nil {
		t.Fatal(err)
	}
	role := uuid.NewString()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"insert into roles (id, name, description, permissions, fixed, version, created_at, created_by, updated_at, updated_by) values ($1, $1::uuid::text, '', $2, false, 1, now(), '', now(), '')", []any{role, string(allowed)}},
		{"insert into project_members (project_id, user_id, version, created_at, created_by, updated_at, updated_by) values ($1, $2, 1, now(), '', now(), '') on conflict do nothing", []any{project.ID, user.ID}},
		{"insert into project_member_roles (project_id, user_id, role_id) values ($1, $2, $3)", []any{project.ID, user.ID, role}},
	} {
		if _, err := conn.Exec(ctx, q.sql, q.args...); err != nil {
			t.Fatal(err)
		}
	}
}
