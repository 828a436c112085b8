package modelstest

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
)

// ManyPolicy is a global policy that all proxies of Many have bound; ManyGroup is a
// policy group that each tenth has.
const (
	ManyPolicy = "policy-0"
	ManyGroup  = "policy-group-0"
)

// Many fills the project with n global policies and n proxies, made by a few
// statements: each proxy has two policies bound, every second one is deployed, each
// tenth has a policy group besides, and a hundredth of n are proxy groups of ten
// members. There were calls in every hour of the last day, and two live tokens of
// each proxy.
func Many(t testing.TB, s *models.Store, url string, project models.Project, n int) {
	t.Helper()
	ctx := context.Background()
	first := Policy(t, s, project.ID, ManyPolicy)
	p := Bind(t, s, Proxy(t, s, project.ID, "proxy-0"), first)
	Deploy(t, s, p, "production")
	g, _, err := s.SavePolicyGroup(ctx, By(), project.ID, models.Owner{Name: ManyGroup, Active: true, Pipeline: policy.Request})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddBinding(ctx, By(), project.ID, g.ID, g.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: first.ID}); err != nil {
		t.Fatal(err)
	}
	shop, _, err := s.SaveProxyGroup(ctx, By(), project.ID, models.Owner{
		Name: "group-0", Route: engine.Route{BasePath: "/group-0"}, Members: []models.Member{{ID: p.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`create temp table many as select n, gen_random_uuid() as proxy, gen_random_uuid() as policy, gen_random_uuid() as revision, gen_random_uuid() as team
			from generate_series(1, $1::int - 1) n`, []any{n}},
		{`insert into policies (id, project_id, type, name, description, active, config, version, created_at, created_by, updated_at, updated_by)
			select m.policy, project_id, type, 'policy-' || n, description, active, config || jsonb_build_object('name', 'policy-' || n), 1, created_at, created_by, updated_at, updated_by
			from policies, many m where id = $1`, []any{first.ID}},
		{`insert into owners (id, kind, project_id, name, description, client_id, client_secret_hash, base_path, methods, upstream_url, connect_timeout, response_timeout,
				version, created_at, created_by, updated_at, updated_by)
			select m.proxy, kind, project_id, 'proxy-' || n, description, m.proxy::text, client_secret_hash, '/proxy-' || n, methods, upstream_url, connect_timeout, response_timeout,
				1, created_at, created_by, updated_at, updated_by
			from owners, many m where id = $1`, []any{p.ID}},
		{`insert into owner_routes (owner_id, host, base_path) select proxy, '', '/proxy-' || n from many`, nil},
		{`insert into policy_bindings (id, owner_id, scope, pipeline, position, policy_id) select gen_random_uuid(), proxy, 'ALL', 'REQUEST', 1, $1 from many`, []any{first.ID}},
		{`insert into policy_bindings (id, owner_id, scope, pipeline, position, policy_id) select gen_random_uuid(), proxy, 'ALL', 'REQUEST', 2, policy from many`, nil},
		{`insert into policy_bindings (id, owner_id, scope, pipeline, position, group_id) select gen_random_uuid(), proxy, 'ALL', 'REQUEST', 3, $1 from many where n % 10 = 0`, []any{g.ID}},
		{`insert into revisions (id, owner_id, environment_id, number, definition, digest, note, created_at, created_by)
			select m.revision, m.proxy, environment_id, 1, definition, digest, note, created_at, created_by from revisions, many m where owner_id = $1 and m.n % 2 = 0`, []any{p.ID}},
		{`insert into deployments (owner_id, owner_key, environment_id, revision_id, name, updated_at, updated_by)
			select m.proxy, 'proxy-' || n, environment_id, m.revision, 'proxy-' || n, updated_at, updated_by from deployments, many m where owner_id = $1 and m.n % 2 = 0`, []any{p.ID}},
		{`insert into owners (id, kind, project_id, name, description, client_id, client_secret_hash, base_path, methods, upstream_url, connect_timeout, response_timeout,
				version, created_at, created_by, updated_at, updated_by)
			select m.team, kind, project_id, 'group-' || n, description, m.team::text, client_secret_hash, '/group-' || n, methods, upstream_url, connect_timeout, response_timeout,
				1, created_at, created_by, updated_at, updated_by
			from owners, many m where id = $1 and n % 100 = 0`, []any{shop.ID}},
		{`insert into proxy_group_members (group_id, proxy_id, position) select t.team, m.proxy, m.n - t.n + 1 from many t join many m on m.n between t.n and t.n + 9 where t.n % 100 = 0`, nil},
		{`insert into policy_bindings (id, owner_id, scope, pipeline, position, policy_id) select gen_random_uuid(), team, 'ALL', 'REQUEST', 1, policy from many where n % 100 = 0`, nil},
		{`insert into call_days select d, 'production', $1, '', 'proxy-' || n, ` + strings.Repeat("n, ", 23) + `n
			from many, unnest(array[date_trunc('day', now(), 'UTC'), date_trunc('day', now(), 'UTC') - interval '1 day']) d`, []any{project.Name}},
		{`insert into token_requests (at, environment, operation, project, owner, policy, grant_type, client_id, username, source, client, forwarded_for, method, content_type, algorithm, key_id, token_id,
				family, scope, issued_at, expires_at, never_expires, refresh_count, refresh_max, status, error, fault, reason, correlation_id, duration_us)
			select now(), 'production', 'ISSUE', $1, 'proxy-' || n, 'policy-0', 'client_credentials', 'c', '', '', '192.0.2.1', '', 'POST', '', 'ES256', 'k', gen_random_uuid()::text,
				'', '', now(), now() + interval '1 hour', false, 0, 0, 200, '', '', '', '', 1 from many, generate_series(1, 2)`, []any{project.Name}},
		{`vacuum analyze`, nil},
		{`vacuum policy_bindings`, nil}, // the first one leaves pages unmarked, which autovacuum would come back to
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			t.Fatalf("%s: %v", step.sql, err)
		}
	}
}
