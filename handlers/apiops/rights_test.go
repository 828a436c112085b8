package apiops_test

import (
	_ "embed"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// rightsTable is what every operation needs, written down apart from the code: a
// line is method, path and right; more than one right is joined by a plus. Rights
// that are no permissions: signed-in takes any token, own-business one that is not
// limited, password-token one that was given for a password.
//
//go:embed testdata/rights.txt
var rightsTable string

// permitted is the permission table: who has a right everywhere, by role.
var permitted = map[string]func(right string) bool{
	models.RoleAdministrator:  func(string) bool { return true },
	models.RoleProjectManager: func(right string) bool { return right != "SYSTEM:MANAGE" },
	models.RoleAuditor:        func(right string) bool { return strings.HasSuffix(right, ":VIEW") },
}

// given is what one permission of a role allows in its project: itself, to look at
// its category, and what any permission allows.
func given(p models.Permission) func(right string) bool {
	rights := []string{string(p), p.Category() + ":VIEW", "*:VIEW"}
	if p.Action() == "EXPORT_IMPORT" {
		rights = append(rights, "*:EXPORT_IMPORT")
	}
	return func(right string) bool { return slices.Contains(rights, right) }
}

func nothing(string) bool { return false }

// asker is somebody who asks for every operation. In a project they may do what
// within says, outside of projects what outside says; nil is a token that is none.
type asker struct {
	name, token     string
	within, outside func(right string) bool
	limited         bool // the token is for less than all that its owner may do
	personal        bool // and not given for a password
}

func (a asker) may(need string, project bool) bool {
	allows := a.outside
	if project {
		allows = a.within
	}
	for right := range strings.SplitSeq(need, "+") {
		switch right {
		case "signed-in":
		case "own-business":
			if a.limited {
				return false
			}
		case "password-token":
			if a.personal {
				return false
			}
		default:
			if !allows(right) {
				return false
			}
		}
	}
	return true
}

func (c *client) user(t *testing.T, name, role string) models.User {
	t.Helper()
	return modelstest.User(t, c.site.Store, name, role, handlerstest.Password)
}

// personal is a token that a user made, for what scope says.
func (c *client) personal(t *testing.T, u models.User, scope models.TokenScope) (models.PersonalToken, string) {
	t.Helper()
	made, value, err := c.site.Store.CreatePersonalToken(t.Context(), models.Actor{UserID: u.ID, Name: u.Name}, models.PersonalToken{Name: "for " + t.Name(), Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return made, value.Reveal()
}

// askers are one of each.
func askers(t *testing.T, c *client) []asker {
	t.Helper()
	list := []asker{{name: "a stranger"}, {name: "a locked user", token: c.locked(t)}, {name: "somebody with a token that was revoked", token: c.revoked(t)}}
	for role, everywhere := range permitted {
		u := c.user(t, "as "+strings.ToLower(role), role)
		list = append(list, asker{name: role, token: c.as(t, u.Name).token, within: everywhere, outside: everywhere})
	}
	other := modelstest.Project(t, c.site.Store, "Other")
	for _, p := range models.AllPermissions() {
		name := strings.ToLower(strings.ReplaceAll(string(p), ":", " "))
		list = append(list, asker{name: "a member with " + string(p), token: c.member(t, name, c.site.Project.Name, p).token, within: given(p), outside: nothing})
	}
	c.user(t, "nobody", models.RoleMember)
	list = append(list,
		asker{name: "a member of nothing", token: c.as(t, "nobody").token, within: nothing, outside: nothing},
		asker{name: "a member of another project", token: c.member(t, "elsewhere", other.Name, models.AllPermissions()...).token, within: nothing, outside: nothing},
	)
	return append(list, c.withTokens(t, other)...)
}

// withTokens are those whose token is one that they made.
func (c *client) withTokens(t *testing.T, other models.Project) []asker {
	t.Helper()
	var list []asker
	all := permitted[models.RoleAdministrator]
	ofProjects := func(right string) bool { return !strings.HasPrefix(right, "SYSTEM:") } // the installation is outside of every project
	for name, of := range map[string]struct {
		role            string
		scope           models.TokenScope
		within, outside func(string) bool
	}{
		"a token for all":                    {models.RoleAdministrator, models.TokenScope{}, all, all},
		"a token for one permission":         {models.RoleAdministrator, models.TokenScope{Permissions: models.Permissions{models.ManageAPIs}}, given(models.ManageAPIs), nothing},
		"a token for more than its owner":    {models.RoleAuditor, models.TokenScope{Permissions: models.Permissions{models.ManageAPIs}}, given(models.ViewAPIs), nothing},
		"a token for the installation alone": {models.RoleAdministrator, models.TokenScope{Permissions: models.Permissions{models.ViewSystem}}, given(models.ViewSystem), given(models.ViewSystem)},
		"a token for this project":           {models.RoleAdministrator, models.TokenScope{ProjectID: c.site.Project.ID}, ofProjects, nothing},
		"a token for another project":        {models.RoleAdministrator, models.TokenScope{ProjectID: other.ID}, nothing, nothing},
	} {
		_, value := c.personal(t, c.user(t, name, of.role), of.scope)
		list = append(list, asker{name: name, token: value, within: of.within, outside: of.outside, personal: true, limited: of.scope.ProjectID != "" || of.scope.Permissions != nil})
	}
	return list
}

func (c *client) locked(t *testing.T) string {
	t.Helper()
	u := c.user(t, "locked", models.RoleAdministrator)
	_, value := c.personal(t, u, models.TokenScope{})
	u.Locked = true
	if _, err := c.site.Store.SaveUser(t.Context(), modelstest.By(), u); err != nil {
		t.Fatal(err)
	}
	return value
}

func (c *client) revoked(t *testing.T) string {
	t.Helper()
	u := c.user(t, "careful", models.RoleAdministrator)
	made, value := c.personal(t, u, models.TokenScope{})
	if err := c.site.Store.RevokePersonalToken(t.Context(), modelstest.By(), u.ID, made.ID); err != nil {
		t.Fatal(err)
	}
	return value
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

func TestTheTableOfRightsNamesEveryOperationAndNoOther(t *testing.T) {
	t.Parallel()
	table := readRights(t)
	for _, d := range begin(t).operations() {
		if table[d.method+" "+d.path] == "" {
			t.Errorf("%s %s is in no table: decide who may, and add it to testdata/rights.txt", d.method, d.path)
		}
		delete(table, d.method+" "+d.path)
	}
	for operation := range table {
		t.Errorf("%s is no operation any more", operation)
	}
}

// Every operation, asked by everybody there is: each is answered exactly as the
// table says, and nobody is answered by a failure. What is asked for is not there
// or at another version, so that nothing changes for whoever asks next.
func TestAttackEveryOperationIsOnlyForThoseOfTheTable(t *testing.T) {
	t.Parallel()
	c := begin(t)
	table, operations, list := readRights(t), c.operations(), askers(t, c)
	before := c.written(t)
	t.Run("asked", func(t *testing.T) {
		for _, a := range list {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				for _, d := range operations {
					checkRefusal(t, a, d, table[d.method+" "+d.path], c.status(t, a.token, d))
				}
			})
		}
	})
	if after := c.written(t); after != before {
		t.Errorf("asking wrote %d records of what was done", after-before)
	}
}

func checkRefusal(t *testing.T, a asker, d described, need string, got int) {
	t.Helper()
	want, right := 0, got != http.StatusUnauthorized && got != http.StatusForbidden && got < 500
	switch {
	case need == "public":
	case a.within == nil:
		want = http.StatusUnauthorized
	case !a.may(need, strings.HasPrefix(d.path, "/apiops/projects/{projectName}/")):
		want = http.StatusForbidden
	}
	if want != 0 {
		right = got == want
	}
	if !right {
		t.Errorf("%s %s needs %s: answered %d, want %d (0: not refused)", d.method, d.path, need, got, want)
	}
}

// status asks for an operation without holding the answer against the document,
// which the other tests do.
func (c *client) status(t *testing.T, token string, d described) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), d.method, c.site.URL+d.at(c.site.Project.Name), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", `"never"`)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	_, _ = io.Copy(io.Discard, got.Body) // so that the connection is used again
	return got.StatusCode
}

// written is how many records there are of what was done.
func (c *client) written(t *testing.T) int {
	t.Helper()
	_, found, err := c.site.Store.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Total
}
