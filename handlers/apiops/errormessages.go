package apiops

import (
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// The error catalogue of the installation (reference 1.8): what callers are
// answered when a call is refused, unless a policy says otherwise.

const (
	errorMessagesPath = Prefix + "errorMessages/"
	errorMessagePath  = errorMessagesPath + "{errorType}/"
	errorMessagesTag  = "Error messages"
)

func (a *API) errorMessageOperations() []operation {
	const effect = "It takes effect at once in every environment, without a deploy."
	return []operation{
		{
			method: http.MethodGet, path: errorMessagesPath, id: "listErrorMessages", tag: errorMessagesTag, summary: "List the error catalogue", right: visit.ViewSystem,
			query:  []parameter{{name: "customized", text: "Only those that are not as they come.", kind: true}},
			result: listOf[errorMessage]{}, do: a.listErrorMessages,
		},
		{
			method: http.MethodGet, path: errorMessagePath, id: "getErrorMessage", tag: errorMessagesTag, summary: "Read an error message", right: visit.ViewSystem,
			result: one[errorMessage]{}, versioned: true, do: a.getErrorMessage,
		},
		{
			method: http.MethodPut, path: errorMessagePath, id: "customizeErrorMessage", tag: errorMessagesTag, summary: "Customize an error message",
			text:  effect + " What is left out is as it comes.",
			right: visit.ManageSystem, body: fault.Message{}, result: one[errorMessage]{}, versioned: true, do: a.customizeErrorMessage,
		},
		{
			method: http.MethodDelete, path: errorMessagePath, id: "resetErrorMessage", tag: errorMessagesTag, summary: "Reset an error message", text: effect,
			right: visit.ManageSystem, result: one[errorMessage]{}, versioned: true, do: a.resetErrorMessage,
		},
	}
}

type errorMessage struct {
	fault.Message
	Code       string `json:"errorCode" doc:"The standard code."`
	Status     int    `json:"httpStatusCode" doc:"The standard status."`
	Text       string `json:"message" doc:"The standard message."`
	Customized bool   `json:"customized" doc:"Whether it is not as it comes."`
	Policies   int    `json:"usedByPolicies" doc:"How many policies have a message of their own for it."`
	changed
}

func errorMessageOf(m models.ErrorMessage, policies int) errorMessage {
	row := fault.Find(m.Type)
	whole(&m.Message)
	out := errorMessage{Message: m.Message, Code: row.Code, Status: row.Status, Text: row.Message, Customized: m.Changes(), Policies: policies}
	if m.Version > 0 {
		out.changed = changed{m.UpdatedAt.UTC(), m.UpdatedBy}
	}
	return out
}

func (a *API) listErrorMessages(c *call) (any, error) {
	only, err := c.only("customized")
	if err != nil {
		return nil, err
	}
	own, err := a.Store.ErrorMessages(c.ctx())
	if err != nil {
		return nil, err
	}
	policies, err := a.Store.ErrorMessagePolicies(c.ctx())
	if err != nil {
		return nil, err
	}
	var list []errorMessage
	for _, row := range fault.Rows() {
		m := models.ErrorMessage{Message: fault.Message{Type: row.Type}}
		if at := slices.IndexFunc(own, func(o models.ErrorMessage) bool { return o.Type == row.Type }); at >= 0 {
			m = own[at]
		}
		if !only || m.Changes() {
			list = append(list, errorMessageOf(m, policies[row.Type]))
		}
	}
	return listing(list, len(list)), nil
}

func (c *call) errorMessage() (models.ErrorMessage, error) {
	return c.Store.ErrorMessage(c.ctx(), fault.Type(c.name("errorType")))
}

func (c *call) answerErrorMessage(m models.ErrorMessage, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	policies, err := c.Store.ErrorMessagePolicies(c.ctx())
	if err != nil {
		return nil, err
	}
	c.tag(m.Version)
	return single(errorMessageOf(m, policies[m.Type])), nil
}

func (a *API) getErrorMessage(c *call) (any, error) { return c.answerErrorMessage(c.errorMessage()) }

func (a *API) customizeErrorMessage(c *call) (any, error) {
	var m fault.Message
	if err := c.read(&m); err != nil {
		return nil, err
	}
	return c.saveErrorMessage(m)
}

func (a *API) resetErrorMessage(c *call) (any, error) { return c.saveErrorMessage(fault.Message{}) }

func (c *call) saveErrorMessage(m fault.Message) (any, error) {
	now, err := c.errorMessage()
	if err != nil {
		return nil, err
	}
	if err := c.matches(now.Version); err != nil {
		return nil, err
	}
	if m.Type != "" && m.Type != now.Type {
		return nil, invalid("errorType", "Leave it out, or send the one of the address: %s.", now.Type)
	}
	m.Type = now.Type
	return c.answerErrorMessage(c.Store.SaveErrorMessage(c.ctx(), c.by(), now.Version, m))
}
