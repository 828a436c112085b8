package handlers_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	newPolicy = "/projects/Default/new/policies/policy-auth-jwt"
	policies  = "/projects/Default/policies/policy-auth-jwt"
)

func cookie(p handlerstest.Page) *http.Cookie {
	for _, c := range (&http.Response{Header: p.Header}).Cookies() {
		if strings.HasSuffix(c.Name, "gatewright-session") {
			return c
		}
	}
	return nil
}

func credentials(name, password string) url.Values {
	return url.Values{"name": {name}, "password": {password}}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	cases := []struct {
		name           string
		user, password string
		status         int
		says           string
	}{
		{"the right password leads on", handlerstest.Administrator, handlerstest.Password, http.StatusSeeOther, ""},
		{"a name is compared without case", "ADA", handlerstest.Password, http.StatusSeeOther, ""},
		{"a wrong password is refused", handlerstest.Administrator, "guessed-it", http.StatusUnprocessableEntity, "The name or the password is wrong."},
		{"an unknown name is refused in the same words", "nobody", "guessed-it", http.StatusUnprocessableEntity, "The name or the password is wrong."},
		{"an empty password is refused", handlerstest.Administrator, "", http.StatusUnprocessableEntity, "Enter your name and your password."},
		{"an endless password is refused unread", handlerstest.Administrator, strings.Repeat("x", 2000), http.StatusUnprocessableEntity, "Enter your name and your password."},
		{"a name that no database can hold is refused", "a\x00b", "guessed-it", http.StatusUnprocessableEntity, "The name or the password is wrong."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := site.Visitor(t).Post(t, "/sign-in", credentials(c.user, c.password))
			if p.Status != c.status || !strings.Contains(p.Text(), c.says) {
				t.Errorf("status %d, %q; want %d, %q", p.Status, p.Text(), c.status, c.says)
			}
			if c.status != http.StatusSeeOther && c.password != "" && strings.Contains(p.Body, c.password) {
				t.Error("the password comes back in the page")
			}
		})
	}
}

func TestASignedInSessionHasANewName(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	victim := site.Visitor(t)
	first := cookie(victim.Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password)))
	// An attacker who planted this cookie before the next sign-in must not be signed in by it.
	second := cookie(victim.Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password)))
	if first == nil || second == nil || first.Value == second.Value {
		t.Fatalf("the session is called %v before and %v after, want two names", first, second)
	}
	attacker := site.Visitor(t)
	attacker.Header.Set("Cookie", first.Name+"="+first.Value)
	if p := attacker.Get(t, "/account"); p.Status != http.StatusSeeOther {
		t.Errorf("the old name still opens a page: %d", p.Status)
	}
}

func TestTheSessionCookie(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		site := handlerstest.New(t, func(o *handlers.Options) { o.SecureCookies = secure })
		c := cookie(site.Visitor(t).Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password)))
		if c == nil {
			t.Fatal("no session cookie")
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != secure || c.Path != "/" || c.Domain != "" || !c.Expires.IsZero() {
			t.Errorf("secure %v: cookie %q", secure, c.Raw)
		}
		if strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("secure %v: cookie is called %s", secure, c.Name)
		}
	}
}

func TestGuessingPasswordsIsSlowedDown(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.Visitor(t)
	for range 5 {
		if p := v.Post(t, "/sign-in", credentials(handlerstest.Administrator, "wrong")); p.Status != http.StatusUnprocessableEntity {
			t.Fatalf("status %d, want 422", p.Status)
		}
	}
	p := v.Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password))
	if p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Fatalf("the sixth attempt is answered %d with Retry-After %q, want 429 and a time", p.Status, p.Header.Get("Retry-After"))
	}
	site.Clock.Advance(31 * time.Second)
	if p := v.Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password)); p.Status != http.StatusSeeOther {
		t.Errorf("after the wait it is answered %d, want 303", p.Status)
	}
}

func TestReturningNeverLeavesTheSite(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for _, to := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)",
		"evil.example", "", " /x", "///evil.example", "/%5cevil.example\r\nX: y",
	} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			form := credentials(handlerstest.Administrator, handlerstest.Password)
			form.Set("return", to)
			if p := site.Visitor(t).Post(t, "/sign-in", form); p.Status != http.StatusSeeOther || p.Location() != "/" {
				t.Errorf("sign-in leads to %q (%d), want /", p.Location(), p.Status)
			}
		})
	}
	v := site.SignIn(t, handlerstest.Administrator)
	for _, path := range []string{"/preferences/theme", "/preferences/environment"} {
		form := url.Values{"theme": {"dark"}, "environment": {"production"}, "return": {"//evil.example"}}
		if p := v.Post(t, path, form); p.Location() != "/" {
			t.Errorf("%s leads to %q, want /", path, p.Location())
		}
		form.Set("return", "/audit?q=a")
		if p := v.Post(t, path, form); p.Location() != "/audit?q=a" {
			t.Errorf("%s leads to %q, want /audit?q=a", path, p.Location())
		}
	}
}

func TestAnEndedSessionLosesNothingTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, newPolicy)
	jar, err := cookiejar.New(nil) // the session is gone
	if err != nil {
		t.Fatal(err)
	}
	v.Client.Jar = jar
	name := `half "typed" <b>policy ğ`
	p := v.Submit(t, page, "#policy-form", url.Values{"name": {name}, "leewaySeconds": {"7"}})
	if p.Status != http.StatusUnauthorized || !strings.Contains(p.Text(), "Your session ended") {
		t.Fatalf("status %d: %s", p.Status, p.Text())
	}
	resume := v.Submit(t, p, "form#sign-in", credentials(handlerstest.Administrator, handlerstest.Password))
	if resume.Status != http.StatusOK {
		t.Fatalf("signing in again is answered %d: %s", resume.Status, resume.Text())
	}
	if p := v.Submit(t, resume, "form", nil); p.Status != http.StatusSeeOther {
		t.Fatalf("sending the form again is answered %d: %s", p.Status, p.Text())
	} else if shown := v.Follow(t, p); shown.One(t, "h1").Text() != name || !strings.Contains(shown.Text(), "7 seconds") {
		t.Errorf("saved is %s", shown.Text())
	}
}

func TestPasswordsAreNotCarriedThroughASignIn(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := site.Visitor(t).Post(t, "/account/password", url.Values{"currentPassword": {"secret-one"}, "newPassword": {"secret-two"}, "confirmPassword": {"secret-two"}})
	if p.Status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", p.Status)
	}
	if strings.Contains(p.Body, "secret-") {
		t.Error("a password is in the page")
	}
}

// ATTACK: a session has ended, and whoever sits at the page that asks to sign in
// reads what was being sent.
func TestAttackNoSecretIsCarriedThroughASignIn(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := site.Visitor(t).Post(t, "/projects/Default/new/identity-sources/API", url.Values{
		"name": {"kept"}, "secret:secret": {"hidden-1"}, "secret:clientCertificateKey": {"hidden-2"}, "secret:bindPassword": {"hidden-3"},
		"key": {"hidden-4"}, "content": {"hidden-5"}, "metadata[0].value": {"hidden-6"}, "metadata[0].secret": {"true"}, "metadata[1].value": {"kept-1"},
		"sample.curl": {"curl -H 'Authorization: Bearer hidden-7' x"}, "sample.headers": {"Authorization: Bearer hidden-8"}, "sample.body": {"hidden-9"},
	})
	if p.Status != http.StatusUnauthorized || strings.Contains(p.Body, "hidden-") {
		t.Errorf("status %d: %s", p.Status, p.Body)
	}
	if pending := p.One(t, "input[name=pending]").Attr("value"); !strings.Contains(pending, "kept-1") || !strings.Contains(pending, `"name":["kept"]`) {
		t.Errorf("what is no secret is lost: %s", pending)
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	before, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	old := v.Client.Jar.Cookies(before)[0]
	if p := v.Post(t, "/sign-out", nil); p.Location() != "/sign-in" {
		t.Fatalf("leads to %q, want /sign-in", p.Location())
	}
	thief := site.Visitor(t)
	thief.Header.Set("Cookie", old.Name+"="+old.Value)
	if p := thief.Get(t, "/account"); p.Status != http.StatusSeeOther {
		t.Errorf("the cookie still opens a page: %d", p.Status)
	}
}

func TestANewPasswordEndsAllOtherSessions(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	here, elsewhere := site.SignIn(t, handlerstest.Administrator), site.SignIn(t, handlerstest.Administrator)
	const next = "a new and long password"
	p := here.Post(t, "/account/password", url.Values{"currentPassword": {handlerstest.Password}, "newPassword": {next}, "confirmPassword": {next}})
	if p.Status != http.StatusSeeOther {
		t.Fatalf("status %d: %s", p.Status, p.Text())
	}
	if p := here.Follow(t, p); p.Status != http.StatusOK || !strings.Contains(p.Text(), "Your password was changed") {
		t.Errorf("here: %d %s", p.Status, p.Text())
	}
	if p := elsewhere.Get(t, "/account"); p.Status != http.StatusSeeOther {
		t.Errorf("elsewhere a page still opens: %d", p.Status)
	}
	if p := site.Visitor(t).Post(t, "/sign-in", credentials(handlerstest.Administrator, handlerstest.Password)); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("the old password is answered %d, want 422", p.Status)
	}
}

func TestResettingAPasswordEndsTheSessionsOfItsUser(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	generated, err := site.Store.ResetPassword(t.Context(), modelstest.By(), handlerstest.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	if p := v.Get(t, "/audit"); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location(), "/sign-in") {
		t.Errorf("a page still opens: %d to %q", p.Status, p.Location())
	}
	if generated.Equal(secret.New(handlerstest.Password)) {
		t.Error("the password is the old one")
	}
}
