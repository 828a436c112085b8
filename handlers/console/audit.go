package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
	weberrors "github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/tokens"
)

// auditPerPage is how many records a page of the list has.
const auditPerPage = 50

// ListAudit is the list of what was done.
func (c *Console) ListAudit(g *gin.Context) error {
	ctx := g.Request.Context()
	q := audit.ParseQuery(g.Request.URL.Query())
	from, to, problems := q.Days()
	page := audit.ListPage{
		Query: q, Problems: problems, PerPage: auditPerPage, Now: c.now(), Actions: models.AuditActions(), Kinds: models.AuditKinds(),
	}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := c.findRecords(g, &page, from, to); err != nil {
			return err
		}
	}
	users, err := c.store.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		page.Actors = append(page.Actors, u.Name)
	}
	page.Frame, err = c.frame(g, "Audit", models.Project{}, layout.Crumb{Label: "Administration"}, layout.Crumb{Label: "Audit"})
	if err != nil {
		return err
	}
	return render(g, status, audit.List(page))
}

func (c *Console) findRecords(g *gin.Context, page *audit.ListPage, from, to time.Time) error {
	q := page.Query
	records, total, err := c.store.Audit(g.Request.Context(), models.AuditFilter{
		Query: q.Text, Action: q.Action, Kind: q.Kind, Actor: q.Actor, From: from, To: to, Page: q.Page, PerPage: auditPerPage,
	})
	if err != nil {
		return err
	}
	page.Total = total
	for _, r := range records {
		page.Entries = append(page.Entries, entryOf(r))
	}
	return nil
}

func entryOf(r models.AuditRecord) audit.Entry {
	return audit.Entry{
		ID: r.ID, At: r.At, Actor: r.Actor, Client: r.Client, Action: r.Action, Kind: r.Kind, ObjectName: r.ObjectName, Project: r.Project,
	}
}

// ShowAudit is one record with both sides of the change.
func (c *Console) ShowAudit(g *gin.Context) error {
	id, err := strconv.ParseInt(g.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return models.ErrNotFound
	}
	r, err := c.store.AuditRecord(g.Request.Context(), id)
	if err != nil {
		return err
	}
	labels, rank := auditLabels()
	changes, err := audit.Compare(r.Before, r.After, labels, rank)
	if err != nil {
		return err
	}
	for i := range changes {
		if changes[i].Label == "" {
			changes[i].Label = weberrors.AuditLabel(changes[i].Field)
		}
	}
	frame, err := c.frame(g, "Audit record", models.Project{}, layout.Crumb{Label: "Administration"},
		layout.Crumb{Label: "Audit", Href: link.Audit}, layout.Crumb{Label: "Record " + strconv.FormatInt(r.ID, 10)})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, audit.Record(audit.RecordPage{
		Frame: frame, Entry: entryOf(r), ObjectID: r.ObjectID, CorrelationID: r.CorrelationID, Changes: changes, Now: c.now(),
	}))
}

// auditLabels are the names of fields as forms have them, and their order.
func auditLabels() (labels map[string]string, rank []string) {
	labels = map[string]string{
		"clientId": "Client id", "route.basePath": "Base path", "upstream.url": "Upstream URL", "role": "Role", "fullName": "Full name",
		"theme": "Theme", "mustChangePassword": "Must change password", "publicUrl": "Public URL", "environment": "Environment", "revision": "Revision", "note": "Note",
	}
	rank = []string{"type", "active", "name", "description"}
	for field, text := range tokens.ManagementLabels() {
		labels[field] = text
	}
	for _, f := range forms {
		for field, text := range policies.LabelsOf(f) {
			labels[field] = text
		}
		for _, l := range f.Labels() {
			rank = append(rank, l.Field)
		}
	}
	labels["active"], labels["type"] = "Active", "Type"
	return labels, rank
}
