package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

func projectCrumbs(more ...layout.Crumb) []layout.Crumb {
	return administration("Projects", link.ProjectList, more...)
}

// ListProjects is the list of all projects.
func (c *Console) ListProjects(g *gin.Context) error {
	ctx := g.Request.Context()
	projects, err := c.store.Projects(ctx)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Projects", models.Project{}, projectCrumbs()...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindProject)
	page := people.ProjectPage{Now: c.now()}
	if visit.From(ctx).Can(visit.ManageSystem) {
		page.New = link.NewProject
	}
	for _, p := range projects {
		u, err := c.store.ProjectUse(ctx, p.ID)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, people.ProjectItem{
			Name: p.Name, Description: p.Description, Proxies: u.Proxies, Policies: u.Policies, Members: u.Members, UpdatedAt: p.UpdatedAt, UpdatedBy: p.UpdatedBy,
			MembersHref: link.Members(p.Name), Edit: link.ProjectEdit(p.Name), Delete: link.ProjectDelete(p.Name),
		})
	}
	return render(g, http.StatusOK, people.ProjectsPage(frame, page))
}

// NewProject is the empty form.
func (c *Console) NewProject(g *gin.Context) error {
	return c.showNewProject(g, http.StatusOK, people.Form{})
}

func (c *Console) showNewProject(g *gin.Context, status int, f people.Form) error {
	frame, err := c.frame(g, "New project", models.Project{}, projectCrumbs(layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	f.New, f.Title, f.Action, f.Cancel = true, "New project", link.NewProject, link.ProjectList
	return render(g, status, people.NewProjectPage(frame, f))
}

// CreateProject makes one and leads into it.
func (c *Console) CreateProject(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, t := g.Request.Context(), typedVariable(g.Request.PostForm, []string{"name", "description"})
	p, err := c.store.CreateProject(ctx, visit.From(ctx).Actor(), strings.TrimSpace(t["name"]), strings.TrimSpace(t["description"]))
	if l := problem.Of(err); l != nil {
		return c.showNewProject(g, http.StatusUnprocessableEntity, people.Form{Values: t, Problems: l, Unsaved: true})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, p.Name+" was created. Add its members.")
	return redirect(g, link.Members(p.Name))
}

// namedProject is the project that the address names, with the form that was sent.
func (c *Console) namedProject(g *gin.Context) (models.Project, error) {
	if err := g.Request.ParseForm(); err != nil {
		return models.Project{}, badForm(err)
	}
	return c.project(g.Request.Context(), g.Param("project"))
}

// EditProject describes a project.
func (c *Console) EditProject(g *gin.Context) error {
	p, err := c.namedProject(g)
	if err != nil {
		return err
	}
	return c.showProject(g, http.StatusOK, p, people.Form{Values: map[string]string{"description": p.Description}})
}

func (c *Console) showProject(g *gin.Context, status int, p models.Project, f people.Form) error {
	frame, err := c.frame(g, "Describe "+p.Name, p, layout.Crumb{Label: p.Name, Href: link.Project(p.Name)}, layout.Crumb{Label: "Describe"})
	if err != nil {
		return err
	}
	audited(g, &frame, p.Name, p.ID)
	f.Title, f.Action, f.Cancel, f.Hidden = "Describe "+p.Name, link.ProjectEdit(p.Name), c.afterProject(g, p), hiddenOf(p.ID, p.Version)
	return render(g, status, people.EditProjectPage(frame, f))
}

// afterProject is where a project is left for: the list, for whom it opens.
func (c *Console) afterProject(g *gin.Context, p models.Project) string {
	if visit.From(g.Request.Context()).Can(visit.ViewSystem) {
		return link.ProjectList
	}
	return link.Members(p.Name)
}

// SaveProject saves the description of a project as it was read.
func (c *Console) SaveProject(g *gin.Context) error {
	p, err := c.namedProject(g)
	if err != nil {
		return err
	}
	ctx, t := g.Request.Context(), typedVariable(g.Request.PostForm, []string{"description"})
	edit := models.Project{ID: p.ID, Description: strings.TrimSpace(t["description"]), Stamp: models.Stamp{Version: number(g.PostForm("version"))}}
	_, err = c.store.SaveProject(ctx, visit.From(ctx).Actor(), edit)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		changed := fmt.Sprintf("%s changed this project while you were editing it: %s", stale.By, orNone(p.Description))
		return c.showProject(g, http.StatusConflict, p, people.Form{Values: t, Changed: changed})
	}
	if l := problem.Of(err); l != nil {
		return c.showProject(g, http.StatusUnprocessableEntity, p, people.Form{Values: t, Problems: l})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, p.Name+" was saved.")
	return redirect(g, c.afterProject(g, p))
}

// ConfirmDeleteProject asks, or says what keeps it.
func (c *Console) ConfirmDeleteProject(g *gin.Context) error {
	p, err := c.namedProject(g)
	if err != nil {
		return err
	}
	return c.askDeleteProject(g, http.StatusOK, p, "", "")
}

func (c *Console) askDeleteProject(g *gin.Context, status int, p models.Project, typed, refused string) error {
	u, err := c.store.ProjectUse(g.Request.Context(), p.ID)
	if err != nil {
		return err
	}
	crumbs := projectCrumbs(layout.Crumb{Label: p.Name}, layout.Crumb{Label: "Delete"})
	if kept := u.Kept(); kept != "" {
		frame, err := c.frame(g, "Delete "+p.Name, models.Project{}, crumbs...)
		if err != nil {
			return err
		}
		return render(g, status, people.KeptPage(frame, p.Name, kept, link.ProjectList))
	}
	return c.ask(g, status, "Delete "+p.Name, crumbs, ui.Confirm{
		Title: "Delete project " + p.Name + "?", Text: "With everything that it has. It cannot be taken back; logs and audit keep what they have.",
		Effects: []string{
			"It has no API proxies and nothing is deployed",
			countOf(u.Policies, "global policy goes", "global policies go"), countOf(u.IdentitySources, "identity source goes", "identity sources go"),
			countOf(u.Credentials, "credential goes", "credentials go"), countOf(u.Members, "membership ends", "memberships end"),
		},
		Name: p.Name, Typed: typed, Error: refused, Action: link.ProjectDelete(p.Name), Label: "Delete project", Cancel: link.ProjectList, Hidden: hiddenOf(p.ID, p.Version),
	})
}

// DeleteProject deletes, with the name typed.
func (c *Console) DeleteProject(g *gin.Context) error {
	p, err := c.namedProject(g)
	if err != nil {
		return err
	}
	if typed := g.PostForm("confirm"); typed != p.Name {
		return c.askDeleteProject(g, http.StatusUnprocessableEntity, p, typed, "Type the name exactly as it is: "+p.Name+".")
	}
	ctx := g.Request.Context()
	if g.PostForm("objectId") != p.ID { // what was asked about is another one: this has its name
		return &models.StaleError{Kind: models.KindProject, Name: p.Name, Deleted: true}
	}
	err = c.store.DeleteProject(ctx, visit.From(ctx).Actor(), p.ID, number(g.PostForm("version")))
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return c.askDeleteProject(g, http.StatusConflict, p, "", notDeletedText(stale))
	}
	if l := problem.Of(err); l != nil {
		return c.askDeleteProject(g, http.StatusUnprocessableEntity, p, p.Name, l[0].Message)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, p.Name+" was deleted.")
	return redirect(g, link.ProjectList)
}
