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
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
	"github.com/gatewright/gatewright/web/variables"
)

const variablesPerPage = 50

// variableDesk is one visit to the variables of a project.
type variableDesk struct {
	c       *Console
	g       *gin.Context
	v       *visit.Visit
	project models.Project
}

func (c *Console) variableDesk(g *gin.Context) (*variableDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	return &variableDesk{c: c, g: g, v: visit.From(ctx), project: project}, err
}

func (d *variableDesk) list() string { return link.Variables(d.project.Name) }

func (d *variableDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: d.project.Name, Href: link.Project(d.project.Name)}, {Label: "Variables", Href: d.list()}}
	return d.c.frame(d.g, title, d.project, append(crumbs, more...)...)
}

// typedVariable is a form, or an address that fills one in, field by field.
func typedVariable(from url.Values, fields []string) variables.Values {
	t := variables.Values{}
	for _, field := range fields {
		t[field] = plainLines(from.Get(field))
	}
	return t
}

// variable is the one that the address names.
func (d *variableDesk) variable() (models.Variable, error) {
	return d.c.store.Variable(d.g.Request.Context(), d.project.ID, d.g.Param("variable"))
}

// ListVariables is the list of a project's variables.
func (c *Console) ListVariables(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	all, err := c.store.Variables(g.Request.Context(), d.project.ID)
	if err != nil {
		return err
	}
	frame, err := d.frame("Variables")
	if err != nil {
		return err
	}
	auditedKind(g, &frame, d.project.Name, models.KindVariable)
	text := strings.TrimSpace(g.Query("q"))
	found := slices.DeleteFunc(all, func(v models.Variable) bool { return !variableMatches(v, text) })
	page := min(max(number(g.Query("page")), 1), max((len(found)+variablesPerPage-1)/variablesPerPage, 1))
	shown := found[(page-1)*variablesPerPage : min(page*variablesPerPage, len(found))]
	l := variables.List{
		Search: ui.Search{Action: d.list(), Value: text, Label: "Search variables", Clear: d.list()}, Now: c.now(),
		Page: ui.PageOf(page, variablesPerPage, len(shown), len(found), "variable", "variables", func(page int) string { return d.address(text, page) }),
	}
	if d.v.Can(models.ManageSettings) {
		l.New = link.NewVariable(d.project.Name)
	}
	for _, v := range shown {
		l.Items = append(l.Items, d.item(v))
	}
	return render(g, http.StatusOK, variables.ListPage(frame, l))
}

func variableMatches(v models.Variable, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{v.Definition.Name, v.Definition.Description, v.Definition.Words()}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}

func (d *variableDesk) address(text string, page int) string {
	q := url.Values{}
	if text != "" {
		q.Set("q", text)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return withQuery(d.list(), q)
}

func (d *variableDesk) item(v models.Variable) variables.Item {
	item := variables.Item{
		Name: v.Definition.Name, Description: v.Definition.Description, Words: v.Definition.Words(), Policies: v.Policies,
		UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy,
	}
	if d.v.Can(models.ManageSettings) {
		item.Edit, item.Delete = link.VariableEdit(d.project.Name, item.Name), link.VariableDelete(d.project.Name, item.Name)
	}
	return item
}

// NewVariable is the form of a new variable. Its address may fill in fields.
func (c *Console) NewVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.URL.Query(), variables.Fields)
	if t["kind"] == "" {
		t["kind"] = "HEADER"
	}
	return d.showNew(http.StatusOK, variables.FormPage{Values: t})
}

func (d *variableDesk) showNew(status int, p variables.FormPage) error {
	frame, err := d.frame("New variable", layout.Crumb{Label: "New"})
	if err != nil {
		return err
	}
	p.New, p.Title, p.Cancel = true, "New variable", d.list()
	p.Action, p.Check = link.NewVariable(d.project.Name), link.CheckVariableName(d.project.Name)
	return render(d.g, status, variables.VariablePage(frame, p))
}

// CreateVariable saves a new variable.
func (c *Console) CreateVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.PostForm, variables.Fields)
	saved, problems, err := d.save("", 0, t)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return d.showNew(http.StatusUnprocessableEntity, variables.FormPage{Values: t, Problems: problems, Unsaved: true})
	}
	d.v.Say(g.Request.Context(), visit.Success, saved.Definition.Name+" was created. Conditions can refer to it now.")
	return redirect(g, d.list())
}

// save reads and saves what was typed. That a name is taken is said together
// with whatever else is wrong.
func (d *variableDesk) save(id string, version int, t variables.Values) (models.Variable, problem.List, error) {
	ctx, v := d.g.Request.Context(), variables.Read(t)
	saved, err := d.c.store.SaveVariable(ctx, d.v.Actor(), d.project.ID, id, version, v)
	problems := problem.Of(err)
	if len(problems) == 0 {
		return saved, nil, err
	}
	if problems.For("name") == "" {
		why, err := d.c.store.VariableNameProblem(ctx, d.project.ID, v.Name, id)
		if err != nil {
			return saved, nil, err
		}
		if why != "" {
			problems.Add("name", "%s", why)
		}
	}
	return saved, variables.Located(problems), nil
}

// EditVariable is the form of a variable that exists.
func (c *Console) EditVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	v, err := d.variable()
	if err != nil {
		return err
	}
	return d.showEdit(http.StatusOK, v, variables.FormPage{Values: variables.Write(v.Definition)})
}

func (d *variableDesk) showEdit(status int, v models.Variable, p variables.FormPage) error {
	name := v.Definition.Name
	frame, err := d.frame("Edit "+name, layout.Crumb{Label: name}, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	audited(d.g, &frame, d.project.Name, v.ID)
	p.Title, p.Cancel, p.Policies = "Edit "+name, d.list(), v.Policies
	p.Action, p.Hidden = link.VariableEdit(d.project.Name, name), variableHidden(v.ID, v.Version)
	p.Check = link.CheckVariableName(d.project.Name) + "?" + url.Values{"except": {v.ID}}.Encode()
	return render(d.g, status, variables.VariablePage(frame, p))
}

func variableHidden(id string, version int) []ui.Hidden {
	return []ui.Hidden{{Name: "variableId", Value: id}, {Name: "version", Value: strconv.Itoa(version)}}
}

// postedVariable is the one that a form means, as it was read: by its id, which
// stays when somebody renames it.
func postedVariable(g *gin.Context) (id string, version int, err error) {
	if id = g.PostForm("variableId"); id == "" { // no page of ours sends that
		err = fmt.Errorf("variable without id: %w", models.ErrNotFound)
	}
	return id, number(g.PostForm("version")), err
}

// SaveVariable saves the form of a variable that exists.
func (c *Console) SaveVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	id, version, err := postedVariable(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.PostForm, variables.Fields)
	saved, problems, err := d.save(id, version, t)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showConflict(stale, t)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return d.showRefused(version, variables.FormPage{Values: t, Problems: problems, Unsaved: true})
	}
	d.v.Say(g.Request.Context(), visit.Success, saved.Definition.Name+" was saved. Deployed APIs take it over with their next deploy.")
	return redirect(g, d.list())
}

// showRefused goes on with the version that was read.
func (d *variableDesk) showRefused(version int, p variables.FormPage) error {
	v, err := d.variable()
	if err != nil {
		return err
	}
	v.Version = version
	return d.showEdit(http.StatusUnprocessableEntity, v, p)
}

func conflictOf(stale *models.StaleError, c *Console) *variables.Conflict {
	return &variables.Conflict{Name: stale.Name, By: stale.By, At: stale.At, Now: c.now(), Deleted: stale.Deleted || stale.Current == nil}
}

// showConflict shows both sides of a save that came too late. Where the variable
// is gone, the same form creates it again.
func (d *variableDesk) showConflict(stale *models.StaleError, t variables.Values) error {
	p := variables.FormPage{Values: t, Unsaved: true, Conflict: conflictOf(stale, d.c)}
	now, ok := stale.Current.(models.Variable)
	if !ok {
		return d.showNew(http.StatusConflict, p)
	}
	mine, theirs := variables.Settings(variables.Read(t)), variables.Settings(now.Definition)
	p.Conflict.Different, p.Conflict.Same = policies.Compare(theirs, mine)
	p.Conflict.Discard = link.VariableEdit(d.project.Name, now.Definition.Name)
	read, err := d.c.store.Variable(d.g.Request.Context(), d.project.ID, now.Definition.Name)
	if err != nil {
		return err
	}
	now.Policies = read.Policies
	// The form names the version that is shown as theirs: saving again keeps
	// mine, unless they go on changing it.
	return d.showEdit(http.StatusConflict, now, p)
}

// ConfirmDeleteVariable asks, or says what keeps the variable.
func (c *Console) ConfirmDeleteVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	v, err := d.variable()
	if err != nil {
		return err
	}
	return d.askDelete(http.StatusOK, v, "")
}

func (d *variableDesk) askDelete(status int, v models.Variable, refused string) error {
	name := v.Definition.Name
	frame, err := d.frame("Delete "+name, layout.Crumb{Label: name}, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	if len(v.Policies) > 0 {
		return render(d.g, status, variables.InUsePage(frame, name, d.list(), v.Policies))
	}
	return render(d.g, status, variables.AskPage(frame, ui.Confirm{
		Title: "Delete variable " + name + "?", Text: "It cannot be taken back.", Error: refused,
		Effects: []string{"No policy refers to it", "What is deployed keeps what it was deployed with"},
		Action:  link.VariableDelete(d.project.Name, name), Label: "Delete variable", Cancel: d.list(), Hidden: variableHidden(v.ID, v.Version),
	}))
}

// DeleteVariable deletes a variable as it was read, when no policy refers to it.
func (c *Console) DeleteVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	v, err := d.variable()
	if err != nil {
		return err
	}
	id, version, err := postedVariable(g)
	if err != nil {
		return err
	}
	err = c.store.DeleteVariable(g.Request.Context(), d.v.Actor(), d.project.ID, id, version)
	if l := problem.Of(err); len(l) > 0 {
		return d.askDelete(http.StatusUnprocessableEntity, v, l[0].Message)
	}
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return d.askDelete(http.StatusConflict, v, notDeletedText(stale))
	}
	if err != nil {
		return err
	}
	d.v.Say(g.Request.Context(), visit.Success, v.Definition.Name+" was deleted.")
	return redirect(g, d.list())
}

func notDeletedText(stale *models.StaleError) string {
	return fmt.Sprintf("It was changed by %s since you opened this page and has not been deleted. Look at it again first.", stale.By)
}

// CheckVariableName says while it is typed whether a name is free.
func (c *Console) CheckVariableName(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	why, err := c.store.VariableNameProblem(g.Request.Context(), d.project.ID, strings.TrimSpace(g.Query("name")), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}
