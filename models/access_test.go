package models_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestRolesAreUniqueByExactName(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.role("Admin") // another one than admin
	other := modelstest.Project(t, v.Store, "Other")
	_, err := v.SaveRole(t.Context(), by, other.ID, "", 0, "admin", "")
	wantProblemSaying(t, err, "name", "taken")
	for _, name := range []string{"", "two words", "a,b", `a"b`, "a\tb", strings.Repeat("x", 256)} {
		_, err := v.SaveRole(t.Context(), by, v.project.ID, "", 0, name, "")
		wantProblemSaying(t, err, "name", "role")
	}
	list, total, err := v.Roles(t.Context(), v.project.ID, models.RoleFilter{Query: "ADM"})
	if err != nil || total != 2 || len(list) != 2 {
		t.Errorf("found %v, %d, %v", list, total, err)
	}
}

func TestTheNameOfARoleStays(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	r := v.role("night-shift")
	_, err := v.SaveRole(t.Context(), by, v.project.ID, r.ID, r.Version, "day-shift", "")
	wantProblemSaying(t, err, "name", "stays night-shift")
	saved, err := v.SaveRole(t.Context(), by, v.project.ID, r.ID, r.Version, r.Name, "From ten to six.")
	if err != nil || saved.Description != "From ten to six." || saved.Version != 2 {
		t.Errorf("saved %+v, %v", saved, err)
	}
	_, err = v.SaveRole(t.Context(), by, v.project.ID, r.ID, r.Version, r.Name, "late")
	if stale := wantStale(t, err); stale.Version != 2 {
		t.Errorf("stale at version %d, want 2", stale.Version)
	}
}

func TestARoleInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	held, asked, row, free := v.role("held"), v.role("asked"), v.role("row"), v.role("free")
	v.save(draft("mobile", func(d *models.CredentialDraft) { d.Roles = []string{"held"} }))
	modelstest.Policy(t, v.Store, v.project.ID, "staff-only", func(c *jwtauth.Config) {
		c.GrantType = "PASSWORD"
		c.Authorization = jwtauth.Authorization{
			EnableAuthorization: true, CredentialRoleNameList: []string{"asked"}, EnableMethodAccess: true,
			PolicyAuthorizationMethodDefList: []jwtauth.MethodAccess{{Endpoint: "/x", HTTPMethod: "GET", CredentialRoleNameList: []string{"row"}}},
		}
	})
	for _, c := range []struct {
		role models.Role
		part string
	}{{held, "mobile"}, {asked, "staff-only"}, {row, "staff-only"}} {
		wantProblemSaying(t, v.DeleteRole(t.Context(), by, v.project.ID, c.role.ID, c.role.Version), "name", c.part)
	}
	if err := v.DeleteRole(t.Context(), by, v.project.ID, free.ID, free.Version); err != nil {
		t.Error(err)
	}
	list, _, err := v.Roles(t.Context(), v.project.ID, models.RoleFilter{Sort: "credentials", Desc: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		want := [2]int{}
		switch r.Name {
		case "held":
			want = [2]int{1, 0}
		case "asked", "row":
			want = [2]int{0, 1}
		}
		if got := [2]int{r.Credentials, r.Policies}; got != want {
			t.Errorf("%s is used by %v, want %v", r.Name, got, want)
		}
	}
}

// granted is a vault with two credentials and two proxies.
func granted(t *testing.T) *vault {
	v := newVault(t)
	for _, name := range []string{"anna", "bert"} {
		v.save(draft(name))
	}
	for _, name := range []string{"orders", "stock"} {
		modelstest.Proxy(t, v.Store, v.project.ID, name)
	}
	return v
}

func (v *vault) grant(n models.NewGrants) []models.Grant {
	v.t.Helper()
	list, err := v.GrantAccess(v.t.Context(), by, v.project.ID, n)
	if err != nil {
		v.t.Fatal(err)
	}
	return list
}

func TestAccessIsGrantedToAllOrNone(t *testing.T) {
	t.Parallel()
	v := granted(t)
	past := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		n           models.NewGrants
		field, part string
	}{
		{models.NewGrants{Credentials: []string{"anna", "nobody"}, Proxies: []string{"orders"}}, "credentials", `"nobody"`},
		{models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders", "none"}}, "proxies", `"none"`},
		{models.NewGrants{Proxies: []string{"orders"}}, "credentials", "at least one"},
		{models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}, Expires: past}, "expireTime", "future"},
		{models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}, DeniedMethods: []string{"get"}}, "deniedMethods", `"get"`},
		{models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}, DeniedMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}}, "deniedMethods", "at least one"},
	} {
		_, err := v.GrantAccess(t.Context(), by, v.project.ID, c.n)
		wantProblemSaying(t, err, c.field, c.part)
	}
	if list := v.grant(models.NewGrants{Credentials: []string{"anna", "ANNA", "bert"}, Proxies: []string{"Orders", "stock"}}); len(list) != 4 {
		t.Errorf("%d grants, want 4", len(list))
	}
	_, err := v.GrantAccess(t.Context(), by, v.project.ID, models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}})
	wantProblemSaying(t, err, "credentials", "anna (orders)")
	other := modelstest.Project(t, v.Store, "Other")
	_, err = v.GrantAccess(t.Context(), by, other.ID, models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}})
	wantProblemSaying(t, err, "credentials", "anna")
}

func TestAGrantChangesOnlyAsItWasRead(t *testing.T) {
	t.Parallel()
	v := granted(t)
	g := v.grant(models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"orders"}})[0]
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	now, err := v.ChangeAccess(t.Context(), by, v.project.ID, g.ID, g.Version, ends, []string{"DELETE", "PUT"})
	if err != nil || !now.Expires.Equal(ends) || !slices.Equal(now.DeniedMethods, []string{"PUT", "DELETE"}) {
		t.Fatalf("changed to %+v, %v", now, err)
	}
	_, err = v.ChangeAccess(t.Context(), by, v.project.ID, g.ID, g.Version, time.Time{}, nil)
	if current, ok := wantStale(t, err).Current.(models.Grant); !ok || current.Version != 2 {
		t.Errorf("the error shows %+v", current)
	}
	if err := v.RevokeAccess(t.Context(), by, v.project.ID, g.ID, g.Version); !errors.Is(err, models.ErrStale) {
		t.Errorf("revoke: %v", err)
	}
	if err := v.RevokeAccess(t.Context(), by, v.project.ID, g.ID, now.Version); err != nil {
		t.Fatal(err)
	}
	if a := v.bundled("production", "anna").Access; len(a) != 0 {
		t.Errorf("after revoking it may use %v", a)
	}
	if err := v.RevokeAccess(t.Context(), by, v.project.ID, g.ID, now.Version); !wantStale(t, err).Deleted {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestTheAccessReportSaysWhoMayCallWhat(t *testing.T) {
	t.Parallel()
	v := granted(t)
	v.grant(models.NewGrants{Credentials: []string{"anna", "bert"}, Proxies: []string{"orders", "stock"}, Expires: time.Now().Add(time.Hour)})
	bert, err := v.Credential(t.Context(), v.project.ID, "bert")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.SetCredentialEnabled(t.Context(), by, v.project.ID, bert.ID, bert.Version, false); err != nil {
		t.Fatal(err)
	}
	report := func(f models.AccessFilter, at time.Time) string {
		var lines []string
		err := v.AccessReport(t.Context(), v.project.ID, f, func(g models.Grant) error {
			lines = append(lines, g.Credential+" "+g.Proxy+" "+string(g.State(at)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "; ")
	}
	for _, c := range []struct {
		filter models.AccessFilter
		at     time.Time
		want   string
	}{
		{models.AccessFilter{}, time.Now(), "anna orders in force; bert orders credential disabled; anna stock in force; bert stock credential disabled"},
		{models.AccessFilter{CredentialID: bert.ID}, time.Now(), "bert orders credential disabled; bert stock credential disabled"},
		{models.AccessFilter{Query: "ANN"}, time.Now().Add(2 * time.Hour), "anna orders access expired; anna stock access expired"},
		{models.AccessFilter{OwnerID: "nonsense"}, time.Now(), ""},
	} {
		if got := report(c.filter, c.at); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.filter, got, c.want)
		}
	}
	list, total, err := v.Access(t.Context(), v.project.ID, models.AccessFilter{Page: 2, PerPage: 3})
	if err != nil || total != 4 || len(list) != 1 {
		t.Errorf("page 2: %d of %d, %v", len(list), total, err)
	}
}

func TestAccessGoesWithItsProxyAndItsCredential(t *testing.T) {
	t.Parallel()
	v := granted(t)
	v.grant(models.NewGrants{Credentials: []string{"anna", "bert"}, Proxies: []string{"orders", "stock"}})
	p, err := v.Proxy(t.Context(), v.project.ID, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteOwner(t.Context(), by, v.project.ID, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	anna, err := v.Credential(t.Context(), v.project.ID, "anna")
	if err != nil || anna.Grants != 1 {
		t.Fatalf("%d grants, %v", anna.Grants, err)
	}
	if err := v.DeleteCredential(t.Context(), by, v.project.ID, anna.ID, anna.Version); err != nil {
		t.Fatal(err)
	}
	if _, total, err := v.Access(t.Context(), v.project.ID, models.AccessFilter{}); err != nil || total != 1 {
		t.Errorf("%d grants are left, %v", total, err)
	}
}
