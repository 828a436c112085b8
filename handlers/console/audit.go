package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
)

// auditPerPage is how many records a page of the list has.
const auditPerPage = 50

// seenAudit is what the visitor sees of the audit.
func seenAudit(g *gin.Context) models.Scope {
	return visit.From(g.Request.Context()).Sees(models.ViewAudit)
}

// audited leads from a page to what was done with its object, for those who may
// read that; project is the object's, "" for none.
func audited(g *gin.Context, page *layout.Props, project, object string) {
	if seenAudit(g).Has(project) {
		page.Audit = link.AuditOf(object)
	}
}

// auditedKind is audited for a page about everything of a kind.
func auditedKind(g *gin.Context, page *layout.Props, project, kind string) {
	if seenAudit(g).Has(project) {
		page.Audit = link.AuditOfKind(kind, project)
	}
}

// ListAudit is the list of what was done.
func (c *Console) ListAudit(g *gin.Context) error {
	ctx := g.Request.Context()
	q := tokens.Audit(g.Request.URL.Query())
	filter, problems := auditFilter(q, c.now())
	page := audit.ListPage{Query: q, Problems: problems, Now: c.now(), Actions: models.AuditActions(), Kinds: models.AuditKinds()}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := c.findRecords(g, &page, filter); err != nil {
			return err
		}
	}
	var err error
	if page.Actors, err = c.store.AuditActors(ctx, seenAudit(g)); err != nil {
		return err
	}
	projects, err := c.projectsOf(ctx, visit.From(ctx))
	if err != nil {
		return err
	}
	for _, p := range projects {
		if seenAudit(g).Has(p.Name) {
			page.Projects = append(page.Projects, p.Name)
		}
	}
	page.Frame, err = c.frame(g, "Audit", models.Project{}, layout.Crumb{Label: "Administration"}, layout.Crumb{Label: "Audit"})
	if err != nil {
		return err
	}
	return render(g, status, audit.List(page))
}

// auditFilter makes a filter of the address.
func auditFilter(q tokens.Query, now time.Time) (models.AuditFilter, problem.List) {
	from, to, problems := logRange(q, now)
	return models.AuditFilter{
		Keyword: q.Get("q"), Object: q.Get("object"), Action: q.Get("action"), Kind: q.Get("kind"), Actor: q.Get("actor"), Project: q.Get("project"),
		From: from, To: to,
	}, problems
}

func (c *Console) findRecords(g *gin.Context, page *audit.ListPage, filter models.AuditFilter) error {
	filter.Before, filter.After = models.Cursor(page.Query.Get("before")), models.Cursor(page.Query.Get("after"))
	filter.PerPage = auditPerPage + 1
	records, found, err := c.store.Audit(g.Request.Context(), seenAudit(g), filter)
	if err != nil {
		return err
	}
	places := make([]models.Cursor, len(records))
	for i, r := range records {
		places[i] = models.CursorOf(r.At, r.ID)
	}
	from, to, pages := logPages(page.Query, places, found, auditPerPage)
	for _, r := range records[from:to] {
		page.Entries = append(page.Entries, entryOf(r))
	}
	page.Pages = pages
	return nil
}

func entryOf(r models.AuditRecord) audit.Entry {
	return audit.Entry{
		ID: r.ID, At: r.At, Actor: r.Actor, Client: r.Client, Action: r.Action, Kind: r.Kind, ObjectName: r.ObjectName, Project: r.Project,
	}
}

var auditColumns = []string{
	"Record", "Time", "Operation", "Kind", "Object id", "Object name", "Project", "Person", "Address", "Correlation id", "Went back to record", "Before", "After",
}

// AuditCSV is the list as CSV, without pages and with both sides.
func (c *Console) AuditCSV(g *gin.Context) error {
	filter, problems := auditFilter(tokens.Audit(g.Request.URL.Query()), c.now())
	if len(problems) > 0 {
		return problems
	}
	return c.sendCSV(g, "audit", auditColumns, func(write func(...string) error) error {
		return c.store.EachAuditRecord(g.Request.Context(), seenAudit(g), filter, mostCSVRows, func(r models.AuditRecord) error {
			back := ""
			if r.BackTo != 0 {
				back = strconv.FormatInt(r.BackTo, 10)
			}
			return write(strconv.FormatInt(r.ID, 10), stampText(r.At), r.Action, r.Kind, r.ObjectID, r.ObjectName, r.Project, r.Actor, r.Client,
				r.CorrelationID, back, string(r.Before), string(r.After))
		})
	})
}

// ShowAudit is one record with both sides of the change.
func (c *Console) ShowAudit(g *gin.Context) error {
	id, err := rowID(g)
	if err != nil {
		return err
	}
	r, err := c.store.AuditRecord(g.Request.Context(), seenAudit(g), id)
	if err != nil {
		return err
	}
	page := audit.RecordPage{
		Entry: entryOf(r), ObjectID: r.ObjectID, CorrelationID: r.CorrelationID, Before: r.Before, After: r.After, BackTo: r.BackTo, Now: c.now(),
	}
	if page.Changes, err = c.changed(r.Kind, r.Before, r.After); err != nil {
		return err
	}
	if err := c.leadFrom(g, r, &page); err != nil {
		return err
	}
	page.Frame, err = c.frame(g, "Audit record", models.Project{}, layout.Crumb{Label: "Administration"},
		layout.Crumb{Label: "Audit", Href: link.Audit}, layout.Crumb{Label: "Record " + strconv.FormatInt(r.ID, 10)})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, audit.Record(page))
}
