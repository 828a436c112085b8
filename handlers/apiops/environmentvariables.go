package apiops

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// The environment variables of an environment: what ${NAME} stands for there.
// They are no place for secrets, so their values are read by whoever may look at
// the environment.

const (
	environmentVariablesPath = environmentPath + "environmentVariables/"
	environmentVariablePath  = environmentVariablesPath + "{environmentVariableName}/"
)

func (a *API) environmentVariableOperations() []operation {
	const tag = "Environment variables"
	const text = "What is deployed keeps the value that it was deployed with; the error catalogue takes it over at once. No place for secrets."
	return []operation{
		{
			method: http.MethodGet, path: environmentVariablesPath, id: "listEnvironmentVariables", tag: tag, summary: "List the environment variables",
			right: visit.ViewSystem, result: listOf[environmentVariable]{}, do: a.listEnvironmentVariables,
		},
		{
			method: http.MethodPost, path: environmentVariablesPath, id: "createEnvironmentVariable", tag: tag, summary: "Create an environment variable", text: text,
			right: visit.ManageSystem, body: environmentVariableBody{}, result: one[environmentVariable]{}, do: a.createEnvironmentVariable,
		},
		{
			method: http.MethodGet, path: environmentVariablePath, id: "getEnvironmentVariable", tag: tag, summary: "Read an environment variable",
			right: visit.ViewSystem, result: one[environmentVariable]{}, versioned: true, do: a.getEnvironmentVariable,
		},
		{
			method: http.MethodPut, path: environmentVariablePath, id: "updateEnvironmentVariable", tag: tag, summary: "Change an environment variable", text: "With another name it is renamed. " + text,
			right: visit.ManageSystem, body: environmentVariableBody{}, result: one[environmentVariable]{}, versioned: true, do: a.updateEnvironmentVariable,
		},
		{
			method: http.MethodDelete, path: environmentVariablePath, id: "deleteEnvironmentVariable", tag: tag, summary: "Delete an environment variable", text: "What is deployed keeps it; a deploy of what refers to it says that it is missing.",
			right: visit.ManageSystem, result: done{}, versioned: true, do: a.deleteEnvironmentVariable,
		},
	}
}

type environmentVariable struct {
	Name          string    `json:"name"`
	Value         string    `json:"value"`
	ErrorMessages []string  `json:"errorTypes" doc:"The rows of the error catalogue that name it."`
	Version       int       `json:"version"`
	CreatedAt     time.Time `json:"createdAt"`
	CreatedBy     string    `json:"createdBy"`
	UpdatedAt     time.Time `json:"updatedAt"`
	UpdatedBy     string    `json:"updatedBy"`
}

type environmentVariableBody struct {
	Name  string `json:"name" doc:"Letters, digits and underscores, beginning with no digit; with PUT that of the address unless told."`
	Value string `json:"value" doc:"At most 4096 bytes; empty unless told."`
}

func environmentVariableOf(v models.EnvironmentVariable) environmentVariable {
	types := make([]string, len(v.ErrorMessages))
	for i, t := range v.ErrorMessages {
		types[i] = string(t)
	}
	return environmentVariable{v.Name, v.Value, types, v.Version, v.CreatedAt, v.CreatedBy, v.UpdatedAt, v.UpdatedBy}
}

func (a *API) listEnvironmentVariables(c *call) (any, error) {
	all, err := a.Store.EnvironmentVariables(c.ctx(), c.name("environmentName"))
	if err != nil {
		return nil, err
	}
	list := make([]environmentVariable, len(all))
	for i, v := range all {
		list[i] = environmentVariableOf(v)
	}
	return listing(list, len(list)), nil
}

// environmentVariable is the one that the address names, when it is at the
// version of If-Match.
func (c *call) environmentVariable() (models.EnvironmentVariable, error) {
	all, err := c.Store.EnvironmentVariables(c.ctx(), c.name("environmentName"))
	if err != nil {
		return models.EnvironmentVariable{}, err
	}
	for _, v := range all {
		if v.Name != c.name("environmentVariableName") {
			continue
		}
		if c.op.writes() {
			err = c.matches(v.Version)
		}
		return v, err
	}
	return models.EnvironmentVariable{}, models.ErrNotFound
}

func (a *API) createEnvironmentVariable(c *call) (any, error) {
	e, err := a.Store.Environment(c.ctx(), c.name("environmentName"))
	if err != nil {
		return nil, err
	}
	var body environmentVariableBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	v, err := a.Store.SaveEnvironmentVariable(c.ctx(), c.by(), e.Name, "", 0, body.Name, body.Value)
	return c.savedVariable(v, err)
}

func (c *call) savedVariable(v models.EnvironmentVariable, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.tag(v.Version)
	return single(environmentVariableOf(v)), nil
}

func (a *API) getEnvironmentVariable(c *call) (any, error) {
	v, err := c.environmentVariable()
	return c.savedVariable(v, err)
}

func (a *API) updateEnvironmentVariable(c *call) (any, error) {
	v, err := c.environmentVariable()
	if err != nil {
		return nil, err
	}
	body := environmentVariableBody{Name: v.Name}
	if err := c.read(&body); err != nil {
		return nil, err
	}
	saved, err := a.Store.SaveEnvironmentVariable(c.ctx(), c.by(), v.Environment, v.ID, v.Version, body.Name, body.Value)
	return c.savedVariable(saved, err)
}

func (a *API) deleteEnvironmentVariable(c *call) (any, error) {
	v, err := c.environmentVariable()
	if err != nil {
		return nil, err
	}
	if err := a.Store.DeleteEnvironmentVariable(c.ctx(), c.by(), v.Environment, v.ID, v.Version); err != nil {
		return nil, err
	}
	c.tag(v.Version)
	return success(), nil
}
