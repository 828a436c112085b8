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
	"github.com/gatewright/gatewright/web/environments"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
	"github.com/gatewright/gatewright/web/variables"
)

// NewEnvironment is the empty form.
func (c *Console) NewEnvironment(g *gin.Context) error {
	d, err := c.environmentsDesk(g)
	if err != nil {
		return err
	}
	return d.showNew(http.StatusOK, environments.Form{Values: map[string]string{"type": models.Test}})
}

func (d *environmentDesk) showNew(status int, f environments.Form) error {
	frame, err := d.frame("New environment", layout.Crumb{Label: "New"})
	if err != nil {
		return err
	}
	f.New, f.Title, f.Action, f.Cancel, f.Check = true, "New environment", link.NewEnvironment, link.Environments, link.CheckEnvironmentName
	return render(d.g, status, environments.EditPage(frame, f))
}

// typed is the form field by field.
func (d *environmentDesk) typed() map[string]string {
	return typedVariable(d.g.Request.PostForm, environments.Fields)
}

func environmentOf(t map[string]string) models.Environment {
	return models.Environment{
		Name: strings.TrimSpace(t["name"]), Type: t["type"], PublicURL: strings.TrimSpace(t["publicUrl"]),
		Description: strings.TrimSpace(t["description"]), Colour: models.Colour(t["colour"]),
	}
}

func environmentValues(e models.Environment) map[string]string {
	return map[string]string{"name": e.Name, "type": e.Type, "publicUrl": e.PublicURL, "description": e.Description, "colour": string(e.Colour)}
}

// CreateEnvironment makes one and leads to its page, which says how to serve it.
func (c *Console) CreateEnvironment(g *gin.Context) error {
	d, err := c.environmentsDesk(g)
	if err != nil {
		return err
	}
	ctx, t := g.Request.Context(), d.typed()
	e, err := c.store.SaveEnvironment(ctx, d.v.Actor(), environmentOf(t))
	if problems := problem.Of(err); problems != nil {
		return d.showNew(http.StatusUnprocessableEntity, environments.Form{Values: t, Problems: problems, Unsaved: true})
	}
	if err != nil {
		return err
	}
	missing, err := c.store.MissingValues(ctx, e.Name)
	if err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, e.Name+" was created. No gateway node serves it yet.")
	if n := len(missing); n > 0 {
		d.v.Say(ctx, visit.Warning, fmt.Sprintf("%s lacks %s that the error catalogue names.", e.Name, countOf(n, "variable", "variables")))
	}
	return redirect(g, link.EnvironmentPage(e.Name))
}

// CheckEnvironmentName says while it is typed whether a name is free.
func (c *Console) CheckEnvironmentName(g *gin.Context) error {
	why, err := c.store.EnvironmentNameProblem(g.Request.Context(), strings.TrimSpace(g.Query("name")))
	if err != nil {
		return err
	}
	return checked(g, why)
}

// EditEnvironment is the form of one that exists.
func (c *Console) EditEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	return d.showEdit(http.StatusOK, environments.Form{Values: environmentValues(d.environment)})
}

// showEdit goes on with the version of d.environment.
func (d *environmentDesk) showEdit(status int, f environments.Form) error {
	name := d.environment.Name
	frame, err := d.frame("Edit "+name, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	f.Title, f.Action, f.Cancel = "Edit "+name, link.EnvironmentEdit(name), d.page()
	// The public URL goes along for the case that there is no environment any more
	// when it is saved.
	f.Hidden = append(d.hidden(), ui.Hidden{Name: "publicUrl", Value: d.environment.PublicURL})
	f.Address, f.Discard = link.EnvironmentAddress(name), link.EnvironmentEdit(name)
	return render(d.g, status, environments.EditPage(frame, f))
}

// SaveEnvironment saves the form of one that exists: all but its public URL,
// which has a question of its own.
func (c *Console) SaveEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	t := d.typed()
	if d.environment.ID != "" {
		t["publicUrl"] = d.environment.PublicURL
	}
	e := environmentOf(t)
	if e.ID, e.Version, err = d.posted(); err != nil {
		return err
	}
	saved, err := c.store.SaveEnvironment(g.Request.Context(), d.v.Actor(), e)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showConflict(stale, t)
	}
	if problems := problem.Of(err); problems != nil {
		d.environment.ID, d.environment.Version = e.ID, e.Version
		return d.showEdit(http.StatusUnprocessableEntity, environments.Form{Values: t, Problems: problems, Unsaved: true})
	}
	if err != nil {
		return err
	}
	d.v.Say(g.Request.Context(), visit.Success, saved.Name+" was saved.")
	return redirect(g, link.EnvironmentPage(saved.Name))
}

// showConflict shows both sides of a save that came too late. Where the
// environment is gone, what was typed creates another one.
func (d *environmentDesk) showConflict(stale *models.StaleError, t map[string]string) error {
	conflict := conflictOf(stale, d.c)
	now, ok := stale.Current.(models.Environment)
	if !ok {
		d.environment = models.Environment{}
		return d.showNew(http.StatusConflict, environments.Form{Values: t, Unsaved: true, Conflict: variables.BothSides(conflict)})
	}
	d.environment = now
	t["publicUrl"] = now.PublicURL // not of this form
	conflict.Different, conflict.Same = policies.Compare(environments.Settings(environmentValues(now)), environments.Settings(t))
	conflict.Discard = link.EnvironmentEdit(now.Name)
	return d.showEdit(http.StatusConflict, environments.Form{Values: t, Unsaved: true, Conflict: variables.BothSides(conflict)})
}

// ConfirmMoveEnvironment asks for another public URL and says what ends with the
// present one.
func (c *Console) ConfirmMoveEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	return d.askMove(http.StatusOK, environments.Move{Typed: d.environment.PublicURL})
}

func (d *environmentDesk) askMove(status int, m environments.Move) error {
	u, err := d.c.store.EnvironmentUse(d.g.Request.Context(), d.environment.Name)
	if err != nil {
		return err
	}
	frame, err := d.frame("Change public URL", layout.Crumb{Label: "Public URL"})
	if err != nil {
		return err
	}
	name := d.environment.Name
	m.Title, m.Label, m.Action, m.Cancel, m.Hidden = "Change the public URL of "+name+"?", "Change public URL", link.EnvironmentAddress(name), d.page(), d.hidden()
	m.Text = "Tokens name it as their issuer. It is " + d.environment.PublicURL + " now."
	m.Effects = append(m.Effects, movement(u)...)
	m.Confirm.Typed = d.g.PostForm("confirm")
	if u.Traffic() {
		m.Name = name
	}
	return render(d.g, status, environments.MovePage(frame, m))
}

// movement is what comes of another public URL.
func movement(u models.EnvironmentUse) []string {
	list := []string{dying(u.Live)}
	if u.Logins > 0 {
		list = append(list, cappedCountOf(u.Logins, "login goes on", "logins go on")+": a refresh gives a token of the new issuer")
	}
	return append(list,
		"The nodes take the new issuer over at once; nothing has to be deployed again",
		"Whoever verifies tokens without the gateway must be told the new issuer and the new address of the published keys",
		"What stands in front of the nodes must lead the new address to them")
}

// MoveEnvironment changes the public URL; where there may be traffic only with
// the name typed.
func (c *Console) MoveEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	ctx, name := g.Request.Context(), d.environment.Name
	m := environments.Move{Typed: strings.TrimSpace(g.PostForm("publicUrl"))}
	u, err := c.store.EnvironmentUse(ctx, name)
	if err != nil {
		return err
	}
	if u.Traffic() && g.PostForm("confirm") != name {
		m.Error = "Type the name exactly as it is: " + name + "."
		return d.askMove(http.StatusUnprocessableEntity, m)
	}
	id, version, err := d.posted()
	if err != nil {
		return err
	}
	saved, err := d.move(id, version, m.Typed)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		m.Problem = fmt.Sprintf("%s changed the environment %s: its public URL is %s now, and yours was not saved. Save again to let yours hold.", stale.By, ui.Relative(stale.At, c.now()), d.environment.PublicURL)
		return d.askMove(http.StatusConflict, m)
	}
	if problems := problem.Of(err); problems != nil {
		m.Problem = problems[0].Message
		return d.askMove(http.StatusUnprocessableEntity, m)
	}
	if err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, fmt.Sprintf("%s is reached at %s, which its tokens name as their issuer from now on.", saved.Name, saved.PublicURL))
	return redirect(g, link.EnvironmentPage(saved.Name))
}

// move changes nothing but the public URL, of the environment that was read.
func (d *environmentDesk) move(id string, version int, publicURL string) (models.Environment, error) {
	e := d.environment
	e.ID, e.Version, e.PublicURL = id, version, publicURL
	return d.c.store.SaveEnvironment(d.g.Request.Context(), d.v.Actor(), e)
}
