package console

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
)

const (
	// logPerPage is how many rows a page of a log has.
	logPerPage = 50
	// mostBars is how many bars a chart has room for.
	mostBars = 60
	// mostReasons is how many reasons of refusals are listed.
	mostReasons = 10
)

// seenLogs is what the visitor sees of the logs of monitoring.
func seenLogs(g *gin.Context) models.Scope {
	return visit.From(g.Request.Context()).Sees(models.ViewMonitoring)
}

var monitoring = layout.Crumb{Label: "Monitoring"}

// ListTokenRequests is the log of token requests under its figures.
func (c *Console) ListTokenRequests(g *gin.Context) error {
	q := tokens.Requests(g.Request.URL.Query())
	filter, problems := requestFilter(q, c.now())
	page := tokens.RequestsPage{Query: q, Problems: problems, Now: c.now()}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := c.findRequests(g, &page, filter); err != nil {
			return err
		}
	}
	var err error
	if page.Environments, err = c.environmentNames(g.Request.Context()); err != nil {
		return err
	}
	if page.Sources, err = c.store.TokenSources(g.Request.Context(), seenLogs(g)); err != nil {
		return err
	}
	if page.Frame, err = c.frame(g, "Token Requests", models.Project{}, monitoring, layout.Crumb{Label: "Token Requests"}); err != nil {
		return err
	}
	return render(g, status, tokens.RequestList(page))
}

func (c *Console) findRequests(g *gin.Context, page *tokens.RequestsPage, filter models.TokenRequestFilter) error {
	filter.Before, filter.After = models.Cursor(page.Query.Get("before")), models.Cursor(page.Query.Get("after"))
	filter.PerPage = logPerPage + 1 // the one more tells whether there is another page
	rows, found, err := c.store.TokenRequests(g.Request.Context(), seenLogs(g), filter)
	if err != nil {
		return err
	}
	places := make([]models.Cursor, len(rows))
	for i, r := range rows {
		places[i] = models.CursorOf(r.Time, r.ID)
	}
	from, to, pages := logPages(page.Query, places, found, logPerPage)
	for _, r := range rows[from:to] {
		page.Rows = append(page.Rows, tokens.Request{ID: r.ID, Token: r.Token})
	}
	page.Pages = pages
	if filter.Before != "" || filter.After != "" {
		return nil // who pages through the log has seen the figures
	}
	page.Figures, err = c.figures(g, page.Query, filter)
	return err
}

// logPages says which of the rows are shown, of which one too many was asked
// for, and where the neighbours are.
func logPages(q tokens.Query, places []models.Cursor, found models.Found, perPage int) (from, to int, pages tokens.Older) {
	to = len(places)
	backwards := q.Get("before") == "" && q.Get("after") != ""
	more := to > perPage
	switch {
	case more && backwards:
		from = to - perPage // the list is newest first: the one too many is its head
	case more:
		to = perPage
	}
	pages = tokens.Older{Shown: to - from, Total: found.Total, Capped: found.Capped, Searched: found.StoppedAt, Backwards: backwards}
	if to == from {
		if q.Get("before") != "" || q.Get("after") != "" {
			pages.Newer = q.With().URL() // past the end: back to the beginning
		}
		return from, to, beyond(pages, q, found)
	}
	if backwards && more || q.Get("before") != "" {
		pages.Newer = q.With("after", string(places[from])).URL()
	}
	if backwards || more {
		pages.Older = q.With("before", string(places[to-1])).URL()
	}
	return from, to, beyond(pages, q, found)
}

// beyond leads on from where a search gave up.
func beyond(pages tokens.Older, q tokens.Query, found models.Found) tokens.Older {
	switch {
	case found.Stopped == "":
	case pages.Backwards:
		pages.Newer = q.With("after", string(found.Stopped)).URL()
	default:
		pages.Older = q.With("before", string(found.Stopped)).URL()
	}
	return pages
}

// requestFilter makes a filter of the address.
func requestFilter(q tokens.Query, now time.Time) (models.TokenRequestFilter, problem.List) {
	f := models.TokenRequestFilter{
		Keyword: q.Get("q"), Environment: q.Get("environment"), Project: q.Get("project"), Owner: q.Get("owner"), Policy: q.Get("policy"),
		Grant: q.Get("grant"), Operation: q.Get("operation"), Source: q.Get("source"), Outcome: q.Get("outcome"), Error: q.Get("error"),
		Who: q.Get("who"), Family: q.Get("session"), Address: q.Get("address"),
	}
	var problems problem.List
	f.From, f.To, problems = logRange(q, now)
	f.StatusFrom = statusOf(&problems, "statusFrom", q.Get("statusFrom"))
	f.StatusTo = statusOf(&problems, "statusTo", q.Get("statusTo"))
	if f.StatusFrom > 0 && f.StatusTo > 0 && f.StatusFrom > f.StatusTo {
		problems.Add("statusTo", "Enter a status that is not below the first one.")
	}
	checkAddress(&problems, f.Address)
	return f, problems
}

// logRange is the time that the address names: days, or a span up to now.
func logRange(q tokens.Query, now time.Time) (from, to time.Time, problems problem.List) {
	from, to, problems = audit.Days(q.Get("from"), q.Get("to"))
	if from.IsZero() && to.IsZero() {
		if d, ok := spans[q.Get("span")]; ok {
			from = now.UTC().Add(-d)
		}
	}
	return from, to, problems
}

var spans = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

func statusOf(l *problem.List, field, typed string) int {
	if typed == "" {
		return 0
	}
	n, err := strconv.Atoi(typed)
	if err != nil || n < 100 || n > 599 {
		l.Add(field, "Enter an HTTP status from 100 to 599.")
		return 0
	}
	return n
}

func checkAddress(l *problem.List, typed string) {
	if typed == "" {
		return
	}
	if _, err := netip.ParseAddr(typed); err == nil {
		return
	}
	if _, err := netip.ParsePrefix(typed); err != nil {
		l.Add("address", "Enter an address or a network, such as 192.0.2.7 or 10.0.0.0/8.")
	}
}

// figures are those of the list's time and environment; without a time, of the
// last day.
func (c *Console) figures(g *gin.Context, q tokens.Query, f models.TokenRequestFilter) (*tokens.Figures, error) {
	ctx, in := g.Request.Context(), seenLogs(g)
	from, width, bars := barsOf(f.From, f.To, c.now())
	to := from.Add(width * time.Duration(bars))
	stats, err := c.store.TokenStats(ctx, in, from, to, width, f.Environment, splits[q.Dimension()])
	if err != nil {
		return nil, err
	}
	counts := make([]tokens.Count, len(stats.Counts))
	for i, s := range stats.Counts {
		counts[i] = tokens.Count{Bar: s.Bucket, Grant: s.Grant, Source: s.Source, Error: s.Error, Count: s.Count}
	}
	out := &tokens.Figures{Span: spanText(f.From, f.To, from, to)}
	out.Issued, out.Refused = tokens.Draw(from, width, bars, counts, q.Dimension())
	if q.Dimension() != tokens.ByReason {
		return out, nil
	}
	reasons, err := c.store.RefusalReasons(ctx, in, from, to, f.Environment, mostReasons)
	for _, r := range reasons {
		out.Reasons = append(out.Reasons, tokens.Reason{Error: r.Error, Reason: r.Reason, Count: r.Count})
	}
	if refused(counts) > models.ReasonsOf {
		out.ReasonsOf = models.ReasonsOf
	}
	return out, err
}

// splits are the ways to split the figures, as they are counted.
var splits = map[string]models.StatsBy{tokens.ByGrant: models.ByGrant, tokens.BySource: models.BySource, tokens.ByReason: models.ByError}

func refused(counts []tokens.Count) (n int) {
	for _, c := range counts {
		if c.Error != "" {
			n += c.Count
		}
	}
	return n
}

func spanText(asked, askedTo, from, to time.Time) string {
	if asked.IsZero() && askedTo.IsZero() {
		return "last 24 hours"
	}
	return from.Format("2 Jan 2006 15:04") + " to " + to.Format("2 Jan 2006 15:04") + " UTC"
}

// barWidths are the times that a bar may cover. From an hour on the figures come
// out of counts, below it out of the log itself, which is then of less than a
// day.
var barWidths = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// barsOf divides a time into bars that begin at round moments. What lies
// further back than the widest bars reach is left out.
func barsOf(from, to, now time.Time) (time.Time, time.Duration, int) {
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() || !from.Before(to) {
		from = to.Add(-24 * time.Hour)
	}
	width := barWidths[len(barWidths)-1]
	for _, w := range barWidths {
		if to.Sub(from) <= w*mostBars {
			width = w
			break
		}
	}
	end := to.UTC().Truncate(width).Add(width)
	if earliest := end.Add(-width * mostBars); from.Before(earliest) {
		from = earliest
	}
	from = from.UTC().Truncate(width)
	return from, width, int(end.Sub(from) / width)
}

func (c *Console) environmentNames(ctx context.Context) ([]string, error) {
	list, err := visit.From(ctx).Environments(ctx, c.store)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name
	}
	return names, nil
}

// ShowTokenRequest is one request of the log.
func (c *Console) ShowTokenRequest(g *gin.Context) error {
	id, err := rowID(g)
	if err != nil {
		return err
	}
	r, err := c.store.TokenRequest(g.Request.Context(), seenLogs(g), id)
	if err != nil {
		return err
	}
	page := tokens.RequestPage{Request: tokens.Request{ID: r.ID, Token: r.Token}, Now: c.now()}
	if r.Family != "" && visit.From(g.Request.Context()).Can(visit.ManageSystem) {
		if _, err := c.store.Login(g.Request.Context(), r.Family); err == nil {
			page.Login = link.EndLogin(r.Family)
		}
	}
	page.Frame, err = c.frame(g, "Token request", models.Project{}, monitoring,
		layout.Crumb{Label: "Token Requests", Href: link.TokenRequests}, layout.Crumb{Label: "Request " + strconv.FormatInt(id, 10)})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, tokens.ShowRequest(page))
}

func rowID(g *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(g.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, models.ErrNotFound
	}
	return id, nil
}

var requestColumns = []string{
	"Time", "Correlation id", "Environment", "Operation", "Project", "API proxy", "Policy", "Grant", "Client id", "User", "Source", "Address",
	"X-Forwarded-For", "Method", "Content type", "Status", "Error", "Catalogue row", "Reason", "Algorithm", "Key id", "Token id", "Session",
	"Scope", "Issued at", "Expires at", "Never expires", "Refresh expires at", "Refreshes", "Refreshes allowed", "Took (ms)",
}

// TokenRequestsCSV is the list as CSV, without pages.
func (c *Console) TokenRequestsCSV(g *gin.Context) error {
	filter, problems := requestFilter(tokens.Requests(g.Request.URL.Query()), c.now())
	if len(problems) > 0 {
		return problems
	}
	return c.sendCSV(g, "token-requests", requestColumns, func(write func(...string) error) error {
		return c.store.EachTokenRequest(g.Request.Context(), seenLogs(g), filter, mostCSVRows, func(r models.TokenRequest) error {
			return write(stampText(r.Time), r.CorrelationID, r.Environment, string(r.Operation), r.Project, r.Owner, r.Policy, r.Grant, r.ClientID,
				r.Username, r.Source, addressText(r.Client), r.ForwardedFor, r.Method, r.ContentType, strconv.Itoa(r.Status), r.Error, string(r.Fault),
				r.Reason, r.Algorithm, r.KeyID, r.TokenID, r.Family, r.Scope, stampText(r.IssuedAt), stampText(r.ExpiresAt),
				strconv.FormatBool(r.NeverExpires), stampText(r.RefreshExpiresAt), strconv.Itoa(r.RefreshCount), strconv.Itoa(r.RefreshMax),
				strconv.FormatFloat(float64(r.Duration.Microseconds())/1000, 'f', 3, 64))
		})
	})
}

func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// harmless is text that a spreadsheet does not run: what begins like a formula
// gets an apostrophe, also behind blanks, which some programs skip, and behind
// what begins a cell where semicolons or tabs divide them. There the quotes of a
// CSV cell count for nothing, as they do not begin it.
func harmless(text string) string {
	if isFormula(text) || strings.ContainsAny(text[:min(len(text), 1)], "\t\r\n") {
		text = "'" + text
	}
	var b strings.Builder
	begins := false
	for i, r := range text {
		switch {
		case strings.ContainsRune(";\t\r\n", r):
			begins = true
		case begins && !strings.ContainsRune(blanks, r):
			if begins = false; isFormula(text[i:]) {
				b.WriteByte('\'')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// blanks are what some programs skip at the beginning of a cell.
const blanks = " \t\r\n\v\f\u00a0"

func isFormula(text string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(text, blanks))
	return strings.ContainsRune("=+-@|%＝＋－＠", first)
}
