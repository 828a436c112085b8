package apiops

import (
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// What a credential may use (reference 1.9, CredentialAccess). The list that is
// sent is of entries to add, change or end, all of them or nothing.

const accessPath = credentialPath + "access/"

func (a *API) credentialAccessOperations() []operation {
	const effect = "All of it or nothing, at once in every environment and without a deploy."
	return []operation{
		{
			method: http.MethodGet, path: accessPath, id: "listCredentialAccess", tag: credentialsTag, summary: "List what a credential may use",
			right: models.ViewIdentity, result: accessAnswer{}, versioned: true, do: a.listCredentialAccess,
		},
		{
			method: http.MethodPut, path: accessPath, id: "addCredentialAccess", tag: credentialsTag, summary: "Let a credential use APIs",
			text:  effect + " Access that is there already is a conflict; PATCH changes it.",
			right: models.ManageIdentity, body: accessRequest{}, result: accessAnswer{}, versioned: true, do: a.editAccess(models.AccessAdd),
		},
		{
			method: http.MethodPatch, path: accessPath, id: "changeCredentialAccess", tag: credentialsTag, summary: "Change how long and how a credential may use APIs",
			text:  effect + " What is left out of an entry is taken away: without expireTime the access never ends.",
			right: models.ManageIdentity, body: accessRequest{}, result: accessAnswer{}, versioned: true, do: a.editAccess(models.AccessChange),
		},
		{
			method: http.MethodDelete, path: accessPath, id: "endCredentialAccess", tag: credentialsTag, summary: "End access of a credential",
			text:  effect + " Of the entries only name and type matter. Clients that cannot send a body with DELETE name one API in the query.",
			right: models.ManageIdentity, body: accessRequest{}, optional: true, result: accessAnswer{}, versioned: true,
			query: []parameter{
				{name: "name", text: "Name of the API proxy or the proxy group, in the place of a body.", kind: ""},
				{name: "type", text: "API_PROXY unless told.", kind: "", enum: accessTypes},
			},
			do: a.editAccess(models.AccessEnd),
		},
	}
}

const accessProxy, accessGroup = "API_PROXY", "API_PROXY_GROUP"

var accessTypes = []string{accessProxy, accessGroup}

type accessEntry struct {
	Name          string    `json:"name" doc:"Of the API proxy or the proxy group."`
	Type          string    `json:"type" enum:"API_PROXY,API_PROXY_GROUP"`
	Expires       time.Time `json:"expireTime,omitzero" doc:"When the access ends; left out: never."`
	DeniedMethods []string  `json:"disallowedMethodList" enum:"GET,POST,PUT,DELETE,PATCH,OPTIONS,HEAD" doc:"Methods that it does not cover."`
	written
}

type accessAnswer struct {
	done
	List  []accessEntry `json:"credentialAccessList"`
	Count int           `json:"resultCount"`
}

type accessRequest struct {
	List []accessEntryRequest `json:"credentialAccessList" required:"true"`
}

type accessEntryRequest struct {
	Name          string    `json:"name" required:"true" doc:"Of the API proxy or the proxy group."`
	Type          string    `json:"type" enum:"API_PROXY,API_PROXY_GROUP" doc:"API_PROXY unless told."`
	Expires       time.Time `json:"expireTime" doc:"When the access ends; left out: never."`
	DeniedMethods []string  `json:"disallowedMethodList" enum:"GET,POST,PUT,DELETE,PATCH,OPTIONS,HEAD" doc:"Methods that it does not cover."`
}

// accessVersion stands for the whole list: each of its grants has a version of its
// own, and one that is ended leaves none.
func accessVersion(list []models.Grant) int {
	h := fnv.New64a()
	for _, g := range list {
		_, _ = h.Write([]byte(g.ID + "." + strconv.Itoa(g.Version) + "\n")) // a hash takes everything
	}
	return int(h.Sum64() & math.MaxInt64)
}

func (c *call) accessAnswer(list []models.Grant) accessAnswer {
	c.tag(accessVersion(list))
	answer := accessAnswer{success(), []accessEntry{}, len(list)}
	for _, g := range list {
		kind := accessProxy
		if g.OwnerKind == engine.KindProxyGroup {
			kind = accessGroup
		}
		answer.List = append(answer.List, accessEntry{g.Proxy, kind, g.Expires.UTC(), orEmpty(g.DeniedMethods), writtenOf(g.Stamp)})
	}
	return answer
}

func (a *API) listCredentialAccess(c *call) (any, error) {
	now, err := c.credential()
	if err != nil {
		return nil, err
	}
	list, err := a.Store.CredentialAccess(c.ctx(), c.project.ID, now.ID)
	if err != nil {
		return nil, err
	}
	return c.accessAnswer(list), nil
}

func (a *API) editAccess(edit models.AccessEdit) func(*call) (any, error) {
	return func(c *call) (any, error) {
		entries, err := c.accessEntries()
		if err != nil {
			return nil, err
		}
		now, err := c.credential()
		if err != nil {
			return nil, err
		}
		seen, err := a.Store.CredentialAccess(c.ctx(), c.project.ID, now.ID)
		if err != nil {
			return nil, err
		}
		if err := c.matches(accessVersion(seen)); err != nil {
			return nil, err
		}
		after, err := a.Store.EditAccess(c.ctx(), c.by(), c.project.ID, now.ID, seen, edit, entries)
		if err != nil {
			return nil, accessFields(len(c.sent) > 0, err)
		}
		return c.accessAnswer(after), nil
	}
}

// accessEntries are those of the body, or the one of the query.
func (c *call) accessEntries() ([]models.AccessEntry, error) {
	var r accessRequest
	var l problem.List
	kind := c.choice(&l, "type", accessTypes...)
	if err := l.Err(); err != nil {
		return nil, err
	}
	if name := c.g.Query("name"); len(c.sent) == 0 && name != "" {
		r.List = []accessEntryRequest{{Name: name, Type: kind}}
	} else if len(c.sent) > 0 {
		if err := c.read(&r); err != nil {
			return nil, err
		}
	}
	if len(r.List) == 0 {
		return nil, invalid("credentialAccessList", "Name at least one API.")
	}
	entries := make([]models.AccessEntry, len(r.List))
	for i, e := range r.List {
		entries[i] = models.AccessEntry{Name: e.Name, Kind: engine.KindProxy, Expires: e.Expires, DeniedMethods: e.DeniedMethods}
		switch e.Type {
		case "", accessProxy:
		case accessGroup:
			entries[i].Kind = engine.KindProxyGroup
		default:
			l.Add("credentialAccessList["+strconv.Itoa(i)+"].type", "Choose %s or %s.", accessProxy, accessGroup)
		}
	}
	return entries, l.Err()
}

// accessFields names the fields of a problem as they were sent.
func accessFields(body bool, err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := make(problem.List, len(list))
	for i, p := range list {
		p.Field = strings.ReplaceAll("credentialAccessList"+p.Field, ".deniedMethods", ".disallowedMethodList")
		if !body {
			p.Field = "name"
		}
		l[i] = p
	}
	return l
}
