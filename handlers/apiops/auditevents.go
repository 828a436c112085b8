package apiops

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Who changed what, with both sides of each change. What happened in the whole
// installation is for those who may look at it; members see their project's.

const auditTag = "Audit"

func (a *API) auditOperations() []operation {
	var list []operation
	for _, at := range []struct {
		path, id, where string
		right           visit.Right
	}{
		{Prefix, "", " of the installation", visit.ViewSystem},
		{projectPath, "Project", " of a project", models.ViewAudit},
	} {
		list = append(list,
			operation{
				method: http.MethodGet, path: at.path + "auditEvents/", id: "list" + at.id + "AuditEvents", tag: auditTag, summary: "List what was done" + at.where,
				text: newestFirst + " Without both sides.", right: at.right, query: append(auditParameters(at.id != ""), logParameters...),
				result: logOf[auditEvent]{}, do: a.listAuditEvents,
			},
			operation{
				method: http.MethodGet, path: at.path + "auditEvents/{auditEventId}/", id: "get" + at.id + "AuditEvent", tag: auditTag, summary: "Read one thing that was done" + at.where,
				text: "With the object before and after, never with a secret.", right: at.right, result: one[auditChange]{}, do: a.getAuditEvent,
			},
		)
	}
	return list
}

// auditParameters are the filters; those of a project have no other one.
func auditParameters(inProject bool) []parameter {
	list := []parameter{
		{name: "from", text: "The first moment that is in.", kind: time.Time{}},
		{name: "to", text: "The first moment that is not.", kind: time.Time{}},
		{name: "action", text: "What was done.", kind: "", enum: models.AuditActions()},
		{name: "actor", text: "Who did it, by name.", kind: ""},
		{name: "kind", text: "What it was done to.", kind: "", enum: models.AuditKinds()},
		{name: "object", text: "The id of what it was done to, or a part of its name.", kind: ""},
		{name: "q", text: "Only those with this in the names of object and actor, the ids, the address or what stood before and after.", kind: ""},
	}
	if !inProject {
		list = append(list, parameter{name: "project", text: "Only those of this project.", kind: ""})
	}
	return list
}

type auditEvent struct {
	ID            int64     `json:"id"`
	At            time.Time `json:"createdAt"`
	Actor         string    `json:"principal" doc:"Who did it; for a failed sign-in, the name that was tried."`
	Client        string    `json:"clientAddress"`
	Action        string    `json:"action"`
	Kind          string    `json:"objectType"`
	ObjectID      string    `json:"objectId"`
	Object        string    `json:"objectName"`
	Project       string    `json:"projectName,omitempty"`
	CorrelationID string    `json:"correlationId"`
}

type auditChange struct {
	auditEvent
	Before json.RawMessage `json:"before,omitempty" doc:"The object as it was; left out where there was none."`
	After  json.RawMessage `json:"after,omitempty" doc:"The object as it became; left out where there is none any more."`
}

func auditEventOf(r models.AuditRecord) auditEvent {
	return auditEvent{r.ID, r.At.UTC(), r.Actor, r.Client, r.Action, r.Kind, r.ObjectID, r.ObjectName, r.Project, r.CorrelationID}
}

func (a *API) listAuditEvents(c *call) (any, error) {
	var l problem.List
	q := c.logQuery(&l)
	f := models.AuditFilter{
		Keyword: c.g.Query("q"), Action: c.choice(&l, "action", models.AuditActions()...), Kind: c.choice(&l, "kind", models.AuditKinds()...),
		Actor: c.g.Query("actor"), Object: c.g.Query("object"), Project: q.project, From: q.from, To: q.to, Before: q.before, After: q.after, PerPage: q.size + 1,
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, found, err := a.Store.Audit(c.ctx(), c.scope(), f)
	if err != nil {
		return nil, err
	}
	list := make([]auditEvent, len(rows))
	for i, r := range rows {
		list[i] = auditEventOf(r)
	}
	return logPage(list, q.size, q.backwards(), found, func(e auditEvent) models.Cursor { return models.CursorOf(e.At, e.ID) }), nil
}

func (a *API) getAuditEvent(c *call) (any, error) {
	id, err := c.rowID("auditEventId")
	if err != nil {
		return nil, err
	}
	r, err := a.Store.AuditRecord(c.ctx(), c.scope(), id)
	if err != nil {
		return nil, err
	}
	return single(auditChange{auditEventOf(r), r.Before, r.After}), nil
}

// rowID is the number of a record in the address.
func (c *call) rowID(parameter string) (int64, error) {
	id, err := strconv.ParseInt(c.name(parameter), 10, 64)
	if err != nil || id < 1 {
		return 0, models.ErrNotFound
	}
	return id, nil
}
