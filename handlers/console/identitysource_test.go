package console_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/console"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// directoryForm is the form of the kind that exists in tests only.
type directoryForm struct{}

var _ = console.WithSourceForm(modelstest.DirectoryKind, directoryForm{})

func (directoryForm) New() identity.Config {
	return &modelstest.Directory{Common: identity.NewCommon(modelstest.DirectoryKind)}
}

func (directoryForm) Write(c identity.Config) webidentity.Values {
	d := c.(*modelstest.Directory)
	v := webidentity.Values{"server": d.Server}
	v.SetRows("claims", len(d.Claims))
	for i, claim := range d.Claims {
		v[webidentity.Row("claims", i, "")] = claim
	}
	return v
}

func (directoryForm) Read(v webidentity.Values) (identity.Config, problem.List) {
	d := &modelstest.Directory{Common: identity.NewCommon(modelstest.DirectoryKind), Server: v["server"]}
	var l problem.List
	for i := range v.Rows("claims") {
		name := webidentity.Row("claims", i, "")
		if v[name] == "" {
			l.Add(name, "Enter the name of the claim.")
		}
		d.Claims = append(d.Claims, v[name])
	}
	return d, l
}

func (directoryForm) Fields(f webidentity.Fields) templ.Component {
	claim := func(row int) templ.Component {
		name := webidentity.Row("claims", row, "")
		return ui.TextInput(f.Control("Claim", name, ""))
	}
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for _, part := range []templ.Component{
			ui.TextInput(ui.Field{Name: "server", Label: "Server", Value: f.Values["server"], Error: f.Problems.For("server"), Attrs: f.First("server")}),
			webidentity.Secret(f, "bindPassword"),
			webidentity.Secret(f, "clientKey"),
			webidentity.List(f, "claims", "Claims", "claim", "What tokens say.", claim),
		} {
			if err := part.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func (directoryForm) Settings(v webidentity.Values) []webidentity.Setting {
	return []webidentity.Setting{{Section: "Directory", Label: "Server", Text: v["server"], Code: true}}
}

func (directoryForm) Advice(c identity.Config) []webidentity.Advice {
	if d := c.(*modelstest.Directory); strings.HasPrefix(d.Server, "ldap://") {
		return []webidentity.Advice{{Field: "server", Label: "Server", Warning: true, Text: "Passwords travel in the open."}}
	}
	return nil
}

func (directoryForm) Labels() []webidentity.Label {
	return []webidentity.Label{{Field: "server", Text: "Server"}, {Field: "claims[]", Text: "Claim"}}
}

const sourceForm = "form#" + webidentity.FormID

func newSource() string { return link.NewIdentitySourceOf("Default", string(modelstest.DirectoryKind)) }

func directory(name string) *modelstest.Directory {
	return modelstest.NewDirectory(modelstest.DirectoryKind, name)
}

func saveSource(t *testing.T, site *handlerstest.Site, c identity.Config, password string) models.IdentitySource {
	t.Helper()
	s, err := site.Store.SaveIdentitySource(t.Context(), modelstest.By(), site.Project.ID, "", 0, c, map[string]secret.Text{"bindPassword": secret.New(password)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sourceNamed(t *testing.T, site *handlerstest.Site, name string) models.IdentitySource {
	t.Helper()
	s, err := site.Store.IdentitySource(t.Context(), site.Project.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// naming is a policy that checks users against a source of the kind LDAP.
func naming(t *testing.T, site *handlerstest.Site, policy, source string) {
	t.Helper()
	modelstest.Policy(t, site.Store, site.Project.ID, policy, func(c *jwtauth.Config) {
		c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, source
	})
}

func TestIdentitySourcesBeginWithOneAction(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := site.SignIn(t, handlerstest.Administrator).Get(t, link.IdentitySources("Default"))
	if got, want := p.One(t, "main a.Button--primary").Attr("href"), link.NewIdentitySource("Default"); got != want {
		t.Errorf("leads to %q, want %q", got, want)
	}
	if auditor := site.SignIn(t, handlerstest.Auditor).Get(t, link.IdentitySources("Default")); auditor.Has("main a.Button") {
		t.Error("an auditor is offered to add one")
	}
	wantText(t, p.One(t, `nav a[aria-current="page"]`), "Identity Sources")
}

func TestIdentitySourcesAreSearchedFilteredAndSorted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for _, name := range []string{"Alpha", "beta", "gamma"} {
		saveSource(t, site, directory(name), "")
	}
	saveSource(t, site, modelstest.NewDirectory(identity.LDAP, "delta"), "")
	naming(t, site, "Users", "delta")
	v := site.SignIn(t, handlerstest.Administrator)
	for query, want := range map[string][]string{
		"":                   {"Alpha", "beta", "delta", "gamma"},
		"?q=ALPH":            {"Alpha"},
		"?kind=LDAP":         {"delta"},
		"?kind=nonsense":     {"Alpha", "beta", "delta", "gamma"},
		"?sort=-name":        {"gamma", "delta", "beta", "Alpha"},
		"?sort=-used&page=9": {"delta", "Alpha", "beta", "gamma"},
	} {
		p := v.Get(t, link.IdentitySources("Default")+query)
		wantStatus(t, p, http.StatusOK)
		if diff := cmp.Diff(want, listOf(t, p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	p := v.Get(t, link.IdentitySources("Default")+"?kind=LDAP")
	wantText(t, p.One(t, "tbody tr"), "In use")
	if got := p.One(t, "tbody .Table-number a").Attr("href"); got != link.IdentitySource("Default", "delta")+"#usage" {
		t.Errorf("the figure leads to %q", got)
	}
}

func TestCreateIdentitySource(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	chooser := v.Get(t, link.NewIdentitySource("Default"))
	p := v.Get(t, chooser.One(t, `.Types a[href="`+newSource()+`"]`).Attr("href"))
	wantStatus(t, p, http.StatusOK)
	answer := v.Submit(t, p, sourceForm, url.Values{
		"name": {"Staff"}, "server": {"ldaps://one.example"}, "secret:bindPassword": {"hunter22"}, "timeoutMillis": {"700"},
	})
	wantStatus(t, answer, http.StatusSeeOther)
	shown := v.Follow(t, answer)
	wantText(t, shown.One(t, "main"), "Bind password")
	wantText(t, shown.One(t, "main"), "700 milliseconds")
	if strings.Contains(shown.Body, "hunter22") {
		t.Error("the page shows the secret")
	}
	s := sourceNamed(t, site, "Staff")
	if s.Config.Base().TimeoutMillis != 700 || len(s.Secrets) != 1 {
		t.Errorf("saved %+v", s)
	}
}

// ATTACK: a page that carries a secret back shows it to whoever looks next, and
// to every cache on the way.
func TestAttackARefusedFormDoesNotCarrySecretsBack(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for name, v := range map[string]*handlerstest.Visitor{"plain": v, "htmx": v.HTMX()} {
		p := v.Submit(t, v.Get(t, newSource()), sourceForm, url.Values{
			"name": {""}, "timeoutMillis": {"soon"}, "secret:bindPassword": {"hunter22"}, "test:password": {"hunter33"},
		})
		wantStatus(t, p, http.StatusUnprocessableEntity)
		if strings.Contains(p.Body, "hunter22") || strings.Contains(p.Body, "hunter33") {
			t.Errorf("%s: the page carries a secret back", name)
		}
		if got := p.One(t, `input[name="timeoutMillis"]`).Attr("value"); got != "soon" {
			t.Errorf("%s: what was typed came back as %q", name, got)
		}
		if got := p.One(t, `input[name="secret:bindPassword"]`); got.Attr("value") != "" || !got.HasAttr("data-keep") {
			t.Errorf("%s: the control of the secret is %s", name, got.HTML())
		}
		if held := p.Has(`input[name="held:bindPassword"]`); held != (name == "plain") {
			t.Errorf("%s: the page carries the secret sealed: %v", name, held) // htmx leaves it in its control
		}
		for _, label := range []string{"Name", "Server", "Timeout"} {
			wantText(t, p.One(t, ".Problems"), label)
		}
	}
}

// Without JavaScript a form comes back as a new page. What was typed into it,
// secrets too, is saved in the end.
func TestASecretThatWasTypedOutlivesEveryWayAFormComesBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes url.Values
		test    bool
		status  int
	}{
		{"a row that is added", url.Values{"change": {"claims+"}}, false, http.StatusOK},
		{"a save that is refused", url.Values{"timeoutMillis": {"soon"}}, false, http.StatusUnprocessableEntity},
		{"a save that is late", nil, false, http.StatusConflict},
		{"a test", nil, true, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			site := handlerstest.New(t)
			v := site.SignIn(t, handlerstest.Administrator)
			s := saveSource(t, site, directory("Staff"), "stored1")
			p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
			if tt.status == http.StatusConflict {
				theirs := directory("Staff")
				theirs.Description = "theirs"
				if _, err := site.Store.SaveIdentitySource(t.Context(), modelstest.By(), site.Project.ID, s.ID, s.Version, theirs, nil); err != nil {
					t.Fatal(err)
				}
			}
			values := handlerstest.Fields(p.One(t, sourceForm))
			values.Set("secret:bindPassword", "hunter22")
			maps.Copy(values, tt.changes)
			to := link.IdentitySourceEdit("Default", "Staff")
			if tt.test {
				to = link.IdentitySourceTest("Default", string(modelstest.DirectoryKind))
			}
			back := v.Post(t, to, values)
			wantStatus(t, back, tt.status)
			wantText(t, back.One(t, sourceForm), "Remove the stored bind password and the one that you typed")
			again := v.Submit(t, back, sourceForm, url.Values{"change": {"claims+"}}) // and once more
			wantStatus(t, v.Submit(t, again, sourceForm, url.Values{"timeoutMillis": {"700"}, "claims.rows": {"0"}}), http.StatusSeeOther)
			if got := storedPassword(t, site, s.ID); got != "hunter22" {
				t.Errorf("stored is %q", got)
			}
		})
	}
}

// storedPassword is the bind password of a source, by what a test would use.
func storedPassword(t *testing.T, site *handlerstest.Site, id string) string {
	t.Helper()
	s, err := site.Store.IdentitySourceByID(t.Context(), site.Project.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := site.Store.SecretsForTest(t.Context(), site.Project.ID, id, s.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := secrets["bindPassword"]
	return text.Reveal()
}

func TestASecretThatAPageCarriesCanBeForgotten(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	back := v.Submit(t, v.Get(t, newSource()), sourceForm, url.Values{
		"name": {"Staff"}, "server": {"s"}, "secret:bindPassword": {"hunter22"}, "change": {"claims+"},
	})
	wantText(t, back.One(t, sourceForm), "Forget the bind password that you typed")
	wantStatus(t, v.Submit(t, back, sourceForm, url.Values{"remove:bindPassword": {"true"}, "claims.rows": {"0"}}), http.StatusSeeOther)
	s := sourceNamed(t, site, "Staff")
	if len(s.Secrets) != 0 {
		t.Errorf("stored are %v", s.Secrets)
	}
	again := v.Submit(t, v.Get(t, link.IdentitySourceEdit("Default", "Staff")), sourceForm, url.Values{
		"remove:bindPassword": {"true"}, "secret:bindPassword": {"hunter33"}, "change": {"claims+"},
	})
	wantStatus(t, v.Submit(t, again, sourceForm, url.Values{"claims.rows": {"0"}}), http.StatusSeeOther)
	if got := storedPassword(t, site, s.ID); got != "hunter33" {
		t.Errorf("a secret that replaces one that was to go is stored as %q", got)
	}
}

// ATTACK: somebody finds what a page carried, in a cache or over a shoulder,
// and sends it from a session of their own, or in another field or form.
func TestAttackASealedSecretOpensNowhereElse(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	s := saveSource(t, site, directory("Staff"), "stored1")
	back := v.Submit(t, v.Get(t, link.IdentitySourceEdit("Default", "Staff")), sourceForm, url.Values{
		"secret:bindPassword": {"hunter22"}, "change": {"claims+"},
	})
	held := back.One(t, `input[name="held:bindPassword"]`).Attr("value")
	other := site.SignIn(t, handlerstest.Administrator) // the same person, signed in anew
	tests := []struct {
		name, field, held string
		v                 *handlerstest.Visitor
		kind              identity.KindName
	}{
		{"in another session", "bindPassword", held, other, modelstest.DirectoryKind},
		{"in another field", "clientKey", held, v, modelstest.DirectoryKind},
		{"in a form of another kind", "bindPassword", held, v, identity.LDAP},
		{"changed", "bindPassword", held[:len(held)-2] + "AA", v, modelstest.DirectoryKind},
		{"of nothing", "bindPassword", "AQ", v, modelstest.DirectoryKind},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := handlerstest.Fields(back.One(t, sourceForm))
			values.Del("held:bindPassword")
			values.Set("held:"+tt.field, tt.held)
			values.Set("claims.rows", "0")
			if p := tt.v.Post(t, link.IdentitySourceEdit("Default", "Staff"), values); tt.kind == modelstest.DirectoryKind {
				wantStatus(t, p, http.StatusUnprocessableEntity)
				wantText(t, p.One(t, ".Problems"), "Enter it again")
			}
			values.Del("sourceId")
			tested := tt.v.Post(t, link.IdentitySourceTest("Default", string(tt.kind)), values)
			wantText(t, tested.One(t, "#test-report"), "Nothing was tried")
		})
	}
	if got := storedPassword(t, site, s.ID); got != "stored1" {
		t.Errorf("stored is %q", got)
	}
}

func TestASealedSecretOpensForHalfAnHour(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Submit(t, v.Get(t, newSource()), sourceForm, url.Values{
		"name": {"Staff"}, "server": {"s"}, "secret:bindPassword": {"hunter22"}, "change": {"claims+"},
	})
	site.Clock.Advance(29 * time.Minute)
	p = v.Submit(t, p, sourceForm, url.Values{"change": {"claims-0"}}) // which begins the time anew
	site.Clock.Advance(29 * time.Minute)
	p = v.Submit(t, p, sourceForm, url.Values{"timeoutMillis": {"soon"}})
	site.Clock.Advance(31 * time.Minute)
	late := v.Submit(t, p, sourceForm, url.Values{"timeoutMillis": {"700"}})
	wantStatus(t, late, http.StatusUnprocessableEntity)
	wantText(t, late.One(t, ".Problems"), "Bind password : Enter it again")
	if got := late.One(t, "[autofocus]").Attr("name"); got != "secret:bindPassword" {
		t.Errorf("%s has the cursor", got)
	}
	wantStatus(t, v.Submit(t, late, sourceForm, url.Values{"secret:bindPassword": {"hunter22"}}), http.StatusSeeOther)
}

// What was typed as a secret does not go through a sign-in. It must not be left
// out without a word either: the source would be saved with its old secret.
func TestASecretThatASessionTookAlongIsAskedForAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	s := saveSource(t, site, directory("Staff"), "stored1")
	p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
	ended := site.Visitor(t)
	asked := ended.Submit(t, p, sourceForm, url.Values{"secret:bindPassword": {"hunter22"}, "description": {"typed"}})
	wantStatus(t, asked, http.StatusUnauthorized)
	resume := ended.Submit(t, asked, "form#sign-in", url.Values{"name": {handlerstest.Administrator}, "password": {handlerstest.Password}})
	again := ended.Submit(t, resume, "form", nil)
	wantStatus(t, again, http.StatusUnprocessableEntity)
	wantText(t, again.One(t, ".Problems"), "Enter it again")
	wantText(t, again.One(t, "textarea[name=description]"), "typed")
	wantStatus(t, ended.Submit(t, again, sourceForm, url.Values{"secret:bindPassword": {"hunter22"}}), http.StatusSeeOther)
	if got := storedPassword(t, site, s.ID); got != "hunter22" {
		t.Errorf("stored is %q", got)
	}
}

// ATTACK: a stored secret comes to a page by the way that is for typed ones.
func TestAttackAStoredSecretIsNeverSealedIntoAPage(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveSource(t, site, directory("Staff"), "stored1")
	p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
	for name, changes := range map[string]url.Values{
		"a row that is added": {"change": {"claims+"}}, "a save that is refused": {"timeoutMillis": {"soon"}},
		"a removal that is refused": {"timeoutMillis": {"soon"}, "remove:bindPassword": {"true"}},
	} {
		if back := v.Submit(t, p, sourceForm, changes); back.Has(`[name^="held:"]`) || strings.Contains(back.Body, "stored1") {
			t.Errorf("%s: the page carries a stored secret", name)
		}
	}
}

func TestEditKeepsStoredSecretsAndRemovesOnes(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveSource(t, site, directory("Staff"), "hunter22")
	edit := link.IdentitySourceEdit("Default", "Staff")
	p := v.Get(t, edit)
	if strings.Contains(p.Body, "hunter22") {
		t.Fatal("the form shows the secret")
	}
	wantStatus(t, v.Submit(t, p, sourceForm, url.Values{"description": {"All of us."}}), http.StatusSeeOther)
	if s := sourceNamed(t, site, "Staff"); s.Description != "All of us." || len(s.Secrets) != 1 {
		t.Errorf("after a save without the secret: %+v", s)
	}
	wantStatus(t, v.Submit(t, v.Get(t, edit), sourceForm, url.Values{"remove:bindPassword": {"true"}}), http.StatusSeeOther)
	if s := sourceNamed(t, site, "Staff"); len(s.Secrets) != 0 {
		t.Errorf("after the removal: %+v", s.Secrets)
	}
}

func TestAttackANewAddressAsksForTheSecretAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveSource(t, site, directory("Staff"), "hunter22")
	p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
	moved := url.Values{"server": {"ldaps://evil.example"}}
	refused := v.Submit(t, p, sourceForm, moved)
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, ".Problems"), "new address")

	values := handlerstest.Fields(p.One(t, sourceForm))
	values["server"] = moved["server"]
	tested := v.HTMX().Post(t, link.IdentitySourceTest("Default", string(modelstest.DirectoryKind)), values)
	wantText(t, tested.Node, "Nothing was tried")
	if strings.Contains(tested.Body, "Connect to") {
		t.Error("the test went to the new address")
	}
}

func TestRowsAreAddedAndTakenOutWithoutSaving(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Submit(t, v.Get(t, newSource()), sourceForm, url.Values{"name": {"Staff"}, "server": {"s"}, "change": {"claims+"}})
	wantStatus(t, p, http.StatusOK)
	p = v.Submit(t, p, sourceForm, url.Values{"claims[0]": {"mail"}, "change": {"claims+"}})
	p = v.Submit(t, p, sourceForm, url.Values{"claims[1]": {"team"}, "change": {"claims+"}})
	p = v.Submit(t, p, sourceForm, url.Values{"change": {"claims-0"}})
	if got := p.One(t, `input[name="claims[0]"]`).Attr("value"); got != "team" {
		t.Errorf("the first row holds %q", got)
	}
	refused := v.Submit(t, p, sourceForm, nil)
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, ".Problems"), "Claim 2")
	p = v.Submit(t, refused, sourceForm, url.Values{"change": {"claims-1"}})
	wantStatus(t, v.Submit(t, p, sourceForm, nil), http.StatusSeeOther)
	got := sourceNamed(t, site, "Staff").Config.(*modelstest.Directory).Claims
	if diff := cmp.Diff([]string{"team"}, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestAConfigurationIsTestedAsItIsTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveSource(t, site, directory("Staff"), "four")
	to := link.IdentitySourceTest("Default", string(modelstest.DirectoryKind))
	form := handlerstest.Fields(v.Get(t, link.IdentitySourceEdit("Default", "Staff")).One(t, sourceForm))
	tests := []struct {
		name    string
		changes map[string]string
		want    []string
	}{
		{"the connection alone", nil, []string{"The connection works", "Connect to ldaps://one.example", "password of ****"}},
		{"a connection that fails", map[string]string{"server": "down", "secret:bindPassword": "x"}, []string{"The connection does not work", "Connect to down"}},
		{"a lookup", map[string]string{"test:name": "ann"}, []string{"ann was found", "staff"}},
		{"a login", map[string]string{"test:name": "ann", "test:password": "of ann", "claims.rows": "1", "claims[0]": "mail"}, []string{"ann can log in", "Claim mail", "value of mail"}},
		{"a login with a wrong password", map[string]string{"test:name": "ann", "test:password": "hunter22"}, []string{"ann cannot log in"}},
		{"a secret that was typed", map[string]string{"secret:bindPassword": "sixsix"}, []string{"password of ******"}},
		{"settings that are wrong", map[string]string{"server": "", "timeoutMillis": "soon"}, []string{"Nothing was tried", "Server", "Timeout"}},
		{"settings that do not open", map[string]string{"secret:clientKey": "not a key"}, []string{"Client key", "PEM"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := url.Values{}
			for name, value := range form {
				values[name] = value
			}
			for name, value := range tt.changes {
				values.Set(name, value)
			}
			for how, p := range map[string]handlerstest.Page{"htmx": v.HTMX().Post(t, to, values), "plain": v.Post(t, to, values)} {
				wantStatus(t, p, http.StatusOK)
				node := p.Node
				if how == "plain" {
					node = p.One(t, "#test-report")
				}
				for _, want := range tt.want {
					wantText(t, node, want)
				}
				for _, hidden := range []string{"hunter22", "sixsix", `value="of ann"`} {
					if strings.Contains(p.Body, hidden) {
						t.Errorf("%s: the page carries %q", how, hidden)
					}
				}
			}
		})
	}
	if got := sourceNamed(t, site, "Staff"); got.Version != 1 {
		t.Error("a test saved something")
	}
}

func TestAttackOnlyManagersTestConfigurations(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := site.SignIn(t, handlerstest.Auditor).Post(t, link.IdentitySourceTest("Default", string(modelstest.DirectoryKind)), url.Values{"server": {"s"}})
	wantStatus(t, p, http.StatusForbidden)
}

func TestAStaleFormOfASourceShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	s := saveSource(t, site, directory("Staff"), "hunter22")
	p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
	theirs := directory("Staff")
	theirs.Description = "theirs"
	if _, err := site.Store.SaveIdentitySource(t.Context(), modelstest.By(), site.Project.ID, s.ID, s.Version, theirs, nil); err != nil {
		t.Fatal(err)
	}
	conflict := v.Submit(t, p, sourceForm, url.Values{"description": {"mine"}})
	wantStatus(t, conflict, http.StatusConflict)
	wantText(t, conflict.One(t, "[role=alert] table"), "theirs")
	wantText(t, conflict.One(t, "[role=alert] table"), "mine")
	wantStatus(t, v.Submit(t, conflict, sourceForm, nil), http.StatusSeeOther)
	if got := sourceNamed(t, site, "Staff").Description; got != "mine" {
		t.Errorf("after keeping mine: %q", got)
	}
}

func TestASourceDeletedUnderItsFormCanBeCreatedAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	s := saveSource(t, site, directory("Staff"), "hunter22")
	p := v.Get(t, link.IdentitySourceEdit("Default", "Staff"))
	if err := site.Store.DeleteIdentitySource(t.Context(), modelstest.By(), site.Project.ID, s.ID, s.Version); err != nil {
		t.Fatal(err)
	}
	gone := v.Submit(t, p, sourceForm, url.Values{"description": {"mine"}})
	wantStatus(t, gone, http.StatusConflict)
	wantText(t, gone.One(t, "[role=alert]"), "was deleted")
	wantStatus(t, v.Submit(t, gone, sourceForm, nil), http.StatusSeeOther)
	if got := sourceNamed(t, site, "Staff").Description; got != "mine" {
		t.Errorf("created again: %q", got)
	}
}

func TestDeleteIdentitySource(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveSource(t, site, directory("Staff"), "hunter22")
	ask := v.Get(t, link.IdentitySourceDelete("Default", "Staff"))
	wantText(t, ask.One(t, "form.Confirm"), "1 stored secret is removed")
	answer := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, answer, http.StatusSeeOther)
	wantText(t, v.Follow(t, answer).One(t, "main"), "No identity source yet")
	wantStatus(t, v.Get(t, link.IdentitySource("Default", "Staff")), http.StatusNotFound)
}

func TestASourceInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	s := saveSource(t, site, modelstest.NewDirectory(identity.LDAP, "Staff"), "")
	naming(t, site, "Users", "Staff")
	form := url.Values{"sourceId": {s.ID}, "version": {"1"}}
	for how, p := range map[string]handlerstest.Page{
		"asked":   v.Get(t, link.IdentitySourceDelete("Default", "Staff")),
		"pressed": v.Post(t, link.IdentitySourceDelete("Default", "Staff"), form),
	} {
		if p.Status != http.StatusOK && p.Status != http.StatusConflict {
			t.Fatalf("%s: status %d", how, p.Status)
		}
		wantText(t, p.One(t, "[data-dialog-content]"), "Staff is in use")
		if got := p.One(t, "[data-dialog-content] li a").Attr("href"); got != link.Policy("Default", jwt, "Users") {
			t.Errorf("%s: leads to %q", how, got)
		}
	}
	sourceNamed(t, site, "Staff")
}

func TestIdentitySourcePagesAreSound(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	d := directory("Staff")
	d.Claims, d.Server = []string{"mail"}, "ldap://plain.example"
	saveSource(t, site, d, "hunter22")
	for _, path := range []string{
		link.IdentitySources("Default"), link.NewIdentitySource("Default"), newSource(), link.IdentitySource("Default", "Staff"),
		link.IdentitySourceEdit("Default", "Staff"), link.IdentitySourceDelete("Default", "Staff"),
	} {
		p := v.Get(t, path)
		wantStatus(t, p, http.StatusOK)
		htmlcheck.Sound(t, p.Node)
	}
	wantText(t, v.Get(t, link.IdentitySource("Default", "Staff")).One(t, "main"), "Passwords travel in the open.")
}
