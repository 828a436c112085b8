package models

import (
	"context"
	"fmt"

	"github.com/gatewright/gatewright/engine/fault"
)

// ErrorMessagePolicies counts the policies of all projects that word an error
// themselves, which goes before the catalogue of the installation.
func (s *Store) ErrorMessagePolicies(ctx context.Context) (map[fault.Type]int, error) {
	type count struct {
		Type     string
		Policies int
	}
	counts, err := query[count](ctx, s.db, `select m->>'errorType' as type, count(*) as policies
		from policies, jsonb_array_elements(config->'errorMessageList') m group by 1`)
	if err != nil {
		return nil, fmt.Errorf("count policies with error messages: %w", err)
	}
	by := make(map[fault.Type]int, len(counts))
	for _, c := range counts {
		by[fault.Type(c.Type)] = c.Policies
	}
	return by, nil
}
