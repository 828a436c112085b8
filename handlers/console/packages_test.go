package console_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// sent is the answer to an upload of a package, which may be a redirect.
func sent(t *testing.T, site *handlerstest.Site, v *handlerstest.Visitor, content []byte, passphrase string) (*http.Response, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "package.zip")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write(content)
	_ = w.WriteField("passphrase", passphrase)
	_ = w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+link.ImportPackage("Default"), &body)
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
	return answer, page.String()
}

// kept is the path of a package that was taken.
func kept(t *testing.T, site *handlerstest.Site, v *handlerstest.Visitor, content []byte) string {
	t.Helper()
	answer, body := sent(t, site, v, content, "")
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d:\n%s", answer.StatusCode, body)
	}
	return answer.Header.Get("Location")
}

// packageOf has a proxy with a policy that logs in at a source with a password.
func packageOf(t *testing.T) []byte {
	t.Helper()
	s := modelstest.New(t)
	project := modelstest.Project(t, s, "From").ID
	if _, err := s.SaveIdentitySource(t.Context(), modelstest.By(), project, "", 0, modelstest.NewDirectory(identity.LDAP, "Staff"), map[string]secret.Text{"bindPassword": secret.New("hunter2")}); err != nil {
		t.Fatal(err)
	}
	modelstest.Bind(t, s, modelstest.Proxy(t, s, project, "orders"), modelstest.Policy(t, s, project, "Company"))
	p, err := s.Export(t.Context(), project, models.ExportSelection{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := archive.Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// nothingIn makes sure that the project is as empty as it was.
func nothingIn(t *testing.T, site *handlerstest.Site) {
	t.Helper()
	if p, err := site.Store.Export(t.Context(), site.Project.ID, models.ExportSelection{All: true}); err == nil {
		t.Errorf("the project holds %d objects", len(p.Objects))
	}
}

func TestAPackageIsExportedWithWhatItNames(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	id := site.Project.ID
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, id, "orders"), modelstest.Policy(t, site.Store, id, "Company"))
	modelstest.Proxy(t, site.Store, id, "stock")
	v := site.SignIn(t, handlerstest.Administrator)
	mustStatus(t, v.Get(t, link.Packages("Default")), http.StatusOK)
	page := v.Get(t, link.ExportObjects("Default")+"?kind=API_PROXY&q=sto&object=API_PROXY%2Forders")
	htmlcheck.Sound(t, page.Node)
	if got := handlerstest.Fields(page.One(t, ".Form"))["object"]; len(got) != 1 || got[0] != "API_PROXY/orders" {
		t.Errorf("looking for another one lost what was chosen: %v", got)
	}
	review := v.Get(t, link.ExportObject("Default", "API_PROXY", "orders"))
	htmlcheck.Sound(t, review.Node)
	whole := v.Submit(t, review, "#export-form", nil)
	if whole.Header.Get("Content-Disposition") != "attachment; filename=orders-exported.zip" {
		t.Errorf("it is called %s", whole.Header.Get("Content-Disposition"))
	}
	if p, err := archive.Read([]byte(whole.Body)); err != nil || len(p.Objects) != 2 {
		t.Errorf("the package has %d objects, %v", len(p.Objects), err)
	}
	alone := v.Submit(t, review, "#export-form", url.Values{"dependency": nil})
	if p, err := archive.Read([]byte(alone.Body)); err != nil || len(p.Objects) != 1 {
		t.Errorf("without its dependencies it has %d objects, %v", len(p.Objects), err)
	}
	sealed := v.Submit(t, review, "#export-form", url.Values{"passphrase": {"correct horse battery"}, "confirmation": {"correct horse battery"}})
	if !archive.Sealed([]byte(sealed.Body)) {
		t.Error("the passphrase protects nothing")
	}
	all := v.Submit(t, v.Get(t, link.ExportReview("Default")+"?all=true"), "#export-form", nil)
	if p, err := archive.Read([]byte(all.Body)); err != nil || len(p.Objects) != 3 {
		t.Errorf("the whole project has %d objects, %v", len(p.Objects), err)
	}
}

func TestAnExportThatIsWrongSaysWhyAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), modelstest.Policy(t, site.Store, site.Project.ID, "Company"))
	v := site.SignIn(t, handlerstest.Administrator)
	review := v.Get(t, link.ExportObject("Default", "API_PROXY", "orders"))
	for name, c := range map[string]struct {
		change url.Values
		field  string
	}{
		"a short passphrase":   {url.Values{"passphrase": {"short"}, "confirmation": {"short"}}, "passphrase"},
		"another one below":    {url.Values{"passphrase": {"correct horse battery"}, "confirmation": {"correct horse batteri"}}, "confirmation"},
		"only one below":       {url.Values{"confirmation": {"correct horse battery"}}, "passphrase"},
		"no file name":         {url.Values{"file": {" "}}, "file"},
		"a path for a name":    {url.Values{"file": {"../x.zip"}}, "file"},
		"a name with a header": {url.Values{"file": {"x.zip\r\nSet-Cookie: a=b"}}, "file"},
	} {
		c.change.Set("dependency", "")
		page := v.Submit(t, review, "#export-form", c.change)
		mustStatus(t, page, http.StatusUnprocessableEntity)
		if len(page.All("#f-"+c.field+"-error")) == 0 {
			t.Errorf("%s: nothing is said at %s", name, c.field)
		}
		if strings.Contains(page.Body, "correct horse") || len(page.One(t, "#export-form").All("input[name=dependency][checked]")) > 0 {
			t.Errorf("%s: the page holds a passphrase, or what was left out is in again", name)
		}
	}
	for name, query := range map[string]string{"nothing": "", "an unknown one": "?object=API_PROXY%2Fnosuch", "no kind": "?object=x"} {
		page := v.Get(t, link.ExportReview("Default")+query)
		mustStatus(t, page, http.StatusUnprocessableEntity)
		if len(page.All("[href='#f-objects']")) == 0 {
			t.Errorf("%s: nothing leads to the objects", name)
		}
	}
}

func TestAPackageIsPlannedChosenReviewedAndImported(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "other", func(o *models.Owner) { o.Route.BasePath = "/orders" })
	v := site.SignIn(t, handlerstest.Administrator)
	at := kept(t, site, v, packageOf(t))
	plan := v.Get(t, at)
	htmlcheck.Sound(t, plan.Node)
	if !strings.Contains(plan.Body, "is taken by the proxy") {
		t.Errorf("the plan does not say that the base path is taken:\n%s", plan.Body)
	}
	if to := v.Get(t, at+"/review").Location(); to != at {
		t.Errorf("what cannot be imported can be reviewed at %s", to)
	}
	changes := url.Values{"next": {"review"}, "wish.2": {"rename"}, "name.2": {"Orders 2"}, "path.2": {"/orders-2"}, "secret.bindPassword.0": {"hunter2-again"}}
	review := v.Follow(t, v.Submit(t, plan, "#plan-form", changes))
	htmlcheck.Sound(t, review.Node)
	again := v.Get(t, at)
	if strings.Contains(review.Body, "hunter2-again") || strings.Contains(again.Body, "hunter2-again") || !strings.Contains(again.Body, "It was given and is not shown again") {
		t.Error("the secret came back to a page, or was lost")
	}
	result := v.Submit(t, review, "form[action='"+at+"/apply']", nil)
	mustStatus(t, result, http.StatusOK)
	htmlcheck.Sound(t, result.Node)
	o, err := site.Store.Proxy(t.Context(), site.Project.ID, "orders 2")
	if err != nil || o.Route.BasePath != "/orders-2" || len(o.Bindings) != 1 || !strings.Contains(result.Body, o.ClientID) {
		t.Errorf("the proxy is %+v, %v", o, err)
	}
	source, err := site.Store.IdentitySource(t.Context(), site.Project.ID, "Staff")
	if err != nil || len(source.Secrets) != 1 {
		t.Errorf("the source is %+v, %v", source, err)
	}
	mustStatus(t, v.Get(t, at), http.StatusNotFound)
	mustStatus(t, v.Submit(t, review, "form[action='"+at+"/apply']", nil), http.StatusNotFound)
}

func TestAnImportThatWouldDoSomethingElseIsShownAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	at := kept(t, site, v, packageOf(t))
	review := v.Follow(t, v.Submit(t, v.Get(t, at), "#plan-form", url.Values{"next": {"review"}}))
	modelstest.Policy(t, site.Store, site.Project.ID, "company")
	page := v.Submit(t, review, "form[action='"+at+"/apply']", nil)
	mustStatus(t, page, http.StatusConflict)
	if !strings.Contains(page.Body, "has changed since the plan") {
		t.Error("the page does not say why")
	}
	if _, err := site.Store.Proxy(t.Context(), site.Project.ID, "orders"); err == nil {
		t.Error("something was written")
	}
}

func TestAProtectedPackageStaysUntilItsPassphraseIsRight(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	sealed, err := archive.Seal(t.Context(), packageOf(t), secret.New("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	answer, body := sent(t, site, v, sealed, "wrong horse battery")
	if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "passphrase is wrong") || strings.Contains(body, "wrong horse") {
		t.Errorf("a wrong passphrase: %d\n%s", answer.StatusCode, body)
	}
	at := kept(t, site, v, sealed)
	ask := v.Get(t, at)
	wrong := v.Submit(t, ask, "#unlock-form", url.Values{"passphrase": {"wrong horse battery"}})
	mustStatus(t, wrong, http.StatusUnprocessableEntity)
	plan := v.Follow(t, v.Submit(t, wrong, "#unlock-form", url.Values{"passphrase": {"correct horse battery"}}))
	if !strings.Contains(plan.Body, "Company") {
		t.Errorf("it did not open:\n%s", plan.Body)
	}
	nothingIn(t, site)
}

func TestAttackAPackageThatIsNoneIsRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	good := packageOf(t)
	object := `{"kind":"CREDENTIAL_ROLE","name":"read"}`
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"nothing":         {nil, "Choose a package"},
		"no ZIP":          {[]byte("hello"), "neither a ZIP nor a JSON file"},
		"zip slip":        {zipOf(t, "../../etc/passwd.json", object), "could point outside"},
		"an absolute one": {zipOf(t, "/etc/passwd.json", object), "could point outside"},
		"a bomb":          {zipOf(t, "a.json", strings.Repeat(" ", 15<<20)), "That is how bombs look"},
		"an unknown kind": {[]byte(`{"kind":"CERTIFICATE","name":"x"}`), "is not a kind"},
		"a wrong digest":  {tampered(t, good), "not the one that the manifest has the digest of"},
		"over size":       {bytes.Repeat([]byte{1}, models.MaxUpload+1), "more than 16 MiB"},
		"far over size":   {bytes.Repeat([]byte{1}, models.MaxUpload+3<<20), "more than 16 MiB"},
		"markup":          {zipOf(t, `<script>alert(1)</script>.json`, object), "could point outside"},
	} {
		answer, body := sent(t, site, v, c.content, "")
		if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, c.want) || strings.Contains(body, "<script>alert") {
			t.Errorf("%s: status %d, want %q in\n%s", name, answer.StatusCode, c.want, body[:min(len(body), 9000)])
		}
	}
	nothingIn(t, site)
}

func TestAttackANameThatIsTakenIsRefusedWhateverIsSent(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	other := modelstest.Project(t, site.Store, "Other")
	if _, err := site.Store.SaveRole(t.Context(), modelstest.By(), other.ID, "", 0, "read", ""); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	at := kept(t, site, v, []byte(`{"kind":"CREDENTIAL_ROLE","name":"read"}`))
	if page := v.Get(t, at); !strings.Contains(page.Body, "names are unique over all projects") {
		t.Errorf("the plan does not say so:\n%s", page.Body)
	}
	mustStatus(t, v.Post(t, at+"/apply", url.Values{"digest": {"x"}}), http.StatusConflict)
	nothingIn(t, site)
}

func TestAttackAnotherSessionGetsNoPackageThatWasUploaded(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	at := kept(t, site, v, packageOf(t))
	for name, other := range map[string]*handlerstest.Visitor{"of the same person": site.SignIn(t, handlerstest.Administrator)} {
		for _, path := range []string{at, at + "/review"} {
			if page := other.Get(t, path); page.Status != http.StatusNotFound || strings.Contains(page.Body, "Company") {
				t.Errorf("%s: %s answers %d", name, path, page.Status)
			}
		}
		mustStatus(t, other.Post(t, at+"/apply", url.Values{"digest": {"x"}}), http.StatusNotFound)
	}
	for path, want := range map[string]int{link.ImportPackage("Default"): http.StatusForbidden, at: http.StatusForbidden} {
		mustStatus(t, site.SignIn(t, handlerstest.Auditor).Get(t, path), want)
	}
	mustStatus(t, v.Get(t, at), http.StatusOK)
	nothingIn(t, site)
}

// zipOf is a ZIP of one file.
func zipOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprint(w, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tampered is a package whose proxy has another upstream than its digest says.
func tampered(t *testing.T, raw []byte) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range from.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		_, _ = text.ReadFrom(r)
		w, err := z.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(bytes.Replace(text.Bytes(), []byte("http://127.0.0.1:9"), []byte("http://evil.example"), 1))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
