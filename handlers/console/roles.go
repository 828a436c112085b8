package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

const rolesPerPage = 50

func roleCrumbs(project models.Project) []layout.Crumb {
	return []layout.Crumb{{Label: project.Name, Href: link.Project(project.Name)}, {Label: "Roles", Href: link.Roles(project.Name)}}
}

// ListRoles is the list of a project's roles.
func (c *Console) ListRoles(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showRoles(g, http.StatusOK, project, credentials.RoleList{})
}

// roleQueryOf is what the list's address asks for.
func roleQueryOf(g *gin.Context) models.RoleFilter {
	f := models.RoleFilter{Query: strings.TrimSpace(g.Query("q")), Sort: g.Query("sort"), Desc: g.Query("order") == "desc", PerPage: rolesPerPage}
	if !slices.Contains([]string{"name", "credentials", "updated"}, f.Sort) {
		f.Sort = "name"
	}
	f.Page, _ = strconv.Atoi(g.Query("page")) // what is no number is the first page
	f.Page = max(f.Page, 1)
	return f
}

func roleAddress(base string, f models.RoleFilter) string {
	v := url.Values{}
	if f.Query != "" {
		v.Set("q", f.Query)
	}
	if f.Sort != "name" {
		v.Set("sort", f.Sort)
	}
	if f.Desc {
		v.Set("order", "desc")
	}
	if f.Page > 1 {
		v.Set("page", strconv.Itoa(f.Page))
	}
	return withQuery(base, v)
}

func (c *Console) showRoles(g *gin.Context, status int, project models.Project, l credentials.RoleList) error {
	ctx := g.Request.Context()
	f, base := roleQueryOf(g), link.Roles(project.Name)
	found, total, err := c.store.Roles(ctx, project.ID, f)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Roles", project, roleCrumbs(project)...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, project.Name, models.KindRole)
	cleared := f
	cleared.Query, cleared.Page = "", 1
	l.Search = ui.Search{Action: base, Value: f.Query, Label: "Search roles", Clear: roleAddress(base, cleared)}
	l.Now, l.Columns = c.now(), roleColumns(base, f)
	l.Page = ui.PageOf(f.Page, rolesPerPage, len(found), total, "role", "roles", func(page int) string {
		next := f
		next.Page = page
		return roleAddress(base, next)
	})
	if visit.From(ctx).Can(models.ManageIdentity) {
		l.Create = base
		l.Columns = append(l.Columns, ui.Column{Label: "Actions", Hidden: true, Tight: true})
	}
	for _, r := range found {
		l.Items = append(l.Items, credentials.RoleItem{
			ID: r.ID, Name: r.Name, Description: r.Description, Credentials: r.Credentials, Policies: r.Policies,
			Holders: withQuery(link.Credentials(project.Name), url.Values{"role": {r.Name}}),
			Edit:    link.RoleEdit(project.Name, r.Name), Delete: link.RoleDelete(project.Name, r.Name), UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy,
		})
	}
	return render(g, status, credentials.RolesPage(frame, l))
}

func roleColumns(base string, f models.RoleFilter) []ui.Column {
	column := func(label, sort string, figure bool) ui.Column {
		next := f
		next.Sort, next.Desc, next.Page = sort, f.Sort == sort && !f.Desc, 1
		col := ui.Column{Label: label, Sort: roleAddress(base, next), Number: figure, Tight: figure}
		if f.Sort == sort {
			col.Order = ui.Ascending
			if f.Desc {
				col.Order = ui.Descending
			}
		}
		return col
	}
	return []ui.Column{
		column("Role", "name", false), column("Credentials", "credentials", true), {Label: "Policies", Number: true, Tight: true},
		column("Last change", "updated", false),
	}
}

// CreateRole makes a role from the form above the list.
func (c *Console) CreateRole(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	name, description := strings.TrimSpace(g.PostForm("name")), strings.TrimSpace(g.PostForm("description"))
	saved, err := c.store.SaveRole(ctx, visit.From(ctx).Actor(), project.ID, "", 0, name, description)
	if l := problem.Of(err); len(l) > 0 {
		return c.showRoles(g, http.StatusUnprocessableEntity, project, credentials.RoleList{Name: name, Description: description, Problems: l})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, saved.Name+" was created. Give it to credentials and ask for it in a policy.")
	return redirect(g, link.Roles(project.Name))
}

// role is the role that the address names.
func (c *Console) role(g *gin.Context) (models.Project, models.Role, error) {
	if err := g.Request.ParseForm(); err != nil {
		return models.Project{}, models.Role{}, badForm(err)
	}
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return project, models.Role{}, err
	}
	r, err := c.store.Role(g.Request.Context(), project.ID, g.Param("role"))
	return project, r, err
}

func roleHidden(r models.Role) []ui.Hidden {
	return []ui.Hidden{{Name: "roleId", Value: r.ID}, {Name: "version", Value: strconv.Itoa(r.Version)}}
}

// EditRole describes a role.
func (c *Console) EditRole(g *gin.Context) error {
	project, r, err := c.role(g)
	if err != nil {
		return err
	}
	return c.showRole(g, http.StatusOK, project, r, credentials.RoleForm{Description: r.Description})
}

func (c *Console) showRole(g *gin.Context, status int, project models.Project, r models.Role, f credentials.RoleForm) error {
	frame, err := c.frame(g, "Describe "+r.Name, project, append(roleCrumbs(project), layout.Crumb{Label: r.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, project.Name, r.ID)
	f.Name, f.Action, f.Cancel, f.Hidden = r.Name, link.RoleEdit(project.Name, r.Name), link.Roles(project.Name), roleHidden(r)
	return render(g, status, credentials.RoleFormPage(frame, f))
}

// SaveRole saves the description of a role as it was read.
func (c *Console) SaveRole(g *gin.Context) error {
	project, r, err := c.role(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	description := strings.TrimSpace(plainLines(g.PostForm("description")))
	_, err = c.store.SaveRole(ctx, visit.From(ctx).Actor(), project.ID, g.PostForm("roleId"), number(g.PostForm("version")), r.Name, description)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		// The form is of the role as it is now: saving again puts mine over it.
		changed := fmt.Sprintf("%s changed this role while you were editing it: %s", stale.By, orNone(r.Description))
		return c.showRole(g, http.StatusConflict, project, r, credentials.RoleForm{Description: description, Changed: changed})
	}
	if l := problem.Of(err); len(l) > 0 {
		return c.showRole(g, http.StatusUnprocessableEntity, project, r, credentials.RoleForm{Description: description, Problems: l})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, r.Name+" was saved.")
	return redirect(g, link.Roles(project.Name))
}

func orNone(text string) string {
	if text == "" {
		return "it has no description now."
	}
	return text
}

// ConfirmDeleteRole asks, or says what keeps the role.
func (c *Console) ConfirmDeleteRole(g *gin.Context) error {
	project, r, err := c.role(g)
	if err != nil {
		return err
	}
	return c.askDeleteRole(g, http.StatusOK, project, r, "")
}

func (c *Console) askDeleteRole(g *gin.Context, status int, project models.Project, r models.Role, refused string) error {
	use, err := c.store.RoleUse(g.Request.Context(), project.ID, r.ID)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Delete "+r.Name, project, append(roleCrumbs(project), layout.Crumb{Label: r.Name}, layout.Crumb{Label: "Delete"})...)
	if err != nil {
		return err
	}
	return render(g, status, credentials.AskPage(frame, ui.Confirm{
		Title: "Delete role " + r.Name + "?", Text: "Only a role that nothing uses can be deleted. It cannot be taken back.", Effects: roleEffects(use), Error: refused,
		Action: link.RoleDelete(project.Name, r.Name), Label: "Delete role", Cancel: link.Roles(project.Name), Hidden: roleHidden(r),
	}))
}

func roleEffects(u models.RoleUsage) []string {
	effects := []string{"No credential has it", "No policy asks for it"}
	if u.Credentials > 0 {
		effects[0] = fmt.Sprintf("%s it, such as %s", countOf(u.Credentials, "credential has", "credentials have"), strings.Join(u.CredentialNames, ", "))
	}
	if len(u.Policies) > 0 {
		effects[1] = fmt.Sprintf("%s for it: %s", countOf(len(u.Policies), "policy asks", "policies ask"), someOf(u.Policies))
	}
	return effects
}

// DeleteRole deletes a role as it was read, when nothing uses it.
func (c *Console) DeleteRole(g *gin.Context) error {
	project, r, err := c.role(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	err = c.store.DeleteRole(ctx, visit.From(ctx).Actor(), project.ID, g.PostForm("roleId"), number(g.PostForm("version")))
	if l := problem.Of(err); len(l) > 0 {
		return c.askDeleteRole(g, http.StatusUnprocessableEntity, project, r, l[0].Message)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, r.Name+" was deleted.")
	return redirect(g, link.Roles(project.Name))
}
