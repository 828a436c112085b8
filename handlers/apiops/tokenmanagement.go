package apiops

import (
	"net/http"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Settings of the installation: how token answers look (D16), and how long what
// happened is kept.

const (
	tokenManagementPath = Prefix + "tokenManagement/"
	retentionPath       = tokenManagementPath + "retention/"
	tokenManagementTag  = "Token management"
)

func (a *API) tokenManagementOperations() []operation {
	const text = "Members that are left out get their defaults."
	return []operation{
		{
			method: http.MethodGet, path: tokenManagementPath, id: "getTokenManagement", tag: tokenManagementTag, summary: "Read how token answers look", right: visit.ViewSystem,
			result: one[tokenManagement]{}, versioned: true, do: a.getTokenManagement,
		},
		{
			method: http.MethodPut, path: tokenManagementPath, id: "replaceTokenManagement", tag: tokenManagementTag, summary: "Change how token answers look",
			text:  text + " It takes effect at once in every environment, without a deploy.",
			right: visit.ManageSystem, body: issue.Management{}, result: one[tokenManagement]{}, versioned: true, do: a.replaceTokenManagement,
		},
		{
			method: http.MethodGet, path: retentionPath, id: "getRetention", tag: tokenManagementTag, summary: "Read how long records are kept", right: visit.ViewSystem,
			result: one[retention]{}, versioned: true, do: a.getRetention,
		},
		{
			method: http.MethodPut, path: retentionPath, id: "replaceRetention", tag: tokenManagementTag, summary: "Change how long records are kept", text: text,
			right: visit.ManageSystem, body: models.Retention{}, result: one[retention]{}, versioned: true, do: a.replaceRetention,
		},
	}
}

type tokenManagement struct {
	issue.Management
	changed
}

type retention struct {
	models.Retention
	changed
}

// lastChange is who changed settings last, nobody while they are as they come.
func lastChange[T any](s models.Settings[T]) changed {
	if s.Version == 0 {
		return changed{}
	}
	return changed{s.UpdatedAt.UTC(), s.UpdatedBy}
}

func (c *call) answerTokenManagement(s models.Settings[issue.Management], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.tag(s.Version)
	return single(tokenManagement{s.Value, lastChange(s)}), nil
}

func (a *API) getTokenManagement(c *call) (any, error) {
	return c.answerTokenManagement(a.Store.TokenManagement(c.ctx()))
}

func (a *API) replaceTokenManagement(c *call) (any, error) {
	m := issue.DefaultManagement()
	if err := c.read(&m); err != nil {
		return nil, err
	}
	now, err := a.Store.TokenManagement(c.ctx())
	if err != nil {
		return nil, err
	}
	if err := c.matches(now.Version); err != nil {
		return nil, err
	}
	return c.answerTokenManagement(a.Store.SaveTokenManagement(c.ctx(), c.by(), now.Version, m))
}

func (c *call) answerRetention(s models.Settings[models.Retention], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.tag(s.Version)
	return single(retention{s.Value, lastChange(s)}), nil
}

func (a *API) getRetention(c *call) (any, error) {
	return c.answerRetention(a.Store.Retention(c.ctx()))
}

func (a *API) replaceRetention(c *call) (any, error) {
	r := models.DefaultRetention()
	if err := c.read(&r); err != nil {
		return nil, err
	}
	now, err := a.Store.Retention(c.ctx())
	if err != nil {
		return nil, err
	}
	if err := c.matches(now.Version); err != nil {
		return nil, err
	}
	return c.answerRetention(a.Store.SaveRetention(c.ctx(), c.by(), now.Version, r))
}

// only is a single query parameter that is true or false.
func (c *call) only(name string) (bool, error) {
	var l problem.List
	v := c.flag(&l, name)
	return v, l.Err()
}
