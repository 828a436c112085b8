package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// unreadable stands for a number that is none: the store refuses it like any
// other that is out of bounds, with the words that say what would be right, so
// that everything wrong with a form is found at once and in one place.
const unreadable = -1

// proxyForm is what was posted, as text.
func proxyForm(g *gin.Context) (proxies.Form, error) {
	if err := g.Request.ParseForm(); err != nil {
		return proxies.Form{}, badForm(err)
	}
	posted := g.Request.PostForm
	f := proxies.Form{
		ID: posted.Get("ownerId"), Version: posted.Get("version"),
		Name: posted.Get("name"), Description: plainLines(posted.Get("description")), BasePath: posted.Get("basePath"),
		Hosts: plainLines(posted.Get("hosts")), Methods: posted["methods"], UpstreamURL: posted.Get("upstreamUrl"),
		ConnectTimeout: posted.Get("connectTimeout"), ResponseTimeout: posted.Get("responseTimeout"),
		Balancing: postedBalancing(posted), Endpoints: endpointRows(posted),
		JSON: errorTemplate(posted, "errorTemplates.json"), XML: errorTemplate(posted, "errorTemplates.xml"),
		ReplaceAPIErrors: posted.Get("errorTemplates.replaceApiErrors") == "true", Reason: fault.Type(posted.Get("errorTemplates.reason")),
		BlockDirect: posted.Get("blockDirectAccess") == "true", Search: strings.TrimSpace(posted.Get("memberSearch")),
	}
	f.Document, f.Notes = documentOf(posted)
	for _, id := range posted["members"] {
		f.Members = append(f.Members, proxies.MemberRow{ID: id})
	}
	return f, nil
}

// plainLines undoes the line breaks of two characters that browsers send,
// which would count twice against a limit.
func plainLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func endpointRows(posted url.Values) []proxies.EndpointRow {
	var rows []proxies.EndpointRow
	for i := 0; ; i++ {
		field := func(part string) string { return fmt.Sprintf("endpoints[%d].%s", i, part) }
		if !posted.Has(field("path")) {
			return rows
		}
		rows = append(rows, proxies.EndpointRow{
			ID: posted.Get(field("id")), Method: posted.Get(field("method")),
			Path: posted.Get(field("path")), Description: posted.Get(field("description")),
		})
	}
}

func errorTemplate(posted url.Values, name string) proxies.ErrorTemplate {
	return proxies.ErrorTemplate{
		On: posted.Get(name+".enabled") == "true", ContentType: posted.Get(name + ".contentType"), Text: plainLines(posted.Get(name + ".template")),
	}
}

// edited adds or removes a row when one of those buttons was pressed. It works
// without JavaScript: the whole form comes back with everything in it. The
// buttons, like the hidden id, avoid the names of what a form element has
// itself: a control called "remove" or "id" would hide it from scripts.
func edited(g *gin.Context, f *proxies.Form) bool {
	if membersEdited(g, f) || addressesEdited(g, f) {
		return true
	}
	if g.PostForm("addEndpoint") != "" {
		f.Endpoints = append(f.Endpoints, proxies.EndpointRow{Method: http.MethodGet})
		f.Focus = fmt.Sprintf("endpoints[%d]", len(f.Endpoints)-1)
		return true
	}
	remove, err := strconv.Atoi(g.PostForm("removeEndpoint"))
	if err != nil || remove < 0 || remove >= len(f.Endpoints) {
		return false
	}
	f.Endpoints = slices.Delete(f.Endpoints, remove, remove+1)
	f.Focus = "endpoints"
	if len(f.Endpoints) > 0 {
		f.Focus = fmt.Sprintf("endpoints[%d]", min(remove, len(f.Endpoints)-1))
	}
	return true
}

// dropBlank forgets rows that were added and never filled in.
func dropBlank(rows []proxies.EndpointRow) []proxies.EndpointRow {
	return slices.DeleteFunc(rows, func(r proxies.EndpointRow) bool {
		return r.ID == "" && strings.TrimSpace(r.Path) == "" && strings.TrimSpace(r.Description) == ""
	})
}

// proxyOf is the typed form as a proxy or a proxy group.
func proxyOf(f proxies.Form) models.Owner {
	p := models.Owner{
		ID: f.ID, Name: f.Name, Description: f.Description,
		Route: engine.Route{BasePath: strings.TrimSpace(f.BasePath), Hosts: wordsOf(f.Hosts), Methods: f.Methods},
		Upstream: engine.Upstream{
			URL: strings.TrimSpace(f.UpstreamURL), ConnectTimeout: timeoutOf(f.ConnectTimeout), ResponseTimeout: timeoutOf(f.ResponseTimeout),
		},
		ErrorTemplates: &fault.Bodies{
			JSON: bodyOf(f.JSON, proxies.StartJSON), XML: bodyOf(f.XML, proxies.StartXML), Upstream: f.ReplaceAPIErrors,
		},
	}
	balance(&p.Upstream, f.Balancing)
	p.Version, p.BlockDirectAccess = number(f.Version), f.BlockDirect
	for _, m := range f.Members {
		p.Members = append(p.Members, models.Member{ID: m.ID})
	}
	for _, r := range f.Endpoints {
		p.Endpoints = append(p.Endpoints, models.Endpoint{ID: r.ID, Method: r.Method, Path: strings.TrimSpace(r.Path), Description: r.Description})
	}
	return p
}

// bodyOf keeps what was typed also while it is off, but not the text that it
// starts from: a form that nobody touched changes nothing.
func bodyOf(t proxies.ErrorTemplate, start string) fault.Body {
	if !t.On && (t.Text == start || t.Text == "") {
		return fault.Body{}
	}
	return fault.Body{Enabled: t.On, Text: t.Text, ContentType: strings.TrimSpace(t.ContentType)}
}

func templateOf(b fault.Body, start string) proxies.ErrorTemplate {
	return proxies.ErrorTemplate{On: b.Enabled, ContentType: b.ContentType, Text: cmp.Or(b.Text, start)}
}

// wordsOf are the hosts that were typed, whatever stands between them.
func wordsOf(text string) []string { return strings.Fields(text) }

// timeoutOf reads milliseconds; nothing typed means the default.
func timeoutOf(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return unreadable
	}
	return n
}

// formOf is a proxy or a proxy group as its form shows it.
func formOf(p models.Owner) proxies.Form {
	f := proxies.Form{
		ID: p.ID, Version: strconv.Itoa(p.Version), Name: p.Name, Description: p.Description,
		BasePath: p.Route.BasePath, Hosts: strings.Join(p.Route.Hosts, "\n"), Methods: p.Route.Methods, UpstreamURL: p.Upstream.URL,
		ConnectTimeout: timeoutText(p.Upstream.ConnectTimeout), ResponseTimeout: timeoutText(p.Upstream.ResponseTimeout), Balancing: balancingOf(p.Upstream),
	}
	for _, e := range p.Endpoints {
		f.Endpoints = append(f.Endpoints, proxies.EndpointRow{ID: e.ID, Method: e.Method, Path: e.Path, Description: e.Description})
	}
	f.BlockDirect = p.BlockDirectAccess
	for _, m := range p.Members {
		f.Members = append(f.Members, proxies.MemberRow{ID: m.ID})
	}
	templates := fault.Bodies{}
	if p.ErrorTemplates != nil {
		templates = *p.ErrorTemplates
	}
	f.JSON, f.XML = templateOf(templates.JSON, proxies.StartJSON), templateOf(templates.XML, proxies.StartXML)
	f.ReplaceAPIErrors = templates.Upstream
	return f
}

func timeoutText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// NewProxy is the empty form of a proxy or of a proxy group.
func (c *Console) NewProxy(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showNewProxy(g, http.StatusOK, project, formOf(models.Owner{}))
}

// CreateProxy saves a new proxy, or a new proxy group, and shows its client secret,
// this once.
func (c *Console) CreateProxy(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := proxyForm(g)
	if err != nil {
		return err
	}
	f.Unsaved = true
	if edited(g, &f) {
		return c.showNewProxy(g, http.StatusOK, project, f)
	}
	f.Endpoints, f.Balancing.Further = dropBlank(f.Endpoints), dropBlankAddresses(f.Balancing.Further)
	p := proxyOf(f)
	p.ID, p.Version = "", 0
	kind, _ := kindOfRoute(g)
	saved, s, err := c.saveProxy(ctx, kind, project, p)
	if f.Problems = inFormOrder(problem.Of(err)); len(f.Problems) > 0 {
		return c.showNewProxy(g, http.StatusUnprocessableEntity, project, f)
	}
	if err != nil {
		return err
	}
	return c.deskOf(g, project, saved).showSecret(s, true)
}

// saveProxy saves what the form of a kind means.
func (c *Console) saveProxy(ctx context.Context, kind ownerKind, project models.Project, o models.Owner) (models.Owner, secret.Text, error) {
	save := c.store.SaveProxy
	if kind.kind == engine.KindProxyGroup {
		save = c.store.SaveProxyGroup
	}
	return save(ctx, visit.From(ctx).Actor(), project.ID, o)
}

func (c *Console) showNewProxy(g *gin.Context, status int, project models.Project, f proxies.Form) error {
	kind, _ := kindOfRoute(g)
	frame, err := c.frame(g, "New API "+kind.noun, project, append(kind.crumbs(project), layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	f.New, f.ID, f.Version = true, "", ""
	f.Action, f.Cancel = kind.at.New(project.Name), kind.at.List(project.Name)
	if kind.kind == engine.KindProxy && f.Document == "" {
		f.FromDocument = link.NewProxyDocument(project.Name)
	}
	if err := c.showAnswers(g.Request.Context(), project.Name, &f); err != nil {
		return err
	}
	if err := c.showMembers(g.Request.Context(), kind, project, &f); err != nil {
		return err
	}
	return render(g, status, proxies.FormPage(frame, furnished(f, project.Name)))
}

// furnished adds what every proxy form shows beside what was typed.
func furnished(f proxies.Form, project string) proxies.Form {
	except := ""
	if f.ID != "" {
		except = "?" + url.Values{"except": {f.ID}}.Encode()
	}
	f.CheckName, f.CheckBasePath = link.CheckProxyName(project)+except, link.CheckBasePath(project)+except
	f.AllMethods, f.ReservedPaths = engine.Methods(), engine.ReservedPaths()
	f.DefaultConnect, f.DefaultResponse = int(engine.DefaultConnectTimeout.Milliseconds()), int(engine.DefaultResponseTimeout.Milliseconds())
	furnishBalancing(&f.Balancing)
	f.MaxTimeout, f.MaxName, f.MaxDescription = engine.MaxTimeout, problem.MaxName, problem.MaxDescription
	return f
}

// EditProxy is the form of a proxy, or of a proxy group, that exists.
func (c *Console) EditProxy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.showEdit(http.StatusOK, formOf(d.owner))
}

// SaveProxy saves the form of a proxy, or of a proxy group, that exists. The form
// says which one by its id, so that one renamed in the meantime is still the same.
func (c *Console) SaveProxy(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := proxyForm(g)
	if err != nil {
		return err
	}
	f.Unsaved = true
	kind, name := kindOfRoute(g)
	owner, err := c.store.Owner(ctx, project.ID, kind.kind, name)
	if errors.Is(err, models.ErrNotFound) { // renamed or gone; the save tells
		owner = models.Owner{Kind: kind.kind, Name: name}
	} else if err != nil {
		return err
	}
	if f.ID == "" { // no page of ours sends that
		return fmt.Errorf("%s without id: %w", kind.noun, models.ErrNotFound)
	}
	d := c.deskOf(g, project, owner)
	if edited(g, &f) {
		return d.showEdit(http.StatusOK, f)
	}
	return d.save(f)
}

func (d *ownerDesk) save(f proxies.Form) error {
	ctx := d.g.Request.Context()
	f.Endpoints, f.Balancing.Further = dropBlank(f.Endpoints), dropBlankAddresses(f.Balancing.Further)
	saved, _, err := d.c.saveProxy(ctx, d.ownerKind, d.project, proxyOf(f))
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showProxyConflict(stale, f)
	}
	if f.Problems = inFormOrder(problem.Of(err)); len(f.Problems) > 0 {
		return d.showEdit(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, savedText(saved))
	return redirect(d.g, linkOf(d.project.Name, saved).Page())
}

// savedText says what the save means for traffic.
func savedText(p models.Owner) string {
	var stale []string
	for _, d := range p.Deployments {
		if d.State == models.RedeployRequired {
			stale = append(stale, d.Environment)
		}
	}
	if len(stale) == 0 {
		return p.Name + " was saved."
	}
	return fmt.Sprintf("%s was saved. Redeploy it to %s to make it live.", p.Name, strings.Join(stale, ", "))
}

func (d *ownerDesk) showEdit(status int, f proxies.Form) error {
	frame, err := d.frame("Edit "+d.owner.Name, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	f.Title, f.Action, f.Cancel, f.Live = d.owner.Name, d.link().Edit(), d.page(), liveIn(d.owner)
	counts := endpointPolicies(d.owner)
	for i, e := range f.Endpoints {
		if e.ID != "" {
			f.Endpoints[i].Policies = counts[e.ID]
		}
	}
	if f.Document != "" {
		f.Changes = endpointChanges(d.owner, f.Endpoints)
	}
	if err := d.c.showAnswers(d.g.Request.Context(), d.project.Name, &f); err != nil {
		return err
	}
	if err := d.c.showMembers(d.g.Request.Context(), d.ownerKind, d.project, &f); err != nil {
		return err
	}
	return render(d.g, status, proxies.FormPage(frame, furnished(f, d.project.Name)))
}

// showProxyConflict shows both sides of a save that came too late. Where the proxy
// is gone, the same form creates it again.
func (d *ownerDesk) showProxyConflict(stale *models.StaleError, f proxies.Form) error {
	now, ok := stale.Current.(models.Owner)
	if stale.Deleted || !ok {
		f.Deleted = &proxies.Deletion{Name: stale.Name, By: stale.By, At: stale.At, Now: d.c.now()}
		return d.c.showNewProxy(d.g, http.StatusConflict, d.project, f)
	}
	d.owner = now
	// The form names the version that is shown as theirs: saving again keeps
	// mine, unless they go on changing it.
	f.Version = strconv.Itoa(stale.Version)
	theirs := formOf(now)
	if err := d.c.nameMembers(d.g.Request.Context(), d.project, &f, &theirs); err != nil {
		return err
	}
	f.Conflict = &proxies.Conflict{
		By: stale.By, At: stale.At, Now: d.c.now(), Differences: proxyDifferences(f, theirs), Discard: d.link().Edit(),
	}
	return d.showEdit(http.StatusConflict, f)
}

// proxyDifferences are the fields where the two sides are not the same.
func proxyDifferences(mine, theirs proxies.Form) []proxies.Difference {
	var list []proxies.Difference
	add := func(label, m, t string) {
		if m != t {
			list = append(list, proxies.Difference{Label: label, Mine: m, Theirs: t})
		}
	}
	add("Name", mine.Name, theirs.Name)
	add("Description", mine.Description, theirs.Description)
	add("Base path", mine.BasePath, theirs.BasePath)
	add("Hosts", strings.Join(wordsOf(mine.Hosts), "\n"), theirs.Hosts)
	add("Methods", strings.Join(mine.Methods, ", "), strings.Join(theirs.Methods, ", "))
	add("Upstream address", mine.UpstreamURL, theirs.UpstreamURL)
	add("Connect timeout", mine.ConnectTimeout, theirs.ConnectTimeout)
	add("Response timeout", mine.ResponseTimeout, theirs.ResponseTimeout)
	add("Addresses, failures and retries", balancingLines(mine), balancingLines(theirs))
	add("Endpoints", endpointLines(mine.Endpoints), endpointLines(theirs.Endpoints))
	add("Members", memberNames(mine), memberNames(theirs))
	add("Block direct access to members", onOff(mine.BlockDirect), onOff(theirs.BlockDirect))
	add("JSON template", templateWords(mine.JSON, proxies.StartJSON), templateWords(theirs.JSON, proxies.StartJSON))
	add("XML template", templateWords(mine.XML, proxies.StartXML), templateWords(theirs.XML, proxies.StartXML))
	add("Replace errors of the API too", onOff(mine.ReplaceAPIErrors), onOff(theirs.ReplaceAPIErrors))
	return list
}

func templateWords(t proxies.ErrorTemplate, start string) string {
	b := bodyOf(t, start)
	lines := []string{onOff(b.Enabled), b.ContentType, b.Text}
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "\n")
}

func onOff(on bool) string {
	if on {
		return "On"
	}
	return "Off"
}

func endpointLines(rows []proxies.EndpointRow) string {
	var lines []string
	for _, r := range rows {
		line := r.Method + " " + r.Path
		if r.Description != "" {
			line += " · " + r.Description
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// proxyFields is the order of the form. What begins with one of them stands
// with it.
var proxyFields = []string{"name", "description", "basePath", "hosts", "methods", "upstreamUrl", "weight", "further", "choice", "connectTimeout", "responseTimeout", "breaker", "check", "retry", "endpoints", "members", "blockDirectAccess", "errorTemplates"}

// inFormOrder sorts problems by where their fields stand; those of a list or a
// section keep their order.
func inFormOrder(problems problem.List) problem.List {
	place := func(field string) int {
		first, _, _ := strings.Cut(field, ".")
		first, _, _ = strings.Cut(first, "[")
		if i := slices.Index(proxyFields, first); i >= 0 {
			return i
		}
		return len(proxyFields)
	}
	sorted := slices.Clone(problems)
	slices.SortStableFunc(sorted, func(a, b problem.Problem) int { return place(a.Field) - place(b.Field) })
	return sorted
}

// CheckProxyName says while it is typed whether a name is free.
func (c *Console) CheckProxyName(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	why, err := c.store.OwnerNameProblem(g.Request.Context(), project.ID, engine.KindProxy, g.Query("name"), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}

// CheckBasePath says while it is typed whether a base path is free on the
// hosts that the form names.
func (c *Console) CheckBasePath(g *gin.Context) error {
	if _, err := c.project(g.Request.Context(), g.Param("project")); err != nil {
		return err
	}
	path := strings.TrimSpace(g.Query("basePath"))
	why, err := c.store.BasePathProblem(g.Request.Context(), path, wordsOf(g.Query("hosts")), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}

func checked(g *gin.Context, why string) error {
	if why != "" {
		return render(g, http.StatusOK, ui.CheckResult(false, why))
	}
	return render(g, http.StatusOK, ui.CheckResult(true, "Available"))
}
