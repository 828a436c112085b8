package handlers_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
)

// furnished fills a project with one object of every kind, and returns what the
// parameters of addresses are for them. Names begin with prefix.
func furnished(t *testing.T, site *handlerstest.Site, v *handlerstest.Visitor, actor models.Actor, project models.Project, prefix string) map[string]string {
	t.Helper()
	ctx, s, id := t.Context(), site.Store, project.ID
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	company := modelstest.Policy(t, s, id, prefix+"-policy")
	proxy := modelstest.Bind(t, s, modelstest.Proxy(t, s, id, prefix+"-proxy"), company)
	local, err := s.AddBinding(ctx, actor, id, proxy.ID, proxy.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT(prefix + "-local")})
	must(err)
	proxy = modelstest.Reload(t, s, proxy)
	modelstest.Deploy(t, s, proxy, "production")
	_, _, err = s.SaveProxyGroup(ctx, actor, id, models.Owner{Name: prefix + "-bundle", Route: engine.Route{BasePath: "/" + prefix + "-bundle"}, Members: []models.Member{{ID: proxy.ID}}})
	must(err)
	_, _, err = s.SavePolicyGroup(ctx, actor, id, models.Owner{Name: prefix + "-group", Pipeline: policy.Request})
	must(err)
	_, err = s.SaveVariable(ctx, actor, id, "", 0, condition.Variable{Name: prefix + "-variable", Type: condition.Header, HeaderName: "X-Stage"})
	must(err)
	_, err = s.SaveRole(ctx, actor, id, "", 0, prefix+"-role", "")
	must(err)
	credential, _, err := s.SaveCredential(ctx, actor, id, "", 0, models.CredentialDraft{Name: prefix + "-credential", Secret: secret.New("a good secret phrase"), Enabled: true, Tokens: models.DefaultCredentialTokens()})
	must(err)
	grants, err := s.GrantAccess(ctx, actor, id, models.NewGrants{Credentials: []string{credential.Name}, Proxies: []string{proxy.Name}})
	must(err)
	imported, err := s.KeepImport(ctx, actor, id, []byte("username,password\n"+prefix+"-one,a-good-secret-1\n"), models.ImportOptions{})
	must(err)
	bulk, err := s.StartBulkDeploy(ctx, actor, id, models.BulkChoice{Subject: models.BulkSubject{Kind: models.SubjectPolicy, ID: company.ID}, Environment: "production", Kinds: []string{engine.KindProxy}, Filter: models.BulkAll}, "")
	must(err)
	_, err = s.SaveProjectMember(ctx, actor, id, models.ProjectMember{UserName: prefix, Roles: []string{"API Tester"}}, models.AllPermissions())
	must(err)
	_, err = s.SaveIdentitySource(ctx, actor, id, "", 0, modelstest.NewDirectory(identity.LDAP, prefix+"-source"), nil)
	must(err)
	packed, err := s.Export(ctx, id, models.ExportSelection{All: true})
	must(err)
	var file bytes.Buffer
	must(archive.Write(&file, packed))
	kept, err := s.KeepPackage(ctx, actor, session(t, site, v), id, file.Bytes())
	must(err)
	written, _, err := s.Audit(ctx, models.Everywhere, models.AuditFilter{Object: company.ID})
	must(err)
	return map[string]string{
		":id": strconv.FormatInt(written[0].ID, 10), ":side": "after",
		":type": "policy-auth-jwt", ":policy": company.Name, ":proxy": proxy.Name, ":binding": local.ID, ":revision": "1", ":environment": "production",
		":variable": prefix + "-variable", ":role": prefix + "-role", ":credential": credential.Name, ":grant": grants[0].ID, ":import": imported,
		":bulk": bulk, ":source": prefix + "-source", ":kind": "LDAP", ":user": prefix, ":package": kept, ":bundle": prefix + "-bundle", ":policygroup": prefix + "-group",
	}
}

// session is the token of a visitor's session.
func session(t *testing.T, site *handlerstest.Site, v *handlerstest.Visitor) string {
	t.Helper()
	at, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Client.Jar.Cookies(at) {
		if strings.HasSuffix(c.Name, "gatewright-session") {
			return c.Value
		}
	}
	t.Fatal("there is no session")
	return ""
}

// addressed puts values for the parameters of a path; the two kinds of group share
// a parameter.
func addressed(path string, values map[string]string) string {
	group := values[":policygroup"]
	if strings.HasPrefix(path, "proxy-groups/") {
		group = values[":bundle"]
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch {
		case s == ":group":
			segments[i] = group
		case strings.HasPrefix(s, ":"):
			segments[i] = values[s]
		}
	}
	return strings.Join(segments, "/")
}

// Whoever may do everything in one project must reach nothing of another through
// it, whatever names and ids they know: every route that names an object is asked
// for those of another project, and for parts of another project's owners below one
// of their own.
func TestAttackNoObjectOfAnotherProjectIsReached(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	u, err := site.Store.UserByName(t.Context(), handlerstest.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	actor := models.Actor{UserID: u.ID, Name: u.Name}
	for _, name := range []string{"mine", "theirs"} {
		modelstest.User(t, site.Store, name, models.RoleMember, handlerstest.Password)
	}
	mine := furnished(t, site, v, actor, site.Project, "mine")
	theirs := furnished(t, site, v, actor, modelstest.Project(t, site.Store, "Other"), "theirs")
	asked := 0
	for _, r := range handlers.RouteTable() {
		rest, ok := strings.CutPrefix(r.Path, "/projects/:project/")
		if !ok || !namesAnObject(rest) {
			continue
		}
		asked++
		notFound(t, v, r.Method, "/projects/Default/"+addressed(rest, theirs))
		if strings.Contains(rest, ":binding") {
			part := map[string]string{}
			for name, value := range mine {
				part[name] = value
			}
			part[":binding"] = theirs[":binding"]
			notFound(t, v, r.Method, "/projects/Default/"+addressed(rest, part))
		}
		otherKind := strings.HasPrefix(rest, "go-back/") && !strings.HasPrefix(rest, "go-back/settings/")
		if r.Method == http.MethodGet && !partOfOneOwner(rest) && !otherKind {
			if p := v.Get(t, "/projects/Other/"+addressed(rest, theirs)+"?scope=ALL&pipeline=REQUEST&active=true"); p.Status == http.StatusNotFound {
				t.Errorf("%s: what is asked for is not there either, so the question proves nothing", r.Path)
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d routes were asked", asked)
	}
}

// namesAnObject tells whether a path has a parameter that stands for something of a
// project.
func namesAnObject(path string) bool {
	for s := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(s, ":") && s != ":type" && s != ":kind" && s != ":environment" {
			return true
		}
	}
	return false
}

// partOfOneOwner are routes whose object not every owner of the test has: bindings
// and revisions are the proxy's.
func partOfOneOwner(path string) bool {
	part := strings.Contains(path, ":binding") || strings.Contains(path, ":revision") || strings.Contains(path, "undeploy")
	return part && !strings.HasPrefix(path, "proxies/") || strings.HasSuffix(path, "/localize") || strings.HasSuffix(path, "/status")
}

func notFound(t *testing.T, v *handlerstest.Visitor, method, path string) {
	t.Helper()
	var p handlerstest.Page
	if method == http.MethodGet {
		p = v.Get(t, path)
	} else {
		p = v.Post(t, path, url.Values{"confirm": {"theirs"}, "name": {"taken"}, "active": {"true"}, "scope": {"ALL"}, "pipeline": {"REQUEST"}})
	}
	if p.Status != http.StatusNotFound {
		t.Errorf("%s %s is answered %d", method, path, p.Status)
	}
}
