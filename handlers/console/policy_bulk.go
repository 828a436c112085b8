package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// ticked is a row of the list as it was when it was ticked.
type ticked struct {
	id      string
	version int
}

// tickedRows reads the boxes, each "id:version".
func tickedRows(g *gin.Context) []ticked {
	var rows []ticked
	for _, value := range g.PostFormArray("policy") {
		id, version, _ := strings.Cut(value, ":")
		rows = append(rows, ticked{id, number(version)})
	}
	return rows
}

// outcome counts what became of many policies.
type outcome struct {
	done, already int
	stale         []string // left as they are, because somebody changed them
	gone          int
	failed        []string // refused, with the reason
}

// BulkPolicies switches or deletes all policies that are ticked. Each is
// decided by itself, and the counts are what really happened.
func (c *Console) BulkPolicies(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	rows := tickedRows(g)
	if len(rows) > policiesPerPage {
		return problem.List{{Field: "policy", Message: fmt.Sprintf("Tick at most %d policies at once.", policiesPerPage)}}
	}
	back := localPath(g.PostForm("return"), link.Policies(e.project.Name, e.typ.Name))
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if len(rows) == 0 {
		v.Say(ctx, visit.Warning, "No policy is ticked. Nothing was changed.")
		return redirect(g, back)
	}
	var o outcome
	switch do := g.PostForm("do"); do {
	case "activate", "deactivate":
		err = e.switchAll(rows, do == "activate", &o)
	case "delete":
		var asked bool
		if asked, err = e.bulkDelete(rows, &o, back); asked {
			return err
		}
	default:
		return problem.List{{Field: "do", Message: "Choose activate, deactivate or delete."}}
	}
	if err != nil {
		return err
	}
	kind, text := o.report(map[string]string{"activate": "activated", "deactivate": "deactivated", "delete": "deleted"}[g.PostForm("do")])
	v.Say(ctx, kind, text)
	return redirect(g, back)
}

func (e *policyEditor) switchAll(rows []ticked, active bool, o *outcome) error {
	ctx := e.g.Request.Context()
	for _, row := range rows {
		p, err := e.posted(row.id)
		if err == nil && p.Version == row.version && p.Active == active {
			o.already++
			continue
		}
		if err == nil {
			_, err = e.c.store.SetPolicyActive(ctx, visit.From(ctx).Actor(), e.project.ID, row.id, row.version, active)
		}
		if err := e.tally(o, p, err); err != nil {
			return err
		}
	}
	return nil
}

func (e *policyEditor) deleteAll(rows []ticked, o *outcome) error {
	ctx := e.g.Request.Context()
	for _, row := range rows {
		p, err := e.posted(row.id)
		if err == nil {
			err = e.c.store.DeletePolicy(ctx, visit.From(ctx).Actor(), e.project.ID, row.id, row.version)
		}
		if err := e.tally(o, p, err); err != nil {
			return err
		}
	}
	return nil
}

// tally counts what became of p; an error that says nothing about the policy
// itself ends the whole.
func (e *policyEditor) tally(o *outcome, p models.Policy, err error) error {
	stale := new(models.StaleError)
	switch {
	case err == nil:
		o.done++
	case errors.As(err, &stale) && !stale.Deleted:
		o.stale = append(o.stale, p.Name)
	case errors.Is(err, models.ErrNotFound), errors.As(err, &stale):
		o.gone++
	case problem.Of(err) != nil:
		o.failed = append(o.failed, p.Name+" ("+problem.Of(err)[0].Message+")")
	default:
		return err
	}
	return nil
}

// report says exactly what happened; word is what was done, such as "deleted".
func (o outcome) report(word string) (visit.Kind, string) {
	kind := visit.Success
	text := fmt.Sprintf("%s %s.", countOf(o.done, "policy was", "policies were"), word)
	if o.already > 0 {
		text += fmt.Sprintf(" %s so already.", countOf(o.already, "policy was", "policies were"))
	}
	if len(o.stale) > 0 {
		kind = visit.Warning
		text += fmt.Sprintf(" %s changed by somebody else in the meantime and left alone: %s.",
			countOf(len(o.stale), "policy was", "policies were"), someOf(o.stale))
	}
	if o.gone > 0 {
		kind = visit.Warning
		text += fmt.Sprintf(" %s deleted before.", countOf(o.gone, "policy had been", "policies had been"))
	}
	if len(o.failed) > 0 {
		kind = visit.Warning
		text += " Not done: " + someOf(o.failed) + "."
	}
	return kind, text
}

// phrase is what has to be typed before policies in use are deleted.
func phrase(n int) string { return "delete " + countOf(n, "policy", "policies") }

// useOfAll adds up the use of all policies that still exist.
func (e *policyEditor) useOfAll(rows []ticked) (names []string, used policyUse, err error) {
	var ids []string
	for _, row := range rows {
		p, err := e.posted(row.id)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, used, err
		}
		names, ids = append(names, p.Name), append(ids, p.ID)
	}
	used, err = e.c.usage(e.g.Request.Context(), ids...)
	return names, used, err
}

// mayDelete tells whether the question was asked and answered as it has to be;
// refused says why an answer does not do.
func (e *policyEditor) mayDelete(rows []ticked, used policyUse) (refused string, ok bool) {
	if e.g.PostForm("asked") != "true" {
		return "", false
	}
	if used.Bound > 0 && e.g.PostForm("confirm") != phrase(len(rows)) {
		return "Type exactly: " + phrase(len(rows)), false
	}
	return "", true
}

// bulkDelete asks, and then deletes; asked tells that the answer is a page.
func (e *policyEditor) bulkDelete(rows []ticked, o *outcome, back string) (asked bool, err error) {
	names, used, err := e.useOfAll(rows)
	if err != nil {
		return false, err
	}
	refused, ok := e.mayDelete(rows, used)
	if !ok {
		return true, e.askDeleteAll(rows, names, used, refused, back)
	}
	return false, e.deleteAll(rows, o)
}

func (e *policyEditor) askDeleteAll(rows []ticked, names []string, used policyUse, refused, back string) error {
	what := countOf(len(rows), "policy", "policies")
	frame, err := e.c.frame(e.g, "Delete "+what, e.project, e.crumbs(layout.Crumb{Label: "Delete"})...)
	if err != nil {
		return err
	}
	question := ui.Confirm{
		Title: "Delete " + what + "?", Text: "They are removed with their settings. This cannot be undone.",
		Effects: append([]string{"Deleted: " + someOf(names) + "."}, used.effects()...),
		Action:  link.BulkPolicies(e.project.Name, e.typ.Name), Label: "Delete " + what, Cancel: back, Error: refused,
		Hidden: []ui.Hidden{{Name: "do", Value: "delete"}, {Name: "asked", Value: "true"}, {Name: "return", Value: back}},
	}
	for _, row := range rows {
		question.Hidden = append(question.Hidden, ui.Hidden{Name: "policy", Value: fmt.Sprintf("%s:%d", row.id, row.version)})
	}
	status := http.StatusOK
	if used.Bound > 0 {
		question.Name, question.Typed = phrase(len(rows)), e.g.PostForm("confirm")
	}
	if refused != "" {
		status = http.StatusUnprocessableEntity
	}
	return render(e.g, status, policies.Confirm(frame, question))
}
