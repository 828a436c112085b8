package models_test

import (
	"errors"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// A service that is never given the password cannot check one, and one that
// needs it cannot be asked when it is not known.
func TestAPolicyUsesAnAPIForWhatItCanDo(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	s := modelstest.Open(t, url, func(o *models.Options) { o.Identities = identity.Kinds{api.Kind()} })
	project := modelstest.Project(t, s, "Shop").ID
	for name, basic := range map[string]bool{"checks": true, "renews": false} {
		c := api.New().(*api.Config)
		c.Name, c.URL, c.BasicAuth = name, "https://users.example/who", basic
		if !basic {
			c.URL += "?user={{username}}"
		}
		if _, err := s.SaveIdentitySource(t.Context(), by, project, "", 0, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, source, regenerator, field string }{
		{"each for its own", "checks", "renews", ""},
		{"a login without the password", "renews", "", "identityProviderName"},
		{"a regenerator that needs it", "checks", "checks", "jwtRegeneratorApiName"},
	} {
		_, err := s.SavePolicy(t.Context(), by, project, "", 0, modelstest.JWT(tt.name, func(c *jwtauth.Config) {
			c.GrantType, c.AuthenticationType = issue.Password, identity.API
			c.IdentityProviderName, c.JWTRegeneratorAPIName = tt.source, tt.regenerator
		}))
		if tt.field == "" && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.field != "" {
			wantProblem(t, err, tt.field)
		}
	}
}

// A save of the source must not undo what the policies were checked for.
func TestAnAPIThatAPolicyUsesKeepsDoingWhatItIsUsedFor(t *testing.T) {
	t.Parallel()
	s := modelstest.Open(t, modelstest.Database(t), func(o *models.Options) { o.Identities = identity.Kinds{api.Kind()} })
	project := modelstest.Project(t, s, "Shop").ID
	save := func(id string, version int, name string, basic bool) (models.IdentitySource, error) {
		c := api.New().(*api.Config)
		c.Name, c.URL, c.BasicAuth = name, "https://users.example/who?user={{username}}", basic
		return s.SaveIdentitySource(t.Context(), by, project, id, version, c, nil)
	}
	checks, errChecks := save("", 0, "checks", true)
	renews, errRenews := save("", 0, "renews", false)
	free, errFree := save("", 0, "free", true)
	p, err := s.SavePolicy(t.Context(), by, project, "", 0, modelstest.JWT("Users", func(c *jwtauth.Config) {
		c.GrantType, c.AuthenticationType = issue.Password, identity.API
		c.IdentityProviderName, c.JWTRegeneratorAPIName = "checks", "renews"
	}))
	if err := errors.Join(errChecks, errRenews, errFree, err); err != nil {
		t.Fatal(err)
	}
	_, err = save(checks.ID, checks.Version, "checks", false)
	if got := problem.Of(err).For(""); got != "Keep the password in the request: the policy Users names it, to log users in." {
		t.Errorf("a login without the password: %v", err)
	}
	_, err = save(renews.ID, renews.Version, "renews", true)
	if got := problem.Of(err).For(""); got != "Keep the password out of the request: the policy Users names it, to ask about users whose password is not known." {
		t.Errorf("a regenerator with the password: %v", err)
	}
	if _, err := save(free.ID, free.Version, "free", false); err != nil {
		t.Errorf("one that nobody uses: %v", err)
	}
	if _, err := s.SavePolicy(t.Context(), by, project, p.ID, p.Version, modelstest.JWT("Users")); err != nil {
		t.Fatal(err)
	}
	if _, err := save(checks.ID, checks.Version, "checks", false); err != nil {
		t.Errorf("once nobody uses it: %v", err)
	}
}
