package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// history is where objects of a kind are looked at: own leads to the page of the
// object with an id, of is the page about all of the kind.
type history struct {
	own func(id string) string
	of  string
	// name is the object's, where more than one was made.
	name string
	// without says why there is no page that could lead to what was done.
	without string
}

// histories has every kind of object that is audited.
func histories(at map[string]string) map[string]history {
	owner := func(kind, name string) history {
		return history{own: func(string) string { return link.OwnerOf("Default", kind, name).Page() }}
	}
	fixed := func(path string) func(string) string { return func(string) string { return path } }
	return map[string]history{
		models.KindProject:        {own: fixed(link.ProjectEdit("Default")), of: link.ProjectList},
		models.KindEnvironment:    {own: fixed(link.EnvironmentPage("production")), of: link.Environments},
		models.KindKey:            {own: func(id string) string { return link.Key("production", id) }, of: link.Keys("production")},
		models.KindKeySchedule:    {own: fixed(link.KeySchedule("production"))},
		models.KindUser:           {own: fixed(link.UserEdit("mine")), of: link.Users, name: "mine"},
		models.KindIdentitySource: {own: fixed(link.IdentitySource("Default", at[":source"]))},
		models.KindPolicy:         {own: fixed(link.Policy("Default", at[":type"], at[":policy"])), name: at[":policy"]},
		models.KindProxy:          owner(models.KindProxy, at[":proxy"]),
		models.KindProxyGroup:     owner(models.KindProxyGroup, at[":bundle"]),
		models.KindPolicyGroup:    owner(models.KindPolicyGroup, at[":policygroup"]),
		models.KindRevision:       {without: "the history of an owner has a line for each"},
		models.KindSettings:       {of: link.TokenManagement},
		models.KindTokens:         {of: link.RevokeTokens},
		models.KindCredential:     {own: fixed(link.Credential("Default", at[":credential"])), of: link.Credentials("Default")},
		models.KindRole:           {own: fixed(link.RoleEdit("Default", at[":role"])), of: link.Roles("Default")},
		models.KindAccess:         {own: func(id string) string { return link.AccessEdit("Default", id) }, of: link.Access("Default")},
		models.KindVariable:       {own: fixed(link.VariableEdit("Default", at[":variable"])), of: link.Variables("Default")},
		models.KindEnvironmentVariable: {
			own: func(id string) string { return link.EnvironmentVariableEdit("production", id) }, of: link.EnvironmentVariables("production"),
		},
		models.KindErrorMessage:  {own: link.ErrorMessage, of: link.ErrorMessages},
		models.KindProjectRole:   {own: fixed(link.ProjectRoleEdit("Only reader")), of: link.ProjectRoles, name: "Only reader"},
		models.KindProjectMember: {own: fixed(link.MemberEdit("Default", "mine")), of: link.Members("Default"), name: "mine"},
		models.KindPersonalToken: {without: "a token is its owner's, on the page of their account"},
		models.KindWebSession:    {without: "a session is its owner's, on the page of their account"},
	}
}

// From the page of every object one comes to all that was done with it. A kind that
// is new is missing here first.
func TestThePageOfWhateverIsAuditedLeadsToItsAudit(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	at := auditedSite(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	pages := histories(at)
	for _, kind := range models.AuditKinds() {
		h, ok := pages[kind]
		if !ok || (h.own == nil && h.of == "") == (h.without == "") {
			t.Errorf("%s: where are objects of this kind looked at?", kind)
		}
		if h.own != nil {
			id := recorded(t, site, kind, h.name)
			leadsTo(t, v, h.own(id), link.AuditOf(id))
		}
		if h.of != "" {
			project := ""
			if strings.HasPrefix(h.of, link.Project("Default")) {
				project = "Default"
			}
			leadsTo(t, v, h.of, link.AuditOfKind(kind, project))
		}
	}
}

// auditedSite is a site with an object of every kind, and the parameters of
// addresses for them.
func auditedSite(t *testing.T, site *handlerstest.Site) map[string]string {
	t.Helper()
	ctx, s, by := t.Context(), site.Store, modelstest.By()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	signedIn(t, site, "reader", models.RoleMember)
	member(t, site, site.Project.ID, "reader", models.ViewAudit, models.ViewAPIs)
	modelstest.User(t, s, "mine", models.RoleMember, handlerstest.Password)
	at := furnished(t, site, site.SignIn(t, handlerstest.Administrator), by, site.Project, "mine")
	_, err := s.SaveEnvironmentVariable(ctx, by, "production", "", 0, "STAGE", "live")
	must(err)
	_, err = s.SaveErrorMessage(ctx, by, 0, fault.Message{Type: fault.NotFound, Text: "Not here."})
	must(err)
	_, err = s.SaveKeySchedule(ctx, by, "production", models.KeySchedule{RotateEvery: 30 * 24 * time.Hour, PublishAhead: 24 * time.Hour})
	must(err)
	_, err = s.Revoke(ctx, by, "production", revoke.Entry{Kind: revoke.All}, "test")
	must(err)
	return at
}

// recorded is the id of an object of a kind that was changed; a name says which.
func recorded(t *testing.T, site *handlerstest.Site, kind, name string) string {
	t.Helper()
	list, _, err := site.Store.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: kind, PerPage: 50})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(r models.AuditRecord) bool { return name == "" || r.ObjectName == name })
	if i < 0 {
		t.Fatalf("nothing was done with a %s %s", kind, name)
	}
	return list[i].ObjectID
}

func leadsTo(t *testing.T, v *handlerstest.Visitor, page, audit string) {
	t.Helper()
	p := v.Get(t, page)
	if p.Status != http.StatusOK || !p.Has(`a.Way-audit[href="`+audit+`"]`) {
		t.Errorf("%s: status %d does not lead to %s", page, p.Status, audit)
	}
}

// The link is there for whom the list opens, by the same rule.
func TestOnlyWhoMayReadTheAuditIsLedThere(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	at := auditedSite(t, site)
	reader := site.SignIn(t, "reader")
	page := link.Proxy("Default", at[":proxy"]).Page()
	leadsTo(t, reader, page, reader.Get(t, page).One(t, "a.Way-audit").Attr("href"))
	if p := reader.Get(t, reader.Get(t, page).One(t, "a.Way-audit").Attr("href")); p.Status != http.StatusOK {
		t.Errorf("status %d", p.Status)
	}
	signedIn(t, site, "blind", models.RoleMember)
	may := slices.DeleteFunc(slices.Clone(models.AllPermissions()), func(p models.Permission) bool { return p == models.ViewAudit })
	member(t, site, site.Project.ID, "blind", may...)
	v := site.SignIn(t, "blind")
	asked := 0
	for _, h := range histories(at) {
		for _, page := range []string{h.of, own(h)} {
			if !strings.HasPrefix(page, link.Project("Default")) {
				continue
			}
			asked++
			if p := v.Get(t, page); p.Status != http.StatusOK || p.Has(".Way-audit") {
				t.Errorf("%s: status %d, or it leads to the audit", page, p.Status)
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d pages were asked for", asked)
	}
}

// own is the page of an object that needs no id.
func own(h history) string {
	if h.own == nil || h.own("1") != h.own("2") {
		return ""
	}
	return h.own("")
}
