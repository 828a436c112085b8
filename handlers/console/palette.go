package console

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

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

// Palette finds pages, actions, proxies and policies by what is typed, and
// only such as the visitor may open.
func (c *Console) Palette(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	projects, err := c.store.Projects(ctx)
	if err != nil {
		return err
	}
	query := strings.TrimSpace(g.Query("q"))
	if runes := []rune(query); len(runes) > paletteQuery {
		query = string(runes[:paletteQuery])
	}
	found := []place{}
	for i, project := range projects {
		if i == 0 {
			found = append(found, matching(c.pages(v, project.Name), query)...)
		}
		if query == "" {
			break
		}
		hits, err := c.store.Search(ctx, project.ID, query, paletteHits)
		if err != nil {
			return err
		}
		found = append(found, c.hits(hits)...)
	}
	g.JSON(http.StatusOK, found)
	return nil
}

// pages are the menu's entries and what can be begun, for the visitor.
func (c *Console) pages(v *visit.Visit, project string) []place {
	var list []place
	for _, section := range c.menu(v, project, "") {
		list = appendItems(list, section.Items)
	}
	if v.Can(visit.Manage) {
		list = append(list, place{Label: "Create API proxy", Href: link.NewProxy(project), Kind: "Action"})
		for _, t := range c.types {
			list = append(list, place{Label: "Create " + t.Label + " policy", Href: link.NewPolicy(project, t.Name), Kind: "Action"})
		}
	}
	return append(list, place{Label: "Account", Href: link.Account, Kind: "Page", Hint: v.User.Name})
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
			found = append(found, place{Label: h.Name, Kind: "API proxy", Hint: h.Path, Href: link.Proxy(h.Project, h.Name)})
		case models.KindPolicy:
			t, _ := c.types.Find(h.Path)
			found = append(found, place{Label: h.Name, Kind: "Policy", Hint: t.Label, Href: link.Policy(h.Project, h.Path, h.Name)})
		}
	}
	return found
}
