package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
)

const (
	paletteHits  = 20
	paletteQuery = 200 // characters that are looked at
)

// place is one line of the command palette.
type place struct {
	Label string `json:"label"`
	Href  string `json:"href"`
	Kind  string `json:"kind"`
	Hint  string `json:"hint"`
}

// Palette finds pages, actions and things with a name by what is typed, and
// only such as the visitor may open.
func (c *Console) Palette(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	projects, err := c.projectsOf(ctx, v)
	if err != nil {
		return err
	}
	query := strings.TrimSpace(g.Query("q"))
	if runes := []rune(query); len(runes) > paletteQuery {
		query = string(runes[:paletteQuery])
	}
	// The project that the visitor is in comes first, and its pages are those offered.
	in := g.Query("project")
	if at := slices.IndexFunc(projects, func(p models.Project) bool { return p.Name == in }); at > 0 {
		projects = slices.Concat(projects[at:at+1], projects[:at], projects[at+1:])
	}
	found := []place{}
	for i, project := range projects {
		there, err := c.visitIn(ctx, v, project.Name)
		if err != nil {
			return err
		}
		if i == 0 {
			pages, err := c.pages(ctx, there, project.Name)
			if err != nil {
				return err
			}
			found = append(found, matching(pages, query)...)
		}
		if query == "" {
			break
		}
		hits, err := c.store.Search(ctx, project.ID, query, paletteHits)
		if err != nil {
			return err
		}
		found = append(found, c.opening(there, c.hits(hits))...)
	}
	keys, err := c.store.SearchKeys(ctx, query, paletteHits)
	if err != nil {
		return err
	}
	found = append(found, c.opening(v, keyPlaces(keys))...)
	if id := correlationID(query); likeID(id) {
		found = append(found, c.opening(v, []place{{Label: "Why was it refused?", Kind: "Correlation id", Hint: id, Href: link.Refused(id)}})...)
	}
	g.JSON(http.StatusOK, found)
	return nil
}

// opening leaves out what the visitor may not open.
func (c *Console) opening(v *visit.Visit, list []place) []place {
	return slices.DeleteFunc(list, func(p place) bool { return !c.opens(v, p.Href) })
}

// likeID tells whether text may be a correlation id: one of the gateway's is 128
// bits in hex, one of a proxy in front often a UUID or the like.
func likeID(text string) bool {
	digits := 0
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return digits >= 3 && len(text) >= 16 && len(text) <= 64
}

// pages are the menu's entries and what can be begun, for the visitor.
func (c *Console) pages(ctx context.Context, v *visit.Visit, project string) ([]place, error) {
	environments, err := c.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	var list []place
	for _, section := range c.menu(v, project, environments, v.Environment(ctx), "") {
		list = appendItems(list, section.Items)
	}
	for _, e := range environments {
		list = append(list, place{Label: e.Name, Href: link.EnvironmentPage(e.Name), Kind: "Environment", Hint: e.PublicURL})
	}
	list = append(list, place{Label: "Create environment", Href: link.NewEnvironment, Kind: "Action"},
		place{Label: "Create API proxy", Href: link.NewProxy(project), Kind: "Action"},
		place{Label: "Create API proxy from an OpenAPI document", Href: link.NewProxyDocument(project), Kind: "Action"},
		place{Label: "Create API proxy group", Href: link.KindProxyGroup.New(project), Kind: "Action"})
	for _, t := range c.types {
		list = append(list, place{Label: "Create " + t.Label + " policy", Href: link.NewPolicy(project, t.Name), Kind: "Action"})
	}
	return c.opening(v, append(list, place{Label: "Account", Href: link.Account, Kind: "Page", Hint: v.User.Name})), nil
}

func appendItems(list []place, items []layout.NavItem) []place {
	for _, item := range items {
		if item.Href != "" {
			list = append(list, place{Label: item.Label, Href: item.Href, Kind: "Page", Hint: item.Keys})
		}
		list = appendItems(list, item.Children)
	}
	return list
}

func matching(list []place, query string) []place {
	var found []place
	for _, p := range list {
		if strings.Contains(strings.ToLower(p.Label), strings.ToLower(query)) {
			found = append(found, p)
		}
	}
	return found
}

// hits leads to what the store found.
func (c *Console) hits(list []models.Hit) []place {
	var found []place
	for _, h := range list {
		switch h.Kind {
		case models.KindProxy:
			found = append(found, place{Label: h.Name, Kind: "API proxy", Hint: h.Path, Href: link.Proxy(h.Project, h.Name).Page()})
		case engine.KindProxyGroup:
			found = append(found, place{Label: h.Name, Kind: "Proxy group", Hint: h.Path, Href: link.ProxyGroup(h.Project, h.Name).Page()})
		case engine.KindPolicyGroup:
			found = append(found, place{Label: h.Name, Kind: "Policy group", Href: link.PolicyGroup(h.Project, h.Name).Page()})
		case models.KindPolicy:
			t, _ := c.types.Find(h.Path)
			found = append(found, place{Label: h.Name, Kind: "Policy", Hint: t.Label, Href: link.Policy(h.Project, h.Path, h.Name)})
		case models.KindIdentitySource:
			kind, _ := c.identities.Find(identity.KindName(h.Path))
			found = append(found, place{Label: h.Name, Kind: "Identity source", Hint: kind.Label, Href: link.IdentitySource(h.Project, h.Name)})
		case models.KindCredential:
			found = append(found, place{Label: h.Name, Kind: "Credential", Hint: h.Path, Href: link.Credential(h.Project, h.Name)})
		case models.KindRole:
			// A role has no page of its own: the list is narrowed to it.
			found = append(found, place{Label: h.Name, Kind: "Role", Hint: h.Path, Href: withQuery(link.Roles(h.Project), url.Values{"q": {h.Name}})})
		case models.KindVariable: // as for a role
			found = append(found, place{Label: h.Name, Kind: "Variable", Hint: h.Path, Href: withQuery(link.Variables(h.Project), url.Values{"q": {h.Name}})})
		}
	}
	return found
}

// keyPlaces names a key as its page does, with what tells it from others.
func keyPlaces(list []models.KeyHit) []place {
	var found []place
	for _, k := range list {
		label := k.Algorithm
		if k.Name != "" {
			label = k.Name + " (" + k.Algorithm + ")"
		}
		hint := k.Environment + ", " + strings.ToLower(k.State) + ", " + k.Kid
		found = append(found, place{Label: label, Kind: "Key", Hint: hint, Href: link.Key(k.Environment, k.ID)})
	}
	return found
}
