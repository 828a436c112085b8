package console_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

const typedSecret = "Wj4-sehr-geheim-42"

// credential saves one behind the console's back.
func credential(t *testing.T, site *handlerstest.Site, name string, changes ...func(*models.CredentialDraft)) models.Credential {
	t.Helper()
	d := models.CredentialDraft{Name: name, Secret: secret.New(typedSecret), Enabled: true, Tokens: models.DefaultCredentialTokens()}
	for _, change := range changes {
		change(&d)
	}
	c, _, err := site.Store.SaveCredential(t.Context(), modelstest.By(), site.Project.ID, "", 0, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func role(t *testing.T, site *handlerstest.Site, name string) {
	t.Helper()
	if _, err := site.Store.SaveRole(t.Context(), modelstest.By(), site.Project.ID, "", 0, name, ""); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, site *handlerstest.Site, name string) models.Credential {
	t.Helper()
	c, err := site.Store.Credential(t.Context(), site.Project.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAGeneratedSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewCredential("Default"))
	if got := form.One(t, "[autofocus]").Attr("name"); got != "username" {
		t.Errorf("the cursor is in %s", got)
	}
	shown := v.Submit(t, form, "#credential-form", url.Values{"username": {"mobile-app"}, "email": {"app@example.com"}})
	mustStatus(t, shown, http.StatusOK)
	if got := shown.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	fresh := copied(t, shown, "Copy the secret")
	if len(fresh) < 40 || copied(t, shown, "Copy the name") != "mobile-app" {
		t.Errorf("shown are %q and %q", copied(t, shown, "Copy the name"), fresh)
	}
	b, err := site.Store.Bundle(t.Context(), "production")
	if err != nil || len(b.Credentials) != 1 {
		t.Fatalf("bundle: %v", err)
	}
	if ok, err := secret.Verify(b.Credentials[0].SecretHash, fresh); !ok || err != nil {
		t.Errorf("the shown secret is not the stored one: %v", err)
	}
	nowhere(t, v, fresh)

	ask := v.Get(t, link.CredentialSecret("Default", "mobile-app"))
	rotated := v.Submit(t, ask, "form.Confirm", nil)
	mustStatus(t, rotated, http.StatusOK)
	second := copied(t, rotated, "Copy the secret")
	if second == fresh {
		t.Error("rotating gave the same secret")
	}
	nowhere(t, v, fresh, second)
}

// nowhere looks for secrets on every page of the credential mobile-app.
func nowhere(t *testing.T, v *handlerstest.Visitor, secrets ...string) {
	t.Helper()
	own := link.Credential("Default", "mobile-app")
	for _, path := range []string{
		link.Credentials("Default"), own, own + "/edit", own + "/secret", own + "/delete", link.Access("Default"),
		link.ExportCredentials("Default"), link.ExportAccess("Default"), link.NewAccess("Default"), "/audit",
	} {
		page := v.Get(t, path)
		for _, s := range append(secrets, "argon2id") {
			if strings.Contains(page.Body, s) {
				t.Errorf("%s holds %q", path, s)
			}
		}
	}
}

func TestACredentialIsEditedWithAllItsParts(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	role(t, site, "ops")
	v := site.SignIn(t, handlerstest.Administrator)
	added := v.Submit(t, v.Get(t, link.NewCredential("Default")), "#credential-form", url.Values{"username": {"mobile-app"}, "addMetadata": {"true"}})
	mustStatus(t, added, http.StatusOK)
	saved := v.Submit(t, added, "#credential-form", url.Values{
		"secretMode": {"type"}, "password": {typedSecret}, "roleNameList": {"ops"}, "ipList": {"10.1.2.3/8\r\n192.0.2.1"}, "expireDate": {"2999-12-31T23:59"},
		"metadata[0].key": {"pin"}, "metadata[0].value": {"metadata-0451"}, "metadata[0].secret": {"true"}, "metadata[0].includeInTokenResponse": {"true"},
		"tokenNeverExpires": {""}, "tokenExpiresInAmount": {"5"}, "jwtSignatureAlgorithm": {"ES256"},
		"environments[0].ownSecret": {"true"}, "environments[0].password": {"environment-secret-1"},
	})
	mustStatus(t, saved, http.StatusSeeOther)
	got := stored(t, site, "mobile-app")
	if got.Roles[0] != "ops" || strings.Join(got.Networks, " ") != "10.0.0.0/8 192.0.2.1" || got.Expires.Year() != 2999 || !got.Metadata[0].Secret ||
		got.Tokens.TokenExpiresInAmount != 5 || got.Tokens.TokenNeverExpires || !got.Environments[0].OwnSecret {
		t.Errorf("stored %+v", got)
	}
	page := v.Follow(t, saved)
	htmlcheck.Sound(t, page.Node)
	nowhere(t, v, typedSecret, "metadata-0451", "environment-secret-1")

	edit := v.Get(t, link.CredentialEdit("Default", "mobile-app"))
	htmlcheck.Sound(t, edit.Node)
	again := v.Submit(t, edit, "#credential-form", url.Values{"fullName": {"Mobile"}})
	mustStatus(t, again, http.StatusSeeOther)
	now := stored(t, site, "mobile-app")
	if now.FullName != "Mobile" || !now.SecretChangedAt.Equal(got.SecretChangedAt) || !now.Expires.Equal(got.Expires) || len(now.Environments) != 1 || len(now.Metadata) != 1 {
		t.Errorf("saving the form as it is changed more than was typed: %+v", now)
	}
	b, err := site.Store.Bundle(t.Context(), "production")
	if err != nil || b.Credentials[0].Response["pin"] != "metadata-0451" {
		t.Errorf("the sealed value is lost: %v, %v", b.Credentials, err)
	}
}

func TestAttackTypedSecretsDoNotComeBack(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	typed := url.Values{
		"username": {"<script>alert(1)</script>"}, "secretMode": {"type"}, "password": {"hidden-secret-1"}, "email": {"nobody"}, "expireDate": {"soon"},
		"jwtSignatureAlgorithm": {"RS256"}, "grantType": {"PASSWORD"}, "tokenNeverExpires": {"true"},
		"metadata[0].key": {"exp"}, "metadata[0].value": {"hidden-secret-2"}, "metadata[0].secret": {"true"}, "metadata[0].includeInJwt": {"true"},
		"environments[0].environment": {"production"}, "environments[0].ownSecret": {"true"}, "environments[0].password": {"hidden-secret-3"},
	}
	answer := v.Post(t, link.NewCredential("Default"), typed)
	mustStatus(t, answer, http.StatusUnprocessableEntity)
	if strings.Contains(answer.Body, "hidden-secret") {
		t.Error("a typed secret comes back in the page")
	}
	if strings.Contains(answer.Body, "<script>alert") {
		t.Error("a name runs as script")
	}
	if !strings.Contains(answer.One(t, "#credential-form").Text(), "Type the secrets again") {
		t.Error("the page does not say that secrets have to be typed again")
	}
	text := answer.One(t, "[data-problems]").Text()
	for _, part := range []string{"Email", "Expires", "read it"} {
		if !strings.Contains(text, part) {
			t.Errorf("the summary %q lacks %q", text, part)
		}
	}
	htmlcheck.Sound(t, answer.Node)
}

func TestAttackASecretGoesIntoTheEntryItWasTypedFor(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Environment(t, site.Store, "test")
	v := site.SignIn(t, handlerstest.Administrator)
	saved := v.Submit(t, v.Get(t, link.NewCredential("Default")), "#credential-form", url.Values{
		"username": {"mobile-app"}, "metadata[0].key": {""}, "metadata[0].value": {""},
		"metadata[1].key": {"pin"}, "metadata[1].value": {"1111"}, "metadata[1].secret": {"true"}, "metadata[1].includeInTokenResponse": {"true"},
		"metadata[2].key": {"puk"}, "metadata[2].value": {"2222"}, "metadata[2].secret": {"true"}, "metadata[2].includeInTokenResponse": {"true"},
	})
	mustStatus(t, saved, http.StatusOK)
	b, err := site.Store.Bundle(t.Context(), "production")
	if err != nil || b.Credentials[0].Response["pin"] != "1111" || b.Credentials[0].Response["puk"] != "2222" {
		t.Errorf("stored are %v, %v", b.Credentials[0].Response, err)
	}
	edit := v.Get(t, link.CredentialEdit("Default", "mobile-app"))
	wrong := v.Submit(t, edit, "#credential-form", url.Values{"environments[1].ownSecret": {"true"}, "environments[1].password": {"short"}})
	mustStatus(t, wrong, http.StatusUnprocessableEntity)
	if field := wrong.One(t, "input[aria-invalid]").Attr("name"); field != "environments[1].password" {
		t.Errorf("the error stands at %s", field)
	}
	if text := wrong.One(t, "[data-problems]").Text(); !strings.Contains(text, "Secret in test") {
		t.Errorf("the summary says %q", text)
	}
}

func TestNamesOfManyKindsHavePages(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, name := range []string{strings.Repeat("ş", 255), "Çağrı Öztürk", "<script>alert(1)</script>", "a/b?c#d", "100%25", "user@example.com", "a+b"} {
		credential(t, site, name)
		for _, path := range []string{link.Credential("Default", name), link.CredentialEdit("Default", name), link.CredentialDelete("Default", name)} {
			page := v.Get(t, path)
			mustStatus(t, page, http.StatusOK)
			if !strings.Contains(page.One(t, "h1").Text(), name) || strings.Contains(page.Body, "<script>alert") {
				t.Errorf("%s has the heading %q", path, page.One(t, "h1").Text())
			}
		}
	}
	htmlcheck.Sound(t, v.Get(t, link.Credentials("Default")).Node)
}

func TestAStaleSaveOfACredentialShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	c := credential(t, site, "mobile-app")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.CredentialEdit("Default", "mobile-app"))
	theirs := c.Draft()
	theirs.Description = "Theirs."
	if _, _, err := site.Store.SaveCredential(t.Context(), modelstest.By(), site.Project.ID, c.ID, c.Version, theirs); err != nil {
		t.Fatal(err)
	}
	conflict := v.Submit(t, form, "#credential-form", url.Values{"description": {"Mine."}})
	mustStatus(t, conflict, http.StatusConflict)
	if text := conflict.One(t, "[role=alert]").Text(); !strings.Contains(text, "Theirs.") || !strings.Contains(text, "Mine.") || !strings.Contains(text, "tester") {
		t.Errorf("the page shows %q", text)
	}
	mustStatus(t, v.Submit(t, conflict, "#credential-form", nil), http.StatusSeeOther)
	if got := stored(t, site, "mobile-app").Description; got != "Mine." {
		t.Errorf("keeping mine stored %q", got)
	}

	form = v.Get(t, link.CredentialEdit("Default", "mobile-app"))
	now := stored(t, site, "mobile-app")
	if err := site.Store.DeleteCredential(t.Context(), modelstest.By(), site.Project.ID, now.ID, now.Version); err != nil {
		t.Fatal(err)
	}
	gone := v.Submit(t, form, "#credential-form", nil)
	mustStatus(t, gone, http.StatusConflict)
	mustStatus(t, v.Submit(t, gone, "#credential-form", nil), http.StatusOK) // created again, with a new secret
	stored(t, site, "mobile-app")
}

func TestCredentialsAreSwitchedInTheListAndInBulk(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	a, b := credential(t, site, "anna"), credential(t, site, "bert")
	v := site.SignIn(t, handlerstest.Administrator)
	list := v.Get(t, link.Credentials("Default"))
	off := v.Post(t, link.CredentialStatus("Default", "anna"), url.Values{
		"credentialId": {a.ID}, "version": {fmt.Sprint(a.Version)}, "enabled": {"false"}, "return": {link.Credentials("Default")},
	})
	if off.Status != http.StatusSeeOther || off.Location() != link.Credentials("Default") || stored(t, site, "anna").Enabled {
		t.Errorf("status %d to %q", off.Status, off.Location())
	}
	tick := url.Values{"do": {"disable"}, "return": {"//evil.example"}}
	for _, box := range list.All("input[name=credential]") {
		tick.Add("credential", box.Attr("value"))
	}
	done := v.Post(t, link.BulkCredentials("Default"), tick)
	if done.Location() != link.Credentials("Default") {
		t.Errorf("leads to %q", done.Location())
	}
	if text := v.Follow(t, done).Body; !strings.Contains(text, "1 credential was disabled.") || !strings.Contains(text, "left alone: anna") {
		t.Errorf("the outcome is not said: %s", text)
	}
	ask := v.Post(t, link.BulkCredentials("Default"), url.Values{"do": {"delete"}, "credential": {b.ID + ":2"}})
	mustStatus(t, ask, http.StatusOK)
	mustStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"delete"}}), http.StatusUnprocessableEntity)
	mustStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"delete 1 credential"}}), http.StatusSeeOther)
	if _, total, err := site.Store.Credentials(t.Context(), site.Project.ID, models.CredentialFilter{}); total != 1 || err != nil {
		t.Errorf("%d are left, %v", total, err)
	}
}

func TestRolesAreMadeDescribedAndDeleted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.Roles("Default"))
	htmlcheck.Sound(t, page.Node)
	bad := v.Submit(t, page, "#role-form", url.Values{"name": {"two words"}})
	mustStatus(t, bad, http.StatusUnprocessableEntity)
	if got := bad.One(t, "#role-form input[name=name]").Attr("value"); got != "two words" {
		t.Errorf("what was typed is %q now", got)
	}
	mustStatus(t, v.Submit(t, bad, "#role-form", url.Values{"name": {"ops"}}), http.StatusSeeOther)
	edit := v.Get(t, link.RoleEdit("Default", "ops"))
	mustStatus(t, v.Submit(t, edit, "form.Confirm", url.Values{"description": {"Runs it."}}), http.StatusSeeOther)
	credential(t, site, "anna", func(d *models.CredentialDraft) { d.Roles = []string{"ops"} })
	ask := v.Get(t, link.RoleDelete("Default", "ops"))
	if !strings.Contains(ask.One(t, ".Confirm-effects").Text(), "anna") {
		t.Error("the question does not name who has the role")
	}
	refused := v.Submit(t, ask, "form.Confirm", nil)
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	list := v.Get(t, link.Roles("Default"))
	if got := list.One(t, "tbody .Table-number a").Text(); got != "1" {
		t.Errorf("the list counts %q credentials", got)
	}
	anna := stored(t, site, "anna")
	if err := site.Store.DeleteCredential(t.Context(), modelstest.By(), site.Project.ID, anna.ID, anna.Version); err != nil {
		t.Fatal(err)
	}
	mustStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusSeeOther)
}

func TestAccessIsGrantedChangedAndRevoked(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	credential(t, site, "anna")
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewAccess("Default")+"?credential=anna")
	bad := v.Submit(t, form, "#access-form", url.Values{"proxies": {"orders\r\nnone"}, "expireTime": {"soon"}})
	mustStatus(t, bad, http.StatusUnprocessableEntity)
	htmlcheck.Sound(t, bad.Node)
	mustStatus(t, v.Submit(t, form, "#access-form", url.Values{"proxies": {"orders"}, "deniedMethods": {"DELETE"}}), http.StatusSeeOther)
	for _, path := range []string{link.Access("Default"), link.AccessByProxy("Default"), link.AccessByCredential("Default"), link.Access("Default") + "?credential=anna&proxy=orders"} {
		page := v.Get(t, path)
		mustStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
	}
	list, _, err := site.Store.Access(t.Context(), site.Project.ID, models.AccessFilter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	edit := v.Get(t, link.AccessEdit("Default", list[0].ID))
	mustStatus(t, v.Submit(t, edit, "#access-form", url.Values{"expireTime": {"2999-01-01T00:00"}}), http.StatusSeeOther)
	stale := v.Submit(t, edit, "#access-form", url.Values{"expireTime": {""}})
	mustStatus(t, stale, http.StatusConflict)
	if !strings.Contains(stale.One(t, "[role=alert]").Text(), "2999-01-01") {
		t.Error("the other side is not shown")
	}
	ask := v.Get(t, link.AccessRevoke("Default", list[0].ID))
	mustStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusSeeOther)
	if _, total, err := site.Store.Access(t.Context(), site.Project.ID, models.AccessFilter{}); total != 0 || err != nil {
		t.Errorf("%d grants are left, %v", total, err)
	}
}

func TestAttackCellsOfReportsAreNoFormulas(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for _, name := range []string{"=1+1", "@SUM(A1)", "+1", "-1", "|calc"} {
		credential(t, site, name, func(d *models.CredentialDraft) { d.Description = "=HYPERLINK(\"http://evil.example\")" })
	}
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	if _, err := site.Store.GrantAccess(t.Context(), modelstest.By(), site.Project.ID, models.NewGrants{Credentials: []string{"=1+1", "@SUM(A1)"}, Proxies: []string{"orders"}}); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Auditor)
	for path, lines := range map[string]int{link.ExportCredentials("Default"): 6, link.ExportAccess("Default"): 3} {
		file := v.Get(t, path)
		mustStatus(t, file, http.StatusOK)
		rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
		if err != nil || len(rows) != lines {
			t.Errorf("%s has %d lines, %v", path, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@|", rune(cell[0])) {
					t.Errorf("%s holds the cell %q", path, cell)
				}
			}
		}
	}
}

// upload sends a file as a browser does.
func upload(t *testing.T, site *handlerstest.Site, v *handlerstest.Visitor, path, content string, fields url.Values) string {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "credentials.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(content))
	for name, values := range fields {
		_ = w.WriteField(name, values[0])
	}
	_ = w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+path, &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	answer, err := v.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestAFileIsPreviewedAndThenImported(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	role(t, site, "ops")
	v := site.SignIn(t, handlerstest.Administrator)
	body := upload(t, site, v, link.ImportCredentials("Default"), "username,password,roles\nanna,a-good-secret-1,ops\n<script>alert(1)</script>,a-good-secret-2,\n", nil)
	if strings.Contains(body, "a-good-secret") || strings.Contains(body, "<script>alert") {
		t.Error("the preview holds what it must not")
	}
	page := htmlcheck.Parse(t, strings.NewReader(body))
	htmlcheck.Sound(t, page)
	form := page.One(t, "form[action='"+link.ApplyCredentials("Default")+"']")
	if _, total, err := site.Store.Credentials(t.Context(), site.Project.ID, models.CredentialFilter{}); total != 0 || err != nil {
		t.Fatalf("the preview wrote %d, %v", total, err)
	}
	fields := handlerstest.Fields(form)
	stolen := site.SignIn(t, handlerstest.Auditor).Post(t, link.ApplyCredentials("Default"), fields)
	mustStatus(t, stolen, http.StatusForbidden)
	begun := v.Post(t, link.ApplyCredentials("Default"), fields)
	mustStatus(t, begun, http.StatusSeeOther)
	site.Store.Drain(t.Context())
	if got := stored(t, site, "anna"); got.Roles[0] != "ops" {
		t.Errorf("anna has the roles %v", got.Roles)
	}
	done := v.Follow(t, begun)
	htmlcheck.Sound(t, done.Node)
	if text := done.One(t, "main").Text(); !strings.Contains(text, "2 credentials created, 0 changed, 0 skipped") || strings.Contains(done.Body, "a-good-secret") {
		t.Errorf("the end is told as %q", text)
	}
	if newest := done.One(t, "main .Button--primary").Attr("href"); !v.Get(t, newest).Has("a[href='" + link.Credential("Default", "anna") + "']") {
		t.Errorf("%s does not show what was written", newest)
	}
	if text := v.Get(t, link.ImportCredentials("Default")).One(t, "main").Text(); !strings.Contains(text, "Import finished") {
		t.Errorf("who comes back is not led to the end: %q", text)
	}
	again := v.Post(t, link.ApplyCredentials("Default"), fields)
	if again.Location() != begun.Location() || begun.Location() == "" {
		t.Errorf("confirming again leads to %q, want %q", again.Location(), begun.Location())
	}
}

func TestAttackAnUploadedFileNeverLiesOnTheDisk(t *testing.T) {
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	t.Setenv("TMPDIR", "/nonexistent") // where it would be put
	body := upload(t, site, v, link.ImportCredentials("Default"), strings.Repeat("x", models.MaxImportBytes+100_000), nil)
	if !strings.Contains(body, "Split the file") {
		t.Errorf("a file that is too large is answered %s", htmlcheck.Parse(t, strings.NewReader(body)).One(t, "main").Text())
	}
}

// confirmed is an import of n credentials that was just confirmed.
func confirmed(t *testing.T, v *handlerstest.Visitor, prefix string, n int) handlerstest.Page {
	t.Helper()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "%s-%d,a-good-secret-1\r\n", prefix, i)
	}
	preview := v.Post(t, link.ImportCredentials("Default"), url.Values{"content": {"username,password\r\n" + lines.String()}})
	mustStatus(t, preview, http.StatusOK)
	return v.Submit(t, preview, "form[action='"+link.ApplyCredentials("Default")+"']", nil)
}

func TestALongImportIsWatchedAndItsInterruptionSaid(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	begun := confirmed(t, v, "user", 100)
	mustStatus(t, begun, http.StatusSeeOther)
	page := v.Follow(t, begun)
	htmlcheck.Sound(t, page.Node)
	bar := page.One(t, "#import-progress progress")
	if bar.Attr("max") != "100" || !strings.HasSuffix(bar.Attr("aria-valuetext"), " of 100 secrets hashed") || page.One(t, "#import-progress").Attr("hx-get") != begun.Location() {
		t.Errorf("the progress is %s", page.One(t, "#import-progress").HTML())
	}
	if !strings.Contains(page.Body, `<noscript><meta http-equiv="refresh"`) {
		t.Error("without JavaScript the page stays as it is")
	}
	poll := v.HTMX().Get(t, begun.Location())
	if poll.Status != http.StatusOK || !poll.Has("#import-progress progress") {
		t.Errorf("asking again is answered %d", poll.Status)
	}
	second := confirmed(t, v, "other", 1)
	mustStatus(t, second, http.StatusConflict)
	if href := second.One(t, "[role=alert] a").Attr("href"); href != begun.Location() {
		t.Errorf("a second import at once leads to %q", href)
	}
	for _, who := range []string{handlerstest.Auditor, "eve"} {
		if who == "eve" {
			modelstest.User(t, site.Store, who, models.RoleAdministrator, handlerstest.Password)
		}
		if status := site.SignIn(t, who).Get(t, begun.Location()).Status; status != http.StatusForbidden && status != http.StatusNotFound {
			t.Errorf("%s sees somebody else's import: %d", who, status)
		}
	}

	ended, end := context.WithCancel(t.Context())
	end()
	site.Store.Drain(ended)
	told := v.HTMX().Get(t, begun.Location())
	if told.Status != http.StatusNoContent || told.Header.Get("HX-Refresh") != "true" {
		t.Errorf("the page that watches is answered %d", told.Status)
	}
	page = v.Get(t, begun.Location())
	htmlcheck.Sound(t, page.Node)
	if text := page.One(t, "main").Text(); !strings.Contains(text, "Import interrupted") || !strings.Contains(text, "Nothing was written") {
		t.Errorf("the interruption is told as %q", text)
	}
	restart := page.One(t, "form[action='"+link.ApplyCredentials("Default")+"']")
	again := v.Post(t, restart.Attr("action"), handlerstest.Fields(restart))
	if again.Location() != begun.Location() {
		t.Errorf("starting again leads to %q", again.Location())
	}
	if _, total, err := site.Store.Credentials(t.Context(), site.Project.ID, models.CredentialFilter{}); total != 0 || err != nil {
		t.Errorf("%d credentials were written, %v", total, err)
	}
}

func TestNamesForAccessAreFound(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	credential(t, site, "anna")
	credential(t, site, "<b>bold</b>")
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	if _, err := site.Store.GrantAccess(t.Context(), modelstest.By(), site.Project.ID, models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}}); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewAccess("Default"))
	htmlcheck.Sound(t, form.Node)
	for _, kind := range []string{"credentials", "proxies"} {
		finder := form.One(t, "[data-finder='"+link.FindForAccess("Default", kind)+"']")
		if !form.Has("textarea#" + finder.Attr("data-into") + "[name=" + kind + "]") {
			t.Errorf("the finder of %s fills no field", kind)
		}
	}
	found := v.Get(t, link.FindForAccess("Default", "credentials")+"?with=orders")
	mustStatus(t, found, http.StatusOK)
	if found.One(t, "[role=option][aria-disabled]").Attr("data-name") != "anna" || found.All("[role=option]")[0].Attr("data-name") != "<b>bold</b>" || found.Has("b") {
		t.Errorf("found are %s", found.Body)
	}
	none := v.Get(t, link.FindForAccess("Default", "proxies")+"?q="+url.QueryEscape("%\x00"))
	if mustStatus(t, none, http.StatusOK); none.Has("[role=option]") || !strings.Contains(none.One(t, "ul").Attr("data-more"), "No API") {
		t.Errorf("found are %s", none.Body)
	}
	mustStatus(t, v.Get(t, link.FindForAccess("Default", "policies")), http.StatusNotFound)
	mustStatus(t, site.SignIn(t, handlerstest.Auditor).Get(t, link.FindForAccess("Default", "proxies")), http.StatusForbidden)
}

func TestAStaleDescriptionOfARoleIsNotLost(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	role(t, site, "ops")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.RoleEdit("Default", "ops"))
	mustStatus(t, v.Submit(t, form, "form.Confirm", url.Values{"description": {"Theirs."}}), http.StatusSeeOther)
	stale := v.Submit(t, form, "form.Confirm", url.Values{"description": {"Mine."}})
	mustStatus(t, stale, http.StatusConflict)
	htmlcheck.Sound(t, stale.Node)
	if text := stale.One(t, "[role=alert]").Text(); !strings.Contains(text, "Theirs.") || !strings.Contains(text, handlerstest.Administrator) {
		t.Errorf("the other side is told as %q", text)
	}
	mustStatus(t, v.Submit(t, stale, "form.Confirm", nil), http.StatusSeeOther)
	if r, err := site.Store.Role(t.Context(), site.Project.ID, "ops"); err != nil || r.Description != "Mine." {
		t.Errorf("stored is %+v, %v", r, err)
	}
}

func TestAttackAFormOfManyRowsComesBackSmall(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	typed := url.Values{"username": {"anna"}}
	for i := range 9_000 { // net/url takes 10,000 parameters
		typed.Set(fmt.Sprintf("metadata[%d].key", i), "x")
	}
	answer := v.Post(t, link.NewCredential("Default"), typed)
	mustStatus(t, answer, http.StatusUnprocessableEntity)
	if n := len(answer.Body); n > 2<<20 {
		t.Errorf("a form of 200 KB is answered with %d bytes", n)
	}
}

func TestAChangedPlanIsShownAnew(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	preview := v.Post(t, link.ImportCredentials("Default"), url.Values{"content": {"username,password\r\nanna,a-good-secret-1\r\n"}, "update": {"true"}})
	mustStatus(t, preview, http.StatusOK)
	credential(t, site, "anna")
	apply := "form[action='" + link.ApplyCredentials("Default") + "']"
	changed := v.Submit(t, preview, apply, nil)
	mustStatus(t, changed, http.StatusConflict)
	if !strings.Contains(changed.Body, "have changed since the preview") || strings.Contains(changed.Body, "a-good-secret") {
		t.Error("the page does not say that the plan is another one, or says too much")
	}
	begun := v.Submit(t, changed, apply, nil)
	mustStatus(t, begun, http.StatusSeeOther)
	site.Store.Drain(t.Context())
	if text := v.Follow(t, begun).One(t, "main").Text(); !strings.Contains(text, "0 credentials created, 1 changed") {
		t.Errorf("the end is told as %q", text)
	}

	bad := v.Post(t, link.ImportCredentials("Default"), url.Values{"content": {"username,password\r\nx,short\r\n"}})
	mustStatus(t, bad, http.StatusOK)
	if bad.Has(apply) || !strings.Contains(bad.Body, "1 line cannot be imported") {
		t.Error("a file with an error can be imported, or the error is not said")
	}
	mustStatus(t, v.Post(t, link.ImportCredentials("Default"), url.Values{"content": {""}}), http.StatusUnprocessableEntity)
}

func TestAnAuditorReadsCredentialsOnly(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	c := credential(t, site, "anna", func(d *models.CredentialDraft) { d.Expires = time.Now().Add(24 * time.Hour) })
	v := site.SignIn(t, handlerstest.Auditor)
	for _, path := range []string{link.Credentials("Default"), link.Credential("Default", "anna"), link.Roles("Default"), link.Access("Default")} {
		page := v.Get(t, path)
		mustStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		for _, href := range []string{"/edit", "/secret", "/delete", "/new/", "/import/"} {
			if main := page.One(t, "#main"); strings.Contains(main.HTML(), href) {
				t.Errorf("%s leads an auditor to %s", path, href)
			}
		}
	}
	mustStatus(t, v.Post(t, link.CredentialStatus("Default", "anna"), url.Values{"credentialId": {c.ID}, "version": {"1"}, "enabled": {"false"}}), http.StatusForbidden)
}
