package handlers_test

import (
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// rightsTable is what every route needs, written down apart from the code: a line
// is method, path and right; more than one right is joined by a plus.
//
//go:embed testdata/rights.txt
var rightsTable string

// permitted is the permission table: who has a right everywhere, by role. A member
// has what a role of the project gives, see given.
var permitted = map[string][]string{
	models.RoleAdministrator:  {"*"},
	models.RoleProjectManager: {"SYSTEM:VIEW", "*:VIEW", "*:EXPORT_IMPORT", "API_MANAGEMENT", "GLOBAL_SETTINGS", "CONNECTIONS", "IDENTITY", "MONITORING", "ANALYTICS", "AUDIT", "PROJECT_MANAGEMENT"},
	models.RoleAuditor: {
		"SYSTEM:VIEW", "*:VIEW", "API_MANAGEMENT:VIEW", "GLOBAL_SETTINGS:VIEW", "CONNECTIONS:VIEW", "IDENTITY:VIEW",
		"MONITORING:VIEW", "ANALYTICS:VIEW", "AUDIT:VIEW", "PROJECT_MANAGEMENT:VIEW",
	},
}

// given is what one permission of a role allows in its project.
var given = map[models.Permission][]string{
	"API_MANAGEMENT:VIEW":            {"API_MANAGEMENT:VIEW", "*:VIEW"},
	"API_MANAGEMENT:MANAGE":          {"API_MANAGEMENT:VIEW", "API_MANAGEMENT:MANAGE", "*:VIEW"},
	"API_MANAGEMENT:DEPLOY_UNDEPLOY": {"API_MANAGEMENT:VIEW", "API_MANAGEMENT:DEPLOY_UNDEPLOY", "*:VIEW"},
	"API_MANAGEMENT:EXPORT_IMPORT":   {"API_MANAGEMENT:VIEW", "API_MANAGEMENT:EXPORT_IMPORT", "*:EXPORT_IMPORT", "*:VIEW"},
	"GLOBAL_SETTINGS:VIEW":           {"GLOBAL_SETTINGS:VIEW", "*:VIEW"},
	"GLOBAL_SETTINGS:MANAGE":         {"GLOBAL_SETTINGS:VIEW", "GLOBAL_SETTINGS:MANAGE", "*:VIEW"},
	"GLOBAL_SETTINGS:EXPORT_IMPORT":  {"GLOBAL_SETTINGS:VIEW", "GLOBAL_SETTINGS:EXPORT_IMPORT", "*:EXPORT_IMPORT", "*:VIEW"},
	"CONNECTIONS:VIEW":               {"CONNECTIONS:VIEW", "*:VIEW"},
	"CONNECTIONS:MANAGE":             {"CONNECTIONS:VIEW", "CONNECTIONS:MANAGE", "*:VIEW"},
	"CONNECTIONS:EXPORT_IMPORT":      {"CONNECTIONS:VIEW", "CONNECTIONS:EXPORT_IMPORT", "*:EXPORT_IMPORT", "*:VIEW"},
	"IDENTITY:VIEW":                  {"IDENTITY:VIEW", "*:VIEW"},
	"IDENTITY:MANAGE":                {"IDENTITY:VIEW", "IDENTITY:MANAGE", "*:VIEW"},
	"IDENTITY:EXPORT_IMPORT":         {"IDENTITY:VIEW", "IDENTITY:EXPORT_IMPORT", "*:EXPORT_IMPORT", "*:VIEW"},
	"MONITORING:VIEW":                {"MONITORING:VIEW", "*:VIEW"},
	"ANALYTICS:VIEW":                 {"ANALYTICS:VIEW", "*:VIEW"},
	"AUDIT:VIEW":                     {"AUDIT:VIEW", "*:VIEW"},
	"PROJECT_MANAGEMENT:VIEW":        {"PROJECT_MANAGEMENT:VIEW", "*:VIEW"},
	"PROJECT_MANAGEMENT:MANAGE":      {"PROJECT_MANAGEMENT:VIEW", "PROJECT_MANAGEMENT:MANAGE", "*:VIEW"},
}

// asker is somebody who asks for every route.
type asker struct {
	name string
	who  *handlerstest.Visitor
	// may tells whether the table allows a right; project is whether the route is
	// one of a project's.
	may      func(right string, project bool) bool
	stranger bool
}

func holds(rights []string) func(string) bool {
	return func(right string) bool {
		category, _, _ := strings.Cut(right, ":")
		return slices.Contains(rights, "*") || slices.Contains(rights, right) || category != "*" && slices.Contains(rights, category)
	}
}

// askers are one of each.
func askers(t *testing.T, site *handlerstest.Site) []asker {
	t.Helper()
	list := []asker{{name: "a stranger", who: site.Visitor(t), stranger: true}}
	for _, role := range []string{models.RoleAdministrator, models.RoleProjectManager, models.RoleAuditor} {
		everywhere := holds(permitted[role])
		list = append(list, asker{name: role, who: signedIn(t, site, "as "+strings.ToLower(role), role), may: func(right string, _ bool) bool { return everywhere(right) }})
	}
	for _, p := range models.AllPermissions() {
		if given[p] == nil {
			t.Errorf("the table does not know %s", p)
		}
		here := holds(given[p])
		name := "a member with " + string(p)
		who := signedIn(t, site, strings.ToLower(strings.ReplaceAll(string(p), ":", " ")), models.RoleMember)
		member(t, site, site.Project.ID, strings.ToLower(strings.ReplaceAll(string(p), ":", " ")), p)
		list = append(list, asker{name: name, who: who, may: func(right string, project bool) bool { return (project || logged(right)) && here(right) }})
	}
	nothing := func(string, bool) bool { return false }
	list = append(list, asker{name: "a member of nothing", who: signedIn(t, site, "nobody", models.RoleMember), may: nothing})
	ofLogs := func(right string, project bool) bool { return !project && logged(right) } // which show what was logged elsewhere
	list = append(list, asker{name: "a member of another project", who: signedIn(t, site, "elsewhere", models.RoleMember), may: ofLogs})
	member(t, site, modelstest.Project(t, site.Store, "Other").ID, "elsewhere", models.AllPermissions()...)
	locked := asker{name: "a locked user", who: signedIn(t, site, "locked", models.RoleAdministrator), stranger: true}
	u, err := site.Store.UserByName(t.Context(), "locked")
	if err != nil {
		t.Fatal(err)
	}
	u.Locked = true
	if _, err := site.Store.SaveUser(t.Context(), modelstest.By(), u); err != nil {
		t.Fatal(err)
	}
	return append(list, locked)
}

// logged are the rights whose pages stand outside of projects and show as much as
// the visitor sees.
func logged(right string) bool { return right == "AUDIT:VIEW" || right == "MONITORING:VIEW" }

func signedIn(t *testing.T, site *handlerstest.Site, name, role string) *handlerstest.Visitor {
	t.Helper()
	if _, err := site.Store.CreateUser(t.Context(), modelstest.By(), models.User{Name: name, Role: role}, secret.New(handlerstest.Password)); err != nil {
		t.Fatal(err)
	}
	return site.SignIn(t, name)
}

// member gives a user exactly these permissions in a project.
func member(t *testing.T, site *handlerstest.Site, projectID, user string, permissions ...models.Permission) {
	t.Helper()
	role, err := site.Store.SaveProjectRole(t.Context(), modelstest.By(), models.ProjectRole{Name: "Only " + user, Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	_, err = site.Store.SaveProjectMember(t.Context(), modelstest.By(), projectID, models.ProjectMember{UserName: user, Roles: []string{role.Name}}, models.AllPermissions())
	if err != nil {
		t.Fatal(err)
	}
}

func readRights(t *testing.T) map[string]string {
	t.Helper()
	table := map[string]string{}
	for line := range strings.Lines(rightsTable) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("line %q", line)
		}
		table[fields[0]+" "+fields[1]] = fields[2]
	}
	return table
}

func TestTheTableOfRightsNamesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	table := readRights(t)
	for _, r := range handlers.RouteTable() {
		if table[r.Method+" "+r.Path] == "" {
			t.Errorf("%s %s is in no table: decide who may, and add it to testdata/rights.txt", r.Method, r.Path)
		}
		delete(table, r.Method+" "+r.Path)
	}
	for route := range table {
		t.Errorf("%s is no route any more", route)
	}
}

// Every route, asked by everybody there is: each is answered exactly as the table
// says, and nobody is answered by a failure.
func TestEveryRouteNeedsItsRight(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	table := readRights(t)
	for _, a := range askers(t, site) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range handlers.RouteTable() {
				if r.Path == "/sign-out" {
					continue // it would end the visit
				}
				checkAnswer(t, a, r, table[r.Method+" "+r.Path])
			}
		})
	}
}

func checkAnswer(t *testing.T, a asker, r handlers.Route, need string) {
	t.Helper()
	if a.stranger && need != "public" {
		refusesStranger(t, a.who, r)
		return
	}
	p := ask(t, a.who, r)
	allowed := need == "public" || need == "signed-in"
	if !allowed {
		allowed = true
		for right := range strings.SplitSeq(need, "+") {
			allowed = allowed && a.may(right, strings.HasPrefix(r.Path, "/projects/:project"))
		}
	}
	if refused := p.Status == http.StatusForbidden; refused == allowed || p.Status == http.StatusUnauthorized || p.Status >= 500 {
		t.Errorf("%s %s needs %s: answered %d, allowed %t", r.Method, r.Path, need, p.Status, allowed)
	}
}

// What is refused must not tell whether it exists.
func TestAttackAProjectOfOthersIsRefusedLikeOneThatIsNot(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := signedIn(t, site, "elsewhere", models.RoleMember)
	member(t, site, modelstest.Project(t, site.Store, "Other").ID, "elsewhere", models.AllPermissions()...)
	for _, path := range []string{"/proxies/orders", "/proxies/absent", "/credentials", "", "/members"} {
		there, absent := v.Get(t, "/projects/Default"+path), v.Get(t, "/projects/Absent"+path)
		if there.Status != http.StatusForbidden || absent.Status != there.Status || there.Text() != absent.Text() {
			t.Errorf("%s: %d and %d", path, there.Status, absent.Status)
		}
	}
	found := v.Get(t, "/palette?"+url.Values{"q": {"orders"}}.Encode())
	if strings.Contains(found.Body, "orders") {
		t.Errorf("the search finds %s", found.Body)
	}
}
