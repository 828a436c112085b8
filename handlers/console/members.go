package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

func memberCrumbs(p models.Project, more ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: p.Name, Href: link.Project(p.Name)}, {Label: "Members", Href: link.Members(p.Name)}}, more...)
}

// ListMembers is the list of a project's members.
func (c *Console) ListMembers(g *gin.Context) error {
	project, err := c.namedProject(g)
	if err != nil {
		return err
	}
	return c.showMemberList(g, http.StatusOK, project, people.MemberForm{})
}

func (c *Console) showMemberList(g *gin.Context, status int, project models.Project, f people.MemberForm) error {
	ctx := g.Request.Context()
	members, err := c.store.ProjectMembers(ctx, project.ID)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Members", project, memberCrumbs(project)...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, project.Name, models.KindProjectMember)
	l := people.MemberList{Project: project.Name, Now: c.now()}
	if visit.From(ctx).Can(models.ManageProject) {
		if f.Options, err = c.givable(g, nil); err != nil {
			return err
		}
		f.Action = link.Members(project.Name)
		l.Add = &f
	}
	for _, m := range members {
		l.Items = append(l.Items, people.MemberItem{
			Name: m.UserName, FullName: m.FullName, Roles: m.Roles, UpdatedAt: m.UpdatedAt, UpdatedBy: m.UpdatedBy,
			Edit: link.MemberEdit(project.Name, m.UserName), Remove: link.MemberRemove(project.Name, m.UserName),
		})
	}
	return render(g, status, people.MembersPage(frame, l))
}

// givable are the roles to choose from. Those that allow more than the visitor may
// do are there and cannot be chosen, unless the member has them.
func (c *Console) givable(g *gin.Context, had []string) ([]ui.Option, error) {
	roles, err := c.store.ProjectRoles(g.Request.Context())
	if err != nil {
		return nil, err
	}
	may := visit.From(g.Request.Context()).Holds()
	has := map[string]bool{}
	for _, name := range had {
		has[name] = true
	}
	var list []ui.Option
	for _, r := range roles {
		list = append(list, ui.Option{Value: r.Name, Label: r.Name, Text: r.Description, Disabled: !may.Covers(r.Permissions) && !has[r.Name]})
	}
	return list, nil
}

// AddMember gives a user roles in the project.
func (c *Console) AddMember(g *gin.Context) error {
	project, err := c.namedProject(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	name, roles := strings.TrimSpace(g.PostForm("user")), g.PostFormArray("roles")
	if name == "" {
		l := problem.List{{Field: "user", Message: "Enter the name of a user."}}
		return c.showMemberList(g, http.StatusUnprocessableEntity, project, people.MemberForm{Form: people.Form{Problems: l}, Chosen: roles})
	}
	m, err := c.store.SaveProjectMember(ctx, v.Actor(), project.ID, models.ProjectMember{UserName: name, Roles: roles}, v.Holds())
	if l := problem.Of(err); l != nil {
		f := people.Form{Values: map[string]string{"user": name}, Problems: l}
		return c.showMemberList(g, http.StatusUnprocessableEntity, project, people.MemberForm{Form: f, Chosen: roles})
	}
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, m.UserName+" is a member of "+project.Name+".")
	return redirect(g, link.Members(project.Name))
}

// member is the membership that the address names.
func (c *Console) member(g *gin.Context) (models.Project, models.ProjectMember, error) {
	project, err := c.namedProject(g)
	if err != nil {
		return project, models.ProjectMember{}, err
	}
	u, err := c.store.UserByName(g.Request.Context(), g.Param("user"))
	if err != nil {
		return project, models.ProjectMember{}, err
	}
	m, err := c.store.ProjectMember(g.Request.Context(), project.ID, u.ID)
	return project, m, err
}

// EditMember is the form of a member's roles.
func (c *Console) EditMember(g *gin.Context) error {
	project, m, err := c.member(g)
	if err != nil {
		return err
	}
	return c.showMember(g, http.StatusOK, project, m, people.MemberForm{Chosen: m.Roles})
}

func (c *Console) showMember(g *gin.Context, status int, project models.Project, m models.ProjectMember, f people.MemberForm) error {
	frame, err := c.frame(g, "Roles of "+m.UserName, project, memberCrumbs(project, layout.Crumb{Label: m.UserName})...)
	if err != nil {
		return err
	}
	audited(g, &frame, project.Name, m.AuditID())
	if f.Options, err = c.givable(g, m.Roles); err != nil {
		return err
	}
	f.Title, f.Action, f.Cancel = "Roles of "+m.UserName+" in "+project.Name, link.MemberEdit(project.Name, m.UserName), link.Members(project.Name)
	f.Hidden = hiddenOf(m.UserID, m.Version)
	return render(g, status, people.EditMemberPage(frame, f))
}

// SaveMember gives a member other roles.
func (c *Console) SaveMember(g *gin.Context) error {
	project, m, err := c.member(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	edit := models.ProjectMember{UserID: m.UserID, Roles: g.PostFormArray("roles"), Stamp: models.Stamp{Version: max(number(g.PostForm("version")), 1)}}
	saved, err := c.store.SaveProjectMember(ctx, v.Actor(), project.ID, edit, v.Holds())
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		changed := fmt.Sprintf("%s gave other roles while you were choosing: %s.", stale.By, strings.Join(m.Roles, ", "))
		return c.showMember(g, http.StatusConflict, project, m, people.MemberForm{Form: people.Form{Changed: changed}, Chosen: edit.Roles})
	}
	if l := problem.Of(err); l != nil {
		return c.showMember(g, http.StatusUnprocessableEntity, project, m, people.MemberForm{Form: people.Form{Problems: l}, Chosen: edit.Roles})
	}
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, saved.UserName+" has the roles "+strings.Join(saved.Roles, ", ")+".")
	return redirect(g, link.Members(project.Name))
}

// ConfirmRemoveMember asks.
func (c *Console) ConfirmRemoveMember(g *gin.Context) error {
	project, m, err := c.member(g)
	if err != nil {
		return err
	}
	return c.askRemoveMember(g, http.StatusOK, project, m, "")
}

func (c *Console) askRemoveMember(g *gin.Context, status int, project models.Project, m models.ProjectMember, refused string) error {
	frame, err := c.frame(g, "Remove "+m.UserName, project, memberCrumbs(project, layout.Crumb{Label: m.UserName})...)
	if err != nil {
		return err
	}
	return render(g, status, people.AskPage(frame, ui.Confirm{
		Title: "Remove " + m.UserName + " from " + project.Name + "?", Text: "At once nothing of the project opens for " + m.UserName + " any more. The account stays.",
		Effects: []string{"Roles that end: " + strings.Join(m.Roles, ", ")}, Error: refused,
		Action: link.MemberRemove(project.Name, m.UserName), Label: "Remove member", Cancel: link.Members(project.Name), Hidden: hiddenOf(m.UserID, m.Version),
	}))
}

// RemoveMember ends a membership.
func (c *Console) RemoveMember(g *gin.Context) error {
	project, m, err := c.member(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	err = c.store.RemoveProjectMember(ctx, v.Actor(), project.ID, m.UserID, number(g.PostForm("version")))
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return c.askRemoveMember(g, http.StatusConflict, project, m, notDeletedText(stale))
	}
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, m.UserName+" is no member of "+project.Name+" any more.")
	if !c.opensIn(g, link.Members(project.Name), project) {
		return redirect(g, "/")
	}
	return redirect(g, link.Members(project.Name))
}

// opensIn tells whether a page of a project opens now, after what was just done.
func (c *Console) opensIn(g *gin.Context, address string, project models.Project) bool {
	ctx := g.Request.Context()
	there, err := c.visitIn(ctx, visit.From(ctx), project.Name)
	return err == nil && c.opens(there, address)
}
