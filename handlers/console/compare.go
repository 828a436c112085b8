package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// What can be compared beside revisions, which go by their number.
const (
	theDraft = "draft"
	theLive  = "live"
)

// CompareProxy shows what differs between two of draft, live and revisions, as
// an environment has or would have them.
func (c *Console) CompareProxy(g *gin.Context) error {
	d, err := c.proxyDesk(g)
	if err != nil {
		return err
	}
	environment := cmp.Or(g.Query("environment"), c.deployments(g, d.proxy)[0].Environment)
	page := deploys.Comparison{
		Proxy: d.proxy.Name, Environment: environment, Action: link.ProxyCompare(d.project.Name, d.proxy.Name),
		From: cmp.Or(g.Query("from"), theLive), To: cmp.Or(g.Query("to"), theDraft),
	}
	if err := d.offer(&page); err != nil {
		return err
	}
	before, err := d.side(environment, page.From)
	if err != nil {
		return err
	}
	after, err := d.side(environment, page.To)
	if err != nil {
		return err
	}
	page.Before, page.After = before.title, after.title
	if before.parts == nil || after.parts == nil {
		page.Missing = fmt.Sprintf("%s does not run in %s. Once it is deployed there, what is edited can be held against it.", d.proxy.Name, environment)
	}
	page.Changes = deploys.Compare(before.parts, after.parts)
	frame, err := d.frame("Compare "+d.proxy.Name, layout.Crumb{Label: "History", Href: link.ProxyHistory(d.project.Name, d.proxy.Name)}, layout.Crumb{Label: "Compare"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, deploys.ComparePage(frame, page))
}

// offer lists what can be chosen.
func (d *proxyDesk) offer(page *deploys.Comparison) error {
	revisions, err := d.c.store.Revisions(d.g.Request.Context(), d.proxy.ID, revisionsShown)
	if err != nil {
		return err
	}
	sides := []ui.Option{{Value: theDraft, Label: "What is edited"}, {Value: theLive, Label: "What runs"}}
	for _, r := range revisions {
		text := fmt.Sprintf("Revision %d, %s, %s", r.Number, r.Environment, r.CreatedAt.Format("2006-01-02 15:04"))
		sides = append(sides, ui.Option{Value: strconv.Itoa(r.Number), Label: text})
	}
	var environments []ui.Option
	for _, place := range d.c.deployments(d.g, d.proxy) {
		environments = append(environments, ui.Option{Value: place.Environment, Label: place.Environment})
	}
	page.Sides, page.Environments = []ui.OptionGroup{{Options: sides}}, []ui.OptionGroup{{Options: environments}}
	return nil
}

// side is one of two that are compared; without parts where nothing runs.
type side struct {
	title string
	parts []deploys.Part
}

func (d *proxyDesk) side(environment, which string) (side, error) {
	ctx := d.g.Request.Context()
	switch which {
	case theDraft:
		raw, _, err := d.c.store.Draft(ctx, d.proxy.ID, environment)
		if err != nil {
			return side{}, err
		}
		return d.read("what is edited", raw)
	case theLive:
		number := 0
		for _, place := range d.proxy.Deployments {
			if strings.EqualFold(place.Environment, environment) && running(place) {
				number = place.Revision
			}
		}
		if number == 0 {
			return side{title: "what runs in " + environment}, nil
		}
		return d.revision(number, fmt.Sprintf("what runs in %s (revision %d)", environment, number))
	}
	number, err := strconv.Atoi(which)
	if err != nil {
		return side{}, fmt.Errorf("compare with %q: %w", which, models.ErrNotFound)
	}
	return d.revision(number, fmt.Sprintf("revision %d", number))
}

func (d *proxyDesk) revision(number int, title string) (side, error) {
	r, err := d.c.store.Revision(d.g.Request.Context(), d.proxy.ID, number)
	if err != nil {
		return side{}, err
	}
	return d.read(title, r.Definition)
}

func (d *proxyDesk) read(title string, raw json.RawMessage) (side, error) {
	var p engine.Proxy
	if err := json.Unmarshal(raw, &p); err != nil {
		return side{}, fmt.Errorf("read definition of %s: %w", d.proxy.Name, err)
	}
	parts, err := d.c.parts(p)
	return side{title, parts}, err
}

// parts says a deployed proxy in words.
func (c *Console) parts(p engine.Proxy) ([]deploys.Part, error) {
	list := []deploys.Part{{Key: "proxy", Title: "API proxy", Settings: proxySettings(p)}}
	seen, order := map[string]int{}, map[string][]string{}
	var lanes []string
	for _, b := range p.Policies {
		part, err := c.policyPart(b)
		if err != nil {
			return nil, err
		}
		part.Place = boundWhere(b)
		part.Key = fmt.Sprintf("policy %s %d", strings.ToLower(part.Title), seen[part.Title])
		seen[part.Title]++
		if order[part.Place] == nil {
			lanes = append(lanes, part.Place)
		}
		order[part.Place] = append(order[part.Place], part.Title)
		list = append(list, part)
	}
	for _, lane := range lanes {
		list = append(list, deploys.Part{
			Key: "order " + lane, Title: "Order of the " + lane, Follows: true,
			Settings: []policies.Setting{{Label: "Policies", Text: strings.Join(order[lane], ", ")}},
		})
	}
	return list, nil
}

// policyPart reads a policy without judging it: a rule that came later must not
// make what ran before unreadable.
func (c *Console) policyPart(b engine.Bound) (deploys.Part, error) {
	var named policy.Common
	if err := json.Unmarshal(b.Policy, &named); err != nil {
		return deploys.Part{}, fmt.Errorf("read policy: %w", err)
	}
	t, form, err := c.typeAndForm(named.Type)
	if err != nil {
		return deploys.Part{}, err
	}
	config := t.New()
	if err := json.Unmarshal(b.Policy, config); err != nil {
		return deploys.Part{}, fmt.Errorf("read policy %s: %w", named.Name, err)
	}
	return deploys.Part{Title: named.Name, Settings: policies.SettingsOf(form, policies.Write(form, config))}, nil
}

func boundWhere(b engine.Bound) string {
	if b.Endpoint == nil {
		return laneName(b.Pipeline) + " for all endpoints"
	}
	return laneName(b.Pipeline) + " of " + b.Endpoint.Method + " " + b.Endpoint.Path
}

func proxySettings(p engine.Proxy) []policies.Setting {
	list := []policies.Setting{
		{Section: "Route", Label: "Base path", Text: p.Route.BasePath, Code: true},
		{Section: "Route", Label: "Hosts", Text: cmp.Or(strings.Join(p.Route.Hosts, ", "), "Any")},
		{Section: "Route", Label: "Methods", Text: cmp.Or(strings.Join(p.Route.Methods, ", "), "Any")},
		{Section: "Upstream", Label: "API", Text: p.Upstream.URL, Code: true},
		{Section: "Upstream", Label: "Connect timeout", Text: milliseconds(p.Upstream.ConnectTimeout, engine.DefaultConnectTimeout)},
		{Section: "Upstream", Label: "Response timeout", Text: milliseconds(p.Upstream.ResponseTimeout, engine.DefaultResponseTimeout)},
	}
	if len(p.Endpoints) == 0 {
		list = append(list, policies.Setting{Section: "Endpoints", Label: "Every path", Text: "Passed on"})
	}
	for _, e := range p.Endpoints { // one by one, as a proxy may have thousands
		list = append(list, policies.Setting{Section: "Endpoints", Label: e.Method + " " + e.Path, Text: "Passed on"})
	}
	return append(list, templateSettings(p)...)
}

// templateSettings says the templates that are on, and the values of the
// environment that templates name.
func templateSettings(p engine.Proxy) []policies.Setting {
	var list []policies.Setting
	if b := p.ErrorTemplates; b != nil {
		for _, t := range []struct {
			name string
			body fault.Body
		}{{"JSON", b.JSON}, {"XML", b.XML}} {
			if t.body.Enabled {
				list = append(list,
					policies.Setting{Section: "Error templates", Label: t.name, Text: t.body.Text, Code: true},
					policies.Setting{Section: "Error templates", Label: t.name + " content type", Text: t.body.ContentType, Code: true})
			}
		}
		if b.Upstream {
			list = append(list, policies.Setting{Section: "Error templates", Label: "Errors of the API", Text: "Replaced too"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		list = append(list, policies.Setting{Section: "Environment variables", Label: name, Text: p.Values[name], Code: true})
	}
	return list
}

// changesOf are what a deploy of one side in the place of what runs would change;
// none where nothing runs.
func (d *proxyDesk) changesOf(environment, which string) ([]deploys.Change, error) {
	before, err := d.side(environment, theLive)
	if err != nil || before.parts == nil {
		return nil, err
	}
	after, err := d.side(environment, which)
	return deploys.Compare(before.parts, after.parts), err
}

// ConfirmRollback asks, with what changes for callers.
func (c *Console) ConfirmRollback(g *gin.Context) error {
	d, place, number, err := c.rollbackDesk(g)
	if err != nil {
		return err
	}
	return d.askRollback(http.StatusOK, place, number, "", nil)
}

func (c *Console) rollbackDesk(g *gin.Context) (d *proxyDesk, place deploys.Place, revision int, err error) {
	if d, err = c.proxyDesk(g); err != nil {
		return nil, place, 0, err
	}
	if place, err = d.place(); err != nil {
		return nil, place, 0, err
	}
	r, err := c.store.Revision(g.Request.Context(), d.proxy.ID, number(g.Param("revision")))
	if err == nil && r.Environment != place.Environment {
		err = fmt.Errorf("revision %d is of %s: %w", r.Number, r.Environment, models.ErrNotFound)
	}
	return d, place, r.Number, err
}

// askRollback carries the revision that runs, so that nobody rolls back what
// somebody else has just deployed.
func (d *proxyDesk) askRollback(status int, place deploys.Place, revision int, note string, problems problem.List) error {
	last, err := d.c.store.Revisions(d.g.Request.Context(), d.proxy.ID, 1)
	if err != nil {
		return err
	}
	changes, err := d.changesOf(place.Environment, strconv.Itoa(revision))
	if err != nil {
		return err
	}
	frame, err := d.frame("Roll back "+d.proxy.Name, layout.Crumb{Label: "History", Href: link.ProxyHistory(d.project.Name, d.proxy.Name)}, layout.Crumb{Label: "Roll back"})
	if err != nil {
		return err
	}
	return render(d.g, status, deploys.AskRollback(frame, deploys.RollbackQuestion{
		Question: deploys.Question{
			Proxy: d.proxy.Name, Place: place, Next: last[0].Number + 1, Note: note, Problems: problems,
			Cancel: link.ProxyHistory(d.project.Name, d.proxy.Name), Changes: changes,
		},
		Revision: revision, Action: link.ProxyRollback(d.project.Name, d.proxy.Name, place.Environment, revision),
	}))
}

// Rollback makes a new revision of an earlier one, and waits for the nodes.
func (c *Console) Rollback(g *gin.Context) error {
	d, place, revision, err := c.rollbackDesk(g)
	if err != nil {
		return err
	}
	note := strings.TrimSpace(plainLines(g.PostForm("note")))
	if problems := noteProblems(note); len(problems) > 0 {
		return d.askRollback(http.StatusUnprocessableEntity, place, revision, note, problems)
	}
	if number(g.PostForm("running")) != place.Revision {
		return d.askRollback(http.StatusConflict, place, revision, note, problem.List{{
			Message: "Something else runs now than when this was asked. Look at what would change, then decide again.",
		}})
	}
	start := c.now()
	note = cmp.Or(note, fmt.Sprintf("Rollback to revision %d.", revision))
	result, err := c.store.Rollback(g.Request.Context(), d.v.Actor(), d.project.ID, d.proxy.ID, place.Environment, revision, note)
	if problems := problem.Of(err); problems != nil {
		return d.showRefused(place, problems)
	}
	if err != nil {
		return err
	}
	return d.showOutcome(result, start, false)
}
