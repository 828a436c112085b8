package link

import "net/url"

// Audit is the list of audit records, AuditCSV the same as CSV.
const (
	Audit    = "/audit"
	AuditCSV = "/audit/csv"
)

// AuditRecord is one record with its before and after.
func AuditRecord(id string) string { return path("audit", id) }

// AuditOf is every record about an object, by its id.
func AuditOf(objectID string) string {
	return Audit + "?" + url.Values{"object": {objectID}}.Encode()
}

// AuditOfKind is every record about objects of a kind, in a project or with "" in
// all.
func AuditOfKind(kind, project string) string {
	q := url.Values{"kind": {kind}}
	if project != "" {
		q.Set("project", project)
	}
	return Audit + "?" + q.Encode()
}

// GoBack asks before an object goes back to the version that stands on a side,
// "before" or "after", of a record; group is whose rights it takes. What belongs
// to no project has "" for it.
func GoBack(project, group, record, side string) string {
	if project == "" {
		return path("go-back", record, side)
	}
	return path("projects", project, "go-back", group, record, side)
}
