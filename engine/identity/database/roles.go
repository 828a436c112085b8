package database

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
)

// maxRoles is how many rows a role query may give.
const maxRoles = 1000

// readRoles asks for the roles of a user, and says how many rows there were. Roles
// that do not fit into tokens are left out.
func (s *source) readRoles(ctx context.Context, name string) ([]string, int, error) {
	if s.roles == nil {
		return nil, 0, nil
	}
	rows, err := s.read(ctx, s.roles, map[string]string{usernameParameter: name}, maxRoles+1)
	if errors.Is(err, errUnmatched) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read roles: %w", err)
	}
	if len(rows) > 0 && len(rows[0].columns) == 0 { // PostgreSQL knows such rows
		return nil, 0, errors.New("the role query gives rows without columns; select the column of the roles")
	}
	if len(rows) > maxRoles {
		return nil, 0, fmt.Errorf("the role query gives more than %d rows for one user", maxRoles)
	}
	return s.split(rows), len(rows), nil
}

func (s *source) split(rows []row) []string {
	var roles []string
	for _, r := range rows {
		text, _ := asText(r.values[0])
		for _, role := range s.cut(text) {
			if identity.RoleProblem(role) == "" && !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}

// cut takes a column apart. CHAR columns are filled up with blanks.
func (s *source) cut(text string) []string {
	if s.config.RoleSeparator == "" {
		return []string{strings.TrimRight(text, " ")}
	}
	parts := strings.Split(text, s.config.RoleSeparator)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
