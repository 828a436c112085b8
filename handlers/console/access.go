package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

const accessPerPage = 50

func accessCrumbs(project models.Project) []layout.Crumb {
	return []layout.Crumb{{Label: project.Name, Href: link.Project(project.Name)}, {Label: "Access", Href: link.Access(project.Name)}}
}

func (c *Console) grantItem(project string, a models.Grant, manage bool) credentials.GrantItem {
	state := a.State(c.now())
	i := credentials.GrantItem{
		ID: a.ID, Credential: a.Credential, Proxy: a.Proxy, BasePath: a.BasePath,
		CredentialHref: link.Credential(project, a.Credential), ProxyHref: link.Proxy(project, a.Proxy).Page(),
		State: string(state), InForce: state == models.GrantInForce, Expires: a.Expires, Denied: a.DeniedMethods, DisabledIn: a.CredentialDisabledIn,
	}
	if manage {
		i.Edit, i.Revoke = link.AccessEdit(project, a.ID), link.AccessRevoke(project, a.ID)
	}
	return i
}

// accessQuery is what the list's address asks for: names, as people link them.
type accessQuery struct {
	text, proxy, credential string
	page                    int
}

func accessQueryOf(g *gin.Context) accessQuery {
	q := accessQuery{text: strings.TrimSpace(g.Query("q")), proxy: g.Query("proxy"), credential: g.Query("credential")}
	q.page, _ = strconv.Atoi(g.Query("page")) // what is no number is the first page
	q.page = max(q.page, 1)
	return q
}

func (q accessQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.text, "proxy": q.proxy, "credential": q.credential} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.page > 1 {
		v.Set("page", strconv.Itoa(q.page))
	}
	return v
}

// accessFilter finds what the names mean; one that is nothing is ErrNotFound.
func (c *Console) accessFilter(g *gin.Context, project models.Project, q accessQuery) (models.AccessFilter, error) {
	ctx := g.Request.Context()
	f := models.AccessFilter{Query: q.text, Page: q.page, PerPage: accessPerPage}
	if q.proxy != "" {
		p, err := c.store.Proxy(ctx, project.ID, q.proxy)
		if err != nil {
			return f, err
		}
		f.OwnerID = p.ID
	}
	if q.credential != "" {
		x, err := c.store.Credential(ctx, project.ID, q.credential)
		if err != nil {
			return f, err
		}
		f.CredentialID = x.ID
	}
	return f, nil
}

func accessTabs(project, current string) []ui.Tab {
	return []ui.Tab{
		{Label: "All access", Href: link.Access(project), Current: current == ""},
		{Label: "By API", Href: link.AccessByProxy(project), Current: current == "proxy"},
		{Label: "By credential", Href: link.AccessByCredential(project), Current: current == "credential"},
	}
}

// ListAccess says who may call what.
func (c *Console) ListAccess(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	q := accessQueryOf(g)
	f, err := c.accessFilter(g, project, q)
	if err != nil {
		return err
	}
	found, total, err := c.store.Access(ctx, project.ID, f)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Access", project, accessCrumbs(project)...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, project.Name, models.KindAccess)
	base, manage := link.Access(project.Name), visit.From(ctx).Can(models.ManageIdentity)
	l := credentials.AccessList{
		Tabs: accessTabs(project.Name, ""), Proxy: q.proxy, Credential: q.credential, Clear: base, Now: c.now(),
		Narrowed: q.text != "" || q.proxy != "" || q.credential != "", Export: withQuery(link.ExportAccess(project.Name), accessQuery{text: q.text, proxy: q.proxy, credential: q.credential}.values()),
		Search: ui.Search{Action: base, Value: q.text, Label: "Search access", Clear: withQuery(base, accessQuery{proxy: q.proxy, credential: q.credential}.values()), Hidden: q.hidden()},
		Page: ui.PageOf(q.page, accessPerPage, len(found), total, "access", "accesses", func(page int) string {
			next := q
			next.page = page
			return withQuery(base, next.values())
		}),
	}
	if manage {
		l.Grant = withQuery(link.NewAccess(project.Name), accessQuery{proxy: q.proxy, credential: q.credential}.values())
	}
	for _, a := range found {
		l.Items = append(l.Items, c.grantItem(project.Name, a, manage))
	}
	return render(g, http.StatusOK, credentials.AccessPage(frame, l))
}

// hidden is what a search carries along.
func (q accessQuery) hidden() []ui.Hidden {
	var list []ui.Hidden
	if q.proxy != "" {
		list = append(list, ui.Hidden{Name: "proxy", Value: q.proxy})
	}
	if q.credential != "" {
		list = append(list, ui.Hidden{Name: "credential", Value: q.credential})
	}
	return list
}

// AccessByProxy counts who may call each API.
func (c *Console) AccessByProxy(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	q := accessQueryOf(g)
	counts, total, err := c.store.AccessByProxy(g.Request.Context(), project.ID, models.AccessFilter{Query: q.text, Page: q.page, PerPage: accessPerPage})
	if err != nil {
		return err
	}
	s := credentials.AccessSummary{What: "API", Tabs: accessTabs(project.Name, "proxy")}
	for _, n := range counts {
		s.Rows = append(s.Rows, summaryRow(project.Name, "proxy", link.Proxy(project.Name, n.Name).Page(), n))
	}
	return c.showSummary(g, project, q, link.AccessByProxy(project.Name), total, s)
}

// AccessByCredential counts what each credential may call.
func (c *Console) AccessByCredential(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	q := accessQueryOf(g)
	counts, total, err := c.store.AccessByCredential(g.Request.Context(), project.ID, models.AccessFilter{Query: q.text, Page: q.page, PerPage: accessPerPage})
	if err != nil {
		return err
	}
	s := credentials.AccessSummary{What: "Credential", Tabs: accessTabs(project.Name, "credential")}
	for _, n := range counts {
		s.Rows = append(s.Rows, summaryRow(project.Name, "credential", link.Credential(project.Name, n.Name), n))
	}
	return c.showSummary(g, project, q, link.AccessByCredential(project.Name), total, s)
}

func summaryRow(project, parameter, href string, n models.AccessCount) credentials.SummaryRow {
	narrowed := url.Values{parameter: {n.Name}}
	return credentials.SummaryRow{
		Name: n.Name, Text: n.Text, Href: href, Total: n.Total, InForce: n.InForce,
		Access: withQuery(link.Access(project), narrowed), Grant: withQuery(link.NewAccess(project), narrowed),
	}
}

func (c *Console) showSummary(g *gin.Context, project models.Project, q accessQuery, base string, total int, s credentials.AccessSummary) error {
	frame, err := c.frame(g, "Access", project, accessCrumbs(project)...)
	if err != nil {
		return err
	}
	one, many := "API", "APIs"
	if s.What == "Credential" {
		one, many = "credential", "credentials"
	}
	s.Search = ui.Search{Action: base, Value: q.text, Label: "Search " + many, Clear: base}
	s.Export = link.ExportAccess(project.Name)
	s.Page = ui.PageOf(q.page, accessPerPage, len(s.Rows), total, one, many, func(page int) string {
		return withQuery(base, accessQuery{text: q.text, page: page}.values())
	})
	if visit.From(g.Request.Context()).Can(models.ManageIdentity) {
		s.Grant = link.NewAccess(project.Name)
	} else {
		for i := range s.Rows {
			s.Rows[i].Grant = ""
		}
	}
	return render(g, http.StatusOK, credentials.SummaryPage(frame, s))
}

// NewAccess is the empty form, filled with what it was opened from.
func (c *Console) NewAccess(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showNewAccess(g, http.StatusOK, project, credentials.AccessForm{Credentials: g.Query("credential"), Proxies: g.Query("proxy")})
}

func (c *Console) showNewAccess(g *gin.Context, status int, project models.Project, f credentials.AccessForm) error {
	frame, err := c.frame(g, "Grant access", project, append(accessCrumbs(project), layout.Crumb{Label: "Grant access"})...)
	if err != nil {
		return err
	}
	f.New, f.Title, f.Methods = true, "Grant access", engine.Methods()
	f.Action, f.Cancel = link.NewAccess(project.Name), link.Access(project.Name)
	f.FindCredentials, f.FindProxies = link.FindForAccess(project.Name, credentials.FindCredentials), link.FindForAccess(project.Name, credentials.FindProxies)
	return render(g, status, credentials.AccessFormPage(frame, f))
}

// typedLines are the names that were typed, one a line.
func typedLines(text string) []string {
	var list []string
	for line := range strings.Lines(plainLines(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// accessForm is what was posted.
func accessForm(g *gin.Context) (credentials.AccessForm, time.Time, problem.List, error) {
	if err := g.Request.ParseForm(); err != nil {
		return credentials.AccessForm{}, time.Time{}, nil, badForm(err)
	}
	f := credentials.AccessForm{
		Credentials: plainLines(g.PostForm("credentials")), Proxies: plainLines(g.PostForm("proxies")), Expires: g.PostForm("expireTime"),
		Denied: g.Request.PostForm["deniedMethods"], Unsaved: true,
	}
	text := strings.TrimSpace(f.Expires)
	if text == "" {
		return f, time.Time{}, nil, nil
	}
	at, err := models.ParseMoment(text)
	if err != nil {
		return f, at, problem.List{{Field: "expireTime", Message: "Write the moment as 2027-01-31T18:00."}}, nil
	}
	return f, at, nil, nil
}

// GrantAccess grants what the form names.
func (c *Console) GrantAccess(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, expires, unread, err := accessForm(g)
	if err != nil {
		return err
	}
	var saved []models.Grant
	if len(unread) == 0 {
		saved, err = c.store.GrantAccess(ctx, visit.From(ctx).Actor(), project.ID, models.NewGrants{
			Credentials: typedLines(f.Credentials), Proxies: typedLines(f.Proxies), Expires: expires, DeniedMethods: f.Denied,
		})
	}
	if f.Problems = append(unread, problem.Of(err)...); len(f.Problems) > 0 {
		return c.showNewAccess(g, http.StatusUnprocessableEntity, project, f)
	}
	if err != nil {
		return err
	}
	text := countOf(len(saved), "access was", "accesses were") + " granted."
	if len(saved) == 1 {
		text = fmt.Sprintf("%s may use %s now.", saved[0].Credential, saved[0].Proxy)
	}
	visit.From(ctx).Say(ctx, visit.Success, text)
	return redirect(g, link.Access(project.Name))
}

// grant is the grant that the address names.
func (c *Console) grant(g *gin.Context) (models.Project, models.Grant, error) {
	if err := g.Request.ParseForm(); err != nil {
		return models.Project{}, models.Grant{}, badForm(err)
	}
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return project, models.Grant{}, err
	}
	a, err := c.store.Grant(g.Request.Context(), project.ID, g.Param("grant"))
	return project, a, err
}

// EditAccess is the form of a grant.
func (c *Console) EditAccess(g *gin.Context) error {
	project, a, err := c.grant(g)
	if err != nil {
		return err
	}
	return c.showAccess(g, http.StatusOK, project, a, credentials.AccessForm{Expires: browserText(a.Expires), Denied: a.DeniedMethods}, a.Version)
}

func (c *Console) showAccess(g *gin.Context, status int, project models.Project, a models.Grant, f credentials.AccessForm, version int) error {
	title := "Access of " + a.Credential + " to " + a.Proxy
	frame, err := c.frame(g, title, project, append(accessCrumbs(project), layout.Crumb{Label: a.Credential + " to " + a.Proxy})...)
	if err != nil {
		return err
	}
	audited(g, &frame, project.Name, a.ID)
	f.Title, f.Methods = title, engine.Methods()
	f.Action, f.Cancel = link.AccessEdit(project.Name, a.ID), link.Access(project.Name)
	f.Hidden = []ui.Hidden{{Name: "version", Value: strconv.Itoa(version)}}
	return render(g, status, credentials.AccessFormPage(frame, f))
}

// ChangeAccess saves the conditions of a grant as it was read.
func (c *Console) ChangeAccess(g *gin.Context) error {
	project, a, err := c.grant(g)
	if err != nil {
		return err
	}
	f, expires, unread, err := accessForm(g)
	if err != nil {
		return err
	}
	ctx, version := g.Request.Context(), number(g.PostForm("version"))
	if len(unread) == 0 {
		_, err = c.store.ChangeAccess(ctx, visit.From(ctx).Actor(), project.ID, a.ID, version, sameMinute(expires, a.Expires), f.Denied)
	}
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		f.Changed = fmt.Sprintf("%s changed this access while you were editing it: %s", stale.By, conditionsText(a))
		return c.showAccess(g, http.StatusConflict, project, a, f, stale.Version)
	}
	if f.Problems = append(unread, problem.Of(err)...); len(f.Problems) > 0 {
		return c.showAccess(g, http.StatusUnprocessableEntity, project, a, f, version)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, fmt.Sprintf("The access of %s to %s was changed.", a.Credential, a.Proxy))
	return redirect(g, link.Access(project.Name))
}

// conditionsText is a grant's conditions in words.
func conditionsText(a models.Grant) string {
	text := "it never expires"
	if !a.Expires.IsZero() {
		text = "it expires " + ui.Absolute(a.Expires)
	}
	if len(a.DeniedMethods) == 0 {
		return text + " and covers all methods"
	}
	return text + " and does not cover " + strings.Join(a.DeniedMethods, ", ")
}

// ConfirmRevokeAccess asks before access ends.
func (c *Console) ConfirmRevokeAccess(g *gin.Context) error {
	project, a, err := c.grant(g)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Revoke access", project, append(accessCrumbs(project), layout.Crumb{Label: "Revoke"})...)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, credentials.AskPage(frame, ui.Confirm{
		Title:   fmt.Sprintf("Revoke the access of %s to %s?", a.Credential, a.Proxy),
		Effects: []string{"It gets no token for " + a.Proxy + " any more, in any environment", "The credential itself and its other access stay"},
		Action:  link.AccessRevoke(project.Name, a.ID), Label: "Revoke access", Cancel: link.Access(project.Name),
		Hidden: []ui.Hidden{{Name: "version", Value: strconv.Itoa(a.Version)}},
	}))
}

// RevokeAccess ends a grant as it was read.
func (c *Console) RevokeAccess(g *gin.Context) error {
	project, a, err := c.grant(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	if err := c.store.RevokeAccess(ctx, visit.From(ctx).Actor(), project.ID, a.ID, number(g.PostForm("version"))); err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, fmt.Sprintf("%s may not use %s any more.", a.Credential, a.Proxy))
	return redirect(g, link.Access(project.Name))
}

// ExportAccess is the report of who may call what, as CSV.
func (c *Console) ExportAccess(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := c.accessFilter(g, project, accessQueryOf(g))
	if err != nil {
		return err
	}
	now := c.now()
	columns := []string{
		"proxy", "basePath", "username", "state", "expireTime", "deniedMethods", "credentialExpireDate", "disabledIn", "ipList", "roles",
		"grantedAt", "grantedBy", "changedAt", "changedBy",
	}
	return c.sendCSV(g, "access", columns, func(write func(...string) error) error {
		return c.store.AccessReport(ctx, project.ID, f, func(a models.Grant) error {
			return write(a.Proxy, a.BasePath, a.Credential, string(a.State(now)), stampText(a.Expires), strings.Join(a.DeniedMethods, " "),
				stampText(a.CredentialExpires), strings.Join(a.CredentialDisabledIn, " "), strings.Join(a.CredentialNets, " "), strings.Join(a.Roles, " "),
				stampText(a.CreatedAt), a.CreatedBy, stampText(a.UpdatedAt), a.UpdatedBy)
		})
	})
}
