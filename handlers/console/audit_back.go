package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// leadFrom adds to the page of a record where its object is, and the versions
// that it can go back to as far as the visitor may.
func (c *Console) leadFrom(g *gin.Context, r models.AuditRecord, page *audit.RecordPage) error {
	ctx := g.Request.Context()
	there, err := c.visitIn(ctx, visit.From(ctx), r.Project)
	if err != nil {
		return err
	}
	at, err := c.store.Whereabouts(ctx, r.Kind, r.ObjectID)
	if err := unlessGone(err); err != nil {
		return err
	}
	if href := objectPage(r, at, err == nil); href != "" && c.opens(there, href) {
		page.Object = href
	}
	group := returnGroup(r, at)
	newest, _, err := c.store.Audit(ctx, seenAudit(g), models.AuditFilter{Object: r.ObjectID, PerPage: 1})
	if err != nil {
		return err
	}
	for _, v := range []struct{ side, label string }{{models.SideBefore, "Go back to before this change"}, {models.SideAfter, "Go back to this version"}} {
		href := link.GoBack(r.Project, group, strconv.FormatInt(r.ID, 10), v.side)
		current := v.side == models.SideAfter && len(newest) > 0 && newest[0].ID == r.ID
		if why := r.Keeps(v.side); why == "" && !current && c.opens(there, href) {
			page.Returns = append(page.Returns, ui.Action{Label: v.label, Icon: "clock", Href: href})
		} else if why != "" && strings.Contains(why, "local polic") {
			page.Kept = why
		}
	}
	return nil
}

// returnGroup is whose rights it takes to write an object again; "" is the
// installation's.
func returnGroup(r models.AuditRecord, at models.Whereabouts) string {
	switch r.Kind {
	case models.KindPolicy:
		if at.Owner != "" {
			return "apis"
		}
		return "settings"
	case models.KindVariable:
		return "settings"
	case models.KindProxy, models.KindProxyGroup, models.KindPolicyGroup:
		return "apis"
	case models.KindIdentitySource:
		return "connections"
	case models.KindRole:
		return "identity"
	}
	return ""
}

// objectPage is where an object is looked at, as far as it is there.
func objectPage(r models.AuditRecord, at models.Whereabouts, there bool) string {
	switch r.Kind {
	case models.KindSettings:
		return link.TokenManagement
	case models.KindErrorMessage:
		if fault.Type(r.ObjectID).Known() {
			return link.ErrorMessage(r.ObjectID)
		}
	}
	if !there {
		return ""
	}
	switch r.Kind {
	case models.KindPolicy:
		switch {
		case at.Owner == "":
			return link.Policy(at.Project, at.Type, at.Name)
		case at.Binding != "":
			return link.OwnerOf(at.Project, at.OwnerKind, at.Owner).Binding(at.Binding)
		}
	case models.KindProxy, models.KindProxyGroup, models.KindPolicyGroup:
		return link.OwnerOf(at.Project, at.OwnerKind, at.Owner).Page()
	case models.KindRevision:
		return link.OwnerOf(at.Project, at.OwnerKind, at.Owner).History()
	case models.KindIdentitySource:
		return link.IdentitySource(at.Project, at.Name)
	case models.KindVariable:
		return link.Variables(at.Project)
	case models.KindCredential:
		return link.Credential(at.Project, at.Name)
	case models.KindRole:
		return link.Roles(at.Project)
	case models.KindProject:
		return link.Project(at.Project)
	case models.KindEnvironment:
		return link.EnvironmentPage(at.Environment)
	case models.KindKey:
		return link.Key(at.Environment, r.ObjectID)
	case models.KindEnvironmentVariable:
		return link.EnvironmentVariables(at.Environment)
	}
	return ""
}

// ConfirmGoBack asks before an object of a group goes back to a version, with
// what would change.
func (c *Console) ConfirmGoBack(group string) func(*gin.Context) error {
	return func(g *gin.Context) error {
		d, err := c.returnDesk(g, group)
		if err != nil {
			return err
		}
		return d.ask(http.StatusOK, "", "")
	}
}

// returnDesk is one visit to a version of a record.
type returnDesk struct {
	c        *Console
	g        *gin.Context
	v        *visit.Visit
	record   models.AuditRecord
	side     string
	plan     models.Return
	problems problem.List
}

func (c *Console) returnDesk(g *gin.Context, group string) (*returnDesk, error) {
	ctx := g.Request.Context()
	d := &returnDesk{c: c, g: g, v: visit.From(ctx), side: g.Param("side")}
	id, err := rowID(g)
	if err != nil {
		return nil, err
	}
	in := seenAudit(g)
	if d.record, err = c.store.AuditRecord(ctx, in, id); err != nil {
		return nil, err
	}
	at, err := c.store.Whereabouts(ctx, d.record.Kind, d.record.ObjectID)
	if err := unlessGone(err); err != nil {
		return nil, err
	}
	if d.record.Project != g.Param("project") || returnGroup(d.record, at) != group {
		return nil, fmt.Errorf("go back to record %d: %w", id, models.ErrNotFound)
	}
	d.plan, err = c.store.PlanGoBack(ctx, in, id, d.side)
	if d.problems = problem.Of(err); len(d.problems) > 0 {
		err = nil
	}
	return d, err
}

func (d *returnDesk) ask(status int, typed, refusal string) error {
	r := d.record
	page := audit.ReturnPage{Problems: d.problems, Secrets: d.secretFields()}
	var err error
	if page.Changes, err = d.c.changed(r.Kind, d.plan.Before, d.plan.After); err != nil {
		return err
	}
	page.Confirm = ui.Confirm{
		Title: d.title(), Text: d.text(), Effects: d.effects(), Name: d.plan.Name, Typed: typed, Error: refusal, Kind: ui.Primary,
		Action: d.g.Request.URL.EscapedPath(), Label: "Go back", Cancel: link.AuditRecord(strconv.FormatInt(r.ID, 10)),
		Hidden: []ui.Hidden{{Name: "version", Value: strconv.Itoa(d.plan.Version)}},
	}
	if !d.plan.Exists {
		page.Confirm.Label = "Bring it back"
	}
	page.Frame, err = d.frame()
	if err != nil {
		return err
	}
	return render(d.g, status, audit.AskReturn(page))
}

func (d *returnDesk) frame() (layout.Props, error) {
	id := strconv.FormatInt(d.record.ID, 10)
	return d.c.frame(d.g, "Go back to an earlier version", models.Project{Name: d.record.Project}, layout.Crumb{Label: "Audit", Href: link.Audit},
		layout.Crumb{Label: "Record " + id, Href: link.AuditRecord(id)}, layout.Crumb{Label: "Go back"})
}

func (d *returnDesk) noun() string { return strings.ToLower(audit.Words(d.record.Kind)) }

func (d *returnDesk) title() string {
	if !d.plan.Exists {
		return "Bring back " + d.record.ObjectName + "?"
	}
	return "Go back to an earlier version of " + d.plan.Name + "?"
}

func (d *returnDesk) text() string {
	when := "before the change by " + d.record.Actor + " at " + ui.Absolute(d.record.At)
	if d.side == models.SideAfter {
		when = "after the change by " + d.record.Actor + " at " + ui.Absolute(d.record.At)
	}
	return "It becomes what it was " + when + "."
}

// effects say what a save of this kind means.
func (d *returnDesk) effects() []string {
	var list []string
	switch d.record.Kind {
	case models.KindPolicy, models.KindVariable:
		list = append(list, "Traffic stays as it is until what uses it is deployed again")
	case models.KindProxy, models.KindProxyGroup, models.KindPolicyGroup:
		list = append(list, "Traffic stays as it is until the next deploy; global policies and policy groups stay as they are today")
		if !d.plan.Exists {
			list = append(list, "It becomes a new "+d.noun()+" of the same name with a new key pair: the client id and the secret of then are gone for good", "It runs nowhere until it is deployed, and nobody has access to it yet")
		}
	case models.KindIdentitySource:
		list = append(list, "It takes effect at once in every environment; the secrets stay those of today")
	default:
		list = append(list, "It takes effect at once in every environment")
	}
	if !d.plan.Exists && d.record.Kind == models.KindPolicy {
		list = append(list, "It is bound nowhere until somebody binds it again")
	}
	return append(list, "A new audit record says so; nothing is removed from the history")
}

func (d *returnDesk) secretFields() []ui.Field {
	var list []ui.Field
	for _, s := range d.plan.Secrets {
		list = append(list, ui.Field{Name: webidentity.SecretName(s.Field), Label: s.Label, Type: "password", Error: d.problems.For(s.Field), Complete: "new-password"})
	}
	return list
}

func (d *returnDesk) given() map[string]secret.Text {
	given := map[string]secret.Text{}
	for _, s := range d.plan.Secrets {
		if text := d.g.PostForm(webidentity.SecretName(s.Field)); text != "" {
			given[s.Field] = secret.New(text)
		}
	}
	return given
}

// GoBack writes an object as it was, with its name typed.
func (c *Console) GoBack(group string) func(*gin.Context) error {
	return func(g *gin.Context) error {
		if err := g.Request.ParseForm(); err != nil {
			return badForm(err)
		}
		d, err := c.returnDesk(g, group)
		if err != nil {
			return err
		}
		if len(d.problems) > 0 && len(d.plan.Secrets) == 0 {
			return d.ask(http.StatusUnprocessableEntity, g.PostForm("confirm"), "")
		}
		if typed := g.PostForm("confirm"); typed != d.plan.Name {
			return d.ask(http.StatusUnprocessableEntity, typed, "Type the name exactly as it is: "+d.plan.Name+".")
		}
		if number(g.PostForm("version")) != d.plan.Version {
			return d.ask(http.StatusConflict, "", "It was changed since this was asked. Look at what would change now, then decide again.")
		}
		return d.carryOut(g.Request.Context())
	}
}

func (d *returnDesk) carryOut(ctx context.Context) error {
	done, err := d.c.store.GoBack(ctx, d.v.Actor(), seenAudit(d.g), d.record.ID, d.side, d.plan.Version, d.given())
	if d.problems = problem.Of(err); len(d.problems) > 0 {
		return d.ask(http.StatusUnprocessableEntity, d.g.PostForm("confirm"), "")
	}
	if errors.Is(err, models.ErrStale) {
		return d.ask(http.StatusConflict, "", "Somebody changed it at this moment. Look at what would change, then decide again.")
	}
	if err != nil {
		return err
	}
	if done.KeyPair != nil {
		return d.showKeyPair(*done.KeyPair)
	}
	d.v.Say(ctx, visit.Success, d.record.ObjectName+" went back to the version of record "+strconv.FormatInt(d.record.ID, 10)+".")
	newest, _, err := d.c.store.Audit(ctx, seenAudit(d.g), models.AuditFilter{Kind: d.record.Kind, PerPage: 1})
	if err != nil || len(newest) == 0 || newest[0].BackTo != d.record.ID {
		return redirect(d.g, link.AuditRecord(strconv.FormatInt(d.record.ID, 10)))
	}
	return redirect(d.g, link.AuditRecord(strconv.FormatInt(newest[0].ID, 10)))
}

// showKeyPair answers with the key pair of an owner that was made anew, this once.
func (d *returnDesk) showKeyPair(k models.PackageKeyPair) error {
	ctx := d.g.Request.Context()
	project, err := d.c.project(ctx, d.record.Project)
	if err != nil {
		return err
	}
	owner, err := d.c.store.Owner(ctx, project.ID, d.record.Kind, k.Ref.Name)
	if err != nil {
		return err
	}
	return d.c.deskOf(d.g, project, owner).showSecret(k.Secret, true)
}
