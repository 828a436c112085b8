package apiops

import (
	"net/http"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// The roles that callers of APIs have, as opposed to those of people in projects.

const (
	credentialRolesPath = projectPath + "credentialRoles/"
	credentialRolePath  = credentialRolesPath + "{roleName}/"
	credentialRolesTag  = "Credential roles"
)

func (a *API) credentialRoleOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: credentialRolesPath, id: "listCredentialRoles", tag: credentialRolesTag, summary: "List credential roles", right: models.ViewIdentity,
			query:  append([]parameter{{name: "q", text: "Only those with this in the name or the description.", kind: ""}}, pagingParameters...),
			result: listOf[credentialRole]{}, do: a.listCredentialRoles,
		},
		{
			method: http.MethodPost, path: credentialRolesPath, id: "createCredentialRole", tag: credentialRolesTag, summary: "Create a credential role",
			text: "Its name is unique over all projects.", right: models.ManageIdentity, body: credentialRoleRequest{}, result: one[credentialRole]{}, versioned: true, do: a.createCredentialRole,
		},
		{
			method: http.MethodGet, path: credentialRolePath, id: "getCredentialRole", tag: credentialRolesTag, summary: "Read a credential role",
			right: models.ViewIdentity, result: one[credentialRole]{}, versioned: true, do: a.getCredentialRole,
		},
		{
			method: http.MethodPut, path: credentialRolePath, id: "replaceCredentialRole", tag: credentialRolesTag, summary: "Describe a credential role anew",
			text: "The name stays: it is in tokens and policies.", right: models.ManageIdentity, body: credentialRoleRequest{}, result: one[credentialRole]{}, versioned: true, do: a.replaceCredentialRole,
		},
		{
			method: http.MethodDelete, path: credentialRolePath, id: "deleteCredentialRole", tag: credentialRolesTag, summary: "Delete a credential role",
			text: "Refused while a credential has it or a policy asks for it.", right: models.ManageIdentity, result: done{}, versioned: true, do: a.deleteCredentialRole,
		},
		{
			method: http.MethodGet, path: credentialRolePath + "usage/", id: "getCredentialRoleUsage", tag: credentialRolesTag, summary: "Tell what uses a credential role",
			right: models.ViewIdentity, result: one[credentialRoleUse]{}, do: a.credentialRoleUsage,
		},
	}
}

type credentialRole struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Credentials int    `json:"usedByCredentials" doc:"How many credentials have it."`
	Policies    int    `json:"usedByPolicies" doc:"How many policies ask for it."`
	written
}

type credentialRoleRequest struct {
	Name        string `json:"name" doc:"Required for a new role."`
	Description string `json:"description"`
}

type credentialRoleUse struct {
	Credentials     int      `json:"usedByCredentials" doc:"How many credentials have it."`
	CredentialNames []string `json:"credentialNames" doc:"A few of them."`
	Policies        []string `json:"policyNames"`
}

func credentialRoleOf(r models.Role) credentialRole {
	return credentialRole{r.Name, r.Description, r.Credentials, r.Policies, writtenOf(r.Stamp)}
}

func (a *API) listCredentialRoles(c *call) (any, error) {
	var l problem.List
	f := models.RoleFilter{Query: c.g.Query("q")}
	f.Page, f.PerPage = c.pages(&l)
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.Roles(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	list := make([]credentialRole, len(rows))
	for i, r := range rows {
		list[i] = credentialRoleOf(r)
	}
	return listing(list, total), nil
}

func (c *call) credentialRole() (models.Role, error) {
	return c.Store.Role(c.ctx(), c.project.ID, c.name("roleName"))
}

func (c *call) currentCredentialRole() (models.Role, error) {
	now, err := c.credentialRole()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

// answerCredentialRole answers a role with its use.
func (c *call) answerCredentialRole(r models.Role, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	u, err := c.Store.RoleUse(c.ctx(), c.project.ID, r.ID)
	if err != nil {
		return nil, err
	}
	r.Credentials, r.Policies = u.Credentials, len(u.Policies)
	c.tag(r.Version)
	return single(credentialRoleOf(r)), nil
}

func (a *API) getCredentialRole(c *call) (any, error) {
	return c.answerCredentialRole(c.credentialRole())
}

func (a *API) createCredentialRole(c *call) (any, error) {
	var r credentialRoleRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	return c.answerCredentialRole(a.Store.SaveRole(c.ctx(), c.by(), c.project.ID, "", 0, r.Name, r.Description))
}

func (a *API) replaceCredentialRole(c *call) (any, error) {
	var r credentialRoleRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	now, err := c.currentCredentialRole()
	if err != nil {
		return nil, err
	}
	if r.Name == "" {
		r.Name = now.Name
	}
	return c.answerCredentialRole(a.Store.SaveRole(c.ctx(), c.by(), c.project.ID, now.ID, now.Version, r.Name, r.Description))
}

func (a *API) deleteCredentialRole(c *call) (any, error) {
	now, err := c.currentCredentialRole()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.DeleteRole(c.ctx(), c.by(), c.project.ID, now.ID, now.Version))
}

// deleted answers a deletion. What keeps something from being deleted is no
// mistake in what was sent but what there is.
func (c *call) deleted(err error) (any, error) {
	if list := problem.Of(err); list != nil {
		return nil, conflict("%s", list[0].Message)
	}
	if err != nil {
		return nil, err
	}
	return success(), nil
}

func (a *API) credentialRoleUsage(c *call) (any, error) {
	now, err := c.credentialRole()
	if err != nil {
		return nil, err
	}
	u, err := a.Store.RoleUse(c.ctx(), c.project.ID, now.ID)
	if err != nil {
		return nil, err
	}
	return single(credentialRoleUse{u.Credentials, orEmpty(u.CredentialNames), orEmpty(u.Policies)}), nil
}
