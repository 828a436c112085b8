package models

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// DuplicatePolicy makes a global policy called name that is like one of the
// project's. It is bound nowhere. Errors are those of SavePolicy.
func (s *Store) DuplicatePolicy(ctx context.Context, by Actor, projectID, id, name string) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	var saved policyRow
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := policyByID(ctx, tx, project.ID, id)
		if err != nil {
			return err
		}
		saved, err = s.copyPolicy(ctx, tx, by, project, nil, row, name)
		return err
	})
	if err != nil {
		return Policy{}, fmt.Errorf("duplicate policy: %w", nameRace(err))
	}
	return s.onePolicy(ctx, s.db, project.Name, saved)
}

func (s *Store) copyPolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, owner *string, of policyRow, name string) (policyRow, error) {
	p, err := s.policy(of, project.Name, 0)
	if err != nil {
		return of, err
	}
	p.Config.Base().Name = name
	return s.createPolicy(ctx, tx, by, project, owner, p.Config)
}

// DuplicateOwner makes an owner called name that is like another one: a proxy or
// proxy group at basePath, which a policy group has not. Local policies are copied,
// global ones and policy groups are bound, endpoints keep theirs. The copy has a key
// pair of its own, whose secret is returned this once; it is no default of new
// proxies, is deployed nowhere, and no credential may use it yet. Errors are those of
// SaveProxy; a local policy that would not be saved today is a problem without
// a field.
func (s *Store) DuplicateOwner(ctx context.Context, by Actor, projectID, id, name, basePath string) (Owner, secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Owner{}, secret.Text{}, err
	}
	key, err := newKeyPair(ctx)
	if err != nil {
		return Owner{}, secret.Text{}, err
	}
	var original, saved Owner
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := ownerByID(ctx, tx, project.ID, id)
		if err != nil {
			return err
		}
		if original, err = s.oneOwner(ctx, tx, project.Name, row); err != nil {
			return err
		}
		saved, err = s.copyOwner(ctx, tx, by, project, original, name, basePath, key)
		return err
	})
	if err != nil {
		return Owner{}, secret.Text{}, fmt.Errorf("duplicate %s: %w", kindWord(original.Kind), ownerRace(err, original.Kind))
	}
	return saved, key.secret, nil
}

func (s *Store) copyOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, original Owner, name, basePath string, key keyPair) (Owner, error) {
	o := original
	o.ID, o.Name, o.MakeDefault = "", name, false
	if o.Kind != engine.KindPolicyGroup {
		o.Route.BasePath = basePath
	}
	o.Endpoints = make([]Endpoint, len(original.Endpoints))
	for i, e := range original.Endpoints {
		e.ID = ""
		o.Endpoints[i] = e
	}
	row, err := s.insertOwner(ctx, tx, by, project, o, key)
	if err != nil {
		return o, err
	}
	endpoints, err := newEndpoints(ctx, tx, original.ID, row.ID)
	if err != nil {
		return o, err
	}
	for _, b := range original.Bindings {
		if err := s.copyBinding(ctx, tx, by, project, row.ID, b, endpoints); err != nil {
			return o, err
		}
	}
	return s.createdOwner(ctx, tx, by, project, row)
}

// newEndpoints are the endpoints of a copy by the ids of those they are copies
// of.
func newEndpoints(ctx context.Context, tx *gorm.DB, originalID, copyID string) (map[string]string, error) {
	type pair struct{ Old, New string }
	pairs, err := query[pair](ctx, tx, `select o.id as old, n.id as new from api_proxy_endpoints o
		join api_proxy_endpoints n on n.owner_id = ? and n.position = o.position where o.owner_id = ?`, copyID, originalID)
	if err != nil {
		return nil, fmt.Errorf("list endpoints of the copy: %w", err)
	}
	ids := make(map[string]string, len(pairs))
	for _, p := range pairs {
		ids[p.Old] = p.New
	}
	return ids, nil
}

func (s *Store) copyBinding(ctx context.Context, tx *gorm.DB, by Actor, project Project, ownerID string, b Binding, endpoints map[string]string) error {
	row := bindingRow{
		ID: newID(), OwnerID: ownerID, Scope: string(b.Scope), EndpointID: orNil(endpoints[b.EndpointID]),
		Pipeline: string(b.Pipeline), Position: b.Position, PolicyID: orNil(b.Policy.ID),
	}
	switch {
	case b.Group != nil:
		row.GroupID = &b.Group.ID
	case !b.Shared():
		local, err := s.createPolicy(ctx, tx, by, project, &ownerID, b.Policy.Config)
		if l := problem.Of(err); l != nil {
			return problem.List{{Message: fmt.Sprintf("The local policy %s cannot be copied as it is: %s", b.Policy.Name, l.Error())}}
		}
		if err != nil {
			return err
		}
		row.PolicyID = &local.ID
	}
	return from[bindingRow](tx).Create(ctx, &row)
}

// FreePolicyName is the name that a copy of a global policy starts with.
func (s *Store) FreePolicyName(ctx context.Context, projectID, name string) (string, error) {
	return s.freeName(ctx, projectID, name, "policies where owner_id is null")
}

// FreeOwnerName is the name that a copy of an owner of that kind starts with.
func (s *Store) FreeOwnerName(ctx context.Context, projectID, kind, name string) (string, error) {
	if kind == engine.KindPolicyGroup {
		return s.freeName(ctx, projectID, name, "owners where kind = 'POLICY_GROUP'")
	}
	return s.freeName(ctx, projectID, name, "owners where kind <> 'POLICY_GROUP'")
}

// freeName is "name (Copy)", or "name (Copy 2)" and so on where that is taken,
// cut to what a name may be.
func (s *Store) freeName(ctx context.Context, projectID, name, among string) (string, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	taken, err := query[string](ctx, s.db, "select lower(name) from "+among+" and project_id = ? and name ilike ?", project.ID, containing(" (Copy"))
	if err != nil {
		return "", fmt.Errorf("look for a free name: %w", err)
	}
	used := make(map[string]bool, len(taken))
	for _, t := range taken {
		used[t] = true
	}
	for i := 1; ; i++ {
		suffix := " (Copy)"
		if i > 1 {
			suffix = fmt.Sprintf(" (Copy %d)", i)
		}
		free := strings.TrimSpace(truncated(name, problem.MaxName-utf8.RuneCountInString(suffix))) + suffix
		if !used[strings.ToLower(free)] {
			return free, nil
		}
	}
}

// FreeBasePath is the base path that a copy of an API at basePath starts with,
// free on every host.
func (s *Store) FreeBasePath(ctx context.Context, basePath string) (string, error) {
	taken, err := query[string](ctx, s.db, "select base_path from owners where base_path like ?", likeSpecials.Replace(basePath+"-copy")+"%")
	if err != nil {
		return "", fmt.Errorf("look for a free base path: %w", err)
	}
	used := make(map[string]bool, len(taken))
	for _, t := range taken {
		used[t] = true
	}
	free := basePath + "-copy"
	for i := 2; used[free]; i++ {
		free = fmt.Sprintf("%s-copy-%d", basePath, i)
	}
	return free, nil
}
