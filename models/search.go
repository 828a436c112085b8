package models

import (
	"context"
	"fmt"
	"strings"
)

// Hit is one result of the command palette.
type Hit struct {
	// Kind is PROXY, PROXY_GROUP, POLICY_GROUP, POLICY, IDENTITY_SOURCE, CREDENTIAL, CREDENTIAL_ROLE or VARIABLE.
	Kind, Name, Project string
	// Path tells hits apart: a proxy's base path, a policy's type, a source's
	// kind, a credential's full name, a role's or a variable's description.
	Path string
}

// Search finds what a project has by name: proxies and groups, also by their base path,
// global policies, identity sources, credentials, also by their full name,
// roles and variables. They contain the query, without regard to case; those that begin with
// it come first.
func (s *Store) Search(ctx context.Context, projectID, text string, limit int) ([]Hit, error) {
	if strings.TrimSpace(text) == "" || !isID(projectID) {
		return nil, nil
	}
	limit, _ = page(1, limit)
	like := containing(text)
	begins := strings.TrimPrefix(like, "%")
	hits, err := query[Hit](ctx, s.db, `select h.kind, h.name, p.name as project, h.path from (
			select kind, name, project_id, base_path as path from owners
				where project_id = ? and (name ilike ? or base_path ilike ?)
			union all
			select 'POLICY', name, project_id, type from policies
				where project_id = ? and owner_id is null and name ilike ?
			union all
			select 'IDENTITY_SOURCE', name, project_id, kind from identity_sources
				where project_id = ? and name ilike ?
			union all
			select 'CREDENTIAL', name, project_id, full_name from credentials
				where project_id = ? and (name ilike ? or full_name ilike ?)
			union all
			select 'CREDENTIAL_ROLE', name, project_id, description from credential_roles
				where project_id = ? and name ilike ?
			union all
			select 'VARIABLE', name, project_id, coalesce(definition ->> 'description', '') from variables
				where project_id = ? and name ilike ?) h
		join projects p on p.id = h.project_id
		order by h.name not ilike ?, lower(h.name), h.kind limit ?`,
		projectID, like, like, projectID, like, projectID, like, projectID, like, like, projectID, like, projectID, like, begins, limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return hits, nil
}

// KeyHit is a signing key that the command palette found. Project and Name are
// empty for an environment's own.
type KeyHit struct {
	ID, Kid, Algorithm, State, Name, Project, Environment string
}

// SearchKeys finds the keys that still sign or verify whose key id, name or
// algorithm contains the query, without regard to case.
func (s *Store) SearchKeys(ctx context.Context, text string, limit int) ([]KeyHit, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	limit, _ = page(1, limit)
	like := containing(text)
	hits, err := query[KeyHit](ctx, s.db, `select k.id, k.kid, k.algorithm, k.state, k.name, coalesce(p.name, '') as project, e.name as environment
		from environment_keys k join environments e on e.id = k.environment_id left join projects p on p.id = k.project_id
		where k.ended_at is null and (k.kid ilike ? or k.name ilike ? or k.algorithm ilike ?)
		order by lower(k.name), k.algorithm, lower(e.name), k.state, k.kid limit ?`, like, like, like, limit)
	if err != nil {
		return nil, fmt.Errorf("search keys: %w", err)
	}
	return hits, nil
}
