package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// renaming is a change of a binding that gives its policy a name: a global policy
// is localized, or a local one made global.
type renaming struct {
	title, label, help, action string
	effects                    []string
}

// ConfirmLocalize asks for the name of the copy that takes the place of a global
// policy.
func (c *Console) ConfirmLocalize(g *gin.Context) error {
	e, err := c.shared(g)
	if err != nil {
		return err
	}
	return e.askName(http.StatusOK, e.localizing(), e.freeName(), nil)
}

// Localize makes the copy.
func (c *Console) Localize(g *gin.Context) error {
	e, err := c.shared(g)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(g.PostForm("name"))
	_, err = c.store.Localize(g.Request.Context(), e.v.Actor(), e.project.ID, e.owner.ID, number(g.PostForm("version")), e.binding.ID, name)
	if l := problem.Of(err); l != nil {
		return e.askName(http.StatusUnprocessableEntity, e.localizing(), name, l)
	}
	return e.changed(err, fmt.Sprintf("The %s runs a copy of %s of its own now, %s.", e.where(e.spot), e.binding.Policy.Name, name), e.spot.endpoint)
}

// global is local for what becomes everybody's: that takes the right to change
// global policies too.
func (c *Console) global(g *gin.Context) (*localEditor, error) {
	if !visit.From(g.Request.Context()).Can(models.ManageSettings) {
		return nil, models.ErrForbidden
	}
	return c.local(g)
}

// ConfirmGlobalize asks for the name that a local policy gets among the global
// ones.
func (c *Console) ConfirmGlobalize(g *gin.Context) error {
	e, err := c.global(g)
	if err != nil {
		return err
	}
	return e.askName(http.StatusOK, e.globalizing(), e.binding.Policy.Name, nil)
}

// Globalize makes it one.
func (c *Console) Globalize(g *gin.Context) error {
	e, err := c.global(g)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(g.PostForm("name"))
	_, err = c.store.Globalize(g.Request.Context(), e.v.Actor(), e.project.ID, e.owner.ID, number(g.PostForm("version")), e.binding.ID, name)
	if l := problem.Of(err); l != nil {
		return e.askName(http.StatusUnprocessableEntity, e.globalizing(), name, l)
	}
	return e.changed(err, fmt.Sprintf("%s is a global policy now and can be added to other proxies and groups.", name), e.spot.endpoint)
}

// shared is bindingDesk for what only a global policy allows.
func (c *Console) shared(g *gin.Context) (*localEditor, error) {
	e, err := c.bindingDesk(g)
	if err == nil && (e.binding.Group != nil || !e.binding.Policy.Global()) {
		return nil, fmt.Errorf("%s is no global policy: %w", e.binding.Name(), models.ErrNotFound)
	}
	return e, err
}

func (e *localEditor) localizing() renaming {
	p := e.binding.Policy
	effects := []string{
		fmt.Sprintf("The %s of %s gets a copy that is edited here alone", e.where(e.spot), e.owner.Name),
		p.Name + " stays as it is" + elsewhere(p.Used-1),
		"Later changes of " + p.Name + " do not reach the copy",
	}
	return renaming{
		title: "Localize " + p.Name + "?", label: "Localize", effects: effects,
		help:   "Of the copy. Unique among the local policies of the " + e.noun + ".",
		action: e.link().BindingLocalize(e.binding.ID),
	}
}

func (e *localEditor) globalizing() renaming {
	p := e.binding.Policy
	return renaming{
		title: "Add " + p.Name + " as a global policy?", label: "Add as global policy",
		effects: []string{"Every proxy and group of the project can use it", "It is edited on its own page from now on, for all of them"},
		help:    "Unique among the global policies of the project.",
		action:  e.link().BindingGlobalize(e.binding.ID),
	}
}

// untouched says that traffic goes on, in the owner or in what runs the policy
// group.
func (d *ownerDesk) untouched() (string, error) {
	use, err := d.use()
	live := liveIn(d.owner)
	switch {
	case use.Live > 0:
		return fmt.Sprintf("Calls go on as deployed in %s until these are redeployed to %s", use.live(), someOf(use.Environments)), err
	case len(live) > 0:
		return fmt.Sprintf("%s goes on in %s with what is deployed until the next deploy", d.owner.Name, strings.Join(live, ", ")), err
	case use.Owners > 0:
		return "Nothing that uses it is deployed: no traffic is touched", err
	}
	return "The " + d.noun + " is not deployed: no traffic is touched", err
}

// freeName is the policy's own, or one like it that no local policy has.
func (e *localEditor) freeName() string {
	name := e.binding.Policy.Name
	for i := 2; e.hasLocal(name); i++ {
		name = fmt.Sprintf("%s %d", e.binding.Policy.Name, i)
	}
	return name
}

func (e *localEditor) hasLocal(name string) bool {
	return slices.ContainsFunc(e.owner.Bindings, func(b models.Binding) bool {
		return !b.Shared() && strings.EqualFold(b.Policy.Name, name)
	})
}

// askName shows the question, with what was wrong with the last answer.
func (e *localEditor) askName(status int, r renaming, name string, problems problem.List) error {
	frame, err := e.frame(r.title, layout.Crumb{Label: "Develop", Href: e.scopeHref(e.spot.endpoint)}, layout.Crumb{Label: r.label})
	if err != nil {
		return err
	}
	last, err := e.untouched()
	if err != nil {
		return err
	}
	ask := ui.Confirm{
		Title: r.title, Effects: append(r.effects, last), Action: r.action, Label: r.label, Kind: ui.Primary,
		Cancel: e.scopeHref(e.spot.endpoint), Hidden: e.version(),
	}
	field := ui.Field{
		Name: "name", Label: "Name", Value: name, Help: r.help, Required: true, Error: problems.For("name"),
		Attrs: map[string]any{"autofocus": true},
	}
	if len(problems) > 0 && field.Error == "" {
		ask.Error = problems.Error()
	}
	return render(e.g, status, proxies.NamePage(frame, ask, field))
}
