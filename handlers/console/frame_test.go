package console_test

import (
	"net/http"
	"testing"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// Reading a log in between must not lead into another project than the one that
// somebody works on.
func TestPagesOutsideOfProjectsKeepTheOneThatWasLookedAt(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Project(t, site.Store, "Shop")
	v := site.SignIn(t, handlerstest.Auditor)
	for _, project := range []string{"Shop", "Default", "Shop"} {
		mustStatus(t, v.Get(t, link.Roles(project)), http.StatusOK)
		for _, page := range []string{link.Logins, link.Audit, "/account"} {
			p := v.Get(t, page)
			mustStatus(t, p, http.StatusOK)
			p.One(t, `nav a[href="`+link.Proxies(project)+`"]`)
		}
		if home := v.Get(t, "/"); home.Header.Get("Location") != link.Dashboard(project) {
			t.Errorf("home of %s leads to %s", project, home.Header.Get("Location"))
		}
	}
}
