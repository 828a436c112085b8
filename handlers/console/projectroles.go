package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// categories are those of permissions in words, in the order of the table.
var categories = []struct{ name, label, text string }{
	{"API_MANAGEMENT", "APIs", "API proxies, proxy groups and policy groups, what is bound to them, deploys and history"},
	{"GLOBAL_SETTINGS", "Global settings", "Global policies and variables"},
	{"CONNECTIONS", "Connections", "Identity sources"},
	{"IDENTITY", "Identity", "Credentials, their roles, and who may call which API"},
	{"MONITORING", "Monitoring", "Token requests, security events, logins, why calls were refused"},
	{"ANALYTICS", "Analytics", "Reports and figures"},
	{"AUDIT", "Audit", "Who changed what"},
	{"PROJECT_MANAGEMENT", "Project", "Its description and its members"},
}

// actionsOf are the actions of permissions, in the order of people.Actions.
var actionsOf = []string{models.ActionView, "MANAGE", "DEPLOY_UNDEPLOY", "EXPORT_IMPORT"}

// matrixOf is what permissions allow, as boxes.
func matrixOf(has models.Permissions, frozen bool) people.Matrix {
	m := people.Matrix{Frozen: frozen}
	for _, category := range categories {
		row := people.MatrixRow{Label: category.label, Text: category.text}
		for _, action := range actionsOf {
			p, cell := models.Permission(category.name+":"+action), people.MatrixCell{}
			if slices.Contains(models.AllPermissions(), p) {
				cell = people.MatrixCell{Value: string(p), On: has.Has(p)}
			}
			row.Cells = append(row.Cells, cell)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// allows says permissions in words, category by category.
func allows(has models.Permissions) string {
	verbs := []string{"view", "change", "deploy", "export and import"}
	var list []string
	for _, row := range matrixOf(has, true).Rows {
		var can []string
		for i, cell := range row.Cells {
			if cell.On && (i > 0 || !slices.ContainsFunc(row.Cells[1:], func(c people.MatrixCell) bool { return c.On })) {
				can = append(can, verbs[i])
			}
		}
		if len(can) > 0 {
			list = append(list, row.Label+": "+strings.Join(can, ", "))
		}
	}
	return strings.Join(list, "; ")
}

func projectRoleCrumbs(more ...layout.Crumb) []layout.Crumb {
	return administration("Project roles", link.ProjectRoles, more...)
}

// ListProjectRoles is the list of the roles of projects.
func (c *Console) ListProjectRoles(g *gin.Context) error {
	ctx := g.Request.Context()
	roles, err := c.store.ProjectRoles(ctx)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Project roles", models.Project{}, projectRoleCrumbs()...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindProjectRole)
	l := people.RoleList{Now: c.now()}
	if visit.From(ctx).Can(visit.ManageSystem) {
		l.New = link.NewProjectRole
	}
	for _, r := range roles {
		l.Items = append(l.Items, people.RoleItem{
			Name: r.Name, Description: r.Description, Allows: allows(r.Permissions), Fixed: r.Fixed, Used: r.Used,
			UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy, Edit: link.ProjectRoleEdit(r.Name), Delete: link.ProjectRoleDelete(r.Name),
		})
	}
	return render(g, http.StatusOK, people.RolesPage(frame, l))
}

// NewProjectRole is the empty form.
func (c *Console) NewProjectRole(g *gin.Context) error {
	return c.showProjectRole(g, http.StatusOK, models.ProjectRole{}, people.Form{})
}

// showProjectRole draws the form of a role; one without an id is new.
func (c *Console) showProjectRole(g *gin.Context, status int, r models.ProjectRole, f people.Form) error {
	f.Title, f.Action, f.Cancel, f.New = "New project role", link.NewProjectRole, link.ProjectRoles, r.ID == ""
	crumb := "New"
	if !f.New {
		f.Title, f.Action, f.Hidden, crumb = r.Name, link.ProjectRoleEdit(r.Name), hiddenOf(r.ID, r.Version), r.Name
		f.Text = "Given " + countOf(r.Used, "time.", "times.")
	}
	frozen := r.Fixed || !visit.From(g.Request.Context()).Can(visit.ManageSystem)
	if r.Fixed {
		f.Text = "It comes with the product and stays as it is. " + f.Text
	}
	has := r.Permissions
	if f.Values == nil {
		f.Values = map[string]string{"name": r.Name, "description": r.Description}
	} else {
		has = postedPermissions(g)
	}
	frame, err := c.frame(g, f.Title, models.Project{}, projectRoleCrumbs(layout.Crumb{Label: crumb})...)
	if err != nil {
		return err
	}
	if !f.New {
		audited(g, &frame, "", r.ID)
	}
	return render(g, status, people.RolePage(frame, f, matrixOf(has, frozen)))
}

func postedPermissions(g *gin.Context) models.Permissions {
	var has models.Permissions
	for _, p := range g.Request.PostForm["permissions"] {
		has = append(has, models.Permission(p))
	}
	return has
}

func postedProjectRole(g *gin.Context) (models.ProjectRole, map[string]string) {
	t := typedVariable(g.Request.PostForm, []string{"name", "description"})
	return models.ProjectRole{Name: strings.TrimSpace(t["name"]), Description: strings.TrimSpace(t["description"]), Permissions: postedPermissions(g)}, t
}

// CreateProjectRole makes one.
func (c *Console) CreateProjectRole(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx := g.Request.Context()
	r, t := postedProjectRole(g)
	saved, err := c.store.SaveProjectRole(ctx, visit.From(ctx).Actor(), r)
	if l := problem.Of(err); l != nil {
		return c.showProjectRole(g, http.StatusUnprocessableEntity, models.ProjectRole{}, people.Form{Values: t, Problems: l, Unsaved: true})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, saved.Name+" was created. Give it to members of projects.")
	return redirect(g, link.ProjectRoles)
}

// projectRole is the one that the address names.
func (c *Console) projectRole(g *gin.Context) (models.ProjectRole, error) {
	if err := g.Request.ParseForm(); err != nil {
		return models.ProjectRole{}, badForm(err)
	}
	return c.store.ProjectRole(g.Request.Context(), g.Param("role"))
}

// EditProjectRole is the form of one that exists; for whoever may not change it,
// and of a fixed one, what it says.
func (c *Console) EditProjectRole(g *gin.Context) error {
	r, err := c.projectRole(g)
	if err != nil {
		return err
	}
	return c.showProjectRole(g, http.StatusOK, r, people.Form{})
}

// SaveProjectRole saves the form of one that exists.
func (c *Console) SaveProjectRole(g *gin.Context) error {
	r, err := c.projectRole(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	edit, t := postedProjectRole(g)
	edit.ID, edit.Version = g.PostForm("objectId"), number(g.PostForm("version"))
	if edit.ID == "" {
		return models.ErrNotFound
	}
	saved, err := c.store.SaveProjectRole(ctx, visit.From(ctx).Actor(), edit)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		changed := fmt.Sprintf("%s changed this role while you were editing it. It allows now: %s.", stale.By, allows(r.Permissions))
		return c.showProjectRole(g, http.StatusConflict, r, people.Form{Values: t, Changed: changed})
	}
	if l := problem.Of(err); l != nil {
		return c.showProjectRole(g, http.StatusUnprocessableEntity, r, people.Form{Values: t, Problems: l, Unsaved: true})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, saved.Name+" was saved. It holds at once for "+countOf(saved.Used, "member.", "members."))
	return redirect(g, link.ProjectRoles)
}

// ConfirmDeleteProjectRole asks, or says what keeps it.
func (c *Console) ConfirmDeleteProjectRole(g *gin.Context) error {
	r, err := c.projectRole(g)
	if err != nil {
		return err
	}
	return c.askDeleteProjectRole(g, http.StatusOK, r, "", "")
}

func (c *Console) askDeleteProjectRole(g *gin.Context, status int, r models.ProjectRole, typed, refused string) error {
	effects := []string{"No member of any project has it"}
	if r.Used > 0 {
		effects[0] = countOf(r.Used, "member has it", "members have it") + "; it has to be taken from them first"
	}
	return c.ask(g, status, "Delete "+r.Name, projectRoleCrumbs(layout.Crumb{Label: r.Name}, layout.Crumb{Label: "Delete"}), ui.Confirm{
		Title: "Delete role " + r.Name + "?", Text: "Only a role that nobody has can be deleted. It cannot be taken back.", Effects: effects,
		Name: r.Name, Typed: typed, Error: refused, Action: link.ProjectRoleDelete(r.Name), Label: "Delete role", Cancel: link.ProjectRoles, Hidden: hiddenOf(r.ID, r.Version),
	})
}

// DeleteProjectRole deletes, with the name typed.
func (c *Console) DeleteProjectRole(g *gin.Context) error {
	r, err := c.projectRole(g)
	if err != nil {
		return err
	}
	if typed := g.PostForm("confirm"); typed != r.Name {
		return c.askDeleteProjectRole(g, http.StatusUnprocessableEntity, r, typed, "Type the name exactly as it is: "+r.Name+".")
	}
	ctx := g.Request.Context()
	err = c.store.DeleteProjectRole(ctx, visit.From(ctx).Actor(), g.PostForm("objectId"), number(g.PostForm("version")))
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return c.askDeleteProjectRole(g, http.StatusConflict, r, "", notDeletedText(stale))
	}
	if l := problem.Of(err); l != nil {
		return c.askDeleteProjectRole(g, http.StatusUnprocessableEntity, r, r.Name, l[0].Message)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, r.Name+" was deleted.")
	return redirect(g, link.ProjectRoles)
}
