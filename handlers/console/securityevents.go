package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
)

// ListSecurityEvents is the log of security events.
func (c *Console) ListSecurityEvents(g *gin.Context) error {
	q := tokens.Events(g.Request.URL.Query())
	filter, problems := eventFilter(q, c.now())
	page := tokens.EventsPage{Query: q, Problems: problems, Now: c.now()}
	for _, k := range models.SecurityKinds() {
		page.Kinds = append(page.Kinds, string(k))
	}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := c.findEvents(g, &page, filter); err != nil {
			return err
		}
	}
	var err error
	if page.Environments, err = c.environmentNames(g.Request.Context()); err != nil {
		return err
	}
	if page.Frame, err = c.frame(g, "Security Events", models.Project{}, monitoring, layout.Crumb{Label: "Security Events"}); err != nil {
		return err
	}
	return render(g, status, tokens.EventList(page))
}

func (c *Console) findEvents(g *gin.Context, page *tokens.EventsPage, filter models.SecurityEventFilter) error {
	filter.Before, filter.After = models.Cursor(page.Query.Get("before")), models.Cursor(page.Query.Get("after"))
	filter.PerPage = logPerPage + 1
	rows, found, err := c.store.SecurityEvents(g.Request.Context(), seenLogs(g), filter)
	if err != nil {
		return err
	}
	places := make([]models.Cursor, len(rows))
	for i, r := range rows {
		places[i] = models.CursorOf(r.Time, r.ID)
	}
	from, to, pages := logPages(page.Query, places, found, logPerPage)
	for _, r := range rows[from:to] {
		page.Rows = append(page.Rows, tokens.Event{ID: r.ID, Security: r.Security})
	}
	page.Pages = pages
	return nil
}

func eventFilter(q tokens.Query, now time.Time) (models.SecurityEventFilter, problem.List) {
	f := models.SecurityEventFilter{
		Keyword: q.Get("q"), Kind: q.Get("kind"), Environment: q.Get("environment"), Project: q.Get("project"), Subject: q.Get("who"), Address: q.Get("address"),
	}
	var problems problem.List
	f.From, f.To, problems = logRange(q, now)
	checkAddress(&problems, f.Address)
	return f, problems
}

// ShowSecurityEvent is one event of the log.
func (c *Console) ShowSecurityEvent(g *gin.Context) error {
	id, err := rowID(g)
	if err != nil {
		return err
	}
	e, err := c.store.SecurityEvent(g.Request.Context(), seenLogs(g), id)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Security event", models.Project{}, monitoring,
		layout.Crumb{Label: "Security Events", Href: link.SecurityEvents}, layout.Crumb{Label: "Event " + strconv.FormatInt(id, 10)})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, tokens.ShowEvent(tokens.EventPage{Frame: frame, Event: tokens.Event{ID: e.ID, Security: e.Security}, Now: c.now()}))
}

var eventColumns = []string{"Time", "Correlation id", "Kind", "Environment", "Project", "API proxy", "User or client", "Source", "Address", "Detail"}

// SecurityEventsCSV is the list as CSV, without pages.
func (c *Console) SecurityEventsCSV(g *gin.Context) error {
	filter, problems := eventFilter(tokens.Events(g.Request.URL.Query()), c.now())
	if len(problems) > 0 {
		return problems
	}
	return c.sendCSV(g, "security-events", eventColumns, func(write func(...string) error) error {
		return c.store.EachSecurityEvent(g.Request.Context(), seenLogs(g), filter, mostCSVRows, func(e models.SecurityEvent) error {
			return write(stampText(e.Time), e.CorrelationID, string(e.Kind), e.Environment, e.Project, e.Owner, e.Subject, e.Source, addressText(e.Client), e.Detail)
		})
	})
}
