package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
)

// browserMoment is how a field for a moment is filled.
const browserMoment = "2006-01-02T15:04"

// mostRows are looked at of each kind: far more than a credential may have, and
// few enough that the page that refuses them is no attack on the browser.
const mostRows = 4 * models.MaxMetadata

// credentialForm is what was posted, as text. Secrets are left where they are:
// they never become part of a page.
func credentialForm(g *gin.Context) (credentials.Form, error) {
	if err := g.Request.ParseForm(); err != nil {
		return credentials.Form{}, badForm(err)
	}
	posted := g.Request.PostForm
	f := credentials.Form{
		ID: posted.Get("credentialId"), Version: posted.Get("version"), Unsaved: true,
		Name: strings.TrimSpace(posted.Get("username")), FullName: posted.Get("fullName"), Email: posted.Get("email"),
		Description: plainLines(posted.Get("description")), Expires: posted.Get("expireDate"), Networks: plainLines(posted.Get("ipList")),
		Enabled: posted.Get("enabled") == "true", SecretMode: posted.Get("secretMode"), Roles: posted["roleNameList"], Tokens: map[string]string{},
	}
	for _, l := range issue.Labels("") {
		if posted.Has(l.Field) {
			f.Tokens[l.Field] = posted.Get(l.Field)
		}
	}
	f.Metadata, f.Environments = metadataRows(posted), environmentRows(posted)
	f.Dropped = typedCredentialSecrets(posted)
	return f, nil
}

func metadataRows(posted url.Values) []credentials.MetadataRow {
	var rows []credentials.MetadataRow
	for i := 0; ; i++ {
		field := func(part string) string { return fmt.Sprintf("metadata[%d].%s", i, part) }
		if !posted.Has(field("key")) || i == mostRows {
			return rows
		}
		on := func(part string) bool { return posted.Get(field(part)) == "true" }
		row := credentials.MetadataRow{
			Key: strings.TrimSpace(posted.Get(field("key"))), Claim: posted.Get(field("jwtClaimName")),
			Secret: on("secret"), InJWT: on("includeInJwt"), InResponse: on("includeInTokenResponse"),
		}
		if !row.Secret {
			row.Value = posted.Get(field("value"))
		}
		rows = append(rows, row)
	}
}

func environmentRows(posted url.Values) []credentials.EnvironmentRow {
	var rows []credentials.EnvironmentRow
	for i := 0; ; i++ {
		field := func(part string) string { return fmt.Sprintf("environments[%d].%s", i, part) }
		if !posted.Has(field("environment")) || i == mostRows {
			return rows
		}
		on := func(part string) bool { return posted.Get(field(part)) == "true" }
		rows = append(rows, credentials.EnvironmentRow{
			Name: posted.Get(field("environment")), OwnSecret: on("ownSecret"), OwnNetworks: on("ownNetworks"), Disabled: on("disabled"),
			Networks: plainLines(posted.Get(field("ipList"))),
		})
	}
}

// typedCredentialSecrets tells whether there is any that a page would have to leave out.
func typedCredentialSecrets(posted url.Values) bool {
	if posted.Get("secretMode") == credentials.TypeSecret && posted.Get("password") != "" {
		return true
	}
	for name, values := range posted {
		entry, isValue := strings.CutSuffix(name, ".value")
		secretEntry := isValue && posted.Get(entry+".secret") == "true"
		own, isPassword := strings.CutSuffix(name, ".password")
		ownSecret := isPassword && posted.Get(own+".ownSecret") == "true"
		if (secretEntry || ownSecret) && values[0] != "" {
			return true
		}
	}
	return false
}

// editedCredential does what a button in the form asks for that changes its
// rows, without saving anything.
func editedCredential(g *gin.Context, f *credentials.Form) bool {
	if g.PostForm("addMetadata") != "" {
		f.Metadata = append(f.Metadata, credentials.MetadataRow{})
		f.Focus = fmt.Sprintf("metadata[%d].key", len(f.Metadata)-1)
		return true
	}
	if g.PostForm("resetTokens") != "" {
		f.Tokens, f.Focus = issue.Write(models.DefaultCredentialTokens()), "grantType"
		return true
	}
	remove, err := strconv.Atoi(g.PostForm("removeMetadata"))
	if err != nil || remove < 0 || remove >= len(f.Metadata) {
		return false
	}
	f.Metadata, f.Focus = slices.Delete(f.Metadata, remove, remove+1), "metadata"
	return true
}

// dropEmptyRows takes rows of metadata out that nobody filled, and says where
// those that are left were posted.
func dropEmptyRows(f *credentials.Form) (at []int) {
	rows := f.Metadata
	f.Metadata = nil
	for i, m := range rows {
		if m != (credentials.MetadataRow{}) {
			f.Metadata, at = append(f.Metadata, m), append(at, i)
		}
	}
	return at
}

// draftOf is the typed form as a draft, with the secrets that were posted, and
// what cannot be read of it. At is where each row of metadata was posted.
func draftOf(f credentials.Form, at []int, posted url.Values) (models.CredentialDraft, problem.List) {
	d := models.CredentialDraft{
		Name: f.Name, FullName: f.FullName, Email: f.Email, Description: f.Description, Enabled: f.Enabled,
		Networks: wordsOf(f.Networks), Roles: f.Roles, GenerateSecret: f.SecretMode == credentials.GenerateSecret,
	}
	var l problem.List
	if f.SecretMode == credentials.TypeSecret {
		if d.Secret = secret.New(posted.Get("password")); d.Secret.IsZero() {
			l.Add("password", "Enter a secret of at least %d characters.", models.MinCredentialSecret)
		}
	}
	var err error
	if text := strings.TrimSpace(f.Expires); text != "" {
		if d.Expires, err = models.ParseMoment(text); err != nil {
			l.Add("expireDate", "Write the moment as 2027-01-31T18:00.")
		}
	}
	tokens, wrong := issue.Read(f.Tokens, "")
	d.Tokens, l = tokens, append(l, wrong...)
	for i, m := range f.Metadata {
		entry := models.Metadata{
			Key: m.Key, Value: m.Value, Secret: m.Secret, IncludeInJWT: m.InJWT, IncludeInTokenResponse: m.InResponse, JWTClaimName: m.Claim,
		}
		if m.Secret {
			entry.SecretValue = secret.New(posted.Get(fmt.Sprintf("metadata[%d].value", at[i])))
		}
		d.Metadata = append(d.Metadata, entry)
	}
	for i, e := range f.Environments {
		d.Environments = append(d.Environments, models.CredentialOverride{
			Environment: e.Name, Disabled: e.Disabled, OwnSecret: e.OwnSecret, OwnNetworks: e.OwnNetworks, Networks: wordsOf(e.Networks),
			Secret: secret.New(posted.Get(fmt.Sprintf("environments[%d].password", i))),
		})
	}
	return d, l
}

// credentialFormOf is a credential as its form shows it.
func credentialFormOf(c models.Credential) credentials.Form {
	f := credentials.Form{
		ID: c.ID, Version: strconv.Itoa(c.Version), Name: c.Name, FullName: c.FullName, Email: c.Email, Description: c.Description,
		Expires: browserText(c.Expires), Networks: strings.Join(c.Networks, "\n"), Enabled: c.Enabled, SecretMode: credentials.KeepSecret,
		Roles: c.Roles, Tokens: issue.Write(c.Tokens),
	}
	for _, m := range c.Metadata {
		f.Metadata = append(f.Metadata, credentials.MetadataRow{
			Key: m.Key, Value: m.Value, Claim: m.JWTClaimName, Secret: m.Secret, InJWT: m.IncludeInJWT, InResponse: m.IncludeInTokenResponse,
		})
	}
	for _, o := range c.Environments {
		f.Environments = append(f.Environments, credentials.EnvironmentRow{
			Name: o.Environment, OwnSecret: o.OwnSecret, OwnNetworks: o.OwnNetworks, Disabled: o.Disabled, Networks: strings.Join(o.Networks, "\n"),
		})
	}
	return f
}

func browserText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(browserMoment)
}

// sameMinute keeps an end as it is stored, to the second, when its field was
// left alone: the field knows minutes only.
func sameMinute(typed, stored time.Time) time.Time {
	if browserText(typed) == browserText(stored) {
		return stored
	}
	return typed
}

// furnishCredential adds what every form shows beside what was typed. Stored is
// what is in the database, the zero value for a new one.
func (c *Console) furnishCredential(g *gin.Context, project models.Project, f *credentials.Form, stored models.Credential) error {
	ctx := g.Request.Context()
	var err error
	if f.AllRoles, err = c.store.RoleNames(ctx, project.ID); err != nil {
		return err
	}
	for _, role := range f.Roles { // one that is gone stays ticked, to be unticked
		if !slices.Contains(f.AllRoles, role) {
			f.AllRoles = append(f.AllRoles, role)
		}
	}
	all, err := visit.From(ctx).Environments(ctx, c.store)
	if err != nil {
		return err
	}
	rows := make([]credentials.EnvironmentRow, 0, len(all))
	for _, e := range all {
		row := credentials.EnvironmentRow{Name: e.Name}
		if i := slices.IndexFunc(f.Environments, func(r credentials.EnvironmentRow) bool { return r.Name == e.Name }); i >= 0 {
			row = f.Environments[i]
		}
		row.Stored = slices.ContainsFunc(stored.Environments, func(o models.CredentialOverride) bool { return o.Environment == e.Name && o.OwnSecret })
		rows = append(rows, row)
	}
	f.Environments = rows
	for i := range f.Metadata {
		m := &f.Metadata[i]
		m.Stored = slices.ContainsFunc(stored.Metadata, func(s models.Metadata) bool { return s.Key == m.Key && s.Secret })
	}
	f.CheckName = withQuery(link.CheckCredentialName(project.Name), url.Values{"except": {stored.ID}})
	f.MaxName, f.MaxDescription, f.MinSecret, f.Now = problem.MaxName, problem.MaxDescription, models.MinCredentialSecret, c.now()
	return nil
}

// NewCredential is the empty form.
func (c *Console) NewCredential(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showNewCredential(g, http.StatusOK, project, credentials.Form{
		Enabled: true, SecretMode: credentials.GenerateSecret, Tokens: issue.Write(models.StartingCredentialTokens()), // D8
	})
}

func (c *Console) showNewCredential(g *gin.Context, status int, project models.Project, f credentials.Form) error {
	frame, err := c.frame(g, "New credential", project, append(credentialCrumbs(project), layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	f.New, f.ID, f.Version = true, "", ""
	if f.SecretMode != credentials.TypeSecret {
		f.SecretMode = credentials.GenerateSecret
	}
	f.Action, f.Cancel = link.NewCredential(project.Name), link.Credentials(project.Name)
	if err := c.furnishCredential(g, project, &f, models.Credential{}); err != nil {
		return err
	}
	return render(g, status, credentials.FormPage(frame, f))
}

// CreateCredential saves a new credential and shows the secret that was
// generated, this once.
func (c *Console) CreateCredential(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := credentialForm(g)
	if err != nil {
		return err
	}
	if editedCredential(g, &f) {
		return c.showNewCredential(g, http.StatusOK, project, f)
	}
	saved, fresh, err := c.saveCredential(g, project, &f, models.Credential{})
	if len(f.Problems) > 0 {
		return c.showNewCredential(g, http.StatusUnprocessableEntity, project, f)
	}
	if err != nil {
		return err
	}
	d := &credentialDesk{c: c, g: g, v: visit.From(ctx), project: project, credential: saved}
	return d.saved(fresh, true)
}

// saveCredential saves what was typed. What is wrong stands in the form then,
// in its order: what cannot be read and what the store refuses.
func (c *Console) saveCredential(g *gin.Context, project models.Project, f *credentials.Form, stored models.Credential) (models.Credential, secret.Text, error) {
	ctx := g.Request.Context()
	at := dropEmptyRows(f)
	draft, unread := draftOf(*f, at, g.Request.PostForm)
	draft.Expires = sameMinute(draft.Expires, stored.Expires)
	if len(unread) > 0 { // the store would refuse it for less telling reasons
		f.Problems = issue.Problems(unread, draft.Validate(), "")
		return models.Credential{}, secret.Text{}, nil
	}
	saved, fresh, err := c.store.SaveCredential(ctx, visit.From(ctx).Actor(), project.ID, stored.ID, number(f.Version), draft)
	f.Problems = problem.Of(err)
	return saved, fresh, err
}

func (d *credentialDesk) saved(fresh secret.Text, created bool) error {
	if !fresh.IsZero() {
		return d.showSecret(fresh, created)
	}
	ctx := d.g.Request.Context()
	d.v.Say(ctx, visit.Success, d.credential.Name+" was saved. It is in force in every environment.")
	return redirect(d.g, d.page())
}

// EditCredential is the form of a credential that exists.
func (c *Console) EditCredential(g *gin.Context) error {
	d, err := c.credentialDesk(g)
	if err != nil {
		return err
	}
	return d.showEdit(http.StatusOK, credentialFormOf(d.credential))
}

func (d *credentialDesk) showEdit(status int, f credentials.Form) error {
	frame, err := d.frame("Edit "+d.credential.Name, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	f.Title, f.Action, f.Cancel = d.credential.Name, link.CredentialEdit(d.project.Name, d.credential.Name), d.page()
	f.ID = d.credential.ID
	f.AllGrants = d.credential.Grants
	f.Manage = withQuery(link.Access(d.project.Name), url.Values{"credential": {d.credential.Name}})
	if f.Grants, err = d.grants(); err != nil {
		return err
	}
	if err := d.c.furnishCredential(d.g, d.project, &f, d.credential); err != nil {
		return err
	}
	return render(d.g, status, credentials.FormPage(frame, f))
}

// SaveCredential saves the form of a credential that exists. The form says
// which one by its id, so that one renamed in the meantime is still the same.
func (c *Console) SaveCredential(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := credentialForm(g)
	if err != nil {
		return err
	}
	if f.ID == "" { // no page of ours sends that
		return fmt.Errorf("credential without id: %w", models.ErrNotFound)
	}
	d := &credentialDesk{c: c, g: g, v: visit.From(ctx), project: project}
	d.credential, err = c.store.CredentialByID(ctx, project.ID, f.ID)
	if errors.Is(err, models.ErrNotFound) { // gone; the save tells who did it
		d.credential = models.Credential{ID: f.ID, Name: g.Param("credential")}
	} else if err != nil {
		return err
	}
	if editedCredential(g, &f) {
		return d.showEdit(http.StatusOK, f)
	}
	saved, fresh, err := c.saveCredential(g, project, &f, d.credential)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showConflict(stale, f)
	}
	if len(f.Problems) > 0 {
		return d.showEdit(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	d.credential = saved
	return d.saved(fresh, false)
}

// showConflict shows both sides of a save that came too late. Where the
// credential is gone, the same form creates it again.
func (d *credentialDesk) showConflict(stale *models.StaleError, f credentials.Form) error {
	now, ok := stale.Current.(models.Credential)
	if stale.Deleted || !ok {
		f.Deleted = &credentials.Deletion{Name: stale.Name, By: stale.By, At: stale.At, Now: d.c.now()}
		return d.c.showNewCredential(d.g, http.StatusConflict, d.project, f)
	}
	d.credential = now
	// The form names the version that is shown as theirs: saving again keeps
	// mine, unless they go on changing it.
	f.Version = strconv.Itoa(stale.Version)
	f.Conflict = &credentials.Conflict{
		By: stale.By, At: stale.At, Now: d.c.now(), Differences: credentialDifferences(f, credentialFormOf(now)),
		Discard: link.CredentialEdit(d.project.Name, now.Name),
	}
	return d.showEdit(http.StatusConflict, f)
}

// credentialDifferences are the fields where the two sides are not the same.
func credentialDifferences(mine, theirs credentials.Form) []credentials.Difference {
	var list []credentials.Difference
	add := func(label, m, t string) {
		if m != t {
			list = append(list, credentials.Difference{Label: label, Mine: m, Theirs: t})
		}
	}
	add("Client Id/Username", mine.Name, theirs.Name)
	add("Enabled", yesOrNo(mine.Enabled), yesOrNo(theirs.Enabled))
	add("Full name", mine.FullName, theirs.FullName)
	add("Email", mine.Email, theirs.Email)
	add("Description", mine.Description, theirs.Description)
	add("Expires", mine.Expires, theirs.Expires)
	add("Roles", strings.Join(slices.Sorted(slices.Values(mine.Roles)), ", "), strings.Join(theirs.Roles, ", "))
	add("IP addresses", strings.Join(wordsOf(mine.Networks), "\n"), theirs.Networks)
	add("Metadata", metadataLines(mine.Metadata), metadataLines(theirs.Metadata))
	m, t := issue.Describe(mine.Tokens), issue.Describe(theirs.Tokens)
	add("Token Settings", tokenLines(m), tokenLines(t))
	add("Environments", environmentLines(mine.Environments), environmentLines(theirs.Environments))
	return list
}

func yesOrNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

func metadataLines(rows []credentials.MetadataRow) string {
	var lines []string
	for _, m := range rows {
		value := m.Value
		if m.Secret {
			value = "(secret)"
		}
		lines = append(lines, m.Key+" = "+value+"; "+goesInto(models.Metadata{
			Key: m.Key, IncludeInJWT: m.InJWT, IncludeInTokenResponse: m.InResponse, JWTClaimName: m.Claim,
		}))
	}
	return strings.Join(lines, "\n")
}

func tokenLines(list []issue.Line) string {
	lines := make([]string, len(list))
	for i, l := range list {
		lines[i] = l.Label + ": " + l.Text
	}
	return strings.Join(lines, "\n")
}

func environmentLines(rows []credentials.EnvironmentRow) string {
	var lines []string
	for _, e := range rows {
		if e.Differs() {
			lines = append(lines, e.Name+": "+strings.Join(overrideLines(models.CredentialOverride{
				Disabled: e.Disabled, OwnSecret: e.OwnSecret, OwnNetworks: e.OwnNetworks, Networks: wordsOf(e.Networks),
			}), "; "))
		}
	}
	return strings.Join(lines, "\n")
}
