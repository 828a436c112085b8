package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// History is what was deployed when.
func (c *Console) History(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	list, err := c.store.Revisions(g.Request.Context(), d.owner.ID, revisionsShown)
	if err != nil {
		return err
	}
	frame, err := d.frame("History of "+d.owner.Name, layout.Crumb{Label: "History"})
	if err != nil {
		return err
	}
	kept, err := c.store.Retention(g.Request.Context())
	if err != nil {
		return err
	}
	h := proxies.History{Head: d.head(proxies.OnHistory), Limit: revisionsShown, Kept: kept.Value.Revisions}
	for i, r := range list {
		shown := proxies.Revision{Number: r.Number, Environment: r.Environment, Live: r.Live, Pinned: r.Pinned, At: r.CreatedAt, By: r.CreatedBy, Note: r.Note, Digest: r.Digest}
		if shown.Policies, err = policiesIn(r.Definition); err != nil {
			return fmt.Errorf("read revision %d of %s: %w", r.Number, d.owner.Name, err)
		}
		shown.Compare = fmt.Sprintf("%s?environment=%s&from=%d&to=draft", d.link().Compare(), url.QueryEscape(r.Environment), r.Number)
		if d.v.Can(models.DeployAPIs) {
			shown.Pin = d.link().Pin(r.Number)
			if !r.Live && !r.Pinned && i > 0 {
				shown.Delete = d.link().DeleteRevision(r.Number)
			}
		}
		if !r.Live {
			shown.Compare = fmt.Sprintf("%s?environment=%s&from=%d&to=live", d.link().Compare(), url.QueryEscape(r.Environment), r.Number)
			if d.v.Can(models.DeployAPIs) {
				shown.Rollback = d.link().Rollback(r.Environment, r.Number)
			}
		}
		h.Revisions = append(h.Revisions, shown)
	}
	return render(g, http.StatusOK, proxies.HistoryPage(frame, h))
}

// named is the revision that the address names.
func (d *ownerDesk) named() (models.Revision, error) {
	n := number(d.g.Param("revision"))
	if n < 1 {
		return models.Revision{}, fmt.Errorf("revision %q: %w", d.g.Param("revision"), models.ErrNotFound)
	}
	return d.c.store.Revision(d.g.Request.Context(), d.owner.ID, n)
}

// PinRevision keeps a revision whatever its age, or no longer.
func (c *Console) PinRevision(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	r, err := d.named()
	if err != nil {
		return err
	}
	pinned, err := strconv.ParseBool(g.PostForm("pinned"))
	if err != nil {
		return problem.List{{Field: "pinned", Message: "Send true or false."}}
	}
	ctx := g.Request.Context()
	if err := c.store.PinRevision(ctx, d.v.Actor(), d.project.ID, d.owner.ID, r.Number, pinned); err != nil {
		return err
	}
	text := "Revision %d is kept from now on, however old it gets."
	if !pinned {
		text = "Revision %d is removed once it is old enough."
	}
	d.v.Say(ctx, visit.Success, fmt.Sprintf(text, r.Number))
	return redirect(g, d.link().History())
}

// ConfirmDeleteRevision asks.
func (c *Console) ConfirmDeleteRevision(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	r, err := d.named()
	if err != nil {
		return err
	}
	title := fmt.Sprintf("Delete revision %d", r.Number)
	frame, err := d.frame(title, layout.Crumb{Label: "History", Href: d.link().History()}, layout.Crumb{Label: title})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, proxies.AskPage(frame, ui.Confirm{
		Title:   fmt.Sprintf("Delete revision %d of %s?", r.Number, d.owner.Name),
		Text:    "What it was can no longer be looked at, compared or rolled back to. Nothing that runs changes.",
		Effects: revisionEffects(r),
		Action:  d.link().DeleteRevision(r.Number), Label: "Delete revision", Cancel: d.link().History(),
	}))
}

func revisionEffects(r models.Revision) []string {
	list := []string{fmt.Sprintf("Deployed to %s by %s.", r.Environment, r.CreatedBy)}
	if r.Note != "" {
		list = append(list, "Its note: "+r.Note)
	}
	return list
}

// DeleteRevision removes a revision that nothing needs.
func (c *Console) DeleteRevision(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	r, err := d.named()
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	err = c.store.DeleteRevision(ctx, d.v.Actor(), d.project.ID, d.owner.ID, r.Number)
	if l := problem.Of(err); l != nil {
		d.v.Say(ctx, visit.Warning, l[0].Message)
		return redirect(g, d.link().History())
	}
	if err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, fmt.Sprintf("Revision %d was deleted.", r.Number))
	return redirect(g, d.link().History())
}
