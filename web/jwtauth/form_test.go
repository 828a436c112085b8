package jwtauth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	engine "github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/jwtauth"
	"github.com/gatewright/gatewright/web/policies"
)

func valid(changes ...func(*engine.Config)) *engine.Config {
	c := engine.NewForm()
	c.Name = "orders"
	for _, change := range changes {
		change(c)
	}
	c.Normalize()
	return c
}

// What the form shows and what it sends back must be one and the same policy.
func TestWritingAndReadingGivesTheSamePolicy(t *testing.T) {
	t.Parallel()
	cases := map[string]*engine.Config{
		"a new one":     valid(),
		"never expires": valid(func(c *engine.Config) { c.TokenNeverExpires = true }),
		"everything on": valid(func(c *engine.Config) {
			c.ClearAuth, c.AddUserToHeader, c.UserHeaderName, c.LeewaySeconds = true, true, "X-Who", 0
			c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.JWTSignatureAlgorithm = 3, engine.Weeks, keys.EdDSA
		}),
		"passive, with a description": valid(func(c *engine.Config) { c.Active, c.Description = false, "two\nlines" }),
	}
	form := jwtauth.Form{}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := policies.Read(form, engine.TypeName, policies.Write(form, want))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A field that the form forgets to draw would be reset by every save.
func TestEveryFieldThatIsReadIsDrawn(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid(func(c *engine.Config) { c.AddUserToHeader = true }))
	doc := htmlcheck.Render(t, form.Fields(v, nil))
	for _, l := range form.Labels() {
		if len(doc.All("[name="+l.Field+"]")) != 1 {
			t.Errorf("%s is drawn %d times, want once", l.Field, len(doc.All("[name="+l.Field+"]")))
		}
	}
	if got := len(doc.All("[name=jwtSignatureAlgorithm] option[data-text]")); got != len(keys.Algorithms()) {
		t.Errorf("%d algorithms say what they cost, want all %d", got, len(keys.Algorithms()))
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, typed, want string }{
		{"letters", "15x", "Enter a whole number, such as 15."},
		{"nothing", "", "Enter a whole number, such as 15."},
		{"a fraction", "1.5", "Enter a whole number, such as 15."},
		{"zero", "0", "Enter how long a token lives, 1 or more, or let tokens never expire."},
		{"more than a machine word", "99999999999999999999", "Enter at most 52560000 minutes, which is a hundred years."},
		{"blanks around it", " 15 ", ""},
	}
	form := jwtauth.Form{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := policies.Write(form, valid())
			v["tokenExpiresInAmount"] = c.typed
			_, problems := policies.Read(form, engine.TypeName, v)
			if got := problems.For("tokenExpiresInAmount"); got != c.want || len(problems) > 1 {
				t.Errorf("says %q (%d problems), want %q", got, len(problems), c.want)
			}
		})
	}
}

func TestALineBreakCountsOnce(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid())
	v["description"] = "a\r\nb"
	c, _ := policies.Read(form, engine.TypeName, v)
	if got := c.Base().Description; got != "a\nb" {
		t.Errorf("description %q", got)
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	say := func(changes ...func(*engine.Config)) map[string]string {
		words := map[string]string{}
		for _, s := range form.Settings(policies.Write(form, valid(changes...))) {
			words[s.Label] = s.Text
		}
		return words
	}
	want := map[string]string{
		"Grant Type": "Client credentials", "Token Expires In": "1 minute", "JWT Signature Algorithm": "RS256", "Clock leeway": "30 seconds",
		"Clear Authentication Data": "No", "Add Client Info to Header": "No",
	}
	if diff := cmp.Diff(want, say(func(c *engine.Config) { c.TokenExpiresInAmount = 1 })); diff != "" {
		t.Error(diff)
	}
	if got := say(func(c *engine.Config) { c.TokenNeverExpires = true })["Token Expires In"]; got != "Never expires" {
		t.Errorf("says %q", got)
	}
}
