package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// laneSwitch is a wish to switch every policy of a lane.
type laneSwitch struct {
	*ownerDesk
	spot
	active bool
}

func (c *Console) laneSwitch(g *gin.Context) (*laneSwitch, error) {
	d, err := c.ownerDesk(g)
	if err != nil {
		return nil, err
	}
	s, err := d.spot()
	if err != nil {
		return nil, err
	}
	active, err := strconv.ParseBool(g.Request.Form.Get("active"))
	if err != nil {
		return nil, problem.List{{Field: "active", Message: "Send true or false."}}
	}
	return &laneSwitch{d, s, active}, nil
}

// switchHref asks for the switch of a lane; "" where nothing is left to switch so.
func (d *ownerDesk) switchHref(s spot, active bool) string {
	if len(d.owner.Switching(s.pipeline, s.endpoint, active))+len(d.owner.SwitchingShared(s.pipeline, s.endpoint, active)) == 0 {
		return ""
	}
	values := s.values()
	values.Set("active", strconv.FormatBool(active))
	return withQuery(d.link().SwitchBindings(), values)
}

// ConfirmLaneSwitch names what would be switched: the owner's own policies, and
// apart from them what others have too.
func (c *Console) ConfirmLaneSwitch(g *gin.Context) error {
	l, err := c.laneSwitch(g)
	if err != nil {
		return err
	}
	return l.ask(http.StatusOK, "")
}

func (l *laneSwitch) ask(status int, refused string) error {
	frame, err := l.frame(l.verb()+" all", layout.Crumb{Label: "Develop", Href: l.scopeHref(l.endpoint)}, layout.Crumb{Label: l.verb() + " all"})
	if err != nil {
		return err
	}
	last, err := l.untouched()
	if err != nil {
		return err
	}
	question := ui.Confirm{
		Title: fmt.Sprintf("%s every policy in the %s?", l.verb(), l.where(l.spot)), Effects: append(l.localEffects(), last), Error: refused,
		Action: l.link().SwitchBindings(), Label: l.verb() + " all", Kind: ui.Primary, Cancel: l.scopeHref(l.endpoint),
		Hidden: append(append(l.hidden(), l.version()...), ui.Hidden{Name: "active", Value: strconv.FormatBool(l.active)}),
	}
	shared, err := l.shared()
	if err != nil {
		return err
	}
	return render(l.g, status, proxies.LaneSwitchPage(frame, question, proxies.SharedSwitch{
		Verb: l.verb(), Lines: shared, On: l.g.PostForm("includeShared") == "true",
	}))
}

func (l *laneSwitch) verb() string {
	if l.active {
		return "Activate"
	}
	return "Disable"
}

func (l *laneSwitch) localEffects() []string {
	local := l.owner.Switching(l.pipeline, l.endpoint, l.active)
	if len(local) == 0 {
		return []string{"No policy of this " + l.noun + " alone is left to switch"}
	}
	names := make([]string, len(local))
	for i, b := range local {
		names[i] = b.Name()
	}
	return []string{fmt.Sprintf("%s of this %s alone: %s", countOf(len(names), "policy", "policies"), l.noun, strings.Join(names, ", "))}
}

// shared are the global policies and policy groups of the lane, each with what
// else its switch would change.
func (l *laneSwitch) shared() ([]proxies.SharedLine, error) {
	var lines []proxies.SharedLine
	for _, b := range l.owner.SwitchingShared(l.pipeline, l.endpoint, l.active) {
		line := proxies.SharedLine{Name: b.Name(), Kind: "Global policy"}
		id := b.Policy.ID
		if b.Group != nil {
			line.Kind, id = "Policy group", b.Group.ID
		}
		places, err := l.c.store.PlacesOf(l.g.Request.Context(), id, l.bindings()...)
		if err != nil {
			return nil, err
		}
		line.Elsewhere = elsewhereOf(groupUse{places})
		lines = append(lines, line)
	}
	return lines, nil
}

// bindings are the ids of those of the lane.
func (l *laneSwitch) bindings() (ids []string) {
	for _, b := range l.owner.Bindings {
		if b.Pipeline == l.pipeline && b.EndpointID == l.endpoint {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// elsewhereOf says in numbers where else something is bound.
func elsewhereOf(u groupUse) string {
	if u.Owners == 0 {
		return "Nowhere else"
	}
	text := fmt.Sprintf("%s: %s.", countOf(u.Places.Places, "other place", "other places"), u.owners())
	if u.Live == 0 {
		return text + " None of them is live."
	}
	return fmt.Sprintf("%s Live in %s: %s.", text, someOf(u.Environments), u.live())
}

// SwitchLane switches every policy of a lane, as it was read.
func (c *Console) SwitchLane(g *gin.Context) error {
	l, err := c.laneSwitch(g)
	if err != nil {
		return err
	}
	names, err := c.store.SetLaneActive(g.Request.Context(), l.v.Actor(), l.project.ID, g.PostForm("ownerId"), number(g.PostForm("version")),
		l.pipeline, l.endpoint, l.active, g.PostForm("includeShared") == "true")
	if problems := problem.Of(err); problems != nil {
		return l.ask(http.StatusUnprocessableEntity, problems.Error())
	}
	done := "passive"
	if l.active {
		done = "active"
	}
	return l.changed(err, fmt.Sprintf("%s now: %s.", countOf(len(names), "policy is "+done, "are "+done), someOf(names)), l.endpoint)
}
