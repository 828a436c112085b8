package models

import (
	"context"
	"fmt"
	"strings"
)

// Hit is one result of the command palette.
type Hit struct {
	// Kind is PROXY or POLICY.
	Kind, Name, Project string
	// Path tells hits apart: a proxy's base path, a policy's type.
	Path string
}

// Search finds proxies and global policies of a project whose name, or base
// path, contains the query, without regard to case: those that begin with it
// first.
func (s *Store) Search(ctx context.Context, projectID, text string, limit int) ([]Hit, error) {
	if strings.TrimSpace(text) == "" || !isID(projectID) {
		return nil, nil
	}
	limit, _ = page(1, limit)
	like := containing(text)
	begins := strings.TrimPrefix(like, "%")
	hits, err := query[Hit](ctx, s.db, `select h.kind, h.name, p.name as project, h.path from (
			select 'PROXY' as kind, name, project_id, base_path as path from api_proxies
				where project_id = ? and (name ilike ? or base_path ilike ?)
			union all
			select 'POLICY', name, project_id, type from policies
				where project_id = ? and owner_proxy_id is null and name ilike ?) h
		join projects p on p.id = h.project_id
		order by h.name not ilike ?, lower(h.name), h.kind limit ?`, projectID, like, like, projectID, like, begins, limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return hits, nil
}
