package apiops

import (
	"net/http"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/models"
)

// The variables of a project, which conditions refer to by name (reference 4.1).

const (
	variablesPath = projectPath + "variables/"
	variablePath  = variablesPath + "{variableName}/"
	variablesTag  = "Variables"
)

func (a *API) variableOperations() []operation {
	const text = "Policies that refer to it and are deployed want a deploy then."
	return []operation{
		{
			method: http.MethodGet, path: variablesPath, id: "listVariables", tag: variablesTag, summary: "List variables", right: models.ViewSettings,
			result: listOf[variable]{}, do: a.listVariables,
		},
		{
			method: http.MethodPost, path: variablesPath, id: "createVariable", tag: variablesTag, summary: "Create a variable",
			right: models.ManageSettings, body: condition.Variable{}, result: one[variable]{}, versioned: true, do: a.createVariable,
		},
		{
			method: http.MethodGet, path: variablePath, id: "getVariable", tag: variablesTag, summary: "Read a variable", text: "With the policies that refer to it.",
			right: models.ViewSettings, result: one[variable]{}, versioned: true, do: a.getVariable,
		},
		{
			method: http.MethodPut, path: variablePath, id: "replaceVariable", tag: variablesTag, summary: "Replace a variable",
			text:  text + " Without a name it keeps its own, which stays while policies refer to it.",
			right: models.ManageSettings, body: condition.Variable{}, result: one[variable]{}, versioned: true, do: a.replaceVariable,
		},
		{
			method: http.MethodDelete, path: variablePath, id: "deleteVariable", tag: variablesTag, summary: "Delete a variable", text: "Refused while a policy refers to it.",
			right: models.ManageSettings, result: done{}, versioned: true, do: a.deleteVariable,
		},
	}
}

type variable struct {
	condition.Variable
	Policies []string `json:"usedByPolicyNames" doc:"The policies that refer to it."`
	written
}

func variableOf(v models.Variable) variable {
	return variable{v.Definition, orEmpty(v.Policies), writtenOf(v.Stamp)}
}

func (a *API) listVariables(c *call) (any, error) {
	rows, err := a.Store.Variables(c.ctx(), c.project.ID)
	if err != nil {
		return nil, err
	}
	list := make([]variable, len(rows))
	for i, v := range rows {
		list[i] = variableOf(v)
	}
	return listing(list, len(list)), nil
}

func (c *call) variable() (models.Variable, error) {
	return c.Store.Variable(c.ctx(), c.project.ID, c.name("variableName"))
}

func (c *call) currentVariable() (models.Variable, error) {
	now, err := c.variable()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

func (c *call) answerVariable(v models.Variable, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.tag(v.Version)
	return single(variableOf(v)), nil
}

func (a *API) getVariable(c *call) (any, error) { return c.answerVariable(c.variable()) }

func (a *API) createVariable(c *call) (any, error) {
	var v condition.Variable
	if err := c.read(&v); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	return c.answerVariable(a.Store.SaveVariable(c.ctx(), c.by(), c.project.ID, "", 0, v))
}

func (a *API) replaceVariable(c *call) (any, error) {
	var v condition.Variable
	if err := c.read(&v); err != nil {
		return nil, err
	}
	now, err := c.currentVariable()
	if err != nil {
		return nil, err
	}
	if v.Name == "" {
		v.Name = now.Definition.Name
	}
	saved, err := a.Store.SaveVariable(c.ctx(), c.by(), c.project.ID, now.ID, now.Version, v)
	saved.Policies = now.Policies
	return c.answerVariable(saved, err)
}

func (a *API) deleteVariable(c *call) (any, error) {
	now, err := c.currentVariable()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.DeleteVariable(c.ctx(), c.by(), c.project.ID, now.ID, now.Version))
}
