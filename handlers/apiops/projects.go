package apiops

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Projects (reference 6.4): everybody sees their own, administrators make and
// remove them.

const (
	projectsPath = Prefix + "projects/"
	projectPath  = projectsPath + "{projectName}/"
)

func (a *API) projectOperations() []operation {
	const tag = "Projects"
	return []operation{
		{
			method: http.MethodGet, path: projectsPath, id: "listProjects", tag: tag, summary: "List your projects", text: "Those in which a role allows you anything, or that the token is for.",
			right: visit.SignedIn, result: listOf[project]{}, do: a.listProjects,
		},
		{
			method: http.MethodPost, path: projectsPath, id: "createProject", tag: tag, summary: "Create a project",
			right: visit.ManageSystem, body: projectBody{}, result: one[project]{}, do: a.createProject,
		},
		{
			method: http.MethodGet, path: projectPath, id: "getProject", tag: tag, summary: "Read a project",
			right: visit.Member, result: one[project]{}, versioned: true, do: a.getProject,
		},
		{
			method: http.MethodPut, path: projectPath, id: "updateProject", tag: tag, summary: "Change the description of a project", text: "The name stays: logs, tokens and the audit carry it.",
			right: models.ManageProject, body: projectBody{}, result: one[project]{}, versioned: true, do: a.updateProject,
		},
		{
			method: http.MethodDelete, path: projectPath, id: "deleteProject", tag: tag, summary: "Delete a project", text: "With its policies, identity sources, credentials, variables and memberships. One that has API proxies or groups is refused.",
			right: visit.ManageSystem, result: done{}, versioned: true, do: a.deleteProject,
		},
	}
}

type project struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Version     int       `json:"version"`
	CreatedAt   time.Time `json:"createdAt"`
	CreatedBy   string    `json:"createdBy"`
	UpdatedAt   time.Time `json:"updatedAt"`
	UpdatedBy   string    `json:"updatedBy"`
}

type projectBody struct {
	Name        string `json:"name" doc:"With POST; with PUT absent or the one of the address."`
	Description string `json:"description"`
}

func projectOf(p models.Project) project {
	return project{p.ID, p.Name, p.Description, p.Version, p.CreatedAt, p.CreatedBy, p.UpdatedAt, p.UpdatedBy}
}

func (a *API) listProjects(c *call) (any, error) {
	all, err := c.ownProjects()
	if err != nil {
		return nil, err
	}
	list := []project{}
	for _, p := range all {
		if c.token.ProjectID == "" || c.token.ProjectID == p.ID {
			list = append(list, projectOf(p))
		}
	}
	return listing(list, len(list)), nil
}

// ownProjects are those of the caller; some roles open all of them.
func (c *call) ownProjects() ([]models.Project, error) {
	if user := c.visit().User; user.Role == models.RoleMember {
		return c.Store.ProjectsWith(c.ctx(), user.ID, "")
	}
	return c.Store.Projects(c.ctx())
}

func (a *API) createProject(c *call) (any, error) {
	var body projectBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	p, err := a.Store.CreateProject(c.ctx(), c.by(), strings.TrimSpace(body.Name), body.Description)
	if err != nil {
		return nil, err
	}
	c.tag(p.Version)
	return single(projectOf(p)), nil
}

func (a *API) getProject(c *call) (any, error) {
	c.tag(c.project.Version)
	return single(projectOf(c.project)), nil
}

func (a *API) updateProject(c *call) (any, error) {
	if err := c.matches(c.project.Version); err != nil {
		return nil, err
	}
	var body projectBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	p := c.project
	if body.Name != "" && !strings.EqualFold(body.Name, p.Name) {
		p.Name = body.Name // which is refused in the store's words
	}
	p.Description = body.Description
	saved, err := a.Store.SaveProject(c.ctx(), c.by(), p)
	if err != nil {
		return nil, err
	}
	c.tag(saved.Version)
	return single(projectOf(saved)), nil
}

func (a *API) deleteProject(c *call) (any, error) {
	if err := c.matches(c.project.Version); err != nil {
		return nil, err
	}
	err := a.Store.DeleteProject(c.ctx(), c.by(), c.project.ID, c.project.Version)
	if l := problem.Of(err); l != nil {
		return nil, conflict("%s", l[0].Message)
	}
	if err != nil {
		return nil, err
	}
	c.tag(c.project.Version)
	return success(), nil
}
