package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	weberrors "github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// ListErrorMessages is the catalogue of error messages.
func (c *Console) ListErrorMessages(g *gin.Context) error {
	list, err := c.store.ErrorMessages(g.Request.Context())
	if err != nil {
		return err
	}
	page := weberrors.ListPage{Query: weberrors.ParseQuery(g.Request.URL.Query())}
	for _, m := range list {
		page.Customized = append(page.Customized, m.Message)
	}
	if page.Policies, err = c.store.ErrorMessagePolicies(g.Request.Context()); err != nil {
		return err
	}
	if page.Frame, err = c.errorFrame(g, "Error messages"); err != nil {
		return err
	}
	auditedKind(g, &page.Frame, "", models.KindErrorMessage)
	return render(g, http.StatusOK, weberrors.List(page))
}

func (c *Console) errorFrame(g *gin.Context, title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: "Administration"}, {Label: "Error messages", Href: link.ErrorMessages}}
	return c.frame(g, title, models.Project{}, append(crumbs, more...)...)
}

// errorDesk is one visit to a row of the catalogue.
type errorDesk struct {
	c   *Console
	g   *gin.Context
	now models.ErrorMessage
}

func (c *Console) errorDesk(g *gin.Context) (*errorDesk, error) {
	m, err := c.store.ErrorMessage(g.Request.Context(), fault.Type(g.Param("error")))
	return &errorDesk{c: c, g: g, now: m}, err
}

func (d *errorDesk) code() string { return fault.Find(d.now.Type).Code }

// editor is the row as it is typed.
func (d *errorDesk) editor(values policies.Values) (weberrors.Props, error) {
	p := weberrors.Props{Values: values, OfPlatform: true, Now: d.c.now()}
	var err error
	p.Choices, err = d.c.errorChoices(d.g.Request.Context(), []fault.Type{d.now.Type}, link.ErrorMessageDraft(string(d.now.Type)), nil)
	return p, err
}

// ShowErrorMessage is the page of a row. How a preview is drawn may stand in its
// address.
func (c *Console) ShowErrorMessage(g *gin.Context) error {
	d, err := c.errorDesk(g)
	if err != nil {
		return err
	}
	values := policies.Values{}
	// A link must not fill in more: what it brings would be saved with the next click.
	weberrors.WritePreview(values, d.now.Type, g.Query("as"), g.Query("speaks"))
	weberrors.WriteMessage(values, d.now.Message)
	return d.show(http.StatusOK, values, weberrors.RowPage{})
}

func (d *errorDesk) show(status int, values policies.Values, page weberrors.RowPage) error {
	ctx, problems := d.g.Request.Context(), page.Editor.Problems
	var err error
	if page.Editor, err = d.editor(values); err != nil {
		return err
	}
	page.Editor.Problems, page.Type, page.Saved, page.Now = problems, d.now.Type, d.now.Message, d.c.now()
	page.CanSave = visit.From(ctx).Can(visit.ManageSystem)
	page.Changed, page.By = d.now.UpdatedAt, d.now.UpdatedBy
	if page.Version == 0 {
		page.Version = d.now.Version
	}
	counts, err := d.c.store.ErrorMessagePolicies(ctx)
	if err != nil {
		return err
	}
	page.Policies = counts[d.now.Type]
	if page.Frame, err = d.c.errorFrame(d.g, d.code(), layout.Crumb{Label: d.code()}); err != nil {
		return err
	}
	audited(d.g, &page.Frame, "", string(d.now.Type))
	return render(d.g, status, weberrors.RowView(page))
}

// SaveErrorMessage writes a row, which takes effect at once.
func (c *Console) SaveErrorMessage(g *gin.Context) error {
	d, err := c.errorDesk(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	version := number(values["version"])
	if weberrors.Change(values, values["change"]) {
		return d.show(http.StatusOK, values, weberrors.RowPage{Version: version, Unsaved: true})
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	m, problems := weberrors.ReadMessage(values, d.now.Type)
	m.Normalize()
	if len(problems) > 0 {
		problems = append(problems, weberrors.LocateMessage(values, m.Validate())...)
	} else {
		_, err = c.store.SaveErrorMessage(ctx, v.Actor(), version, m)
		problems = weberrors.LocateMessage(values, problem.Of(err))
	}
	stale := new(models.StaleError)
	switch {
	case errors.As(err, &stale):
		return d.showConflict(stale, values, m)
	case len(problems) > 0:
		return d.show(http.StatusUnprocessableEntity, values, weberrors.RowPage{Version: version, Unsaved: true, Editor: weberrors.Props{Problems: problems}})
	case err != nil:
		return err
	}
	v.Say(ctx, visit.Success, d.code()+" was saved and takes effect in every environment.")
	return redirect(g, link.ErrorMessage(string(m.Type)))
}

// showConflict shows both sides of a save that came too late. The form carries
// the version that is shown as theirs, so that saving again keeps what is typed.
func (d *errorDesk) showConflict(stale *models.StaleError, values policies.Values, mine fault.Message) error {
	if theirs, ok := stale.Current.(models.ErrorMessage); ok {
		d.now = theirs
	}
	return d.show(http.StatusConflict, values, weberrors.RowPage{
		Version: stale.Version, Unsaved: true,
		Conflict: &weberrors.Conflict{By: stale.By, At: stale.At, Different: weberrors.Compare(d.now.Message, mine)},
	})
}

// DraftErrorMessage draws the row anew for its form as it is typed. Nothing is
// saved.
func (c *Console) DraftErrorMessage(g *gin.Context) error {
	d, err := c.errorDesk(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	weberrors.Change(values, values["change"])
	p, err := d.editor(values)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, weberrors.Redrawn(p, string(d.now.Type)))
}

// ConfirmResetErrorMessage asks before what was customized goes.
func (c *Console) ConfirmResetErrorMessage(g *gin.Context) error {
	d, err := c.errorDesk(g)
	if err != nil {
		return err
	}
	return d.askReset(http.StatusOK, "")
}

func (d *errorDesk) askReset(status int, refused string) error {
	frame, err := d.c.errorFrame(d.g, "Reset "+d.code(), layout.Crumb{Label: d.code(), Href: link.ErrorMessage(string(d.now.Type))}, layout.Crumb{Label: "Reset"})
	if err != nil {
		return err
	}
	row := fault.Find(d.now.Type)
	question := ui.Confirm{
		Title: "Reset " + d.code() + "?", Text: "Callers get the standard answer again, at once and in every environment.",
		Effects: []string{
			"What goes: " + orNothing(strings.Join(weberrors.Customized(d.now.Message), ", ")) + ".",
			fmt.Sprintf("The standard answer is %d: %s", row.Status, row.Message),
		},
		Action: link.ErrorMessageReset(string(d.now.Type)), Label: "Reset " + d.code(), Cancel: link.ErrorMessage(string(d.now.Type)), Error: refused,
		Hidden: []ui.Hidden{{Name: "version", Value: strconv.Itoa(d.now.Version)}},
	}
	return render(d.g, status, weberrors.AskReset(frame, question))
}

func orNothing(words string) string {
	if words == "" {
		return "nothing, it is as it comes"
	}
	return words
}

// ResetErrorMessage drops what was customized, as it was read.
func (c *Console) ResetErrorMessage(g *gin.Context) error {
	d, err := c.errorDesk(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	_, err = c.store.SaveErrorMessage(ctx, v.Actor(), number(g.PostForm("version")), fault.Message{Type: d.now.Type})
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.askReset(http.StatusConflict, fmt.Sprintf("It was changed by %s since you opened this page and has not been reset. Look at it again first.", stale.By))
	}
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, d.code()+" is answered as it comes again, in every environment.")
	return redirect(g, link.ErrorMessage(string(d.now.Type)))
}
