package models_test

import (
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
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
