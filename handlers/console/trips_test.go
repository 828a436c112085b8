package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// While the gateway is busy each round trip to the database waits for its turn on
// the processor. So a page makes few, however much it shows.
func TestPagesMakeFewRoundTrips(t *testing.T) {
	t.Parallel()
	database, wire := modelstest.Tap(t, modelstest.Database(t))
	store := modelstest.Open(t, database)
	modelstest.Environment(t, store, "production")
	project := modelstest.Project(t, store, "Default")
	modelstest.User(t, store, handlerstest.Administrator, models.RoleAdministrator, handlerstest.Password)
	modelstest.Many(t, store, database, project, 20)
	caller, _, err := store.SaveCredential(t.Context(), modelstest.By(), project.ID, "", 0, models.CredentialDraft{
		Name: "caller", Secret: secret.New(handlerstest.Password), Enabled: true, Tokens: models.DefaultCredentialTokens(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.GrantAccess(t.Context(), modelstest.By(), project.ID, models.NewGrants{Credentials: []string{caller.Name}, Proxies: []string{"proxy-0"}}); err != nil {
		t.Fatal(err)
	}
	v := handlerstest.New(t, func(o *handlers.Options) { o.Store = store }).SignIn(t, handlerstest.Administrator)
	for _, page := range []struct {
		name, address string
		most          int
	}{
		{"dashboard", link.Dashboard("Default"), 25},
		{"proxies", link.Proxies("Default"), 19},
		{"edit of a proxy", link.Proxy("Default", "proxy-0").Edit(), 20},
		{"policies", link.Policies("Default", jwt), 8},
		{"edit of a policy", link.PolicyEdit("Default", jwt, modelstest.ManyPolicy), 21},
		{"policy usage", link.PolicyUsage("Default"), 21},
		{"credentials", link.Credentials("Default"), 13},
		{"edit of a credential", link.CredentialEdit("Default", caller.Name), 13},
		{"access", link.Access("Default"), 5},
		{"history of a proxy", link.Proxy("Default", "proxy-0").History(), 18},
	} {
		v.Raw(t, http.MethodGet, page.address, nil) // the first visit to a project is kept with the session
		wire.Taken()
		if p := v.Raw(t, http.MethodGet, page.address, nil); p.Status != http.StatusOK {
			t.Fatalf("%s: status %d:\n%s", page.name, p.Status, p.Body)
		}
		if trips := wire.Taken(); len(trips) > page.most {
			t.Errorf("%s: %d round trips, want at most %d:\n%s", page.name, len(trips), page.most, strings.Join(trips, "\n"))
		}
	}
}
