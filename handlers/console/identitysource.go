package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// sourcesPerPage is how many identity sources a page of the list has.
const sourcesPerPage = 50

// sourceCrumbs is the way to a page of identity sources.
func sourceCrumbs(project string, more ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{
		{Label: project, Href: link.Project(project)},
		{Label: "Identity Sources", Href: link.IdentitySources(project)},
	}, more...)
}

// ListIdentitySources is the list of a project's identity sources.
func (c *Console) ListIdentitySources(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	q := webidentity.ParseQuery(g.Request.URL.Query(), c.identities)
	rows, total, err := c.findSources(ctx, project, &q)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Identity Sources", project, sourceCrumbs(project.Name)...)
	if err != nil {
		return err
	}
	page := webidentity.ListPage{
		Frame: frame, Project: project.Name, Kinds: c.identities, Query: q, Total: total, PerPage: sourcesPerPage,
		Manage: visit.From(ctx).Can(models.ManageConnections), Now: c.now(),
	}
	for _, s := range rows {
		page.Items = append(page.Items, c.sourceItem(s))
	}
	return render(g, http.StatusOK, webidentity.Sources(page))
}

// findSources asks for a page of the list; a page after the last one becomes
// the last one.
func (c *Console) findSources(ctx context.Context, project models.Project, q *webidentity.Query) ([]models.IdentitySource, int, error) {
	for {
		rows, total, err := c.store.IdentitySources(ctx, project.ID, models.IdentitySourceFilter{
			Query: q.Text, Kind: q.Kind, Sort: q.Sort, Desc: q.Desc, Page: q.Page, PerPage: sourcesPerPage,
		})
		if err != nil || len(rows) > 0 || q.Page == 1 {
			return rows, total, err
		}
		q.Page = max(1, min(q.Page-1, (total+sourcesPerPage-1)/sourcesPerPage))
	}
}

func (c *Console) sourceItem(s models.IdentitySource) webidentity.Item {
	kind, _ := c.identities.Find(s.Kind) // the store gives none of an unknown kind
	return webidentity.Item{
		ID: s.ID, Name: s.Name, Description: s.Description, Kind: s.Kind, KindLabel: kind.Label, Used: s.Used,
		Version: s.Version, UpdatedAt: s.UpdatedAt, UpdatedBy: s.UpdatedBy,
	}
}

// ChooseIdentitySourceKind is where a new source begins.
func (c *Console) ChooseIdentitySourceKind(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Add identity source", project, sourceCrumbs(project.Name, layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	var kinds []webidentity.Kind
	for _, k := range c.identities {
		if sourceForms[k.Name] != nil {
			kinds = append(kinds, webidentity.Kind{
				Name: string(k.Name), Label: k.Label, Summary: k.Summary, Href: link.NewIdentitySourceOf(project.Name, string(k.Name)),
			})
		}
	}
	return render(g, http.StatusOK, webidentity.ChooseKind(frame, project.Name, kinds))
}

// ShowIdentitySource is the page of a source.
func (c *Console) ShowIdentitySource(g *gin.Context) error {
	e, s, err := c.addressedSource(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	uses, err := c.store.IdentitySourceUses(ctx, e.project.ID, s.ID)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, s.Name, e.project, sourceCrumbs(e.project.Name, layout.Crumb{Label: s.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, e.project.Name, s.ID)
	v := visit.From(ctx)
	return render(g, http.StatusOK, webidentity.View(webidentity.ViewPage{
		Frame: frame, Project: e.project.Name, Item: c.sourceItem(s), CreatedAt: s.CreatedAt, CreatedBy: s.CreatedBy,
		Settings: webidentity.SettingsOf(e.form, webidentity.Write(e.form, s.Config)), Secrets: secretLabels(e.kind, s.Secrets),
		Advice: e.form.Advice(s.Config), Uses: sourceUses(e.project.Name, uses),
		Manage: v.Can(models.ManageConnections), Now: c.now(),
	}))
}

func secretLabels(kind identity.Kind, stored []string) []string {
	var labels []string
	for _, name := range stored {
		for _, f := range kind.Secrets {
			if f.Name == name {
				labels = append(labels, f.Label)
			}
		}
	}
	return labels
}

// sourceUses says of each policy whose it is and leads there.
func sourceUses(project string, uses []models.IdentitySourceUse) []webidentity.Use {
	list := make([]webidentity.Use, len(uses))
	for i, u := range uses {
		list[i] = webidentity.Use{Policy: u.Policy, Where: "Global policy", Href: link.Policy(project, u.Type, u.Policy), Live: u.Environments}
		if u.Proxy != "" {
			list[i].Where, list[i].Href = "Policy of API proxy "+u.Proxy, link.Proxy(project, u.Proxy).Develop()
		}
		if u.PolicyID == "" {
			list[i].Where = "As deployed with API proxy " + u.Proxy
		}
	}
	return list
}

// ConfirmDeleteIdentitySource asks before a source is deleted, or says why it
// cannot be.
func (c *Console) ConfirmDeleteIdentitySource(g *gin.Context) error {
	e, s, err := c.addressedSource(g)
	if err != nil {
		return err
	}
	uses, err := c.store.IdentitySourceUses(g.Request.Context(), e.project.ID, s.ID)
	if err != nil {
		return err
	}
	if len(uses) > 0 {
		return e.blocked(http.StatusOK, s, uses)
	}
	return e.askDelete(http.StatusOK, s, "")
}

func (e *sourceEditor) deleteFrame(s models.IdentitySource) (layout.Props, error) {
	return e.c.frame(e.g, "Delete "+s.Name, e.project, sourceCrumbs(e.project.Name,
		layout.Crumb{Label: s.Name, Href: link.IdentitySource(e.project.Name, s.Name)}, layout.Crumb{Label: "Delete"})...)
}

func (e *sourceEditor) blocked(status int, s models.IdentitySource, uses []models.IdentitySourceUse) error {
	frame, err := e.deleteFrame(s)
	if err != nil {
		return err
	}
	return render(e.g, status, webidentity.Blocked(frame, s.Name, link.IdentitySource(e.project.Name, s.Name), sourceUses(e.project.Name, uses)))
}

func (e *sourceEditor) askDelete(status int, s models.IdentitySource, refused string) error {
	frame, err := e.deleteFrame(s)
	if err != nil {
		return err
	}
	effects := []string{"No policy names it, neither as it is edited nor as it is deployed."}
	if n := len(s.Secrets); n > 0 {
		effects = append(effects, "Its "+countOf(n, "stored secret is", "stored secrets are")+" removed for good.")
	}
	return render(e.g, status, webidentity.Confirm(frame, ui.Confirm{
		Title: "Delete identity source " + s.Name + "?", Text: "The source and its settings are removed. This cannot be undone.",
		Effects: effects, Error: refused, Label: "Delete identity source",
		Action: link.IdentitySourceDelete(e.project.Name, s.Name), Cancel: link.IdentitySource(e.project.Name, s.Name),
		Hidden: sourceHidden(s),
	}))
}

func sourceHidden(s models.IdentitySource) []ui.Hidden {
	return []ui.Hidden{{Name: "sourceId", Value: s.ID}, {Name: "version", Value: strconv.Itoa(s.Version)}}
}

// DeleteIdentitySource deletes a source as it was read.
func (c *Console) DeleteIdentitySource(g *gin.Context) error {
	e, s, err := c.postedSource(g, g.PostForm("sourceId"))
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	err = c.store.DeleteIdentitySource(ctx, visit.From(ctx).Actor(), e.project.ID, s.ID, number(g.PostForm("version")))
	if inUse := new(models.SourceInUseError); errors.As(err, &inUse) {
		return e.blocked(http.StatusConflict, s, inUse.Uses)
	}
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return e.askDelete(http.StatusConflict, s, fmt.Sprintf("It was changed by %s since you opened this page and has not been deleted. Look at it again first.", stale.By))
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, s.Name+" was deleted.")
	return redirect(g, link.IdentitySources(e.project.Name))
}
