package models

import (
	"context"
	"fmt"

	"github.com/gatewright/gatewright/engine/problem"
)

// UserFilter narrows and orders a list of users. Zero members do not narrow.
type UserFilter struct {
	// Query is looked for in name, full name and email, without regard to case.
	Query string
	// Role and LoginType are exact.
	Role, LoginType string
	// Locked is nil for everybody.
	Locked *bool
	// Sort is name (the default), role, lastSignIn or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var userSorts = map[string]string{
	"name": "lower(name)", "role": "role", "lastSignIn": "coalesce(last_sign_in_at, '-infinity')", "updated": "updated_at",
}

// FindUsers lists users, and how many the filter leaves in all.
func (s *Store) FindUsers(ctx context.Context, f UserFilter) ([]User, int, error) {
	q := f.conditions(from[userRow](s.db).Where("true"))
	total, err := q.Count(ctx, "*")
	if err != nil {
		return nil, 0, fmt.Errorf("count users: %w", err)
	}
	limit, offset := page(f.Page, f.PerPage)
	rows, err := q.Order(ordering(userSorts, f.Sort, f.Desc) + ", lower(name)").Limit(limit).Offset(offset).Find(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list users: %w", err)
	}
	list := make([]User, len(rows))
	for i, row := range rows {
		list[i] = row.user()
	}
	return list, int(total), nil
}

func (f UserFilter) conditions(q tableOf[userRow]) tableOf[userRow] {
	if f.Query != "" {
		like := containing(f.Query)
		q = q.Where("(name ilike ? or full_name ilike ? or email ilike ?)", like, like, like)
	}
	if f.Role != "" {
		q = q.Where("role = ?", truncated(f.Role, problem.MaxName))
	}
	if f.LoginType != "" {
		q = q.Where("login_type = ?", truncated(f.LoginType, problem.MaxName))
	}
	if f.Locked != nil {
		q = q.Where("locked = ?", *f.Locked)
	}
	return q
}
