package apiops_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// furnished fills a project with one object of every kind, and returns what the
// parameters of paths are for them. Names begin with prefix. It
// is deployed as often as deploys says, so that there are revisions of one project
// whose numbers the other one has not (a bulk deploy makes one more).
func (c *client) furnished(t *testing.T, project, prefix string, deploys int) map[string]string {
	t.Helper()
	s, p := c.site.Store, "/apiops/projects/"+project+"/"
	id := modelstest.Project(t, s, project).ID
	company := modelstest.Policy(t, s, id, prefix+"-policy")
	modelstest.Bind(t, s, modelstest.Proxy(t, s, id, prefix+"-proxy"), company)
	_, err := s.SaveIdentitySource(t.Context(), modelstest.By(), id, "", 0, modelstest.NewDirectory(identity.LDAP, prefix+"-source"), nil)
	must(t, err)
	c.user(t, prefix, models.RoleMember)
	for _, made := range []struct{ at, body string }{
		{"variables/", `{"name":"PREFIX-variable","type":"HEADER","headerName":"X-Stage"}`},
		{"credentialRoles/", `{"name":"PREFIX-role"}`},
		{"credentials/", `{"username":"PREFIX-credential","password":"a good secret phrase"}`},
		{"members/", `{"username":"PREFIX","roleNameList":["API Tester"]}`},
		{"policyGroups/", `{"name":"PREFIX-group","targetPipeline":"REQUEST","policyList":[{"globalPolicyName":"PREFIX-policy"}]}`},
		{"apiProxyGroups/", `{"name":"PREFIX-bundle","clientRoute":{"relativePathList":["/PREFIX-bundle"]},"apiProxyNameList":["PREFIX-proxy"]}`},
		{"apiProxyGroups/PREFIX-bundle/policies/PREFIX-policy/", `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"PREFIX-policy","deploy":false}}`},
	} {
		c.make(t, http.MethodPost, p+called(made.at, prefix), called(made.body, prefix))
	}
	c.make(t, http.MethodPut, p+called("credentials/PREFIX-credential/access/", prefix), called(`{"credentialAccessList":[{"name":"PREFIX-proxy"}]}`, prefix))
	for range deploys {
		for _, owner := range []string{"apiProxies/PREFIX-proxy/", "apiProxyGroups/PREFIX-bundle/", "policyGroups/PREFIX-group/"} {
			c.make(t, http.MethodPost, p+called(owner, prefix)+"environments/production/", "")
		}
	}
	bulk, _ := c.make(t, http.MethodPost, p+called("globalPolicies/PREFIX-policy/deploy/", prefix), `{"environmentName":"production","filter":"ALL"}`)["result"].(map[string]any)
	imported := c.sends(t, p+"credentialImports/", "username#password\n"+prefix+"-import#a good secret phrase\n", nil)
	c.imported(t, p, imported)
	written, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Object: company.ID})
	must(t, err)
	return map[string]string{
		"{projectName}": project, "{environmentName}": "production", "{packageType}": "GLOBAL_POLICY",
		"{apiProxyName}": prefix + "-proxy", "{apiProxyGroupName}": prefix + "-bundle", "{policyGroupName}": prefix + "-group", "{policyName}": prefix + "-policy",
		"{variableName}": prefix + "-variable", "{roleName}": prefix + "-role", "{username}": prefix + "-credential", "{userName}": prefix,
		"{identityProviderName}": prefix + "-source", "{credentialImportId}": part(any(imported.json(t)), "result.id"), "{revision}": strconv.Itoa(deploys), "{bulkDeployId}": bulk["id"].(string),
		"{auditEventId}": strconv.FormatInt(written[0].ID, 10), "{tokenRequestId}": c.logged(t, p+"tokenRequests/"), "{securityEventId}": c.logged(t, p+"securityEvents/"),
	}
}

func called(text, prefix string) string { return strings.ReplaceAll(text, "PREFIX", prefix) }

// make asks for what a test cannot do without.
func (c *client) make(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	a := c.send(t, method, path, body)
	if a.Status >= 300 {
		t.Fatalf("%s %s answers %d: %s", method, path, a.Status, a.Body)
	}
	return a.json(t)
}

// logged is the id of the newest record of a log.
func (c *client) logged(t *testing.T, path string) string {
	t.Helper()
	list := c.get(t, path).want(t, http.StatusOK).json(t)["resultList"].([]any)
	return fmt.Sprint(list[0].(map[string]any)["id"])
}

// addressed puts values for the parameters of a path.
func (d described) addressed(values map[string]string) string {
	return parameter.ReplaceAllStringFunc(d.path, func(name string) string { return values[name] })
}

// objects are the parameters that stand for something of a project.
func (d described) objects() []string {
	var list []string
	for _, name := range parameter.FindAllString(d.path, -1) {
		isNew := d.method == http.MethodPost && strings.HasSuffix(d.path, "/policies/"+name+"/")
		if name != "{projectName}" && name != "{environmentName}" && name != "{packageType}" && !isNew {
			list = append(list, name)
		}
	}
	return list
}

// whole are bodies of operations that look at what is sent before they look for
// what it is about, by the end of their address.
var whole = map[string]any{
	"PATCH /credentials/{username}/status/":  `{"enabled":true}`,
	"PUT /credentials/{username}/access/":    `{"credentialAccessList":[{"name":"mine-proxy"}]}`,
	"PATCH /credentials/{username}/access/":  `{"credentialAccessList":[{"name":"mine-proxy"}]}`,
	"DELETE /credentials/{username}/access/": `{"credentialAccessList":[{"name":"mine-proxy"}]}`,
	"PATCH /credentials/{username}/":         `{"password":"another good phrase"}`,
	"PATCH /policies/status/":                `{"targetPipeline":"REQUEST","active":true}`,
	"PATCH /policies/{policyName}/status/":   `{"targetPipeline":"REQUEST","active":true}`,
	"POST /policies/{policyName}/":           `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"mine-policy","deploy":false}}`,
	"PUT /policies/{policyName}/":            `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","deploy":false},"policy":{"type":"policy-auth-jwt","name":"theirs-policy","jwtSignatureAlgorithm":"ES256"}}`,
	"DELETE /policies/{policyName}/":         `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST"}}`,
	"PATCH /deploy-histories/{revision}/":    `{"persistent":true}`,
}

// wholeBody is something to send that is as it should be.
func (d described) wholeBody(t *testing.T) any {
	t.Helper()
	if strings.HasSuffix(d.path, "/file/") {
		return parts(t, map[string]string{"specFile": `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"x"}}}}}}`}, nil)
	}
	for end, body := range whole {
		method, path, _ := strings.Cut(end, " ")
		if method == d.method && strings.HasSuffix(d.path, path) {
			return body
		}
	}
	return d.body()
}

// Whoever may do everything in one project must reach nothing of another through
// it, whatever names and ids they know: every operation that names an object is
// asked for those of another project, and for parts of another project's owners
// below one of their own.
func TestAttackNoObjectOfAnotherProjectIsReached(t *testing.T) {
	t.Parallel()
	c := happened(t)
	mine, theirs := c.furnished(t, "Default", "mine", 1), c.furnished(t, "Other", "theirs", 3)
	asked := 0
	for _, d := range c.operations() {
		objects := d.objects()
		if len(objects) == 0 || !strings.HasPrefix(d.path, "/apiops/projects/{projectName}/") {
			continue
		}
		asked++
		for i := range objects {
			values := maps.Clone(mine)
			for _, name := range objects[i:] { // all of it is theirs, then only the end
				values[name] = theirs[name]
			}
			if a := c.do(t, call{method: d.method, path: d.addressed(values), body: d.wholeBody(t), wrong: true}); a.Status != http.StatusNotFound {
				t.Errorf("%s %s is answered %d: %s", d.method, d.addressed(values), a.Status, a.Body)
			}
		}
		if d.method != http.MethodGet {
			continue
		}
		if a := c.do(t, call{method: d.method, path: d.addressed(theirs), wrong: true}); a.Status == http.StatusNotFound {
			t.Errorf("%s: what is asked for is not there either, so the question proves nothing", d.addressed(theirs))
		}
	}
	if asked < 100 {
		t.Errorf("only %d operations were asked", asked)
	}
}

// What bodies name is looked for in the project of the address, too.
func TestAttackNoBodyNamesAnObjectOfAnotherProject(t *testing.T) {
	t.Parallel()
	c := happened(t)
	c.furnished(t, "Default", "mine", 1)
	c.furnished(t, "Other", "theirs", 1)
	const place = `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"RESPONSE","globalPolicyName":"PREFIX-policy","deploy":false}}`
	for what, with := range map[string]struct{ method, at, body, field string }{
		"an API proxy in a new group":           {"POST", "apiProxyGroups/", `{"name":"taken","clientRoute":{"relativePathList":["/taken"]},"apiProxyNameList":["PREFIX-proxy"]}`, "apiProxyNameList[0]"},
		"an API proxy in a group":               {"PUT", "apiProxyGroups/mine-bundle/", `{"clientRoute":{"relativePathList":["/mine-bundle"]},"apiProxyNameList":["PREFIX-proxy"]}`, "apiProxyNameList[0]"},
		"a global policy in a new policy group": {"POST", "policyGroups/", `{"name":"taken","targetPipeline":"REQUEST","policyList":[{"globalPolicyName":"PREFIX-policy"}]}`, "policyList[0].globalPolicyName"},
		"a global policy in a policy group":     {"PUT", "policyGroups/mine-group/", `{"targetPipeline":"REQUEST","policyList":[{"globalPolicyName":"PREFIX-policy"}]}`, "policyList[0].globalPolicyName"},
		"a global policy on an API proxy":       {"POST", "apiProxies/mine-proxy/policies/PREFIX-policy/", place, "operationMetadata.globalPolicyName"},
		"a global policy on a group":            {"POST", "apiProxyGroups/mine-bundle/policies/PREFIX-policy/", place, "operationMetadata.globalPolicyName"},
		"an order of policies":                  {"PUT", "apiProxies/mine-proxy/policyOrder/", `{"targetPipeline":"REQUEST","policyNameList":["PREFIX-policy"]}`, "policyNameList"},
		"the place of a copy in an API proxy":   {"POST", "globalPolicies/mine-policy/localize/", `{"apiProxyName":"PREFIX-proxy"}`, "apiProxyName"},
		"the place of a copy in a group":        {"POST", "globalPolicies/mine-policy/localize/", `{"apiProxyGroupName":"PREFIX-bundle"}`, "apiProxyGroupName"},
		"the place of a copy in a policy group": {"POST", "globalPolicies/mine-policy/localize/", `{"policyGroupName":"PREFIX-group"}`, "policyGroupName"},
		"an identity source":                    {"POST", "globalPolicies/", `{"type":"policy-auth-jwt","name":"taken","jwtSignatureAlgorithm":"ES256","authenticationType":"LDAP","identityProviderName":"PREFIX-source"}`, "identityProviderName"},
		"access to an API proxy":                {"PUT", "credentials/mine-credential/access/", `{"credentialAccessList":[{"name":"PREFIX-proxy"}]}`, "credentialAccessList[0].name"},
		"access to a group":                     {"PUT", "credentials/mine-credential/access/", `{"credentialAccessList":[{"name":"PREFIX-bundle","type":"API_PROXY_GROUP"}]}`, "credentialAccessList[0].name"},
		"a change of access":                    {"PATCH", "credentials/mine-credential/access/", `{"credentialAccessList":[{"name":"PREFIX-proxy"}]}`, "credentialAccessList[0].name"},
		"an end of access":                      {"DELETE", "credentials/mine-credential/access/", `{"credentialAccessList":[{"name":"PREFIX-proxy"}]}`, "credentialAccessList[0].name"},
		"a role of a new credential":            {"POST", "credentials/", `{"username":"taken","password":"a good secret phrase","roleNameList":["PREFIX-role"]}`, "roleNameList"},
		"a role of a credential":                {"PUT", "credentials/mine-credential/", `{"roleNameList":["PREFIX-role"]}`, "roleNameList"},
		"an object of a package":                {"POST", "export-import/GLOBAL_POLICY/export/", `{"names":["PREFIX-policy"]}`, "names"},
	} {
		asked := func(prefix string) answer {
			return c.do(t, call{method: with.method, path: "/apiops/projects/Default/" + called(with.at, prefix), body: called(with.body, prefix), wrong: true})
		}
		a, nothing := asked("theirs"), asked("absent")
		if without(strings.ReplaceAll(a.Body, "theirs", "absent")) != without(nothing.Body) {
			t.Errorf("%s of another project can be told from one that is not there:\n%s\n%s", what, a.Body, nothing.Body)
		}
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"field":"`+with.field+`"`) {
			t.Errorf("%s is answered %d: %s", what, a.Status, a.Body)
		}
	}
}
