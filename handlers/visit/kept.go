package visit

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/models"
)

// kept is what a request has read and may need again. What the request may do is
// never among it.
type kept struct {
	environments []models.Environment
	projects     []models.Project
}

// OnlyLooks tells that the request changes nothing, so that what it has read once is
// good to its end.
func (v *Visit) OnlyLooks() { v.kept = &kept{} }

// Environments are those of the store, read once by a request that only looks.
func (v *Visit) Environments(ctx context.Context, store *models.Store) ([]models.Environment, error) {
	if v.kept == nil {
		return store.Environments(ctx)
	}
	return once(ctx, &v.kept.environments, store.Environments)
}

// Projects are those of the store, read once by a request that only looks.
func (v *Visit) Projects(ctx context.Context, store *models.Store) ([]models.Project, error) {
	if v.kept == nil {
		return store.Projects(ctx)
	}
	return once(ctx, &v.kept.projects, store.Projects)
}

// FindProject finds a project by its name. A page lists all projects anyway for somebody
// whose role holds in the whole installation; only another spelling is asked for.
func (v *Visit) FindProject(ctx context.Context, store *models.Store, name string) (models.Project, error) {
	if v.kept == nil || v.User.Role == models.RoleMember {
		return store.Project(ctx, name)
	}
	all, err := v.Projects(ctx, store)
	if err != nil {
		return models.Project{}, err
	}
	if i := slices.IndexFunc(all, func(p models.Project) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	return store.Project(ctx, name)
}

// once reads a list that was not read yet. Each caller has a copy to change.
func once[T any](ctx context.Context, list *[]T, read func(context.Context) ([]T, error)) ([]T, error) {
	if *list == nil {
		all, err := read(ctx)
		if err != nil {
			return nil, err
		}
		*list = all
	}
	return slices.Clone(*list), nil
}
