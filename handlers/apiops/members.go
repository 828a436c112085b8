package apiops

import (
	"net/http"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// What people may do in projects: roles, and who has which of them.

const (
	rolesPath   = Prefix + "roles/"
	rolePath    = rolesPath + "{projectRoleName}/"
	membersPath = projectPath + "members/"
	memberPath  = membersPath + "{userName}/"
)

func (a *API) memberOperations() []operation {
	const more = "Nobody gives a role that allows more than they may do in the project themselves."
	return []operation{
		{
			method: http.MethodGet, path: rolesPath, id: "listRoles", tag: peopleTag, summary: "List the roles that people have in projects", right: visit.ViewSystem,
			result: listOf[projectRole]{}, do: a.listProjectRoles,
		},
		{
			method: http.MethodPost, path: rolesPath, id: "createRole", tag: peopleTag, summary: "Create a role for people in projects", right: visit.ManageSystem,
			body: projectRoleRequest{}, result: one[projectRole]{}, versioned: true, do: a.createProjectRole,
		},
		{
			method: http.MethodGet, path: rolePath, id: "getRole", tag: peopleTag, summary: "Read a role for people in projects", right: visit.ViewSystem,
			result: one[projectRole]{}, versioned: true, do: a.getProjectRole,
		},
		{
			method: http.MethodPut, path: rolePath, id: "replaceRole", tag: peopleTag, summary: "Replace a role for people in projects",
			text: "Whoever has it may do what it says from then on. Without a name it keeps its own. A fixed one stays as it is.", right: visit.ManageSystem,
			body: projectRoleRequest{}, result: one[projectRole]{}, versioned: true, do: a.replaceProjectRole,
		},
		{
			method: http.MethodDelete, path: rolePath, id: "deleteRole", tag: peopleTag, summary: "Delete a role for people in projects", text: "Refused while a member has it, and for a fixed one.",
			right: visit.ManageSystem, result: done{}, versioned: true, do: a.deleteProjectRole,
		},
		{
			method: http.MethodGet, path: membersPath, id: "listMembers", tag: peopleTag, summary: "List the members of a project", right: models.ViewProject,
			result: listOf[member]{}, do: a.listMembers,
		},
		{
			method: http.MethodPost, path: membersPath, id: "addProjectMember", tag: peopleTag, summary: "Make a user a member of a project", text: more,
			right: models.ManageProject, body: newMemberRequest{}, result: one[member]{}, versioned: true, do: a.addProjectMember,
		},
		{
			method: http.MethodGet, path: memberPath, id: "getMember", tag: peopleTag, summary: "Read a membership", right: models.ViewProject,
			result: one[member]{}, versioned: true, do: a.getMember,
		},
		{
			method: http.MethodPut, path: memberPath, id: "replaceMember", tag: peopleTag, summary: "Give a member other roles", text: more + " Roles that the member has already may stay.",
			right: models.ManageProject, body: memberRequest{}, result: one[member]{}, versioned: true, do: a.replaceMember,
		},
		{
			method: http.MethodDelete, path: memberPath, id: "removeProjectMember", tag: peopleTag, summary: "End a membership", right: models.ManageProject,
			result: done{}, versioned: true, do: a.removeProjectMember,
		},
		{
			method: http.MethodGet, path: projectPath + "roles/", id: "listGivableRoles", tag: peopleTag, summary: "List the roles for members of a project", text: "With those that you may give.",
			right: models.ViewProject, result: listOf[givableRole]{}, do: a.listGivableRoles,
		},
	}
}

type projectRole struct {
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Permissions models.Permissions `json:"permissions" doc:"Category and action, such as API_MANAGEMENT:VIEW."`
	Fixed       bool               `json:"fixed" doc:"It can be neither changed nor deleted."`
	Used        int                `json:"usedByMembers"`
	written
}

type projectRoleRequest struct {
	Name        string             `json:"name" doc:"Required for a new role."`
	Description string             `json:"description"`
	Permissions models.Permissions `json:"permissions" required:"true" doc:"Category and action, such as API_MANAGEMENT:VIEW."`
}

type givableRole struct {
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Permissions models.Permissions `json:"permissions"`
	Givable     bool               `json:"givable" doc:"It allows no more than you may do in the project yourself."`
}

type member struct {
	Name     string   `json:"username"`
	FullName string   `json:"fullName"`
	Roles    []string `json:"roleNameList"`
	written
}

type memberRequest struct {
	Roles []string `json:"roleNameList" required:"true"`
}

type newMemberRequest struct {
	Name string `json:"username" required:"true"`
	memberRequest
}

func projectRoleOf(r models.ProjectRole) projectRole {
	return projectRole{r.Name, r.Description, orEmpty(r.Permissions), r.Fixed, r.Used, writtenOf(r.Stamp)}
}

func (a *API) listProjectRoles(c *call) (any, error) {
	rows, err := a.Store.ProjectRoles(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]projectRole, len(rows))
	for i, r := range rows {
		list[i] = projectRoleOf(r)
	}
	return listing(list, len(list)), nil
}

func (c *call) projectRole() (models.ProjectRole, error) {
	return c.Store.ProjectRole(c.ctx(), c.name("projectRoleName"))
}

func (c *call) currentProjectRole() (models.ProjectRole, error) {
	now, err := c.projectRole()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

func (c *call) answerProjectRole(r models.ProjectRole, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.tag(r.Version)
	return single(projectRoleOf(r)), nil
}

func (a *API) getProjectRole(c *call) (any, error) { return c.answerProjectRole(c.projectRole()) }

func (a *API) createProjectRole(c *call) (any, error) {
	var r projectRoleRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	return c.answerProjectRole(a.Store.SaveProjectRole(c.ctx(), c.by(), models.ProjectRole{Name: r.Name, Description: r.Description, Permissions: r.Permissions}))
}

func (a *API) replaceProjectRole(c *call) (any, error) {
	var r projectRoleRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	now, err := c.currentProjectRole()
	if err != nil {
		return nil, err
	}
	if r.Name != "" {
		now.Name = r.Name
	}
	now.Description, now.Permissions = r.Description, r.Permissions
	return c.answerProjectRole(a.Store.SaveProjectRole(c.ctx(), c.by(), now))
}

func (a *API) deleteProjectRole(c *call) (any, error) {
	now, err := c.currentProjectRole()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.DeleteProjectRole(c.ctx(), c.by(), now.ID, now.Version))
}

// holds are all that the caller may do in the project, with this token.
func (c *call) holds() models.Permissions {
	var has models.Permissions
	for _, p := range models.AllPermissions() {
		if c.visit().Can(p) {
			has = append(has, p)
		}
	}
	return has
}

func (a *API) listGivableRoles(c *call) (any, error) {
	rows, err := a.Store.ProjectRoles(c.ctx())
	if err != nil {
		return nil, err
	}
	may := c.holds()
	list := make([]givableRole, len(rows))
	for i, r := range rows {
		list[i] = givableRole{r.Name, r.Description, orEmpty(r.Permissions), c.visit().Can(models.ManageProject) && may.Covers(r.Permissions)}
	}
	return listing(list, len(list)), nil
}

func memberOf(m models.ProjectMember) member {
	return member{m.UserName, m.FullName, orEmpty(m.Roles), writtenOf(m.Stamp)}
}

func (a *API) listMembers(c *call) (any, error) {
	rows, err := a.Store.ProjectMembers(c.ctx(), c.project.ID)
	if err != nil {
		return nil, err
	}
	list := make([]member, len(rows))
	for i, m := range rows {
		list[i] = memberOf(m)
	}
	return listing(list, len(list)), nil
}

func (c *call) member() (models.ProjectMember, error) {
	u, err := c.user()
	if err != nil {
		return models.ProjectMember{}, err
	}
	return c.Store.ProjectMember(c.ctx(), c.project.ID, u.ID)
}

func (c *call) currentMember() (models.ProjectMember, error) {
	now, err := c.member()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

func (c *call) answerMember(m models.ProjectMember, err error) (any, error) {
	if err != nil {
		return nil, fields(err, map[string]string{"user": "username", "roles": "roleNameList"})
	}
	c.tag(m.Version)
	return single(memberOf(m)), nil
}

func (a *API) getMember(c *call) (any, error) { return c.answerMember(c.member()) }

func (a *API) addProjectMember(c *call) (any, error) {
	var r newMemberRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	if r.Name == "" {
		return nil, invalid("username", "Name the user.")
	}
	return c.answerMember(a.Store.SaveProjectMember(c.ctx(), c.by(), c.project.ID, models.ProjectMember{UserName: r.Name, Roles: r.Roles}, c.holds()))
}

func (a *API) replaceMember(c *call) (any, error) {
	var r memberRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	now, err := c.currentMember()
	if err != nil {
		return nil, err
	}
	now.Roles = r.Roles
	return c.answerMember(a.Store.SaveProjectMember(c.ctx(), c.by(), c.project.ID, now, c.holds()))
}

func (a *API) removeProjectMember(c *call) (any, error) {
	now, err := c.currentMember()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.RemoveProjectMember(c.ctx(), c.by(), c.project.ID, now.UserID, now.Version))
}
