package models

import (
	"context"
	"fmt"
)

// AccessCount is how many grants an API or a credential has.
type AccessCount struct {
	Name string
	// Text says more: the base path of an API, the full name of a credential.
	Text string
	// Total are all grants, InForce those that let somebody in now.
	Total, InForce int
}

// The statements begin with what is counted and differ in nothing else.
const (
	countsByProxy = `select x.name, x.base_path as text, count(a.id) as total, count(*) over () as rows,
			count(a.id) filter (where c.enabled and coalesce(c.expires_at > ?, true) and coalesce(a.expires_at > ?, true)) as in_force
		from owners x left join credential_access a on a.owner_id = x.id left join credentials c on c.id = a.credential_id
		where x.kind <> 'POLICY_GROUP' and x.project_id = ? and (x.name ilike ? or x.base_path ilike ?)
		group by x.id order by lower(x.name) limit ? offset ?`
	countsByCredential = `select c.name, c.full_name as text, count(a.id) as total, count(*) over () as rows,
			count(a.id) filter (where c.enabled and coalesce(c.expires_at > ?, true) and coalesce(a.expires_at > ?, true)) as in_force
		from credentials c left join credential_access a on a.credential_id = c.id
		where c.project_id = ? and (c.name ilike ? or c.full_name ilike ?)
		group by c.id order by lower(c.name) limit ? offset ?`
)

// AccessByProxy counts who may use each API of a project, also those that
// nobody may use, and how many APIs the query leaves in all.
func (s *Store) AccessByProxy(ctx context.Context, projectID string, f AccessFilter) ([]AccessCount, int, error) {
	return s.accessCounts(ctx, countsByProxy, projectID, f)
}

// AccessByCredential counts what each credential of a project may use.
func (s *Store) AccessByCredential(ctx context.Context, projectID string, f AccessFilter) ([]AccessCount, int, error) {
	return s.accessCounts(ctx, countsByCredential, projectID, f)
}

func (s *Store) accessCounts(ctx context.Context, statement, projectID string, f AccessFilter) ([]AccessCount, int, error) {
	if !isID(projectID) {
		return nil, 0, fmt.Errorf("count access: %w", ErrNotFound)
	}
	type line struct {
		Name, Text           string
		Total, InForce, Rows int
	}
	like, now := containing(f.Query), s.now()
	limit, offset := page(f.Page, f.PerPage)
	lines, err := query[line](ctx, s.db, statement, now, now, projectID, like, like, limit, offset)
	if err != nil {
		return nil, 0, fmt.Errorf("count access: %w", err)
	}
	list, total := make([]AccessCount, len(lines)), 0
	for i, l := range lines {
		list[i], total = AccessCount{Name: l.Name, Text: l.Text, Total: l.Total, InForce: l.InForce}, l.Rows
	}
	return list, total, nil
}
