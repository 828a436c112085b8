package models

import (
	"context"
	"fmt"
	"strings"
)

// AccessChoice is an API or a credential that access can be granted to or for.
type AccessChoice struct {
	Name string
	// Text says more: the base path of an API, the full name of a credential.
	Text string
	// Granted tells that it has access already, to or for the one asked with.
	Granted bool
}

// The statements begin with the name of the other side and differ in nothing
// else. Whether there is access is asked for the few that are shown.
const (
	choicesOfProxies = `select f.name, f.text, f.total, exists(select 1 from credential_access a join credentials c on c.id = a.credential_id
			where a.owner_id = f.id and c.project_id = f.project_id and lower(c.name) = lower(?)) as granted
		from (select id, project_id, name, base_path as text, count(*) over () as total from owners
			where kind <> 'POLICY_GROUP' and project_id = ? and (name ilike ? or base_path ilike ?) order by name not ilike ?, lower(name) limit ?) f`
	choicesOfCredentials = `select f.name, f.text, f.total, exists(select 1 from credential_access a join owners x on x.id = a.owner_id
			where a.credential_id = f.id and x.project_id = f.project_id and lower(x.name) = lower(?)) as granted
		from (select id, project_id, name, full_name as text, count(*) over () as total from credentials
			where project_id = ? and (name ilike ? or full_name ilike ?) order by name not ilike ?, lower(name) limit ?) f`
)

// FindProxies finds APIs of a project by name or base path, and how many there
// are in all; those whose name begins with the text come first. With is the
// name of the credential that is to have access, "" for none.
func (s *Store) FindProxies(ctx context.Context, projectID, text, with string, limit int) ([]AccessChoice, int, error) {
	return s.accessChoices(ctx, choicesOfProxies, projectID, text, with, limit)
}

// FindCredentials finds credentials by name or full name. With is the name of
// the API that access is to be granted to, "" for none.
func (s *Store) FindCredentials(ctx context.Context, projectID, text, with string, limit int) ([]AccessChoice, int, error) {
	return s.accessChoices(ctx, choicesOfCredentials, projectID, text, with, limit)
}

func (s *Store) accessChoices(ctx context.Context, statement, projectID, text, with string, limit int) ([]AccessChoice, int, error) {
	if !isID(projectID) {
		return nil, 0, fmt.Errorf("find names: %w", ErrNotFound)
	}
	type line struct {
		Name, Text string
		Granted    bool
		Total      int
	}
	like := containing(text)
	limit, _ = page(1, limit)
	lines, err := query[line](ctx, s.db, statement, truncated(with, maxSearch*2), projectID, like, like, strings.TrimPrefix(like, "%"), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("find names: %w", err)
	}
	list, total := make([]AccessChoice, len(lines)), 0
	for i, l := range lines {
		list[i], total = AccessChoice{Name: l.Name, Text: l.Text, Granted: l.Granted}, l.Total
	}
	return list, total, nil
}
