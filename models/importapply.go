package models

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// PackageKeyPair is that of a new proxy or group. The secret is seen this once.
type PackageKeyPair struct {
	Ref      archive.Ref
	ClientID string
	Secret   secret.Text
}

// PackageRedeploy is an owner that ran what was edited before the import, and
// does not any more.
type PackageRedeploy struct {
	Ref archive.Ref
	// Environments are where it has to be deployed again, in order.
	Environments []string
}

// PackageResult is what an import has done. Nothing was deployed.
type PackageResult struct {
	Plan     PackagePlan
	KeyPairs []PackageKeyPair
	Redeploy []PackageRedeploy
	// Unresolved are sentences about what is still missing before everything
	// works: keys and values of environments, secrets, roles.
	Unresolved []string
}

// ApplyPackage imports a package in one transaction or not at all. It is planned
// anew: when it would do anything else than the plan with that digest said, the
// error is ErrPackagePlanChanged, and problems are a problem.List as those of
// PackagePlan.Err. Every object is written as the console writes it (D20).
func (s *Store) ApplyPackage(ctx context.Context, by Actor, projectID string, p archive.Package, choices PackageChoices, digest string) (PackageResult, error) {
	plan, err := s.PlanPackage(ctx, projectID, p, choices)
	if err != nil {
		return PackageResult{}, err
	}
	if err := plan.Err(); err != nil {
		return PackageResult{}, fmt.Errorf("import package: %w", err)
	}
	if plan.Digest != digest {
		return PackageResult{}, ErrPackagePlanChanged
	}
	keys, err := newKeyPairs(ctx, plan)
	if err != nil {
		return PackageResult{}, err
	}
	var result PackageResult
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		result, err = s.applyPackage(ctx, tx, by, projectID, p, choices, digest, keys)
		return err
	})
	if err != nil {
		return PackageResult{}, fmt.Errorf("import package: %w", err)
	}
	return result, nil
}

func (s *Store) applyPackage(ctx context.Context, tx *gorm.DB, by Actor, projectID string, p archive.Package, choices PackageChoices, digest string, keys []keyPair) (PackageResult, error) {
	i, err := s.incoming(ctx, tx, by, projectID, choices)
	if err != nil {
		return PackageResult{}, err
	}
	i.key = func() (keyPair, error) {
		if len(keys) == 0 {
			return keyPair{}, ErrPackagePlanChanged
		}
		k := keys[0]
		keys = keys[1:]
		return k, nil
	}
	before, err := s.outdated(ctx, tx, i.project)
	if err != nil {
		return i.result, err
	}
	if i.result.Plan, err = i.take(ctx, p); err != nil {
		return i.result, err
	}
	if err := i.result.Plan.Err(); err != nil {
		return i.result, err
	}
	if i.result.Plan.Digest != digest {
		return i.result, ErrPackagePlanChanged
	}
	if i.sources { // a plan does without: it would make deploys wait
		if err := raiseAll(ctx, tx); err != nil {
			return i.result, err
		}
	}
	if i.result.Unresolved, err = i.unresolved(ctx, p); err != nil {
		return i.result, err
	}
	after, err := s.outdated(ctx, tx, i.project)
	i.result.Redeploy = slices.DeleteFunc(after, func(r PackageRedeploy) bool {
		return slices.ContainsFunc(before, func(b PackageRedeploy) bool { return b.Ref == r.Ref && slices.Equal(b.Environments, r.Environments) })
	})
	return i.result, err
}

// plannedKey is for an owner that will not be kept: no secret is hashed, which
// takes most of the time of a save, and what verifies against it is nothing.
func plannedKey() keyPair { return keyPair{id: newID(), hash: "$argon2id$"} }

// newKeyPairs makes those of all new owners before the transaction, as hashing
// takes its time.
func newKeyPairs(ctx context.Context, plan PackagePlan) ([]keyPair, error) {
	n := plan.count(func(l PackageLine) bool { return l.Action == PackageCreate && ownerKinds[l.Ref.Kind] != "" })
	list := make([]keyPair, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(importing))
	for i := range list {
		g.Go(func() (err error) {
			list[i], err = newKeyPair(ctx)
			return err
		})
	}
	return list, g.Wait()
}

// outdated are the owners of a project that run something else than is edited,
// by kind and name.
func (s *Store) outdated(ctx context.Context, tx *gorm.DB, project Project) ([]PackageRedeploy, error) {
	rows, err := from[ownerRow](tx).Where("project_id = ? and id in (select owner_id from deployments where revision_id is not null)", project.ID).
		Order("kind, lower(name), id").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	owners, err := s.owners(ctx, tx, project.Name, rows)
	if err != nil {
		return nil, err
	}
	var list []PackageRedeploy
	for _, o := range owners {
		r := PackageRedeploy{Ref: archive.Ref{Kind: archiveKind(o.Kind), Name: o.Name}}
		for _, d := range o.Deployments {
			if d.State == RedeployRequired {
				r.Environments = append(r.Environments, d.Environment)
			}
		}
		if len(r.Environments) > 0 {
			list = append(list, r)
		}
	}
	return list, nil
}

func archiveKind(kind string) archive.Kind {
	for k, of := range ownerKinds {
		if of == kind {
			return k
		}
	}
	return ""
}
