package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Whereabouts is where an object that a record is about stands today.
type Whereabouts struct {
	Project, Name string
	Version       int
	// Type is that of a policy, OwnerKind, Owner and Binding where a local one is
	// bound.
	Type, OwnerKind, Owner, Binding string
	// Environment is that of a key or a variable.
	Environment string
}

// whereabouts reads objects by their kind in the audit.
var whereabouts = map[string]string{
	KindPolicy: `select p.name as project, x.name, x.version, x.type, coalesce(o.kind, '') as owner_kind, coalesce(o.name, '') as owner,
		coalesce((select b.id::text from policy_bindings b where b.policy_id = x.id and b.owner_id = x.owner_id limit 1), '') as binding
		from policies x join projects p on p.id = x.project_id left join owners o on o.id = x.owner_id where x.id = ?`,
	KindProxy:               ownerWhereabouts,
	KindProxyGroup:          ownerWhereabouts,
	KindPolicyGroup:         ownerWhereabouts,
	KindIdentitySource:      "select p.name as project, x.name, x.version from identity_sources x join projects p on p.id = x.project_id where x.id = ?",
	KindVariable:            "select p.name as project, x.name, x.version from variables x join projects p on p.id = x.project_id where x.id = ?",
	KindCredential:          "select p.name as project, x.name, x.version from credentials x join projects p on p.id = x.project_id where x.id = ?",
	KindRole:                "select p.name as project, x.name, x.version from credential_roles x join projects p on p.id = x.project_id where x.id = ?",
	KindProject:             "select x.name as project, x.name from projects x where x.id = ?",
	KindEnvironment:         "select x.name, x.name as environment from environments x where x.id = ?",
	KindKey:                 "select x.kid as name, e.name as environment from environment_keys x join environments e on e.id = x.environment_id where x.id = ?",
	KindEnvironmentVariable: "select x.name, x.version, e.name as environment from environment_variables x join environments e on e.id = x.environment_id where x.id = ?",
	KindRevision: `select p.name as project, o.name, o.kind as owner_kind, o.name as owner from revisions x
		join owners o on o.id = x.owner_id join projects p on p.id = o.project_id where x.id = ?`,
}

const ownerWhereabouts = `select p.name as project, x.name, x.version, x.kind as owner_kind, x.name as owner
	from owners x join projects p on p.id = x.project_id where x.id = ?`

// Whereabouts finds an object by its kind and id in the audit; ErrNotFound when
// it is gone, or never has a page of its own.
func (s *Store) Whereabouts(ctx context.Context, kind, id string) (Whereabouts, error) {
	return findObject(ctx, s.db, kind, id)
}

func findObject(ctx context.Context, tx *gorm.DB, kind, id string) (Whereabouts, error) {
	sql, ok := whereabouts[kind]
	if !ok || !isID(id) {
		return Whereabouts{}, ErrNotFound
	}
	rows, err := query[Whereabouts](ctx, tx, sql, id)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Whereabouts{}, fmt.Errorf("find object of a record: %w", err)
	}
	return rows[0], nil
}
