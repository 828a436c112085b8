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

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// spot is a lane of the owner: a pipeline, of all endpoints ("") or of one.
type spot struct {
	pipeline policy.Pipeline
	endpoint string
}

// laneText is how a pipeline is shown.
type laneText struct {
	pipeline policy.Pipeline
	id, name string
	text     string
	// closed says why the lane is empty while no type of policy can go there.
	closed string
}

// lanes are the pipelines as the Develop tab shows them.
var lanes = []laneText{
	{policy.Request, "request", "request lane", "Runs before the backend is called, from top to bottom.",
		"No policy type of this version can go here."},
	{policy.Response, "response", "response lane", "Runs on the backend's answer, from top to bottom; policies of one endpoint go first.",
		"No policy type of this version can go here."},
	{policy.Error, "error", "error lane", "Runs on the gateway's own error answers, from bottom to top.",
		"No policy type of this version can go here."},
}

// scopeName is what people call an endpoint, or all of them.
func (d *ownerDesk) scopeName(endpointID string) string {
	for _, e := range d.owner.Endpoints {
		if e.ID == endpointID {
			return e.Method + " " + e.Path
		}
	}
	return "all endpoints"
}

// scopeHref is the Develop tab of an endpoint, or of all of them.
func (d *ownerDesk) scopeHref(endpointID string) string {
	if endpointID == "" {
		return d.develop()
	}
	return d.develop() + "?" + url.Values{"endpoint": {endpointID}}.Encode()
}

// knows tells whether the owner has the endpoint; "" stands for all.
func (d *ownerDesk) knows(endpointID string) bool {
	return endpointID == "" || slices.ContainsFunc(d.owner.Endpoints, func(e models.Endpoint) bool { return e.ID == endpointID })
}

// Develop is the tab where policies are bound.
func (c *Console) Develop(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return c.orGroup(g, err)
	}
	endpoint := g.Query("endpoint")
	if !d.knows(endpoint) {
		d.v.Say(g.Request.Context(), visit.Warning, "That endpoint is gone; all endpoints are shown.")
		return redirect(g, d.develop())
	}
	frame, err := d.frame("Develop "+d.owner.Name, layout.Crumb{Label: "Develop"})
	if err != nil {
		return err
	}
	page := proxies.Develop{Head: d.head(proxies.OnDevelop)}
	switch d.kind {
	case engine.KindProxy:
		page.Scopes, page.Behind, page.BehindText = d.scopes(endpoint), "Backend API", words.UpstreamText(d.owner.Upstream)
	case engine.KindProxyGroup:
		page.Behind, page.BehindText = "Members", countOf(len(d.owner.Members), "API proxy", "API proxies")
	}
	for _, about := range lanes {
		if d.kind != engine.KindPolicyGroup || about.pipeline == d.owner.Pipeline {
			page.Lanes = append(page.Lanes, d.lane(about, endpoint))
		}
	}
	return render(g, http.StatusOK, proxies.DevelopPage(frame, page))
}

func (d *ownerDesk) scopes(current string) []proxies.ScopeLink {
	counts := endpointPolicies(d.owner)
	list := []proxies.ScopeLink{{Href: d.develop(), Current: current == "", Policies: counts[""]}}
	for _, e := range d.owner.Endpoints {
		list = append(list, proxies.ScopeLink{
			Method: e.Method, Path: e.Path, Text: e.Description, Href: d.scopeHref(e.ID), Current: current == e.ID, Policies: counts[e.ID],
		})
	}
	return list
}

func (d *ownerDesk) lane(about laneText, endpoint string) proxies.Lane {
	l := proxies.Lane{ID: about.id, Title: strings.ToUpper(about.name[:1]) + about.name[1:], Text: about.text, Back: about.pipeline != policy.Request}
	if !slices.ContainsFunc(d.c.types, func(t policy.Type) bool { return t.Allows(about.pipeline) }) {
		l.Closed = about.closed
	} else if d.v.Can(models.ManageAPIs) {
		s := spot{about.pipeline, endpoint}
		l.Add = d.link().NewBinding() + "?" + s.values().Encode()
		if d.kind != engine.KindPolicyGroup {
			l.AddGroup = l.Add + "#policy-groups"
		}
		l.Order, l.Hidden = d.link().OrderBindings(), append(s.hidden(), d.version()...)
		l.Activate, l.Disable = d.switchHref(s, true), d.switchHref(s, false)
	}
	for _, b := range d.owner.Bindings {
		switch {
		case b.Pipeline != about.pipeline:
		case b.EndpointID == endpoint:
			l.Policies = append(l.Policies, d.bound(b))
		case b.EndpointID == "":
			l.Inherited = append(l.Inherited, d.bound(b))
		}
	}
	if len(l.Inherited)+len(l.Policies) > 0 {
		l.Closed = ""
	}
	return l
}

// values are the spot as addresses carry it.
func (s spot) values() url.Values {
	v := url.Values{"pipeline": {string(s.pipeline)}}
	if s.endpoint != "" {
		v.Set("endpoint", s.endpoint)
	}
	return v
}

// hidden is the spot as forms carry it.
func (s spot) hidden() []ui.Hidden {
	return []ui.Hidden{{Name: "pipeline", Value: string(s.pipeline)}, {Name: "endpoint", Value: s.endpoint}}
}

// bound is a binding as lanes show it, with what the visitor may do.
func (d *ownerDesk) bound(b models.Binding) proxies.Bound {
	if b.Group != nil {
		return d.boundGroup(b)
	}
	at := d.link()
	out := d.c.boundPolicy(at, b)
	if !d.v.Can(models.ManageAPIs) {
		return out
	}
	out.Remove = at.BindingRemove(b.ID)
	if out.Global {
		out.Localize = at.BindingLocalize(b.ID)
	} else {
		if d.v.Can(models.ManageSettings) {
			out.Globalize = at.BindingGlobalize(b.ID)
		}
		out.Edit, out.Status = at.BindingEdit(b.ID), at.BindingStatus(b.ID)
		out.Hidden = []ui.Hidden{{Name: "policyVersion", Value: strconv.Itoa(b.Policy.Version)}}
	}
	return out
}

// boundPolicy is a policy of an owner to look at.
func (c *Console) boundPolicy(at link.Owner, b models.Binding) proxies.Bound {
	out := proxies.Bound{ID: b.ID, Name: b.Policy.Name, Type: b.Policy.Type, Global: b.Policy.Global(), Active: b.Policy.Active, Href: at.Binding(b.ID)}
	if t, ok := c.types.Find(b.Policy.Type); ok {
		out.Type = t.Label
	}
	return out
}

// boundGroup is a policy group in one slot. It is edited on its own page, and so
// are its policies.
func (d *ownerDesk) boundGroup(b models.Binding) proxies.Bound {
	at := linkOf(d.project.Name, *b.Group)
	out := proxies.Bound{ID: b.ID, Name: b.Group.Name, Type: "Policy group", Group: true, Active: b.Group.Active, Href: at.Page(), Develop: at.Develop()}
	for _, inner := range b.Group.Bindings {
		out.Inside = append(out.Inside, d.c.boundPolicy(at, inner))
	}
	if d.v.Can(models.ManageAPIs) {
		out.Remove = d.link().BindingRemove(b.ID)
	}
	return out
}

// OrderBindings gives a lane a new order: the whole of it, or with a button of
// one policy a step up or down.
func (c *Console) OrderBindings(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	posted := g.Request.PostForm
	order, moved := stepped(posted["order"], posted.Get("move"))
	if !moved {
		return problem.List{{Field: "move", Message: "Name the policy and the way, such as up:ID."}}
	}
	err = c.store.OrderBindings(g.Request.Context(), d.v.Actor(), d.project.ID, d.owner.ID,
		number(posted.Get("version")), policy.Pipeline(posted.Get("pipeline")), order)
	return d.changed(err, "", posted.Get("endpoint"))
}

// stepped is order with one of its values moved; without a move it is as it
// was sent.
func stepped(order []string, move string) ([]string, bool) {
	if move == "" {
		return order, true
	}
	way, id, _ := strings.Cut(move, ":")
	i := slices.Index(order, id)
	step := map[string]int{"up": -1, "down": 1}[way]
	if i < 0 || step == 0 {
		return nil, false
	}
	if j := i + step; j >= 0 && j < len(order) {
		order = slices.Clone(order)
		order[i], order[j] = order[j], order[i]
	}
	return order, true
}

// changed ends a change of the lanes: with what was done, or with why it was
// not because somebody else was faster. Either way the tab shows how it is now.
func (d *ownerDesk) changed(err error, done, endpoint string) error {
	ctx := d.g.Request.Context()
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		d.v.Say(ctx, visit.Warning, fmt.Sprintf("%s was changed by %s in the meantime. Nothing of yours was saved; this is how it is now.", stale.Name, stale.By))
		return redirect(d.g, d.scopeHref(endpoint))
	}
	if err != nil {
		return err
	}
	if done != "" {
		use, err := d.use()
		if err != nil {
			return err
		}
		d.v.Say(ctx, visit.Success, done+d.redeployHint()+use.redeploy())
	}
	return redirect(d.g, d.scopeHref(endpoint))
}

// redeployHint says where the change is not live yet.
func (d *ownerDesk) redeployHint() string {
	if live := liveIn(d.owner); len(live) > 0 {
		return " Redeploy to " + strings.Join(live, ", ") + " to make it live."
	}
	return ""
}
