package apiops_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// The scenario asks every operation for something that it takes, in an order in
// which each finds what it needs: a team's project from its first day to its last.
// The first request of each operation and its answer are the examples of the
// document (examples_test.go).

// step is one request of the scenario.
type step struct {
	id string
	// with are parameters of this request and the later ones, as name=value; one
	// that begins with ? is of the query and of this request alone. A value that
	// begins with $ is what was kept under that name.
	with string
	body any // JSON as text, url.Values, or files
	// keep is a part of the answer for later, as name=path.
	keep string
	// until is a part of the answer as path=value, until which it is asked again.
	until string
}

// files is a form with files and texts.
type files struct{ files, texts map[string]string }

const (
	specFile = `{"openapi":"3.1.0","info":{"title":"Pet Store","version":"1","description":"All about pets"},` +
		`"servers":[{"url":"https://pets.example.com/v2"}],"paths":{"/pets/{petId}":{"get":{"summary":"One pet","responses":{"200":{"description":"The pet"}}}}}}`
	staff = `"identityProvider":{"kind":"API","name":"staff","description":"Who works here","url":"SERVICE/verify","allowPlaintext":true,"method":"POST",` +
		`"bodyType":"JSON","bodyTemplate":"{\"name\":\"{{username}}\",\"password\":\"{{password}}\"}","rolesPath":"$.roles"}`
	placed     = `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","deploy":true,"deployTargetEnvironmentNameList":["production"],"order":1}`
	twoHeaders = `{"type":"policy-headers","name":"no-server","description":"Tells nobody what answers","changes":[{"action":"REMOVE","name":"Server"}]}`
	people     = "username,password,fullName,email,roles\nanna,choose-one-of-your-own,Anna Example,anna@example.com,reader\nbert,choose-another-one,Bert Example,bert@example.com,\n"
)

func scenario() []step {
	list := []step{
		{id: "healthcheck"}, {id: "openapi"},
		{id: "issueToken", body: url.Values{"grant_type": {"client_credentials"}, "client_id": {handlerstest.Administrator}, "client_secret": {handlerstest.Password}}},
		{id: "hello", with: "name=world"},
		{id: "createProject", body: `{"name":"MyProject","description":"What the team works in"}`}, {id: "listProjects"}, {id: "getProject", with: "projectName=MyProject"},
		{id: "updateProject", body: `{"description":"What the team of the shop works in"}`},
		{id: "createEnvironment", body: `{"name":"staging","type":"TEST","accessUrl":"https://staging.example.com","colour":"amber","description":"Before production"}`},
		{id: "listEnvironments"}, {id: "listProjectEnvironments"}, {id: "getEnvironment", with: "environmentName=staging"},
		{id: "updateEnvironment", body: `{"type":"TEST","accessUrl":"https://staging.example.com","colour":"amber","description":"Where releases are tried"}`},
		{id: "createEnvironmentVariable", body: `{"name":"BACKEND","value":"backend.staging.example.com"}`}, {id: "listEnvironmentVariables"},
		{id: "getEnvironmentVariable", with: "environmentVariableName=BACKEND"}, {id: "updateEnvironmentVariable", body: `{"value":"backend-2.staging.example.com"}`},
		{id: "deleteEnvironmentVariable"},
		{id: "addKey", body: `{"algorithm":"ES256"}`, keep: "first=result.keyId"}, {id: "listKeys"}, {id: "startKey", with: "keyId=$first"}, {id: "getKey"},
		{id: "addKey", body: `{"algorithm":"ES256"}`}, {id: "rotateKey", keep: "second=signs.keyId"}, {id: "retireKey"}, {id: "revokeKey", with: "keyId=$second"},
		{id: "addKey", body: `{"algorithm":"ES256","projectName":"MyProject","name":"partners"}`, keep: "stored=result.keyId"}, {id: "deleteKey", with: "keyId=$stored"},
		{id: "getKeySchedule"}, {id: "updateKeySchedule", body: `{"rotateEveryDays":90,"publishAheadHours":24}`},
		{id: "createVariable", body: `{"name":"tenant","type":"HEADER","headerName":"X-Tenant","description":"Whose data"}`}, {id: "listVariables"}, {id: "getVariable", with: "variableName=tenant"},
		{id: "replaceVariable", body: `{"type":"PARAMETER","paramName":"tenant","paramType":"QUERY"}`}, {id: "deleteVariable"},
		{id: "testNewIdentityProvider", body: `{` + staff + `,"username":"ayse","password":"choose-one-of-your-own"}`},
		{id: "createIdentityProvider", body: `{` + staff + `}`}, {id: "listIdentityProviders", with: "?type=API"}, {id: "getIdentityProvider", with: "identityProviderName=staff"},
		{id: "replaceIdentityProvider", body: `{` + strings.Replace(staff, "Who works here", "Everybody who works here", 1) + `}`},
		{id: "testIdentityProvider", body: `{"username":"ayse","password":"choose-one-of-your-own"}`},
		{id: "createGlobalPolicy", body: `{"type":"policy-auth-jwt","name":"company-wide","description":"What everybody uses","grantType":"PASSWORD","jwtSignatureAlgorithm":"ES256","tokenNeverExpires":false,"tokenExpiresInAmount":15,"tokenExpiresInUnit":"MINUTES","authenticationType":"API","identityProviderName":"staff"}`},
		{id: "listGlobalPolicies", with: "?sort=name"}, {id: "getGlobalPolicy", with: "policyName=company-wide"}, {id: "listIdentityProviderUsage"},
		{id: "updateGlobalPolicy", body: `{"type":"policy-auth-jwt","name":"company-wide","description":"What everybody uses","grantType":"PASSWORD","jwtSignatureAlgorithm":"ES256","tokenNeverExpires":false,"tokenExpiresInAmount":10,"tokenExpiresInUnit":"MINUTES","authenticationType":"SECRET_MANAGER"}`},
		{id: "deleteIdentityProvider"}, {id: "setGlobalPolicyStatus", body: `{"active":false}`}, {id: "setGlobalPolicyStatus", body: `{"active":true}`},
		{id: "duplicateGlobalPolicy", body: `{"name":"partners"}`}, {id: "deleteGlobalPolicy", with: "policyName=partners"},
		{id: "createProxy", body: `{"apiProxyName":"MyAPI","apiProxyDescription":"Orders of the shop","clientRoute":{"relativePathList":["/my-api"],"methodList":["GET","POST"]},"routingInfo":{"routingAddressList":[{"address":"https://backend.example.com/v1"}]},"timeouts":{"connect":2000,"response":30000},"endpoints":[{"name":"/orders/{id}","httpMethod":"GET","description":"One order"}]}`},
		{id: "listProxies"},
		{id: "addProxyPolicy", with: "environmentName=production apiProxyName=MyAPI policyName=jwt-auth-policy", body: seedAdd}, {id: "listProxyPolicies"},
		{id: "updateProxyPolicy", body: seedUpdate}, {id: "getProxy", with: "?withPolicies=true"},
		{id: "replaceProxy", body: `{"apiProxyDescription":"Orders of the shop","clientRoute":{"relativePathList":["/my-api"]},"routingInfo":{"routingAddressList":[{"address":"https://backend.example.com/v1"}]},"endpoints":[{"name":"/orders/{id}","httpMethod":"GET"}]}`},
		{id: "addEndpoint", body: `{"name":"/orders","httpMethod":"POST","description":"A new order"}`}, {id: "listEndpoints"}, {id: "getEndpoint", body: `{"name":"/orders","httpMethod":"POST"}`},
		{id: "changeEndpoint", body: `{"name":"/orders","httpMethod":"POST","newName":"/orders/new","description":"A new order"}`}, {id: "deleteEndpoint", body: `{"name":"/orders/new","httpMethod":"POST"}`},
		{id: "createProxyFromFile", body: files{map[string]string{"specFile": specFile}, map[string]string{"apiProxy": `{"apiProxyName":"pets"}`}}},
		{id: "createProxyFromURL", body: `{"specUrl":"SERVICE/openapi.json","apiProxyName":"animals","clientRoute":{"relativePathList":["/animals"]}}`},
		{id: "reparseProxyFromFile", with: "apiProxyName=pets", body: files{map[string]string{"specFile": specFile}, map[string]string{"apiProxy": `{"keepEndpoints":true}`}}},
		{id: "reparseProxyFromURL", body: `{"specUrl":"SERVICE/openapi.json"}`}, {id: "exportProxy"}, {id: "deleteProxy", with: "apiProxyName=animals ?undeploy=true"},
		{id: "createProxyGroup", body: `{"name":"MyGroup","description":"Everything of the shop","clientRoute":{"relativePathList":["/shop"]},"apiProxyNameList":["MyAPI"]}`}, {id: "listProxyGroups"},
		{id: "addProxyToGroup", with: "apiProxyName=pets apiProxyGroupName=MyGroup"}, {id: "removeProxyFromGroup", with: "apiProxyName=pets"},
		{id: "replaceProxyGroup", body: `{"description":"All of the shop","clientRoute":{"relativePathList":["/shop"]},"apiProxyNameList":["MyAPI"]}`},
		{id: "addProxyGroupPolicy", with: "apiProxyName=MyAPI", body: seedAdd}, {id: "updateProxyGroupPolicy", body: seedUpdate}, {id: "listProxyGroupPolicies"}, {id: "getProxyGroup", with: "?withPolicies=true"},
		{id: "createPolicyGroup", body: `{"name":"MyPolicies","description":"What partners go through","targetPipeline":"REQUEST","policyList":[{"globalPolicyName":"company-wide"}]}`}, {id: "listPolicyGroups"},
		{id: "getPolicyGroup", with: "policyGroupName=MyPolicies"},
		{id: "updatePolicyGroup", body: `{"description":"What partners go through","targetPipeline":"REQUEST","order":10,"policyList":[{"globalPolicyName":"company-wide"},` + twoHeaders + `]}`},
		{id: "listPolicyGroupUsage"},
	}
	for _, k := range []string{"Proxy", "ProxyGroup"} {
		list = append(list, laneSteps(k)...)
	}
	for _, k := range []string{"Proxy", "ProxyGroup", "PolicyGroup"} {
		list = append(list, deploySteps(k)...)
	}
	return append(append(list, credentialSteps()...), peopleSteps()...)
}

// laneSteps are those about the policies of an API proxy or a group.
func laneSteps(k string) []step {
	return []step{
		{id: "add" + k + "Policy", with: "policyName=no-server", body: placed + `,"policy":` + twoHeaders + `}`},
		{id: "switch" + k + "Policy", body: `{"active":false}`}, {id: "switch" + k + "Policies", body: `{"active":true,"targetPipeline":"REQUEST"}`},
		{id: "order" + k + "Policies", body: `{"targetPipeline":"REQUEST","policyNameList":["no-server","jwt-auth-policy"],"deploy":true}`},
		{id: "globalize" + k + "Policy", body: `{"name":"no-server-` + strings.ToLower(k) + `"}`}, {id: "localize" + k + "Policy", with: "policyName=no-server-" + strings.ToLower(k), body: `{"name":"no-server-here"}`},
		{id: "delete" + k + "Policy", with: "policyName=jwt-auth-policy", body: seedDelete},
		{id: "add" + k + "Policy", with: "policyName=company-wide", body: `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"company-wide","deploy":false}}`},
		{id: "rotate" + k + "Secret"},
	}
}

// deploySteps are those about the deploys of a kind, to an environment with a node
// where all is deployed anew at their end.
func deploySteps(k string) []step {
	list := []step{
		{id: "deploy" + k + "ToEnvironment", with: "revision=1", body: `{"description":"First release","persistent":false}`}, {id: "deploy" + k + "ToEnvironment", body: `{"description":"Second release"}`},
		{id: "deploy" + k + "ToEnvironment", body: `{"description":"Third release"}`},
		{id: "get" + k + "RouteHealth"}, {id: "get" + k + "DeployStatus"}, {id: "list" + k + "Revisions"}, {id: "get" + k + "Revision"}, {id: "pin" + k + "Revision", body: `{"persistent":true}`},
		{id: "rollBack" + k, body: `{"description":"The third release was too slow"}`}, {id: "compare" + k, with: "?from=2 ?to=draft"}, {id: "delete" + k + "Revision", with: "revision=2"},
		{id: "undeploy" + k + "FromEnvironment"}, {id: "deploy" + k + "ToEnvironment"},
	}
	if k != "PolicyGroup" {
		return append(list, step{id: "get" + k + "InvokeInfo"})
	}
	const ended = "result.nodes.0.current=true" // and the node has said so
	return append(list,
		step{id: "listNodes", until: "resultList.0.current=true"}, step{id: "listAllNodes", until: "resultList.0.current=true"}, step{id: "listProxyAddresses"}, step{id: "listGlobalPolicyUsage", with: "policyName=company-wide"}, step{id: "getGlobalPolicyImpact"},
		step{id: "deployGlobalPolicy", body: `{"environmentName":"production","filter":"ALL","description":"The new policy of the company"}`, keep: "bulk=result.id"},
		step{id: "getBulkDeploy", with: "bulkDeployId=$bulk", until: ended}, step{id: "listBulkDeploys"}, step{id: "cancelBulkDeploy"}, step{id: "resumeBulkDeploy"},
		step{id: "deployPolicyGroup", body: `{"environmentName":"production","filter":"ALL"}`, keep: "bulk=result.id"}, step{id: "getBulkDeploy", with: "bulkDeployId=$bulk", until: ended},
		step{id: "localizeGlobalPolicy", body: `{"apiProxyName":"MyAPI","name":"company-wide-here"}`},
		step{id: "listPackageTypes"}, step{id: "listPackageObjects", with: "packageType=GLOBAL_POLICY"}, step{id: "exportPackage", body: `{"names":["company-wide"]}`},
		step{id: "importPackage", body: files{
			map[string]string{"exportFile": `{"kind":"GLOBAL_POLICY","name":"visitors","policy":{"type":"policy-auth-jwt","name":"visitors","jwtSignatureAlgorithm":"ES256"}}`}, map[string]string{"override": "true"},
		}},
		step{id: "deletePolicyGroup"}, step{id: "deleteProxyGroup", with: "?undeploy=true"},
	)
}

func credentialSteps() []step {
	return []step{
		{id: "createCredentialRole", body: `{"name":"reader","description":"May read"}`}, {id: "listCredentialRoles"}, {id: "getCredentialRole", with: "roleName=reader"},
		{id: "replaceCredentialRole", body: `{"name":"reader","description":"May read everything"}`},
		{id: "createCredential", body: `{"username":"mobile-app","fullName":"Mobile app","email":"mobile@example.com","ipList":["192.0.2.0/24"],"roleNameList":["reader"],"metadata":[{"key":"tier","value":"gold","includeInJwt":true}],"environments":[{"environmentName":"production","ipList":[]}]}`},
		{id: "listCredentials", with: "?status=enabled"}, {id: "getCredential", with: "username=mobile-app"}, {id: "getCredentialRoleUsage"},
		{id: "replaceCredential", body: `{"username":"mobile-app","fullName":"Mobile app of the shop","roleNameList":["reader"],"metadata":[{"key":"tier","value":"gold"}]}`},
		{id: "changeCredentialPassword", body: `{"password":"choose-one-of-your-own"}`}, {id: "rotateCredentialSecret"}, {id: "setCredentialStatus", body: `{"enabled":true}`},
		{id: "changeCredentialTokens", body: `{"tokenNeverExpires":false,"tokenExpiresInAmount":5,"tokenExpiresInUnit":"MINUTES"}`}, {id: "resetCredentialTokens"},
		{id: "addCredentialAccess", body: `{"credentialAccessList":[{"name":"MyAPI"}]}`}, {id: "changeCredentialAccess", body: `{"credentialAccessList":[{"name":"MyAPI","disallowedMethodList":["DELETE"]}]}`},
		{id: "listCredentialAccess"}, {id: "endCredentialAccess", body: `{"credentialAccessList":[{"name":"MyAPI"}]}`}, {id: "deleteCredential"},
		{id: "planCredentialImport", body: files{map[string]string{"file": people}, map[string]string{"override": "true"}}},
		{id: "startCredentialImport", body: files{map[string]string{"file": people}, map[string]string{"override": "true"}}, keep: "import=result.id"},
		{id: "getCredentialImport", with: "credentialImportId=$import", until: "result.state=DONE"}, {id: "createCredentialRole", body: `{"name":"nobody"}`}, {id: "deleteCredentialRole", with: "roleName=nobody"},
	}
}

func peopleSteps() []step {
	return []step{
		{id: "createUser", body: `{"username":"mehmet","password":"` + handlerstest.Password + `","fullName":"Mehmet Example","email":"mehmet@example.com","role":"MEMBER"}`}, {id: "listUsers", with: "?role=MEMBER"}, {id: "getUser", with: "userName=mehmet"},
		{id: "replaceUser", body: `{"fullName":"Mehmet Example","email":"mehmet@example.com","role":"MEMBER"}`},
		{id: "createRole", body: `{"name":"Release manager","description":"Deploys what others have made","permissions":["API_MANAGEMENT:VIEW","API_MANAGEMENT:DEPLOY_UNDEPLOY"]}`}, {id: "listRoles"},
		{id: "getRole", with: "projectRoleName=Release%20manager"}, {id: "replaceRole", body: `{"name":"Release manager","permissions":["API_MANAGEMENT:VIEW","API_MANAGEMENT:DEPLOY_UNDEPLOY","MONITORING:VIEW"]}`},
		{id: "listGivableRoles"}, {id: "addProjectMember", body: `{"username":"mehmet","roleNameList":["Release manager"]}`}, {id: "listMembers"}, {id: "getMember"},
		{id: "replaceMember", body: `{"roleNameList":["Release manager","API Tester"]}`}, {id: "removeProjectMember"}, {id: "deleteRole"},
		{id: "listUserSessions", keep: "session=resultList.0.id"}, {id: "endUserSession", with: "sessionId=$session"}, {id: "listUserTokens"}, {id: "revokeUserToken", with: "tokenName=nightly"},
		{id: "resetUserPassword"}, {id: "deleteUser"},
		{id: "getMe"}, {id: "listMySessions", keep: "mine=resultList.0.id"}, {id: "endMySession", with: "sessionId=$mine"},
		{id: "createMyToken", body: `{"name":"pipeline","permissions":["API_MANAGEMENT:VIEW","API_MANAGEMENT:DEPLOY_UNDEPLOY"],"projectName":"MyProject","expiresAt":"2030-01-31T08:00:00Z"}`}, {id: "listMyTokens"}, {id: "revokeMyToken", with: "tokenName=pipeline"},
		{id: "getTokenManagement"}, {id: "replaceTokenManagement", body: `{"scopeMismatch":"STRICT","refreshGraceSeconds":10}`}, {id: "getRetention"}, {id: "replaceRetention", body: `{"tokenRequestDays":90}`},
		{id: "getErrorMessage", with: "errorType=APIPROXY_NOTFOUND"},
		{id: "customizeErrorMessage", body: `{"customizedHttpStatusCode":410,"customizedMessage":"This API is no more","errorResponseRuleList":[{"name":"for machines","active":true,"contentType":"application/json","messageTemplate":"{\"message\":\"#FAULTMESSAGE#\"}"}]}`},
		{id: "listErrorMessages", with: "?customized=true"}, {id: "resetErrorMessage"},
		{id: "listAuditEvents", with: "?kind=PROJECT", keep: "event=resultList.0.id"}, {id: "getAuditEvent", with: "auditEventId=$event"},
		{id: "listProjectAuditEvents", with: "?kind=PROJECT", keep: "event=resultList.0.id"}, {id: "getProjectAuditEvent", with: "auditEventId=$event"},
		{id: "listTokenRequests", keep: "event=resultList.0.id"}, {id: "getTokenRequest", with: "tokenRequestId=$event"}, {id: "listProjectTokenRequests", with: "?outcome=issued"}, {id: "getProjectTokenRequest"},
		{id: "listSecurityEvents", keep: "event=resultList.0.id"}, {id: "getSecurityEvent", with: "securityEventId=$event"}, {id: "listProjectSecurityEvents", keep: "event=resultList.0.id"},
		{id: "getProjectSecurityEvent", with: "securityEventId=$event"},
		{id: "listRefusals"}, {id: "listProjectRefusals"}, {id: "listLogins", keep: "login=resultList.0.session"}, {id: "listProjectLogins"},
		{id: "endLogin", with: "session=$login"}, {id: "revokeTokens", body: `{"kind":"USER","key":"ayse","projectName":"MyProject","reason":"A lost telephone"}`},
		{id: "deleteEnvironment", with: "environmentName=staging"},
		{id: "deleteProxy", with: "apiProxyName=MyAPI ?undeploy=true"}, {id: "deleteProxy", with: "apiProxyName=pets"}, {id: "deleteProject"},
	}
}

// walker goes through the scenario.
type walker struct {
	*client
	service string
	names   map[string]string // of the parameters of paths
	kept    map[string]string
	byID    map[string]described
}

// ofTheProduct are the kinds of identity source that the product has.
func ofTheProduct(o *handlers.Options) {
	o.Identities = identity.Kinds{ldap.Kind(), database.Kind(postgres.Driver(), mysql.Driver()), api.Kind()}
}

// beginWhole is a client of a site like the product, down to the store.
func beginWhole(t testing.TB) *client {
	t.Helper()
	return begin(t, ofTheProduct, func(o *handlers.Options) {
		o.Store = modelstest.Beside(t, o.Store, func(s *models.Options) { s.Identities = o.Identities })
	})
}

// newWalker is on a site whose environment production has a gateway node that takes
// over what is deployed.
func newWalker(t *testing.T) *walker {
	t.Helper()
	c := beginWhole(t)
	w := &walker{client: c, names: map[string]string{}, kept: map[string]string{}, byID: map[string]described{}}
	for _, d := range c.operations() {
		w.byID[d.OperationID] = d
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.json" {
			_, _ = w.Write([]byte(specFile)) // a failed write is seen by the client
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"roles":["clerk"]}`))
	}))
	t.Cleanup(service.Close)
	w.service = service.URL
	w.runNode(t)
	return w
}

// runNode is a node of production that has always taken over the last change.
func (w *walker) runNode(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	report := func() error {
		e, err := w.site.Store.Environment(ctx, "production")
		if err != nil {
			return err
		}
		return w.site.Store.ReportNode(ctx, models.NodeReport{Node: "gw-1", Environment: "production", Generation: e.Generation, OK: true})
	}
	must(t, report())
	go func() {
		defer close(over)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				if err := report(); err != nil && ctx.Err() == nil {
					t.Errorf("the node reports nothing: %v", err)
				}
			}
		}
	}()
	t.Cleanup(func() { stop(); <-over })
}

// prepare puts in place what no operation makes, before the step that needs it.
func (w *walker) prepare(t *testing.T, id string) {
	t.Helper()
	s := w.site.Store
	switch id {
	case "listUserSessions":
		u, err := s.UserByName(t.Context(), "mehmet")
		must(t, err)
		_, _, err = s.CreatePersonalToken(t.Context(), models.Actor{UserID: u.ID, Name: u.Name}, models.PersonalToken{Name: "nightly"})
		must(t, err)
		w.site.SignIn(t, u.Name)
	case "listMySessions":
		w.site.SignIn(t, handlerstest.Administrator)
	case "listTokenRequests":
		w.happens(t, "MyProject", w.site.Clock.Now().Add(-10*time.Minute))
	}
}

// request is that of a step.
func (w *walker) request(t *testing.T, s step) (described, call) {
	t.Helper()
	d, known := w.byID[s.id]
	if !known {
		t.Fatalf("there is no operation %s", s.id)
	}
	query := url.Values{}
	for pair := range strings.FieldsSeq(s.with) {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		must(t, err)
		if kept, ok := w.kept[strings.TrimPrefix(value, "$")]; ok && strings.HasPrefix(value, "$") {
			value = kept
		}
		if asked, ok := strings.CutPrefix(name, "?"); ok {
			query.Set(asked, value)
		} else {
			w.names[name] = value
		}
	}
	with := call{method: d.method, body: w.bodyOf(t, s.body)}
	with.path = parameter.ReplaceAllStringFunc(d.path, func(p string) string { return url.PathEscape(w.names[strings.Trim(p, "{}")]) })
	if len(query) > 0 {
		with.path += "?" + query.Encode()
	}
	return d, with
}

func (w *walker) bodyOf(t *testing.T, body any) any {
	t.Helper()
	switch v := body.(type) {
	case string:
		return strings.ReplaceAll(v, "SERVICE", w.service)
	case files:
		return parts(t, v.files, v.texts)
	case nil:
		return nil
	}
	return body
}

// walk goes through all steps and tells of every exchange.
func (w *walker) walk(t *testing.T, each func(step, described, call, answer)) {
	t.Helper()
	for _, s := range scenario() {
		w.prepare(t, s.id)
		d, with := w.request(t, s)
		a := w.do(t, with)
		for end := time.Now().Add(time.Minute); s.until != "" && time.Now().Before(end); a = w.do(t, with) {
			path, value, _ := strings.Cut(s.until, "=")
			if part(a.json(t), path) == value {
				break
			}
		}
		if a.Status >= http.StatusMultipleChoices {
			t.Fatalf("%s %s %v is answered %d: %s", s.id, with.path, s.body, a.Status, a.Body)
		}
		if name, path, ok := strings.Cut(s.keep, "="); ok {
			if w.kept[name] = part(a.json(t), path); w.kept[name] == "" {
				t.Fatalf("%s has no %s: %s", s.id, path, a.Body)
			}
		}
		each(s, d, with, a)
	}
}
