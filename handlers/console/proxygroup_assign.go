package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// assignShown is how many of each kind the page of an assignment lists; a search
// finds the others, and all that it finds can be selected at once.
const assignShown = 50

// assigner is one visit to the pages where a group gets many things at once.
type assigner struct {
	*ownerDesk
	query   string
	version int
	a       models.Assignment
}

func (c *Console) assigner(g *gin.Context) (*assigner, error) {
	d, err := c.ownerDesk(g)
	if err != nil {
		return nil, err
	}
	form := g.Request.Form
	return &assigner{
		ownerDesk: d, query: strings.TrimSpace(form.Get("q")), version: d.owner.Version,
		a: models.Assignment{Proxies: each(form["proxy"]), Policies: each(form["policy"]), Groups: each(form["group"])},
	}, nil
}

// each is a list without repetition.
func each(list []string) []string {
	var out []string
	for _, x := range list {
		if x != "" && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// Assign is where proxies, policies and policy groups are ticked for a group.
func (c *Console) Assign(g *gin.Context) error {
	a, err := c.assigner(g)
	if err != nil {
		return err
	}
	return a.choose(http.StatusOK)
}

// AssignStep goes on: to what is found, to the preview, or to the save.
func (c *Console) AssignStep(g *gin.Context) error {
	a, err := c.assigner(g)
	if err != nil {
		return err
	}
	a.version = number(g.PostForm("version"))
	switch do := g.PostForm("do"); do {
	case "preview":
		return a.preview(http.StatusOK, "", nil)
	case "save":
		return a.save()
	case "all-proxies", "all-policies", "all-groups":
		if err := a.selectAll(strings.TrimPrefix(do, "all-")); err != nil {
			return err
		}
	}
	return a.choose(http.StatusOK)
}

// selectAll ticks everything of a kind that the search finds.
func (a *assigner) selectAll(kind string) error {
	ctx := a.g.Request.Context()
	switch kind {
	case "proxies":
		for len(a.a.Proxies) <= engine.MaxMembers {
			found, _, err := a.c.store.FindMembers(ctx, a.project.ID, a.query, a.memberIDs(a.a.Proxies), 500)
			if err != nil || len(found) == 0 {
				return err
			}
			for _, m := range found {
				a.a.Proxies = append(a.a.Proxies, m.ID)
			}
		}
	case "policies":
		list, _, err := a.policies(ctx, models.MaxAssigned)
		for _, p := range list {
			a.a.Policies = each(append(a.a.Policies, p.ID))
		}
		return err
	default:
		list, _, err := a.groups(ctx, models.MaxAssigned)
		for _, o := range list {
			a.a.Groups = each(append(a.a.Groups, o.ID))
		}
		return err
	}
	return nil
}

// memberIDs are those of the members, and more.
func (a *assigner) memberIDs(more []string) []string {
	ids := slices.Clone(more)
	for _, m := range a.owner.Members {
		ids = append(ids, m.ID)
	}
	return ids
}

// policies are global ones that the search finds and the group has not bound.
func (a *assigner) policies(ctx context.Context, most int) (list []models.Policy, more int, err error) {
	for _, t := range a.c.types {
		found, total, err := a.c.store.Policies(ctx, a.project.ID, models.PolicyFilter{Type: t.Name, Query: a.query, PerPage: most})
		if err != nil {
			return nil, 0, err
		}
		more += total - len(found)
		list = append(list, found...)
	}
	list = slices.DeleteFunc(list, func(p models.Policy) bool {
		return slices.ContainsFunc(a.owner.Bindings, func(b models.Binding) bool { return b.Group == nil && b.Policy.ID == p.ID })
	})
	return list, more, nil
}

func (a *assigner) groups(ctx context.Context, most int) (list []models.Owner, more int, err error) {
	list, total, err := a.c.store.Owners(ctx, a.project.ID, models.OwnerFilter{Kind: engine.KindPolicyGroup, Query: a.query, PerPage: most})
	more = total - len(list)
	list = slices.DeleteFunc(list, func(o models.Owner) bool { return a.runsGroup(spot{pipeline: o.Pipeline}, o.ID) })
	return list, more, err
}

// choose shows the lists with what is ticked.
func (a *assigner) choose(status int) error {
	ctx := a.g.Request.Context()
	page := proxies.Assign{
		Head: a.head(proxies.OnOverview), Version: strconv.Itoa(a.version), Action: a.link().Assign(), Query: a.query,
	}
	found, total, err := a.c.store.FindMembers(ctx, a.project.ID, a.query, a.memberIDs(nil), assignShown)
	if err != nil {
		return err
	}
	page.MoreProxies = total - len(found)
	for _, m := range found {
		page.Proxies = append(page.Proxies, proxies.AssignChoice{
			ID: m.ID, Name: m.Name, Text: m.Description, Detail: m.BasePath, Href: link.Proxy(a.project.Name, m.Name).Page(),
			Active: true, Ticked: slices.Contains(a.a.Proxies, m.ID),
		})
	}
	if err := a.choosePolicies(ctx, &page); err != nil {
		return err
	}
	page.Kept = a.kept(page)
	frame, err := a.frame("Assign to "+a.owner.Name, layout.Crumb{Label: "Assign"})
	if err != nil {
		return err
	}
	return render(a.g, status, proxies.AssignPage(frame, page))
}

func (a *assigner) choosePolicies(ctx context.Context, page *proxies.Assign) error {
	policies, more, err := a.policies(ctx, assignShown)
	if err != nil {
		return err
	}
	page.MorePolicies = more
	for _, p := range policies {
		t, _ := a.c.types.Find(p.Type)
		page.Policies = append(page.Policies, proxies.AssignChoice{
			ID: p.ID, Name: p.Name, Text: p.Description, Detail: t.Label, Href: link.Policy(a.project.Name, p.Type, p.Name),
			Active: p.Active, Ticked: slices.Contains(a.a.Policies, p.ID),
		})
	}
	groups, more, err := a.groups(ctx, assignShown)
	if err != nil {
		return err
	}
	page.MoreGroups = more
	counts, err := a.c.store.GroupCounts(ctx, idsOf(groups))
	for _, o := range groups {
		page.Groups = append(page.Groups, proxies.AssignChoice{
			ID: o.ID, Name: o.Name, Text: o.Description, Detail: countOf(counts[o.ID].Policies, "policy", "policies") + ", " + words.Lane(o.Pipeline),
			Href: linkOf(a.project.Name, o).Page(), Active: o.Active, Ticked: slices.Contains(a.a.Groups, o.ID),
		})
	}
	return err
}

// kept is what is ticked and not in sight, so that another search loses nothing.
func (a *assigner) kept(page proxies.Assign) []ui.Hidden {
	var list []ui.Hidden
	keep := func(name string, ids []string, shown []proxies.AssignChoice) {
		for _, id := range ids {
			if !slices.ContainsFunc(shown, func(c proxies.AssignChoice) bool { return c.ID == id }) {
				list = append(list, ui.Hidden{Name: name, Value: id})
			}
		}
	}
	keep("proxy", a.a.Proxies, page.Proxies)
	keep("policy", a.a.Policies, page.Policies)
	keep("group", a.a.Groups, page.Groups)
	return list
}

// preview shows what a save would do now. Problems are those of a save that was
// refused.
func (a *assigner) preview(status int, conflict string, problems problem.List) error {
	ctx := a.g.Request.Context()
	after, err := a.c.store.PreviewAssignment(ctx, a.v.Actor(), a.project.ID, a.owner.ID, a.owner.Version, a.a)
	if l := problem.Of(err); l != nil {
		status, problems, after = http.StatusUnprocessableEntity, l, a.owner
	} else if err != nil {
		return err
	}
	page := proxies.Preview{
		Head: a.head(proxies.OnOverview), Action: a.link().Assign(), Cancel: a.page(), Hidden: a.selection(), Conflict: conflict, Problems: problems,
		Present: a.present(), Lanes: a.lanePreviews(after), Redeploy: liveIn(a.owner),
	}
	var added []string
	for _, m := range after.Members[len(a.owner.Members):] {
		page.Added, added = append(page.Added, memberRow(a.project, m)), append(added, m.ID)
	}
	if a.owner.BlockDirectAccess && len(added) > 0 {
		direct, err := a.c.directCalls(ctx, added)
		if err != nil {
			return err
		}
		page.Blocked = proxies.Blocked(len(added), direct)
	}
	frame, err := a.frame("What changes in "+a.owner.Name, layout.Crumb{Label: "Assign", Href: a.link().Assign()}, layout.Crumb{Label: "Preview"})
	if err != nil {
		return err
	}
	return render(a.g, status, proxies.PreviewPage(frame, page))
}

// selection is what is ticked, as forms carry it.
func (a *assigner) selection() []ui.Hidden {
	list := []ui.Hidden{{Name: "version", Value: strconv.Itoa(a.owner.Version)}, {Name: "q", Value: a.query}}
	return append(list, a.kept(proxies.Assign{})...)
}

// present names what of the selection the group has already.
func (a *assigner) present() []string {
	var names []string
	for _, m := range a.owner.Members {
		if slices.Contains(a.a.Proxies, m.ID) {
			names = append(names, m.Name)
		}
	}
	for _, b := range a.owner.Bindings {
		if b.Group != nil && slices.Contains(a.a.Groups, b.Group.ID) || b.Group == nil && slices.Contains(a.a.Policies, b.Policy.ID) {
			names = append(names, b.Name())
		}
	}
	return names
}

// lanePreviews are the lanes that get something, as they will be.
func (a *assigner) lanePreviews(after models.Owner) []proxies.LanePreview {
	var list []proxies.LanePreview
	for _, about := range lanes {
		l := proxies.LanePreview{Title: strings.ToUpper(about.name[:1]) + about.name[1:]}
		changed := false
		for _, b := range after.Bindings {
			if b.Pipeline != about.pipeline {
				continue
			}
			shown := a.bound(b)
			isNew := !slices.ContainsFunc(a.owner.Bindings, func(x models.Binding) bool { return x.ID == b.ID })
			l.Slots, changed = append(l.Slots, proxies.LaneSlot{Name: shown.Name, Type: shown.Type, New: isNew}), changed || isNew
		}
		if changed {
			list = append(list, l)
		}
	}
	return list
}

// save does what the preview said, if the group is still as it was then.
func (a *assigner) save() error {
	ctx := a.g.Request.Context()
	after, err := a.c.store.AssignToGroup(ctx, a.v.Actor(), a.project.ID, a.owner.ID, a.version, a.a)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return a.preview(http.StatusConflict, fmt.Sprintf("%s was changed by %s since you looked. Nothing of yours was saved; this is what would change now.", stale.Name, stale.By), nil)
	}
	if l := problem.Of(err); l != nil {
		return a.preview(http.StatusUnprocessableEntity, "", l)
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s has %s and %s now.", after.Name, countOf(len(after.Members), "member", "members"), countOf(len(after.Bindings), "policy or policy group", "policies and policy groups"))
	a.v.Say(ctx, visit.Success, text+a.redeployHint())
	return redirect(a.g, a.page())
}
