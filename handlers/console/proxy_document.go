package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/apidoc"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
)

// Bounds of what a form carries along of a document.
const (
	notesKept  = 100
	noteLength = 2000
)

// documentOf is what a form carries along of the document that it was filled from.
func documentOf(posted url.Values) (format string, notes []string) {
	for _, n := range posted["note"][:min(len(posted["note"]), notesKept)] {
		notes = append(notes, firstBytes(n))
	}
	return firstBytes(posted.Get("document")), notes
}

func firstBytes(note string) string {
	return strings.ToValidUTF8(note[:min(len(note), noteLength)], "")
}

// NewProxyDocument is where the document of a new proxy's API is given.
func (c *Console) NewProxyDocument(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.askNewDocument(g, http.StatusOK, project, proxies.Document{})
}

func (c *Console) askNewDocument(g *gin.Context, status int, project models.Project, d proxies.Document) error {
	frame, err := c.frame(g, "From an OpenAPI document", project, append(kindNamed(engine.KindProxy).crumbs(project), layout.Crumb{Label: "From an OpenAPI document"})...)
	if err != nil {
		return err
	}
	d.Action, d.Cancel, d.Most = link.NewProxyDocument(project.Name), link.Proxies(project.Name), mebibytes(apispec.MaxDocument)
	return render(g, status, proxies.DocumentPage(frame, d))
}

func mebibytes(n int) string { return fmt.Sprintf("%d MiB", n>>20) }

// ReadNewProxy opens the ordinary form of a new proxy, filled from a document.
func (c *Console) ReadNewProxy(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	d, spec, err := c.readDocument(g)
	if err != nil {
		return err
	}
	if len(d.Problems) > 0 {
		return c.askNewDocument(g, http.StatusUnprocessableEntity, project, d)
	}
	if err := c.freeNames(g, project, &spec); err != nil {
		return err
	}
	o := models.Owner{Name: spec.Name, Description: spec.Description, Route: engine.Route{BasePath: spec.BasePath}, Upstream: engine.Upstream{URL: spec.Upstream}}
	f := formOf(o)
	f.Endpoints = specRows(nil, spec, false)
	f.Document, f.Notes, f.Unsaved = spec.Format, slices.Concat(spec.Notes, spec.LeftOut), true
	return c.showNewProxy(g, http.StatusOK, project, f)
}

// freeNames puts free ones in the place of a name and a base path that are taken.
func (c *Console) freeNames(g *gin.Context, project models.Project, s *apispec.Spec) error {
	ctx := g.Request.Context()
	taken, err := c.store.OwnerNameProblem(ctx, project.ID, engine.KindProxy, s.Name, "")
	if err != nil {
		return err
	}
	if taken != "" {
		s.Notes = append(s.Notes, "The name "+s.Name+" is taken; the form has one that is free.")
		if s.Name, err = c.store.FreeOwnerName(ctx, project.ID, engine.KindProxy, s.Name); err != nil {
			return err
		}
	}
	if taken, err = c.store.BasePathProblem(ctx, s.BasePath, nil, ""); err != nil || taken == "" {
		return err
	}
	s.Notes = append(s.Notes, "The base path "+s.BasePath+" is taken; the form has one that is free.")
	s.BasePath, err = c.store.FreeBasePath(ctx, s.BasePath)
	return err
}

// ProxyDocument is where a document is given for the endpoints of a proxy.
func (c *Console) ProxyDocument(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.askDocument(http.StatusOK, proxies.Document{})
}

func (d *ownerDesk) askDocument(status int, page proxies.Document) error {
	frame, err := d.frame("Update the endpoints of "+d.owner.Name, layout.Crumb{Label: "Update endpoints"})
	if err != nil {
		return err
	}
	page.Proxy, page.Action, page.Cancel, page.Most = d.owner.Name, d.link().Document(), d.page(), mebibytes(apispec.MaxDocument)
	return render(d.g, status, proxies.DocumentPage(frame, page))
}

// ReadEndpoints opens the ordinary form of a proxy with the endpoints of a
// document, and says what that changes.
func (c *Console) ReadEndpoints(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	page, spec, err := c.readDocument(g)
	if err != nil {
		return err
	}
	if len(page.Problems) > 0 {
		return d.askDocument(http.StatusUnprocessableEntity, page)
	}
	f := formOf(d.owner)
	f.Endpoints = specRows(d.owner.Endpoints, spec, page.Keep)
	f.Document, f.Notes, f.Unsaved = spec.Format, spec.LeftOut, true
	return d.showEdit(http.StatusOK, f)
}

// specRows are the endpoints of a document as rows of the form.
func specRows(stored []models.Endpoint, s apispec.Spec, keep bool) []proxies.EndpointRow {
	var rows []proxies.EndpointRow
	for _, e := range apidoc.Endpoints(stored, s, keep) {
		rows = append(rows, proxies.EndpointRow{ID: e.ID, Method: e.Method, Path: e.Path, Description: e.Description})
	}
	return rows
}

// endpointChanges holds the rows of a form against what is stored, by the rule of
// SaveProxy: an endpoint is the same one by its id, or its method and path.
func endpointChanges(o models.Owner, rows []proxies.EndpointRow) proxies.Changes {
	var c proxies.Changes
	kept := map[string]bool{}
	for _, r := range rows {
		had, ok := storedEndpoint(o, r)
		change := proxies.EndpointChange{Method: r.Method, Path: r.Path, Text: r.Description}
		switch {
		case !ok || kept[had.ID]:
			c.Added = append(c.Added, change)
			continue
		case had.Method != r.Method || had.Path != r.Path:
			change.Text = "Was " + had.Method + " " + had.Path
			c.Changed = append(c.Changed, change)
		case had.Description != r.Description:
			change.Text = "New description: " + r.Description
			c.Changed = append(c.Changed, change)
		default:
			c.Kept++
		}
		kept[had.ID] = true
	}
	for _, e := range o.Endpoints {
		if !kept[e.ID] {
			c.Removed = append(c.Removed, removedEndpoint(o, e))
		}
	}
	return c
}

func storedEndpoint(o models.Owner, r proxies.EndpointRow) (models.Endpoint, bool) {
	for _, e := range o.Endpoints {
		if r.ID != "" && e.ID == r.ID || r.ID == "" && e.Method == r.Method && e.Path == strings.TrimSpace(r.Path) {
			return e, true
		}
	}
	return models.Endpoint{}, false
}

func removedEndpoint(o models.Owner, e models.Endpoint) proxies.EndpointChange {
	change := proxies.EndpointChange{Method: e.Method, Path: e.Path, Text: e.Description}
	for _, b := range o.Bindings {
		if b.EndpointID == e.ID {
			change.Policies = append(change.Policies, b.Name())
		}
	}
	if n := len(change.Policies); n > 0 {
		change.Text = countOf(n, "policy is removed with it: ", "policies are removed with it: ") + someOf(change.Policies)
	}
	return change
}

// readDocument reads the document that was given by one of the three ways, and
// what else was typed. What is wrong stands below the way that was taken.
func (c *Console) readDocument(g *gin.Context) (proxies.Document, apispec.Spec, error) {
	var d proxies.Document
	// More than the whole body may hold, so that nothing is written to the disk.
	err := g.Request.ParseMultipartForm(4 * apispec.MaxDocument)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		d.Problems.Add("file", "The document has more than %s.", mebibytes(apispec.MaxDocument))
		return d, apispec.Spec{}, nil
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return d, apispec.Spec{}, badForm(err)
	}
	d.Content, d.URL, d.Keep = plainLines(g.PostForm("content")), strings.TrimSpace(g.PostForm("url")), g.PostForm("keep") == "true"
	field, document, why, err := c.givenDocument(g, d)
	if err != nil {
		return d, apispec.Spec{}, err
	}
	if why != "" {
		d.Problems.Add(field, "%s", why)
		return d, apispec.Spec{}, nil
	}
	spec, err := apispec.Read(document)
	for _, p := range problem.Of(err) {
		if p.Field != "" {
			p.Message = p.Field + ": " + p.Message
		}
		d.Problems.Add(field, "%s", p.Message)
	}
	if len(d.Problems) > 0 {
		err = nil
	}
	return d, spec, err
}

// givenDocument is the document of the one way that was taken, or why there is
// none.
func (c *Console) givenDocument(g *gin.Context, d proxies.Document) (field string, document []byte, why string, err error) {
	file, err := documentFile(g)
	if err != nil {
		return "", nil, "", err
	}
	text := strings.TrimSpace(d.Content) != ""
	switch {
	case len(file) > 0 && (text || d.URL != ""), text && d.URL != "":
		return "content", nil, "Give the document by one way: a file, its text, or an address.", nil
	case len(file) > 0:
		return "file", file, "", nil
	case text:
		return "content", []byte(d.Content), "", nil
	case d.URL != "":
		document, why = apidoc.Fetch(g.Request.Context(), c.outgoing, d.URL)
		return "url", document, why, nil
	}
	return "file", nil, "Choose a file, paste the document, or enter its address.", nil
}

// documentFile is the file that was chosen; none when there is none.
func documentFile(g *gin.Context) ([]byte, error) {
	header, err := g.FormFile("file")
	if err != nil {
		return nil, nil
	}
	file, err := header.Open()
	if err != nil {
		return nil, badForm(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, badForm(err)
	}
	return content, nil
}
