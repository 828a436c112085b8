package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	credentialsPerPage = 50
	grantsShown        = 10 // on the page of a credential
)

// credentialDesk is one visit to the pages of one credential.
type credentialDesk struct {
	c          *Console
	g          *gin.Context
	v          *visit.Visit
	project    models.Project
	credential models.Credential
}

// credentialDesk finds the project and the credential that the address names,
// and reads the form where there is one.
func (c *Console) credentialDesk(g *gin.Context) (*credentialDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return nil, err
	}
	found, err := c.store.Credential(ctx, project.ID, g.Param("credential"))
	if err != nil {
		return nil, err
	}
	return &credentialDesk{c: c, g: g, v: visit.From(ctx), project: project, credential: found}, nil
}

func credentialCrumbs(project models.Project) []layout.Crumb {
	return []layout.Crumb{
		{Label: project.Name, Href: link.Project(project.Name)},
		{Label: "Credentials", Href: link.Credentials(project.Name)},
	}
}

func (d *credentialDesk) page() string { return link.Credential(d.project.Name, d.credential.Name) }

// frame is the shell of a page below the credential's own.
func (d *credentialDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := append(credentialCrumbs(d.project), layout.Crumb{Label: d.credential.Name, Href: d.page()})
	p, err := d.c.frame(d.g, title, d.project, append(crumbs, more...)...)
	audited(d.g, &p, d.project.Name, d.credential.ID)
	return p, err
}

// credentialQuery is what the list's address asks for.
type credentialQuery struct {
	text, role, status, sort string
	desc                     bool
	page                     int
}

func credentialQueryOf(values url.Values) credentialQuery {
	q := credentialQuery{
		text: strings.TrimSpace(values.Get("q")), role: values.Get("role"), status: values.Get("status"),
		sort: values.Get("sort"), desc: values.Get("order") == "desc",
	}
	if !slices.Contains([]string{"name", "status", "expires", "updated"}, q.sort) {
		q.sort = "name"
	}
	if !slices.Contains([]string{"enabled", "disabled", "expired"}, q.status) {
		q.status = ""
	}
	q.page, _ = strconv.Atoi(values.Get("page")) // what is no number is the first page
	q.page = max(q.page, 1)
	return q
}

func (q credentialQuery) filter() models.CredentialFilter {
	return models.CredentialFilter{
		Query: q.text, Role: q.role, Status: q.status, Sort: q.sort, Desc: q.desc, Page: q.page, PerPage: credentialsPerPage,
	}
}

// values leave out what is the default, so that one list has one address.
func (q credentialQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.text, "role": q.role, "status": q.status} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, h := range q.sorting() {
		v.Set(h.Name, h.Value)
	}
	if q.page > 1 {
		v.Set("page", strconv.Itoa(q.page))
	}
	return v
}

func (q credentialQuery) sorting() []ui.Hidden {
	var list []ui.Hidden
	if q.sort != "name" {
		list = append(list, ui.Hidden{Name: "sort", Value: q.sort})
	}
	if q.desc {
		list = append(list, ui.Hidden{Name: "order", Value: "desc"})
	}
	return list
}

func withQuery(base string, v url.Values) string {
	if len(v) == 0 {
		return base
	}
	return base + "?" + v.Encode()
}

func (q credentialQuery) columns(base string, manage bool) []ui.Column {
	column := func(label, sort string) ui.Column {
		next := q
		next.sort, next.desc, next.page = sort, q.sort == sort && !q.desc, 1
		col := ui.Column{Label: label, Sort: withQuery(base, next.values())}
		if q.sort == sort {
			col.Order = ui.Ascending
			if q.desc {
				col.Order = ui.Descending
			}
		}
		return col
	}
	list := []ui.Column{
		column("Credential", "name"), {Label: "Roles"}, {Label: "APIs", Number: true, Tight: true}, column("Status", "status"),
		column("Expires", "expires"), column("Last change", "updated"),
	}
	if manage {
		list = append(list, ui.Column{Label: "Actions", Hidden: true, Tight: true})
	}
	return list
}

// ListCredentials is the list of a project's credentials.
func (c *Console) ListCredentials(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showCredentials(g, http.StatusOK, project, credentialQueryOf(g.Request.URL.Query()))
}

func (c *Console) showCredentials(g *gin.Context, status int, project models.Project, q credentialQuery, toasts ...layout.Toast) error {
	ctx := g.Request.Context()
	found, total, err := c.store.Credentials(ctx, project.ID, q.filter())
	if err != nil {
		return err
	}
	roles, err := c.store.RoleNames(ctx, project.ID)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Credentials", project, credentialCrumbs(project)...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, project.Name, models.KindCredential)
	frame.Toasts = append(frame.Toasts, toasts...)
	base, cleared, manage := link.Credentials(project.Name), q, visit.From(ctx).Can(models.ManageIdentity)
	cleared.text, cleared.page = "", 1
	exported := q
	exported.page = 1
	l := credentials.List{
		Columns: q.columns(base, manage), Role: q.role, Roles: roles, Status: q.status, Narrowed: q.text != "" || q.role != "" || q.status != "",
		Search: ui.Search{Action: base, Value: q.text, Label: "Search credentials", Clear: withQuery(base, cleared.values()), Hidden: q.sorting()},
		Export: withQuery(link.ExportCredentials(project.Name), exported.values()), Here: withQuery(base, q.values()), Now: c.now(),
		Page: ui.PageOf(q.page, credentialsPerPage, len(found), total, "credential", "credentials", func(page int) string {
			next := q
			next.page = page
			return withQuery(base, next.values())
		}),
	}
	if manage {
		l.New, l.Import, l.Bulk = link.NewCredential(project.Name), link.ImportCredentials(project.Name), link.BulkCredentials(project.Name)
	}
	for _, x := range found {
		l.Items = append(l.Items, credentialItem(project.Name, x, manage))
	}
	return render(g, status, credentials.ListPage(frame, l))
}

func credentialItem(project string, c models.Credential, manage bool) credentials.Item {
	i := credentials.Item{
		ID: c.ID, Name: c.Name, About: c.FullName, Enabled: c.Enabled, Expires: c.Expires, Roles: c.Roles, Grants: c.Grants,
		Version: c.Version, UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy,
		Href: link.Credential(project, c.Name), Access: withQuery(link.Access(project), url.Values{"credential": {c.Name}}),
	}
	if i.About == "" {
		i.About = c.Email
	}
	if manage {
		i.Edit, i.Status = link.CredentialEdit(project, c.Name), link.CredentialStatus(project, c.Name)
		i.Secret, i.Delete = link.CredentialSecret(project, c.Name), link.CredentialDelete(project, c.Name)
	}
	return i
}

// ShowCredential is the page of one credential.
func (c *Console) ShowCredential(g *gin.Context) error {
	d, err := c.credentialDesk(g)
	if err != nil {
		return err
	}
	frame, err := d.frame(d.credential.Name)
	if err != nil {
		return err
	}
	x, manage := d.credential, d.v.Can(models.ManageIdentity)
	v := credentials.View{
		Item: credentialItem(d.project.Name, x, manage), FullName: x.FullName, Email: x.Email, Description: x.Description, Networks: x.Networks,
		SecretChangedAt: x.SecretChangedAt, Tokens: issue.Describe(issue.Write(x.Tokens)), CreatedAt: x.CreatedAt, CreatedBy: x.CreatedBy, Now: c.now(),
	}
	for _, m := range x.Metadata {
		v.Metadata = append(v.Metadata, credentials.MetadataText{Key: m.Key, Value: m.Value, Secret: m.Secret, Goes: goesInto(m)})
	}
	for _, o := range x.Environments {
		v.Environments = append(v.Environments, credentials.EnvironmentText{Name: o.Environment, Lines: overrideLines(o)})
	}
	if v.Allowed, err = d.grants(); err != nil {
		return err
	}
	if manage {
		v.Grant = withQuery(link.NewAccess(d.project.Name), url.Values{"credential": {x.Name}})
	}
	return render(g, http.StatusOK, credentials.ViewPage(frame, v))
}

func goesInto(m models.Metadata) string {
	var places []string
	if m.IncludeInJWT {
		places = append(places, "tokens as "+m.Claim())
	}
	if m.IncludeInTokenResponse {
		places = append(places, "token responses")
	}
	if len(places) == 0 {
		return "Nowhere"
	}
	return strings.Join(places, ", ")
}

func overrideLines(o models.CredentialOverride) []string {
	var lines []string
	if o.Disabled {
		lines = append(lines, "disabled")
	}
	if o.OwnSecret {
		lines = append(lines, "own secret")
	}
	if o.OwnNetworks && len(o.Networks) == 0 {
		lines = append(lines, "from any address")
	} else if o.OwnNetworks {
		lines = append(lines, "from "+strings.Join(o.Networks, ", "))
	}
	return lines
}

// grants are the first of what the credential may use.
func (d *credentialDesk) grants() ([]credentials.GrantItem, error) {
	list, _, err := d.c.store.Access(d.g.Request.Context(), d.project.ID, models.AccessFilter{CredentialID: d.credential.ID, PerPage: grantsShown})
	if err != nil {
		return nil, err
	}
	var items []credentials.GrantItem
	for _, a := range list {
		items = append(items, d.c.grantItem(d.project.Name, a, false))
	}
	return items, nil
}

// posted is the credential that a form means: by its id, which stays when
// somebody renames it, or else by its address.
func (c *Console) postedCredential(g *gin.Context) (*credentialDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	id := g.PostForm("credentialId")
	if id == "" {
		return c.credentialDesk(g)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return nil, err
	}
	found, err := c.store.CredentialByID(ctx, project.ID, id)
	if err != nil {
		return nil, err
	}
	return &credentialDesk{c: c, g: g, v: visit.From(ctx), project: project, credential: found}, nil
}

// SetCredentialStatus switches a credential on or off, as it was read.
func (c *Console) SetCredentialStatus(g *gin.Context) error {
	d, err := c.postedCredential(g)
	if err != nil {
		return err
	}
	on, err := strconv.ParseBool(g.PostForm("enabled"))
	if err != nil {
		return problem.List{{Field: "enabled", Message: "Send true or false."}}
	}
	ctx := g.Request.Context()
	back := localPath(g.PostForm("return"), d.page())
	saved, err := c.store.SetCredentialEnabled(ctx, d.v.Actor(), d.project.ID, d.credential.ID, number(g.PostForm("version")), on)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		d.v.Say(ctx, visit.Danger, fmt.Sprintf("%s was changed by %s in the meantime, so it was not switched. Look at it and try again.", stale.Name, stale.By))
		return redirect(g, back)
	}
	if err != nil {
		return err
	}
	text := saved.Name + " is disabled now. Its tokens are worthless."
	if saved.Enabled {
		text = saved.Name + " is enabled now."
	}
	d.v.Say(ctx, visit.Success, text)
	return redirect(g, back)
}

// hidden is what a write of this visit was read at.
func (d *credentialDesk) hidden() []ui.Hidden {
	return []ui.Hidden{{Name: "credentialId", Value: d.credential.ID}, {Name: "version", Value: strconv.Itoa(d.credential.Version)}}
}

// nameIfUsed must be typed before a credential that may call something loses
// what it needs for that.
func (d *credentialDesk) nameIfUsed() string {
	if d.credential.Grants > 0 {
		return d.credential.Name
	}
	return ""
}

// ConfirmDeleteCredential asks, with what goes with the credential.
func (c *Console) ConfirmDeleteCredential(g *gin.Context) error {
	d, err := c.credentialDesk(g)
	if err != nil {
		return err
	}
	return d.askDelete(http.StatusOK, "", "")
}

func (d *credentialDesk) askDelete(status int, typed, refusal string) error {
	frame, err := d.frame("Delete "+d.credential.Name, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	effects := []string{"It has no access to any API"}
	if n := d.credential.Grants; n > 0 {
		effects[0] = "Its access to " + countOf(n, "API is", "APIs are") + " revoked"
	}
	return render(d.g, status, credentials.AskPage(frame, ui.Confirm{
		Title: "Delete credential " + d.credential.Name + "?", Text: "It cannot be taken back. The audit list keeps what it was, without its secret.",
		Effects: append(effects, "It cannot sign in any more, in any environment", "Tokens that it has are worthless from then on"),
		Name:    d.nameIfUsed(), Typed: typed, Error: refusal,
		Action: link.CredentialDelete(d.project.Name, d.credential.Name), Label: "Delete credential", Cancel: d.page(), Hidden: d.hidden(),
	}))
}

// DeleteCredential deletes a credential as it was read.
func (c *Console) DeleteCredential(g *gin.Context) error {
	d, err := c.postedCredential(g)
	if err != nil {
		return err
	}
	if name := d.nameIfUsed(); name != "" && g.PostForm("confirm") != name {
		return d.askDelete(http.StatusUnprocessableEntity, g.PostForm("confirm"), "Type the name exactly as it is: "+name+".")
	}
	ctx := g.Request.Context()
	if err := c.store.DeleteCredential(ctx, d.v.Actor(), d.project.ID, d.credential.ID, number(g.PostForm("version"))); err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, d.credential.Name+" was deleted. Its tokens are worthless.")
	return redirect(g, link.Credentials(d.project.Name))
}

// ConfirmRotateCredential asks before the secret is replaced.
func (c *Console) ConfirmRotateCredential(g *gin.Context) error {
	d, err := c.credentialDesk(g)
	if err != nil {
		return err
	}
	return d.askRotate(http.StatusOK, "", "")
}

func (d *credentialDesk) askRotate(status int, typed, refusal string) error {
	frame, err := d.frame("Rotate secret", layout.Crumb{Label: "Rotate secret"})
	if err != nil {
		return err
	}
	effects := []string{"The present secret stops working at once", "Tokens that were got with it are worthless", "The new secret is shown once"}
	for _, o := range d.credential.Environments {
		if o.OwnSecret {
			effects = append(effects, "The secret of its own that it has in "+o.Environment+" stays")
		}
	}
	return render(d.g, status, credentials.AskPage(frame, ui.Confirm{
		Title: "Rotate the secret of " + d.credential.Name + "?", Text: "It gets a new secret; everything else stays.",
		Effects: effects, Name: d.nameIfUsed(), Typed: typed, Error: refusal,
		Action: link.CredentialSecret(d.project.Name, d.credential.Name), Label: "Rotate secret", Cancel: d.page(), Hidden: d.hidden(),
	}))
}

// RotateCredential makes a new secret and shows it, this once.
func (c *Console) RotateCredential(g *gin.Context) error {
	d, err := c.postedCredential(g)
	if err != nil {
		return err
	}
	if name := d.nameIfUsed(); name != "" && g.PostForm("confirm") != name {
		return d.askRotate(http.StatusUnprocessableEntity, g.PostForm("confirm"), "Type the name exactly as it is: "+name+".")
	}
	saved, fresh, err := c.store.RotateCredentialSecret(g.Request.Context(), d.v.Actor(), d.project.ID, d.credential.ID, number(g.PostForm("version")))
	if err != nil {
		return err
	}
	d.credential = saved
	return d.showSecret(fresh, false)
}

// showSecret answers with the secret. The answer itself carries it, and no
// redirect: a secret that waits for the next page would have to be kept
// somewhere (D18).
func (d *credentialDesk) showSecret(s secret.Text, created bool) error {
	title, text := "New secret", "For "+d.credential.Name+". The one before does not work any more."
	if created {
		title, text = d.credential.Name+" was created", "It signs in with these two, once it has access to an API."
	}
	frame, err := d.frame(title, layout.Crumb{Label: "Secret"})
	if err != nil {
		return err
	}
	d.g.Header("Cache-Control", "no-store")
	takeOverPage(d.g, d.page())
	return render(d.g, http.StatusOK, credentials.SecretPage(frame, credentials.Secret{
		Title: title, Text: text, Name: d.credential.Name, Secret: s.Reveal(), New: created, Done: d.page(),
		Grant: withQuery(link.NewAccess(d.project.Name), url.Values{"credential": {d.credential.Name}}),
	}))
}

// CheckCredentialName says while it is typed whether a name is free.
func (c *Console) CheckCredentialName(g *gin.Context) error {
	if _, err := c.project(g.Request.Context(), g.Param("project")); err != nil {
		return err
	}
	why, err := c.store.CredentialNameProblem(g.Request.Context(), strings.TrimSpace(g.Query("username")), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}

// ExportCredentials is the list as it is narrowed, as CSV and without secrets.
func (c *Console) ExportCredentials(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f := credentialQueryOf(g.Request.URL.Query()).filter()
	columns := []string{"username", "fullName", "email", "description", "enabled", "expireDate", "ipList", "apis", "changedAt", "changedBy", "roles"}
	return c.sendCSV(g, "credentials", columns, func(write func(...string) error) error {
		return c.store.EachCredential(ctx, project.ID, f, func(x models.Credential) error {
			return write(x.Name, x.FullName, x.Email, x.Description, strconv.FormatBool(x.Enabled), stampText(x.Expires),
				strings.Join(x.Networks, " "), strconv.Itoa(x.Grants), stampText(x.UpdatedAt), x.UpdatedBy, strings.Join(x.Roles, " "))
		})
	})
}
