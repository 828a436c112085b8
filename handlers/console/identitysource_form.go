package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	webidentity "github.com/gatewright/gatewright/web/identity"
	webapi "github.com/gatewright/gatewright/web/identity/api"
	webdatabase "github.com/gatewright/gatewright/web/identity/database"
	webldap "github.com/gatewright/gatewright/web/identity/ldap"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// sourceForms ties each kind of identity source to its form. A new kind needs
// one line here.
var sourceForms = map[identity.KindName]webidentity.Form{
	identity.LDAP:     webldap.Form{},
	identity.Database: webdatabase.Form{},
	identity.API:      webapi.Form{},
}

// ofKind is a form that needs its kind, such as for the databases to choose.
type ofKind interface {
	Of(identity.Kind) webidentity.Form
}

// sourceEditor is one visit to the form of an identity source.
type sourceEditor struct {
	c       *Console
	g       *gin.Context
	project models.Project
	kind    identity.Kind
	form    webidentity.Form
}

func (c *Console) sourceEditor(g *gin.Context, kind identity.KindName) (*sourceEditor, error) {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return nil, err
	}
	k, known := c.identities.Find(kind)
	f := sourceForm(k)
	if !known || f == nil {
		return nil, fmt.Errorf("kind of identity source %q: %w", kind, models.ErrNotFound)
	}
	return &sourceEditor{c: c, g: g, project: project, kind: k, form: f}, nil
}

// sourceForm is the form of a kind, nil when there is none.
func sourceForm(kind identity.Kind) webidentity.Form {
	f := sourceForms[kind.Name]
	if o, ok := f.(ofKind); ok {
		return o.Of(kind)
	}
	return f
}

// addressedSource is the source that the address names.
func (c *Console) addressedSource(g *gin.Context) (*sourceEditor, models.IdentitySource, error) {
	return c.postedSource(g, "")
}

// postedSource is the source that a form means: by its id, which stays when
// somebody renames it, or else by its address.
func (c *Console) postedSource(g *gin.Context, id string) (*sourceEditor, models.IdentitySource, error) {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return nil, models.IdentitySource{}, err
	}
	var s models.IdentitySource
	if id == "" {
		s, err = c.store.IdentitySource(ctx, project.ID, g.Param("source"))
	} else {
		s, err = c.store.IdentitySourceByID(ctx, project.ID, id)
	}
	if err != nil {
		return nil, s, err
	}
	e, err := c.sourceEditor(g, s.Kind)
	return e, s, err
}

// typedSource is the form as it was sent. A name that was sent several times,
// such as that of a list of boxes, has its values in lines.
func typedSource(g *gin.Context) (webidentity.Values, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	v := webidentity.Values{}
	for name, values := range g.Request.PostForm {
		v[name] = strings.Join(values, "\n")
	}
	return v, nil
}

// NewIdentitySource is the empty form of a kind.
func (c *Console) NewIdentitySource(g *gin.Context) error {
	e, err := c.sourceEditor(g, identity.KindName(g.Param("kind")))
	if err != nil {
		return err
	}
	return e.showNew(http.StatusOK, webidentity.FormPage{Values: webidentity.Write(e.form, e.form.New())})
}

// CreateIdentitySource saves a new source.
func (c *Console) CreateIdentitySource(g *gin.Context) error {
	e, err := c.sourceEditor(g, identity.KindName(g.Param("kind")))
	if err != nil {
		return err
	}
	values, err := typedSource(g)
	if err != nil {
		return err
	}
	in := e.entered(values)
	changed := webidentity.Changed(e.form, values)
	page, err := e.typedPage(values, in)
	if err != nil {
		return err
	}
	if changed {
		return e.showNew(http.StatusOK, page)
	}
	saved, problems, err := e.save("", 0, values, in)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		page.Problems = problems
		return e.showNew(http.StatusUnprocessableEntity, page)
	}
	ctx := g.Request.Context()
	visit.From(ctx).Say(ctx, visit.Success, saved.Name+" was created.")
	return redirect(g, link.IdentitySource(e.project.Name, saved.Name))
}

// save reads and saves what was typed. Everything that is wrong comes back at
// once: what only the store knows is asked even when the value itself is wrong.
func (e *sourceEditor) save(id string, version int, values webidentity.Values, in entered) (models.IdentitySource, problem.List, error) {
	ctx := e.g.Request.Context()
	config, problems := webidentity.Read(e.form, e.kind, values)
	if problems = append(problems, in.lost...); len(problems) > 0 {
		if problems.For("name") == "" {
			taken, err := e.c.store.IdentitySourceNameProblem(ctx, e.project.ID, config.Base().Name, id)
			if err != nil {
				return models.IdentitySource{}, nil, err
			}
			if taken != "" {
				problems.Add("name", "%s", taken)
			}
		}
		return models.IdentitySource{}, webidentity.InOrder(e.form, e.kind, problems), nil
	}
	saved, err := e.c.store.SaveIdentitySource(ctx, visit.From(ctx).Actor(), e.project.ID, id, version, config, in.given)
	if list := problem.Of(err); list != nil {
		return models.IdentitySource{}, webidentity.InOrder(e.form, e.kind, list), nil
	}
	return saved, nil, err
}

// showNew fills in what every visit to an empty form has.
func (e *sourceEditor) showNew(status int, page webidentity.FormPage) error {
	title := "New " + e.kind.Label + " source"
	frame, err := e.c.frame(e.g, title, e.project, sourceCrumbs(e.project.Name, layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	page.Frame, page.Title, page.Save, page.Creates = frame, title, "Create identity source", true
	page.Action = link.NewIdentitySourceOf(e.project.Name, string(e.kind.Name))
	page.Discard = link.IdentitySources(e.project.Name)
	return e.show(status, page)
}

// show fills in what every form has.
func (e *sourceEditor) show(status int, page webidentity.FormPage) error {
	page.Kind, page.Form, page.Advice = e.kind, e.form, e.advice(page.Values)
	page.Test = link.IdentitySourceTest(e.project.Name, string(e.kind.Name))
	page.Refresh = link.IdentitySourceAdvice(e.project.Name, string(e.kind.Name))
	if page.Check == "" {
		page.Check = link.CheckIdentitySourceName(e.project.Name)
	}
	return render(e.g, status, webidentity.ShowForm(page))
}

// advice is about what is typed, also while parts of it are wrong.
func (e *sourceEditor) advice(values webidentity.Values) []webidentity.Advice {
	config, _ := webidentity.Read(e.form, e.kind, values)
	return e.form.Advice(config)
}

// EditIdentitySource is the form of a source that exists.
func (c *Console) EditIdentitySource(g *gin.Context) error {
	e, s, err := c.addressedSource(g)
	if err != nil {
		return err
	}
	return e.showEdit(http.StatusOK, s, webidentity.FormPage{Values: webidentity.Write(e.form, s.Config)})
}

// SaveIdentitySource saves the form of a source that exists.
func (c *Console) SaveIdentitySource(g *gin.Context) error {
	values, err := typedSource(g)
	if err != nil {
		return err
	}
	e, s, err := c.postedSource(g, values["sourceId"])
	if errors.Is(err, models.ErrNotFound) && values["sourceId"] != "" {
		return c.saveGone(g, values)
	}
	if err != nil {
		return err
	}
	return e.saveRead(s, values)
}

// saveRead saves the form of s as it was read.
func (e *sourceEditor) saveRead(s models.IdentitySource, values webidentity.Values) error {
	in := e.entered(values)
	s.Version = number(values["version"])
	changed := webidentity.Changed(e.form, values)
	page, err := e.typedPage(values, in)
	if err != nil {
		return err
	}
	if changed {
		return e.showEdit(http.StatusOK, s, page)
	}
	saved, problems, err := e.save(s.ID, s.Version, values, in)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return e.showConflict(stale, page)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		page.Problems = problems
		return e.showEdit(http.StatusUnprocessableEntity, s, page)
	}
	ctx := e.g.Request.Context()
	visit.From(ctx).Say(ctx, visit.Success, saved.Name+" was saved. "+sourceReach(saved.Used))
	return redirect(e.g, link.IdentitySource(e.project.Name, saved.Name))
}

func sourceReach(used int) string {
	if used == 0 {
		return "No policy names it yet."
	}
	return "It holds at once for " + countOf(used, "policy", "policies") + "."
}

// saveGone answers a save of a source that somebody has deleted: what was typed
// stays, and the same form creates it again. The form says of which kind it is.
func (c *Console) saveGone(g *gin.Context, values webidentity.Values) error {
	e, err := c.sourceEditor(g, identity.KindName(values["kind"]))
	if err != nil {
		return err
	}
	in := e.entered(values)
	page, err := e.typedPage(values, in)
	if err != nil {
		return err
	}
	_, _, err = e.save(values["sourceId"], number(values["version"]), values, in)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return e.showConflict(stale, page)
	}
	if err == nil { // the values were wrong as well, which does not matter any more
		err = fmt.Errorf("identity source: %w", models.ErrNotFound)
	}
	return err
}

// showConflict shows both sides of a save that came too late. Where the source
// is gone, the same form creates it again.
func (e *sourceEditor) showConflict(stale *models.StaleError, page webidentity.FormPage) error {
	page.Conflict = &webidentity.Conflict{Name: stale.Name, By: stale.By, At: stale.At, Now: e.c.now(), Deleted: stale.Deleted}
	now, ok := stale.Current.(models.IdentitySource)
	if stale.Deleted || !ok {
		page.Conflict.Deleted = true
		return e.showNew(http.StatusConflict, page)
	}
	theirs := webidentity.SettingsOf(e.form, webidentity.Write(e.form, now.Config))
	page.Conflict.Different, page.Conflict.Same = policies.Compare(theirs, webidentity.SettingsOf(e.form, page.Values))
	page.Conflict.Discard = link.IdentitySourceEdit(e.project.Name, now.Name)
	// The form names the version that is shown as theirs: saving again keeps
	// mine, unless they go on changing it.
	return e.showEdit(http.StatusConflict, now, page)
}

// showEdit fills in what every visit to the form of s has.
func (e *sourceEditor) showEdit(status int, s models.IdentitySource, page webidentity.FormPage) error {
	project := e.project.Name
	frame, err := e.c.frame(e.g, "Edit "+s.Name, e.project, sourceCrumbs(project,
		layout.Crumb{Label: s.Name, Href: link.IdentitySource(project, s.Name)}, layout.Crumb{Label: "Edit"})...)
	if err != nil {
		return err
	}
	audited(e.g, &frame, project, s.ID)
	page.Frame, page.Title = frame, "Edit "+s.Name
	page.Action, page.Discard = link.IdentitySourceEdit(project, s.Name), link.IdentitySource(project, s.Name)
	page.Check = link.CheckIdentitySourceName(project) + "?" + url.Values{"except": {s.ID}}.Encode()
	page.Hidden = append(sourceHidden(s), ui.Hidden{Name: "kind", Value: string(s.Kind)})
	page.Stored = map[string]bool{}
	for _, name := range s.Secrets {
		page.Stored[name] = true
	}
	page.Rail = webidentity.UseRail(s.Used)
	return e.show(status, page)
}

// CheckIdentitySourceName says while it is typed whether a name is free.
func (c *Console) CheckIdentitySourceName(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	why, err := c.store.IdentitySourceNameProblem(ctx, project.ID, g.Query("name"), g.Query("except"))
	if err != nil {
		return err
	}
	if why != "" {
		return render(g, http.StatusOK, ui.CheckResult(false, why))
	}
	return render(g, http.StatusOK, ui.CheckResult(true, "Available"))
}

// IdentitySourceAdvice is what to consider about a form as it is typed now.
func (c *Console) IdentitySourceAdvice(g *gin.Context) error {
	e, err := c.sourceEditor(g, identity.KindName(g.Param("kind")))
	if err != nil {
		return err
	}
	values, err := typedSource(g)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, policies.AdviceList(e.advice(values)))
}
