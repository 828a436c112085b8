package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// environmentEnd is a deleted environment in the audit, with what went along.
type environmentEnd struct {
	environmentRecord
	Deployed    int `json:"deployed"`
	Revisions   int `json:"revisions"`
	Keys        int `json:"keys"`
	Variables   int `json:"variables"`
	Credentials int `json:"credentialSettings"`
	Logins      int `json:"logins"`
	LiveTokens  int `json:"liveTokens"`
}

// DeleteEnvironment removes an environment, as it was read at version, with all
// that it has: what is deployed there with its history, keys, variables, logins,
// settings of credentials. Its tokens are worth nothing from then on; logs and
// audit keep what they have. A problem.List says what keeps it: a node that
// serves it, or that it is the last one, or the last production one. Errors are
// that, a *StaleError and ErrNotFound. What went along comes back.
func (s *Store) DeleteEnvironment(ctx context.Context, by Actor, id string, version int) (EnvironmentUse, error) {
	var u EnvironmentUse
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		u, err = s.deleteEnvironment(ctx, tx, by, id, version)
		return err
	})
	if err != nil {
		return EnvironmentUse{}, fmt.Errorf("delete environment: %w", err)
	}
	return u, nil
}

func (s *Store) deleteEnvironment(ctx context.Context, tx *gorm.DB, by Actor, id string, version int) (EnvironmentUse, error) {
	// All of them: of two that are the last ones, only one may go. The lock also
	// keeps deploys and reports of nodes out; one that came before is seen, or
	// makes this try again.
	if _, err := exec(ctx, tx, "select id from environments order by id for update"); err != nil {
		return EnvironmentUse{}, fmt.Errorf("lock environments: %w", err)
	}
	e, err := s.environmentAt(ctx, tx, id, version)
	if err != nil {
		return EnvironmentUse{}, err
	}
	u, err := s.environmentUse(ctx, tx, e, allLive)
	if err != nil {
		return u, err
	}
	all, err := environments(ctx, tx)
	if err != nil {
		return u, err
	}
	if err := environmentKept(e, all, u.Nodes).Err(); err != nil {
		return u, err
	}
	for _, o := range u.Deployed {
		was := deployRecord{Environment: e.Name, Revision: o.Revision, Digest: o.Digest}
		if err := s.record(ctx, tx, by, fact{action: ActionUndeployed, kind: o.Kind, id: o.ID, name: o.Name, project: o.Project, before: was}); err != nil {
			return u, err
		}
	}
	if _, err := from[environmentRow](tx).Where("id = ?", e.ID).Delete(ctx); err != nil {
		return u, err
	}
	return u, s.record(ctx, tx, by, fact{action: ActionDeleted, kind: KindEnvironment, id: e.ID, name: e.Name, before: environmentEnd{
		environmentRecord: e.audited(), Deployed: len(u.Deployed), Revisions: u.Revisions, Keys: u.Keys, Variables: u.Variables,
		Credentials: u.Credentials, Logins: u.Logins, LiveTokens: u.Live.Total,
	}})
}

// EnvironmentKept says what keeps an environment from being deleted, "" when
// nothing does.
func (s *Store) EnvironmentKept(ctx context.Context, name string) (string, error) {
	var kept problem.List
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, name)
		if err != nil {
			return err
		}
		all, err := environments(ctx, tx)
		if err != nil {
			return err
		}
		reports, err := nodes(ctx, tx, nodeQuery{age: nodeAlive, environmentID: e.ID})
		kept = environmentKept(e, all, reports)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look what keeps %s: %w", name, err)
	}
	if len(kept) == 0 {
		return "", nil
	}
	return kept[0].Message, nil
}

func environmentKept(e environmentRow, all []environmentRow, reports []NodeReport) problem.List {
	var l problem.List
	others := slices.DeleteFunc(slices.Clone(all), func(o environmentRow) bool { return o.ID == e.ID })
	alive := slices.DeleteFunc(slices.Clone(reports), func(r NodeReport) bool { return !r.Alive })
	switch {
	case len(others) == 0:
		l.Add("", "%s is the only environment. Create another one first.", e.Name)
	case e.Type == Production && !slices.ContainsFunc(others, func(o environmentRow) bool { return o.Type == Production }):
		l.Add("", "%s is the only production environment, which stays. Create another one first, or make this one a test or a sandbox.", e.Name)
	case len(alive) > 0:
		names := make([]string, len(alive))
		for i, r := range alive {
			names[i] = r.Node
		}
		l.Add("", "%s is served by %s. Take it out of --gateway there, or stop the node, first.", e.Name, strings.Join(names, ", "))
	}
	return l
}
