package apiops

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	inwords "github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/deploys"
)

// What was deployed when, going back to it, and what differs (reference 6.4).

const historyTag = "Deploy histories"

func (a *API) historyOperations() []operation {
	var list []operation
	for _, k := range kinds {
		list = append(list, a.historyOperationsOf(k)...)
	}
	return list
}

func (a *API) historyOperationsOf(k kind) []operation {
	at := k.path() + "deploy-histories/"
	return []operation{
		{
			method: http.MethodGet, path: at, id: "list" + k.id + "Revisions", tag: historyTag, summary: "List what was deployed of the " + k.noun,
			text:  "Newest first, the last 500 at most; over all environments.",
			right: models.ViewAPIs, query: pagingParameters, result: listOf[revisionItem]{}, do: a.listRevisions,
		},
		{
			method: http.MethodGet, path: at + "{revision}/", id: "get" + k.id + "Revision", tag: historyTag, summary: "Look at a revision",
			right: models.ViewAPIs, result: one[revisionView]{}, do: a.getRevision,
		},
		{
			method: http.MethodPatch, path: at + "{revision}/", id: "pin" + k.id + "Revision", tag: historyTag, summary: "Keep a revision, or no longer",
			right: models.DeployAPIs, body: revisionChange{}, result: one[revisionItem]{}, do: a.pinRevision,
		},
		{
			method: http.MethodDelete, path: at + "{revision}/", id: "delete" + k.id + "Revision", tag: historyTag, summary: "Delete a revision",
			text:  "One that runs, is pinned or is the newest is refused with 409.",
			right: models.DeployAPIs, result: done{}, do: a.deleteRevision,
		},
		{
			method: http.MethodPost, path: at + "{revision}/rollback/", id: "rollBack" + k.id, tag: historyTag, summary: "Run an earlier revision again",
			text:  "As a new revision, in the environment that it was of. What is edited stays as it is.",
			right: models.DeployAPIs, query: []parameter{{name: "environmentName", text: "The environment; left out, the one of the revision.", kind: ""}},
			versioned: true, body: rollbackRequest{}, optional: true, result: deployAnswer{}, do: a.rollBack,
		},
		{
			method: http.MethodGet, path: k.path() + "compare/", id: "compare" + k.id, tag: historyTag, summary: "Ask what differs, in words",
			right: models.ViewAPIs, query: []parameter{
				{name: "from", text: "draft (what is edited), live (what runs; the default) or the number of a revision.", kind: ""},
				{name: "to", text: "As from; draft is the default.", kind: ""},
				{name: "environmentName", text: "For which environment; left out, the first.", kind: ""},
			}, result: one[comparison]{}, do: a.compare,
		},
	}
}

// revisionsListed is how many the store gives at once.
const revisionsListed = 500

// revisionItem is what was deployed once.
type revisionItem struct {
	Revision    int       `json:"revision"`
	Environment string    `json:"environmentName"`
	Description string    `json:"description"`
	Deployed    bool      `json:"deployed" doc:"Whether the environment runs it."`
	Persistent  bool      `json:"persistent" doc:"It is kept however old it gets."`
	Digest      string    `json:"digest" doc:"Of the definition, SHA-256 in hex: equal ones are the same."`
	DeployedAt  time.Time `json:"deployedAt"`
	DeployedBy  string    `json:"deployedBy"`
}

type revisionView struct {
	revisionItem
	Definition json.RawMessage `json:"definition" doc:"What was frozen, as the gateway reads it."`
}

func revisionOf(r models.Revision) revisionItem {
	return revisionItem{r.Number, r.Environment, r.Note, r.Live, r.Pinned, r.Digest, r.CreatedAt, r.CreatedBy}
}

func (a *API) listRevisions(c *call) (any, error) {
	page, size, err := c.paging()
	if err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Revisions(c.ctx(), o.ID, revisionsListed)
	if err != nil {
		return nil, err
	}
	var list []revisionItem
	for _, r := range pageOf(all, page, size) {
		list = append(list, revisionOf(r))
	}
	return listing(list, len(all)), nil
}

// revision is the one that the address names, with its owner.
func (c *call) revision() (models.Owner, models.Revision, error) {
	o, err := c.owner()
	if err != nil {
		return o, models.Revision{}, err
	}
	number, err := strconv.ParseInt(c.name("revision"), 10, 32)
	if err != nil || number < 1 {
		return o, models.Revision{}, models.ErrNotFound
	}
	r, err := c.Store.Revision(c.ctx(), o.ID, int(number))
	return o, r, err
}

func (a *API) getRevision(c *call) (any, error) {
	_, r, err := c.revision()
	if err != nil {
		return nil, err
	}
	return single(revisionView{revisionOf(r), r.Definition}), nil
}

type revisionChange struct {
	Persistent *bool `json:"persistent" required:"true" doc:"Whether to keep it however old it gets."`
}

func (a *API) pinRevision(c *call) (any, error) {
	var change revisionChange
	if err := c.read(&change); err != nil {
		return nil, err
	}
	if change.Persistent == nil {
		return nil, invalid("persistent", "Send true or false.")
	}
	o, r, err := c.revision()
	if err != nil {
		return nil, err
	}
	if err := a.Store.PinRevision(c.ctx(), c.by(), c.project.ID, o.ID, r.Number, *change.Persistent); err != nil {
		return nil, err
	}
	r.Pinned = *change.Persistent
	return single(revisionOf(r)), nil
}

func (a *API) deleteRevision(c *call) (any, error) {
	o, r, err := c.revision()
	if err != nil {
		return nil, err
	}
	err = a.Store.DeleteRevision(c.ctx(), c.by(), c.project.ID, o.ID, r.Number)
	if l := problem.Of(err); l != nil {
		return nil, conflict("%s", l.Error())
	}
	return success(), err
}

type rollbackRequest struct {
	Description string `json:"description" doc:"Of the new revision; left out: Rollback to revision N."`
}

func (a *API) rollBack(c *call) (any, error) {
	var request rollbackRequest
	if c.sent != nil {
		if err := c.read(&request); err != nil {
			return nil, err
		}
	}
	o, r, err := c.revision()
	if err != nil {
		return nil, err
	}
	if name := cmp.Or(c.g.Query("environmentName"), r.Environment); name != r.Environment {
		return nil, invalid("environmentName", "Revision %d is of %s; only that environment can go back to it.", r.Number, r.Environment)
	}
	note := cmp.Or(request.Description, fmt.Sprintf("Rollback to revision %d.", r.Number))
	_, answer, err := c.changePlace("Rollback successful", func() (models.DeployResult, error) {
		return a.Store.Rollback(c.ctx(), c.by(), c.project.ID, o.ID, r.Environment, r.Number, note, c.seen)
	})
	return answer, err
}

// comparison is what differs between two sides, in the words of the console.
type comparison struct {
	Environment string        `json:"environmentName"`
	From        string        `json:"from" doc:"The first side in words."`
	To          string        `json:"to" doc:"The second side in words."`
	Comparable  bool          `json:"comparable" doc:"False where nothing runs: then there are no changes to tell."`
	Changes     []changedPart `json:"changes" doc:"Parts that are not the same; empty where both say the same."`
}

// changedPart is a part of an owner, such as a policy where it is bound.
type changedPart struct {
	Title    string           `json:"title"`
	Before   string           `json:"before" doc:"Where it stands on the first side."`
	After    string           `json:"after" doc:"Where it stands on the second."`
	Added    bool             `json:"added"`
	Removed  bool             `json:"removed"`
	Moves    []string         `json:"moves" doc:"What stands elsewhere in an order."`
	Settings []changedSetting `json:"settings"`
}

type changedSetting struct {
	Section string `json:"section"`
	Label   string `json:"label"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

func (a *API) compare(c *call) (any, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	place, err := c.comparedIn(o)
	if err != nil {
		return nil, err
	}
	sides := inwords.Comparison{Store: a.Store, Types: a.Types, Owner: o}
	from, err := c.side(sides, place, "from", inwords.Live)
	if err != nil {
		return nil, err
	}
	to, err := c.side(sides, place, "to", inwords.Draft)
	if err != nil {
		return nil, err
	}
	out := comparison{Environment: place, From: from.Title, To: to.Title, Comparable: from.Parts != nil && to.Parts != nil, Changes: []changedPart{}}
	if out.Comparable {
		for _, part := range deploys.Compare(from.Parts, to.Parts) {
			out.Changes = append(out.Changes, changeOf(part))
		}
	}
	return single(out), nil
}

// comparedIn is the environment that is asked for.
func (c *call) comparedIn(o models.Owner) (string, error) {
	name := c.g.Query("environmentName")
	if name == "" && len(o.Deployments) > 0 {
		return o.Deployments[0].Environment, nil
	}
	if _, err := inEnvironment(o, name); err != nil {
		return "", invalid("environmentName", "There is no environment %q.", name)
	}
	return name, nil
}

func (c *call) side(sides inwords.Comparison, place, parameter, otherwise string) (inwords.Side, error) {
	which := cmp.Or(c.g.Query(parameter), otherwise)
	s, err := sides.Side(c.ctx(), place, which)
	if isNotFound(err) {
		return s, invalid(parameter, "Give draft, live or the number of a revision; there is no %s.", which)
	}
	return s, err
}

func changeOf(part deploys.Change) changedPart {
	c := changedPart{part.Title, part.Before, part.After, part.Added, part.Removed, noNil(part.Moves), []changedSetting{}}
	for _, s := range part.Settings {
		c.Settings = append(c.Settings, changedSetting{s.Section, s.Label, s.Before, s.After})
	}
	return c
}
