package console

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Compare shows what differs between two of draft, live and revisions, as
// an environment has or would have them.
func (c *Console) Compare(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	environment := cmp.Or(g.Query("environment"), c.deployments(g, d.owner)[0].Environment)
	page := deploys.Comparison{
		Owner: d.owner.Name, Environment: environment, Action: d.link().Compare(),
		From: cmp.Or(g.Query("from"), words.Live), To: cmp.Or(g.Query("to"), words.Draft),
	}
	if err := d.offer(&page); err != nil {
		return err
	}
	before, err := d.side(environment, page.From)
	if err != nil {
		return err
	}
	after, err := d.side(environment, page.To)
	if err != nil {
		return err
	}
	page.Before, page.After = before.Title, after.Title
	if before.Parts == nil || after.Parts == nil {
		page.Missing = fmt.Sprintf("%s does not run in %s. Once it is deployed there, what is edited can be held against it.", d.owner.Name, environment)
	}
	page.Changes = deploys.Compare(before.Parts, after.Parts)
	frame, err := d.frame("Compare "+d.owner.Name, layout.Crumb{Label: "History", Href: d.link().History()}, layout.Crumb{Label: "Compare"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, deploys.ComparePage(frame, page))
}

// offer lists what can be chosen.
func (d *ownerDesk) offer(page *deploys.Comparison) error {
	revisions, err := d.c.store.Revisions(d.g.Request.Context(), d.owner.ID, revisionsShown)
	if err != nil {
		return err
	}
	sides := []ui.Option{{Value: words.Draft, Label: "What is edited"}, {Value: words.Live, Label: "What runs"}}
	for _, r := range revisions {
		text := fmt.Sprintf("Revision %d, %s, %s", r.Number, r.Environment, r.CreatedAt.Format("2006-01-02 15:04"))
		sides = append(sides, ui.Option{Value: strconv.Itoa(r.Number), Label: text})
	}
	var environments []ui.Option
	for _, place := range d.c.deployments(d.g, d.owner) {
		environments = append(environments, ui.Option{Value: place.Environment, Label: place.Environment})
	}
	page.Sides, page.Environments = []ui.OptionGroup{{Options: sides}}, []ui.OptionGroup{{Options: environments}}
	return nil
}

// side is one of two that are compared.
func (d *ownerDesk) side(environment, which string) (words.Side, error) {
	c := words.Comparison{Store: d.c.store, Types: d.c.types, Owner: d.owner}
	return c.Side(d.g.Request.Context(), environment, which)
}

// changesOf are what a deploy of one side in the place of what runs would change;
// none where nothing runs.
func (d *ownerDesk) changesOf(environment, which string) ([]deploys.Change, error) {
	before, err := d.side(environment, words.Live)
	if err != nil || before.Parts == nil {
		return nil, err
	}
	after, err := d.side(environment, which)
	return deploys.Compare(before.Parts, after.Parts), err
}

// ConfirmRollback asks, with what changes for callers.
func (c *Console) ConfirmRollback(g *gin.Context) error {
	d, place, number, err := c.rollbackDesk(g)
	if err != nil {
		return err
	}
	return d.askRollback(http.StatusOK, place, number, "", nil)
}

func (c *Console) rollbackDesk(g *gin.Context) (d *ownerDesk, place deploys.Place, revision int, err error) {
	if d, err = c.ownerDesk(g); err != nil {
		return nil, place, 0, err
	}
	if place, err = d.place(); err != nil {
		return nil, place, 0, err
	}
	r, err := c.store.Revision(g.Request.Context(), d.owner.ID, number(g.Param("revision")))
	if err == nil && r.Environment != place.Environment {
		err = fmt.Errorf("revision %d is of %s: %w", r.Number, r.Environment, models.ErrNotFound)
	}
	return d, place, r.Number, err
}

// askRollback carries the revision that runs, so that nobody rolls back what
// somebody else has just deployed.
func (d *ownerDesk) askRollback(status int, place deploys.Place, revision int, note string, problems problem.List) error {
	last, err := d.c.store.Revisions(d.g.Request.Context(), d.owner.ID, 1)
	if err != nil {
		return err
	}
	changes, err := d.changesOf(place.Environment, strconv.Itoa(revision))
	if err != nil {
		return err
	}
	frame, err := d.frame("Roll back "+d.owner.Name, layout.Crumb{Label: "History", Href: d.link().History()}, layout.Crumb{Label: "Roll back"})
	if err != nil {
		return err
	}
	return render(d.g, status, deploys.AskRollback(frame, deploys.RollbackQuestion{
		Question: deploys.Question{
			Owner: d.owner.Name, Noun: d.noun, Place: place, Next: last[0].Number + 1, Note: note, Problems: problems,
			Cancel: d.link().History(), Changes: changes,
		},
		Revision: revision, Action: d.link().Rollback(place.Environment, revision),
	}))
}

// Rollback makes a new revision of an earlier one, and waits for the nodes.
func (c *Console) Rollback(g *gin.Context) error {
	d, place, revision, err := c.rollbackDesk(g)
	if err != nil {
		return err
	}
	note := strings.TrimSpace(plainLines(g.PostForm("note")))
	if problems := noteProblems(note); len(problems) > 0 {
		return d.askRollback(http.StatusUnprocessableEntity, place, revision, note, problems)
	}
	if number(g.PostForm("running")) != place.Revision {
		return d.askRollback(http.StatusConflict, place, revision, note, problem.List{{
			Message: "Something else runs now than when this was asked. Look at what would change, then decide again.",
		}})
	}
	start := c.now()
	note = cmp.Or(note, fmt.Sprintf("Rollback to revision %d.", revision))
	result, err := c.store.Rollback(g.Request.Context(), d.v.Actor(), d.project.ID, d.owner.ID, place.Environment, revision, note)
	if problems := problem.Of(err); problems != nil {
		return d.showRefused(place, problems)
	}
	if err != nil {
		return err
	}
	return d.showOutcome(result, start, false)
}
