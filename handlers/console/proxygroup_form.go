package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
)

// membersOffered is how many proxies the form of a group lists at once; a search
// finds the others.
const membersOffered = 8

// membersEdited adds, removes, moves or looks for members when one of those buttons
// was pressed, as edited does with endpoints. Enter means to look for members while
// there is something to look for.
func membersEdited(g *gin.Context, f *proxies.Form) bool {
	ids := make([]string, len(f.Members))
	for i, m := range f.Members {
		ids[i] = m.ID
	}
	add, remove, move := g.PostForm("addMember"), g.PostForm("removeMember"), g.PostForm("moveMember")
	switch {
	case add != "" && !slices.Contains(ids, add):
		ids, f.Focus, f.Search = append(ids, add), "memberSearch", ""
	case remove != "":
		ids, f.Focus = slices.DeleteFunc(ids, func(id string) bool { return id == remove }), "members"
	case move != "":
		moved, ok := stepped(ids, move)
		if !ok {
			return false
		}
		ids, f.Focus = moved, "members"
	case g.PostForm("findMembers") != "", g.PostForm("enter") != "" && f.Search != "":
		f.Focus = "memberSearch"
	default:
		return add != ""
	}
	f.Members = nil
	for _, id := range ids {
		f.Members = append(f.Members, proxies.MemberRow{ID: id})
	}
	return true
}

// showMembers names the members in the form of a group, and offers others.
func (c *Console) showMembers(ctx context.Context, kind ownerKind, project models.Project, f *proxies.Form) error {
	if f.Group = kind.kind == engine.KindProxyGroup; !f.Group {
		return nil
	}
	if err := c.nameMembers(ctx, project, f); err != nil {
		return err
	}
	direct, err := c.directCalls(ctx, memberIDs(*f))
	if err != nil {
		return err
	}
	f.Direct = direct
	return c.offerMembers(ctx, project, f)
}

func memberIDs(f proxies.Form) []string {
	ids := make([]string, len(f.Members))
	for i, m := range f.Members {
		ids[i] = m.ID
	}
	return ids
}

// nameMembers looks up the members of forms, of which only the ids are posted.
func (c *Console) nameMembers(ctx context.Context, project models.Project, forms ...*proxies.Form) error {
	for _, f := range forms {
		found, err := c.store.Members(ctx, project.ID, memberIDs(*f))
		if err != nil {
			return err
		}
		for i, m := range found {
			f.Members[i] = memberRow(project, m)
		}
	}
	return nil
}

func memberRow(project models.Project, m models.Member) proxies.MemberRow {
	row := proxies.MemberRow{ID: m.ID, Name: m.Name, Description: m.Description, BasePath: m.BasePath}
	if m.Name != "" {
		row.Href = link.Proxy(project.Name, m.Name).Page()
	}
	return row
}

func (c *Console) offerMembers(ctx context.Context, project models.Project, f *proxies.Form) error {
	f.FindMembers = link.FindMembers(project.Name)
	found, total, err := c.store.FindMembers(ctx, project.ID, f.Search, memberIDs(*f), membersOffered)
	f.More = total - len(found)
	for _, m := range found {
		f.Found = append(f.Found, memberRow(project, m))
	}
	return err
}

// FindMembers answers the search for members in the form of a group, as it is
// typed. Nothing is saved.
func (c *Console) FindMembers(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := proxyForm(g)
	if err != nil {
		return err
	}
	if err := c.offerMembers(ctx, project, &f); err != nil {
		return err
	}
	return render(g, http.StatusOK, proxies.FoundMembers(f))
}

// directCalls say which proxies are called at their own addresses, by environment.
func (c *Console) directCalls(ctx context.Context, ids []string) ([]proxies.Direct, error) {
	found, err := c.store.DirectlyCalled(ctx, ids)
	var list []proxies.Direct
	for _, d := range found {
		list = append(list, proxies.Direct{Environment: d.Environment, Proxies: d.Proxies})
	}
	return list, err
}

func memberNames(f proxies.Form) string {
	var names []string
	for _, m := range f.Members {
		names = append(names, m.Title())
	}
	return strings.Join(names, "\n")
}
