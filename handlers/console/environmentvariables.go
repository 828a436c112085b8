package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
	"github.com/gatewright/gatewright/web/variables"
)

// valueDesk is one visit to the variables of an environment.
type valueDesk struct {
	c           *Console
	g           *gin.Context
	v           *visit.Visit
	environment models.Environment
}

func (c *Console) valueDesk(g *gin.Context) (*valueDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	ctx := g.Request.Context()
	e, err := c.store.Environment(ctx, g.Param("environment"))
	return &valueDesk{c: c, g: g, v: visit.From(ctx), environment: e}, err
}

func (d *valueDesk) list() string { return link.EnvironmentVariables(d.environment.Name) }

func (d *valueDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: "Global Settings"}, {Label: "Environment Variables", Href: d.list()}}
	p, err := d.c.frame(d.g, title, models.Project{}, append(crumbs, more...)...)
	chooseEnvironment(&p, d.environment.Name, link.EnvironmentVariables)
	return p, err
}

// variable is the one of the environment with an id.
func (d *valueDesk) variable(id string) (models.EnvironmentVariable, error) {
	all, err := d.c.store.EnvironmentVariables(d.g.Request.Context(), d.environment.Name)
	if err != nil {
		return models.EnvironmentVariable{}, err
	}
	i := slices.IndexFunc(all, func(v models.EnvironmentVariable) bool { return v.ID == id })
	if i < 0 {
		return models.EnvironmentVariable{}, fmt.Errorf("environment variable: %w", models.ErrNotFound)
	}
	return all[i], nil
}

// ListEnvironmentVariables is the list of an environment's values.
func (c *Console) ListEnvironmentVariables(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	all, err := c.store.EnvironmentVariables(g.Request.Context(), d.environment.Name)
	if err != nil {
		return err
	}
	frame, err := d.frame("Environment Variables of " + d.environment.Name)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindEnvironmentVariable)
	l := variables.EnvironmentList{Environment: d.environment.Name, Now: c.now()}
	for _, v := range all {
		l.Items = append(l.Items, d.item(v))
	}
	if d.v.Can(visit.ManageSystem) {
		l.New = link.NewEnvironmentVariable(d.environment.Name)
	}
	return render(g, http.StatusOK, variables.EnvironmentPage(frame, l))
}

func (d *valueDesk) item(v models.EnvironmentVariable) variables.EnvironmentItem {
	item := variables.EnvironmentItem{Name: v.Name, Value: v.Value, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
	if d.v.Can(visit.ManageSystem) {
		item.Edit = link.EnvironmentVariableEdit(v.Environment, v.ID)
		item.Delete = link.EnvironmentVariableDelete(v.Environment, v.ID)
	}
	return item
}

// NewEnvironmentVariable is the empty form.
func (c *Console) NewEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	return d.showNew(http.StatusOK, variables.FormPage{})
}

func (d *valueDesk) showNew(status int, p variables.FormPage) error {
	frame, err := d.frame("New environment variable", layout.Crumb{Label: "New"})
	if err != nil {
		return err
	}
	p.New, p.Title, p.Cancel, p.Environment = true, "New environment variable", d.list(), d.environment.Name
	p.Action, p.Check = link.NewEnvironmentVariable(d.environment.Name), link.CheckEnvironmentVariableName(d.environment.Name)
	return render(d.g, status, variables.EnvironmentVariablePage(frame, p))
}

// CreateEnvironmentVariable saves the value of a new name.
func (c *Console) CreateEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.PostForm, variables.EnvironmentFields)
	saved, problems, err := d.save("", 0, t)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return d.showNew(http.StatusUnprocessableEntity, variables.FormPage{Values: t, Problems: problems, Unsaved: true})
	}
	d.v.Say(g.Request.Context(), visit.Success, fmt.Sprintf("%s was added to %s. Write ${%s} in a condition or in an error template.", saved.Name, d.environment.Name, saved.Name))
	return redirect(g, d.list())
}

// save saves what was typed. That a name is taken is said together with whatever
// else is wrong.
func (d *valueDesk) save(id string, version int, t variables.Values) (models.EnvironmentVariable, problem.List, error) {
	ctx, name := d.g.Request.Context(), strings.TrimSpace(t["name"])
	saved, err := d.c.store.SaveEnvironmentVariable(ctx, d.v.Actor(), d.environment.Name, id, version, name, t["value"])
	problems := problem.Of(err)
	if len(problems) == 0 {
		return saved, nil, err
	}
	if problems.For("name") == "" {
		why, err := d.c.store.EnvironmentVariableNameProblem(ctx, d.environment.Name, name, id)
		if err != nil {
			return saved, nil, err
		}
		if why != "" {
			problems = append(problem.List{{Field: "name", Message: why}}, problems...)
		}
	}
	return saved, problems, nil
}

// EditEnvironmentVariable is the form of a value that exists.
func (c *Console) EditEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	v, err := d.variable(g.Param("variable"))
	if err != nil {
		return err
	}
	return d.showEdit(http.StatusOK, v, variables.FormPage{Values: valueFields(v)})
}

func valueFields(v models.EnvironmentVariable) variables.Values {
	return variables.Values{"name": v.Name, "value": v.Value}
}

func (d *valueDesk) showEdit(status int, v models.EnvironmentVariable, p variables.FormPage) error {
	frame, err := d.frame("Edit "+v.Name, layout.Crumb{Label: v.Name}, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	audited(d.g, &frame, "", v.ID)
	p.Title, p.Cancel, p.Environment = "Edit "+v.Name, d.list(), d.environment.Name
	p.Action, p.Hidden = link.EnvironmentVariableEdit(d.environment.Name, v.ID), variableHidden(v.ID, v.Version)
	p.Check = link.CheckEnvironmentVariableName(d.environment.Name) + "?" + url.Values{"except": {v.ID}}.Encode()
	return render(d.g, status, variables.EnvironmentVariablePage(frame, p))
}

// SaveEnvironmentVariable saves the form of a value that exists.
func (c *Console) SaveEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	id, version, err := postedVariable(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.PostForm, variables.EnvironmentFields)
	saved, problems, err := d.save(id, version, t)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showConflict(stale, t)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return d.showRefused(id, version, variables.FormPage{Values: t, Problems: problems, Unsaved: true})
	}
	d.v.Say(g.Request.Context(), visit.Success, fmt.Sprintf("%s was saved. %sAPIs in %s take it over with their next deploy.", saved.Name, atOnce(saved), d.environment.Name))
	return redirect(g, d.list())
}

// atOnce says where a value holds without a deploy.
func atOnce(v models.EnvironmentVariable) string {
	if len(v.ErrorMessages) == 0 {
		return ""
	}
	return "The error catalogue uses it at once. "
}

// showRefused goes on with the version that was read.
func (d *valueDesk) showRefused(id string, version int, p variables.FormPage) error {
	v, err := d.variable(id)
	if err != nil {
		return err
	}
	v.Version = version
	return d.showEdit(http.StatusUnprocessableEntity, v, p)
}

// showConflict shows both sides of a save that came too late. Where the value is
// gone, the same form adds it again.
func (d *valueDesk) showConflict(stale *models.StaleError, t variables.Values) error {
	p := variables.FormPage{Values: t, Unsaved: true, Conflict: conflictOf(stale, d.c)}
	now, ok := stale.Current.(models.EnvironmentVariable)
	if !ok {
		return d.showNew(http.StatusConflict, p)
	}
	p.Conflict.Different, p.Conflict.Same = policies.Compare(variables.EnvironmentSettings(valueFields(now)), variables.EnvironmentSettings(t))
	p.Conflict.Discard = link.EnvironmentVariableEdit(d.environment.Name, now.ID)
	return d.showEdit(http.StatusConflict, now, p)
}

// ConfirmDeleteEnvironmentVariable asks before a value is deleted.
func (c *Console) ConfirmDeleteEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	v, err := d.variable(g.Param("variable"))
	if err != nil {
		return err
	}
	return d.askDelete(http.StatusOK, v, "")
}

func (d *valueDesk) askDelete(status int, v models.EnvironmentVariable, refused string) error {
	frame, err := d.frame("Delete "+v.Name, layout.Crumb{Label: v.Name}, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	effects := []string{"What is deployed keeps the value", "A deploy of what refers to ${" + v.Name + "} is refused until the name has a value again"}
	if n := len(v.ErrorMessages); n > 0 {
		effects = append(effects, countOf(n, "message of the error catalogue loses", "messages of the error catalogue lose")+" it at once: "+typeNames(v.ErrorMessages))
	}
	return render(d.g, status, variables.AskPage(frame, ui.Confirm{
		Title: "Delete " + v.Name + " from " + d.environment.Name + "?", Text: "The audit keeps its value.", Error: refused, Effects: effects,
		Action: link.EnvironmentVariableDelete(d.environment.Name, v.ID), Label: "Delete variable", Cancel: d.list(), Hidden: variableHidden(v.ID, v.Version),
	}))
}

func typeNames(list []fault.Type) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// DeleteEnvironmentVariable deletes a value as it was read.
func (c *Console) DeleteEnvironmentVariable(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	id, version, err := postedVariable(g)
	if err != nil {
		return err
	}
	v, err := d.variable(id)
	if err != nil {
		return err
	}
	err = c.store.DeleteEnvironmentVariable(g.Request.Context(), d.v.Actor(), d.environment.Name, id, version)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return d.askDelete(http.StatusConflict, v, notDeletedText(stale))
	}
	if err != nil {
		return err
	}
	d.v.Say(g.Request.Context(), visit.Success, v.Name+" was deleted from "+d.environment.Name+".")
	return redirect(g, d.list())
}

// CheckEnvironmentVariableName says while it is typed whether a name is free.
func (c *Console) CheckEnvironmentVariableName(g *gin.Context) error {
	d, err := c.valueDesk(g)
	if err != nil {
		return err
	}
	why, err := c.store.EnvironmentVariableNameProblem(g.Request.Context(), d.environment.Name, strings.TrimSpace(g.Query("name")), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}
