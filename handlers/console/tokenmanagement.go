package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
)

// TokenManagement is the form of Token Management and of how long logs are kept.
func (c *Console) TokenManagement(g *gin.Context) error {
	page, err := c.managementPage(g)
	if err != nil {
		return err
	}
	return c.showManagement(g, http.StatusOK, page)
}

// managementPage is the page as things are.
func (c *Console) managementPage(g *gin.Context) (page tokens.ManagementPage, err error) {
	ctx := g.Request.Context()
	m, err := c.store.TokenManagement(ctx)
	if err != nil {
		return page, err
	}
	kept, err := c.store.Retention(ctx)
	if err != nil {
		return page, err
	}
	return tokens.ManagementPage{
		Values: tokens.WriteManagement(m.Value), Version: m.Version, Changed: m.UpdatedAt, By: m.UpdatedBy, Now: c.now(),
		CanSave: visit.From(ctx).Can(visit.ManageSystem),
		Retention: tokens.RetentionForm{
			TokenRequests: strconv.Itoa(kept.Value.TokenRequestDays), SecurityEvents: strconv.Itoa(kept.Value.SecurityEventDays),
			Refusals: strconv.Itoa(kept.Value.RefusalDays), Logins: strconv.Itoa(kept.Value.LoginDays), Revisions: strconv.Itoa(kept.Value.Revisions), Version: kept.Version,
		},
	}, nil
}

func (c *Console) showManagement(g *gin.Context, status int, page tokens.ManagementPage) (err error) {
	page.Preview = tokens.PreviewOf(tokens.ReadManagement(page.Values))
	page.Frame, err = c.frame(g, "Token Management", models.Project{}, layout.Crumb{Label: "Administration"}, layout.Crumb{Label: "Token Management"})
	if err != nil {
		return err
	}
	auditedKind(g, &page.Frame, "", models.KindSettings)
	return render(g, status, tokens.Management(page))
}

// managementValues are the fields as posted. A box that is not ticked is not
// sent at all.
func managementValues(g *gin.Context) (tokens.Values, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	v := tokens.WriteManagement(issue.Management{})
	for name := range v {
		v[name] = strings.TrimSpace(g.Request.PostForm.Get(name))
	}
	return v, nil
}

// SaveTokenManagement writes the settings, which take effect at once.
func (c *Console) SaveTokenManagement(g *gin.Context) error {
	values, err := managementValues(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	_, err = c.store.SaveTokenManagement(ctx, v.Actor(), number(g.PostForm("version")), tokens.ReadManagement(values))
	var stale *models.StaleError
	problems := problem.Of(err)
	switch {
	case err == nil:
		v.Say(ctx, visit.Success, "Token Management was saved and takes effect in every environment.")
		return redirect(g, link.TokenManagement)
	case len(problems) == 0 && !errors.As(err, &stale):
		return err
	}
	page, err := c.managementPage(g)
	if err != nil {
		return err
	}
	page.Values, page.Problems = values, problems
	status := http.StatusUnprocessableEntity
	if stale != nil {
		status = http.StatusConflict
		page.Conflict = conflictText(stale, page.Values)
	} else {
		page.Version = number(g.PostForm("version"))
	}
	return c.showManagement(g, status, page)
}

// conflictText says what the other one has saved, field by field. The form
// carries the new version, so that saving again keeps what is typed in it.
func conflictText(stale *models.StaleError, mine tokens.Values) string {
	text := fmt.Sprintf("%s saved these settings since you opened this page. Below is what you typed; saving again replaces theirs.", stale.By)
	current, ok := stale.Current.(models.Settings[issue.Management])
	if !ok {
		return text
	}
	theirs := tokens.WriteManagement(current.Value)
	var different []string
	for _, name := range tokens.ManagementOrder() {
		if theirs[name] != mine[name] && (theirs[name] != "false" || mine[name] != "") {
			different = append(different, tokens.SettingLabels()[name]+" is "+theirs[name])
		}
	}
	if len(different) == 0 {
		return text + " They saved the same."
	}
	return text + " Theirs differ: " + strings.Join(different, "; ") + "."
}

// PreviewTokenManagement is the answer that the typed settings give.
func (c *Console) PreviewTokenManagement(g *gin.Context) error {
	values, err := managementValues(g)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, tokens.PreviewBlock(tokens.PreviewOf(tokens.ReadManagement(values))))
}

// SaveRetention writes how long logs and revisions are kept.
func (c *Console) SaveRetention(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	f := tokens.RetentionForm{
		TokenRequests: g.PostForm("tokenRequestDays"), SecurityEvents: g.PostForm("securityEventDays"),
		Refusals: g.PostForm("refusalDays"), Logins: g.PostForm("loginDays"), Revisions: g.PostForm("revisions"), Version: number(g.PostForm("version")),
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	_, err := c.store.SaveRetention(ctx, v.Actor(), f.Version, models.Retention{
		TokenRequestDays: daysOf(f.TokenRequests), SecurityEventDays: daysOf(f.SecurityEvents),
		RefusalDays: daysOf(f.Refusals), LoginDays: daysOf(f.Logins), Revisions: daysOf(f.Revisions),
	})
	if err == nil {
		v.Say(ctx, visit.Success, "How long things are kept was saved.")
		return redirect(g, link.TokenManagement)
	}
	if f.Problems = problem.Of(err); len(f.Problems) == 0 {
		return err
	}
	page, err := c.managementPage(g)
	if err != nil {
		return err
	}
	page.Retention = f
	return c.showManagement(g, http.StatusUnprocessableEntity, page)
}

// daysOf is a number of days or revisions, unreadable for what is no number, which the store refuses.
func daysOf(typed string) int {
	n, err := strconv.Atoi(strings.TrimSpace(typed))
	if err != nil {
		return unreadable
	}
	return n
}
