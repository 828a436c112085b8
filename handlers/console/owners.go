package console

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// ownerKind is a kind of owner as addresses and pages name it.
type ownerKind struct {
	kind string
	at   link.Kind
	// packed is the kind in packages.
	packed archive.Kind
	// noun is the word in a sentence, list the title of the list.
	noun, list string
}

// ownerKinds are all that policies are bound to and that is deployed.
var ownerKinds = []ownerKind{
	{engine.KindProxy, link.KindProxy, archive.KindProxy, "proxy", "API Proxies"},
	{engine.KindProxyGroup, link.KindProxyGroup, archive.KindProxyGroup, "proxy group", "API Proxy Groups"},
	{engine.KindPolicyGroup, link.KindPolicyGroup, archive.KindPolicyGroup, "policy group", "Policy Groups"},
}

// kindNamed are the words of engine.KindProxy and the others.
func kindNamed(kind string) ownerKind {
	return ownerKinds[max(0, slices.IndexFunc(ownerKinds, func(k ownerKind) bool { return k.kind == kind }))]
}

// kindOfRoute is the kind whose pages a route belongs to, with the name that its
// address gives; a form of a new one has none.
func kindOfRoute(g *gin.Context) (ownerKind, string) {
	for _, k := range ownerKinds {
		base := "/projects/:project/"
		if form := base + "new/" + string(k.at); g.FullPath() == form || strings.HasPrefix(g.FullPath(), form+"/") {
			return k, ""
		}
		if strings.HasPrefix(g.FullPath(), base+string(k.at)+"/") {
			return k, g.Params[1].Value // after the project
		}
	}
	return ownerKind{}, ""
}

// linkTo is the page of an owner that is known by its kind and name.
func linkTo(project, kind, name string) string {
	return link.Owner{Project: project, Kind: kindNamed(kind).at, Name: name}.Page()
}

// linkOf are the addresses of an owner.
func linkOf(project string, o models.Owner) link.Owner {
	return link.Owner{Project: project, Kind: kindNamed(o.Kind).at, Name: o.Name}
}

// crumbs lead to the list of the kind.
func (k ownerKind) crumbs(project models.Project) []layout.Crumb {
	return []layout.Crumb{
		{Label: project.Name, Href: link.Project(project.Name)},
		{Label: k.list, Href: k.at.List(project.Name)},
	}
}

// ownerDesk is one visit to the pages of one owner.
type ownerDesk struct {
	c       *Console
	g       *gin.Context
	v       *visit.Visit
	project models.Project
	ownerKind
	owner models.Owner
}

// ownerDesk finds the project and the owner that the address names, and reads
// the form where there is one.
func (c *Console) ownerDesk(g *gin.Context) (*ownerDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return nil, err
	}
	kind, name := kindOfRoute(g)
	owner, err := c.store.Owner(ctx, project.ID, kind.kind, name)
	if err != nil {
		return nil, err
	}
	return c.deskOf(g, project, owner), nil
}

// api is the proxy or the proxy group of a name, which they share: grants, logs
// and uses name an API without its kind.
func (c *Console) api(ctx context.Context, projectID, name string) (models.Owner, error) {
	o, err := c.store.Proxy(ctx, projectID, name)
	if errors.Is(err, models.ErrNotFound) {
		return c.store.Owner(ctx, projectID, engine.KindProxyGroup, name)
	}
	return o, err
}

// orGroup leads from the address of a proxy, which is all that a name without its
// kind gives, to the group of that name; err is why there is no such proxy.
func (c *Console) orGroup(g *gin.Context, err error) error {
	if kind, name := kindOfRoute(g); errors.Is(err, models.ErrNotFound) && kind.kind == engine.KindProxy {
		ctx := g.Request.Context()
		project, failed := c.project(ctx, g.Param("project"))
		if failed != nil {
			return failed
		}
		if o, failed := c.api(ctx, project.ID, name); failed == nil {
			rest := strings.TrimPrefix(g.FullPath(), "/projects/:project/proxies/:proxy")
			return redirect(g, linkOf(project.Name, o).Page()+rest)
		}
	}
	return err
}

// deskOf is the visit to an owner that is known already.
func (c *Console) deskOf(g *gin.Context, project models.Project, o models.Owner) *ownerDesk {
	return &ownerDesk{c: c, g: g, v: visit.From(g.Request.Context()), project: project, ownerKind: kindNamed(o.Kind), owner: o}
}

// frame is the shell of a page below the owner's own.
func (d *ownerDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := append(d.crumbs(d.project), layout.Crumb{Label: d.owner.Name, Href: d.page()})
	p, err := d.c.frame(d.g, title, d.project, append(crumbs, more...)...)
	audited(d.g, &p, d.project.Name, d.owner.ID)
	return p, err
}

func (d *ownerDesk) link() link.Owner { return linkOf(d.project.Name, d.owner) }
func (d *ownerDesk) page() string     { return d.link().Page() }
func (d *ownerDesk) develop() string  { return d.link().Develop() }

// head is what the pages of the owner begin with.
func (d *ownerDesk) head(current proxies.Section) proxies.Head {
	at := d.link()
	h := proxies.Head{
		Name: d.owner.Name, Noun: d.noun, Description: d.owner.Description, Now: d.c.now(), Current: current, Policies: len(d.owner.Bindings),
		Places: d.c.places(d.g, d.project.Name, d.owner), Overview: at.Page(), Develop: at.Develop(), History: at.History(),
		Export: link.ExportObject(d.project.Name, string(d.packed), d.owner.Name),
	}
	if d.v.Can(models.ManageAPIs) {
		h.Edit, h.Secret, h.Duplicate, h.Delete = at.Edit(), at.Secret(), at.Duplicate(), at.Delete()
	}
	return h
}

// version is what a write of this visit was read at.
func (d *ownerDesk) version() []ui.Hidden {
	return []ui.Hidden{{Name: "ownerId", Value: d.owner.ID}, {Name: "version", Value: strconv.Itoa(d.owner.Version)}}
}
