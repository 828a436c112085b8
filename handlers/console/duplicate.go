package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// ConfirmDuplicatePolicy asks for the name of a copy.
func (c *Console) ConfirmDuplicatePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := e.posted("")
	if err != nil {
		return err
	}
	name, err := c.store.FreePolicyName(g.Request.Context(), e.project.ID, p.Name)
	if err != nil {
		return err
	}
	return e.askCopy(http.StatusOK, p, name, nil)
}

func (e *policyEditor) askCopy(status int, p models.Policy, name string, problems problem.List) error {
	frame, err := e.c.frame(e.g, "Duplicate "+p.Name, e.project, e.crumbs(
		layout.Crumb{Label: p.Name, Href: link.Policy(e.project.Name, e.typ.Name, p.Name)}, layout.Crumb{Label: "Duplicate"})...)
	if err != nil {
		return err
	}
	ask := ui.Confirm{
		Title: "Duplicate policy " + p.Name + "?", Action: link.PolicyDuplicate(e.project.Name, e.typ.Name, p.Name), Label: "Duplicate", Kind: ui.Primary,
		Cancel: link.Policy(e.project.Name, e.typ.Name, p.Name), Hidden: []ui.Hidden{{Name: "policyId", Value: p.ID}},
		Effects: []string{"The copy has the same settings, conditions and error messages", "It is used nowhere until it is added to a proxy"},
	}
	return showCopy(e.g, status, frame, ask, problems, copyField("name", "Name", name, link.CheckPolicyName(e.project.Name)))
}

// copyField is a field of the question for a copy.
func copyField(name, label, value, check string) ui.Field {
	return ui.Field{Name: name, Label: label, Value: value, Required: true, Check: check}
}

// showCopy puts the problems to their fields, and what is of no field over the
// button.
func showCopy(g *gin.Context, status int, frame layout.Props, ask ui.Confirm, problems problem.List, fields ...ui.Field) error {
	first := true
	for i := range fields {
		fields[i].Error = problems.For(fields[i].Name)
		fields[i].Attrs = map[string]any{"autofocus": first && (len(problems) == 0 || fields[i].Error != "")}
		first = first && fields[i].Attrs["autofocus"] == false
	}
	var others problem.List
	for _, p := range problems {
		if p.Field != "name" && p.Field != "basePath" {
			others = append(others, p)
		}
	}
	if len(others) > 0 {
		ask.Error = others.Error()
	}
	return render(g, status, proxies.NamePage(frame, ask, fields...))
}

// DuplicatePolicy makes the copy.
func (c *Console) DuplicatePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := e.posted(g.PostForm("policyId"))
	if err != nil {
		return err
	}
	ctx, name := g.Request.Context(), strings.TrimSpace(g.PostForm("name"))
	made, err := c.store.DuplicatePolicy(ctx, visit.From(ctx).Actor(), e.project.ID, p.ID, name)
	if problems := problem.Of(err); problems != nil {
		return e.askCopy(http.StatusUnprocessableEntity, p, name, problems)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, fmt.Sprintf("%s was made, a copy of %s.", made.Name, p.Name))
	return redirect(g, link.Policy(e.project.Name, e.typ.Name, made.Name))
}

// ConfirmDuplicateOwner asks for the name of a copy, and where calls come to it for
// its base path.
func (c *Console) ConfirmDuplicateOwner(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	name, err := c.store.FreeOwnerName(ctx, d.project.ID, d.kind, d.owner.Name)
	if err != nil {
		return err
	}
	path, err := c.store.FreeBasePath(ctx, d.owner.Route.BasePath)
	if err != nil {
		return err
	}
	return d.askCopy(http.StatusOK, name, path, nil)
}

func (d *ownerDesk) askCopy(status int, name, path string, problems problem.List) error {
	frame, err := d.frame("Duplicate "+d.owner.Name, layout.Crumb{Label: "Duplicate"})
	if err != nil {
		return err
	}
	ask := ui.Confirm{
		Title: "Duplicate " + d.noun + " " + d.owner.Name + "?", Effects: d.copyEffects(), Action: d.link().Duplicate(), Label: "Duplicate",
		Kind: ui.Primary, Cancel: d.page(), Hidden: []ui.Hidden{{Name: "ownerId", Value: d.owner.ID}},
	}
	if d.kind == engine.KindPolicyGroup {
		return showCopy(d.g, status, frame, ask, problems, copyField("name", "Name", name, link.CheckPolicyGroupName(d.project.Name)))
	}
	free := withQuery(link.CheckBasePath(d.project.Name), url.Values{"hosts": {strings.Join(d.owner.Route.Hosts, " ")}})
	at := copyField("basePath", "Base path", path, free)
	at.Mono = true
	return showCopy(d.g, status, frame, ask, problems, copyField("name", "Name", name, link.CheckProxyName(d.project.Name)), at)
}

// copyEffects say what the copy shares with the original and what not.
func (d *ownerDesk) copyEffects() []string {
	local := 0
	for _, b := range d.owner.Bindings {
		if !b.Shared() {
			local++
		}
	}
	var effects []string
	if local > 0 {
		effects = append(effects, countOf(local, "local policy is", "local policies are")+" copied and then edited on their own")
	}
	if n := len(d.owner.Bindings) - local; n > 0 {
		effects = append(effects, countOf(n, "global policy or policy group is", "global policies and policy groups are")+" used by both")
	}
	effects = append(effects, "The copy has a client id and secret of its own, shown once", "It is deployed nowhere, and no credential has access to it")
	if d.owner.MakeDefault {
		effects = append(effects, "New API proxies get the original only")
	}
	return effects
}

// DuplicateOwner makes the copy and shows its client secret, this once.
func (c *Console) DuplicateOwner(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	name, path := strings.TrimSpace(g.PostForm("name")), strings.TrimSpace(g.PostForm("basePath"))
	made, key, err := c.store.DuplicateOwner(g.Request.Context(), d.v.Actor(), d.project.ID, g.PostForm("ownerId"), name, path)
	if problems := problem.Of(err); problems != nil {
		return d.askCopy(http.StatusUnprocessableEntity, name, path, problems)
	}
	if err != nil {
		return err
	}
	return c.deskOf(g, d.project, made).showSecret(key, true)
}
