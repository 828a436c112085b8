package apiops_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
)

// A package is judged by what reads it, not by the document.
func init() { openapi3filter.RegisterBodyDecoder("application/zip", openapi3filter.FileBodyDecoder) }

func exchange(project string) string { return "/apiops/projects/" + project + "/export-import/" }

// importing is an upload with fields beside it, by name and value.
func importing(t *testing.T, content []byte, fields ...string) upload {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if content != nil {
		file, err := w.CreateFormFile("exportFile", "package.zip")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write(content) // to memory
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return upload{w.FormDataContentType(), b.Bytes()}
}

func (c *client) imports(t *testing.T, path string, content []byte, fields ...string) answer {
	t.Helper()
	return c.do(t, call{method: http.MethodPost, path: path, body: importing(t, content, fields...)})
}

// stocked is a project with a proxy that has a global policy, which names an
// identity source, and with a policy group.
func stocked(t *testing.T, c *client) models.Project {
	t.Helper()
	s, project := c.site.Store, modelstest.Project(t, c.site.Store, "Shop")
	if _, err := s.SaveIdentitySource(t.Context(), modelstest.By(), project.ID, "", 0, modelstest.NewDirectory(identity.LDAP, "Staff"), map[string]secret.Text{"bindPassword": secret.New("hunter2")}); err != nil {
		t.Fatal(err)
	}
	company := modelstest.Policy(t, s, project.ID, "Company", func(j *jwtauth.Config) {
		j.GrantType, j.AuthenticationType, j.IdentityProviderName = issue.Password, identity.LDAP, "Staff"
	})
	modelstest.Policy(t, s, project.ID, "Other")
	modelstest.Bind(t, s, modelstest.Proxy(t, s, project.ID, "orders"), company)
	if _, _, err := s.SaveWholePolicyGroup(t.Context(), modelstest.By(), project.ID, models.Owner{Name: "Base", Pipeline: policy.Request}, []models.GroupPolicy{{Global: "Company"}}); err != nil {
		t.Fatal(err)
	}
	return project
}

// held are the objects of a package.
func held(t *testing.T, a answer) string {
	t.Helper()
	p, err := archive.Read([]byte(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, o := range p.Objects {
		list = append(list, string(o.Base().Kind)+"/"+o.Base().Name)
	}
	return strings.Join(list, " ")
}

func TestPackagesAreExported(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stocked(t, c)
	at := exchange("Shop")
	c.get(t, at+"types/").want(t, http.StatusOK).holds(t, `{"totalCount":7}`)
	if got := listed(t, c.get(t, at+"GLOBAL_POLICY/objects/?filter=COMP").want(t, http.StatusOK)); got != "Company" {
		t.Errorf("the objects are %s", got)
	}
	c.get(t, at+"GLOBAL_POLICY/objects/?pageSize=1").want(t, http.StatusOK).holds(t, `{"resultCount":1,"totalCount":2}`)
	c.do(t, call{method: http.MethodGet, path: at + "GLOBAL_POLICY/objects/?pageSize=0", wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "pageSize")
	c.get(t, at+"NOTHING/objects/").want(t, http.StatusNotFound)
	for _, with := range []struct{ path, body, want string }{
		{"GLOBAL_POLICY/export/", `{"names":["company"]}`, "GLOBAL_POLICY/Company"},
		{"GLOBAL_POLICY/export/?withDependencies=true", `{"names":["Company","Other"]}`, "IDENTITY_SERVICE/Staff GLOBAL_POLICY/Company GLOBAL_POLICY/Other"},
		{"POLICY_GROUP/export/?withDependencies=true", `{"names":["Base"],"dependencies":[{"type":"GLOBAL_POLICY","name":"Company"}]}`, "GLOBAL_POLICY/Company POLICY_GROUP/Base"},
	} {
		a := c.send(t, http.MethodPost, at+with.path, with.body).want(t, http.StatusOK)
		if got := held(t, a); got != with.want || a.Header.Get("Content-Type") != "application/zip" {
			t.Errorf("%s %s holds %s, want %s", with.path, with.body, got, with.want)
		}
		if strings.Contains(a.Body, "hunter2") {
			t.Error("a secret has gone along")
		}
	}
	named := c.send(t, http.MethodPost, at+"GLOBAL_POLICY/export/", `{"names":["Company"],"fileName":"mine ü.zip"}`)
	if got := named.Header.Get("Content-Disposition"); got != `attachment; filename*=utf-8''mine%20%C3%BC.zip` {
		t.Errorf("the file is called %s", got)
	}
	// A repetition is a fresh copy: nothing was done that could be done twice.
	again := call{method: http.MethodPost, path: at + "GLOBAL_POLICY/export/", body: `{"names":["Company"]}`, header: map[string]string{"Idempotency-Key": "once"}}
	if first, second := c.do(t, again).want(t, http.StatusOK), c.do(t, again).want(t, http.StatusOK); first.Body != second.Body || second.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the repetition of an export differs")
	}
	proxy := "/apiops/projects/Shop/apiProxies/ORDERS/export/"
	if got := held(t, c.get(t, proxy).want(t, http.StatusOK)); got != "API_PROXY/orders" {
		t.Errorf("the proxy is exported as %s", got)
	}
	if got := held(t, c.get(t, proxy+"?withDependencies=true").want(t, http.StatusOK)); got != "IDENTITY_SERVICE/Staff GLOBAL_POLICY/Company API_PROXY/orders" {
		t.Errorf("the proxy is exported with %s", got)
	}
	c.do(t, call{method: http.MethodGet, path: proxy + "?withDependencies=1", wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "withDependencies")
	for body, field := range map[string]string{
		`{}`:                                     "names",
		`{"names":["Company","nope"]}`:           "names",
		`{"names":["Company"],"fileName":"a/b"}`: "fileName",
		`{"names":["Company"],"dependencies":[{"type":"NOPE","name":"x"}]}`: "dependencies[0].type",
	} {
		c.do(t, call{method: http.MethodPost, path: at + "GLOBAL_POLICY/export/", body: body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
}

func passphrase(text string) map[string]string {
	return map[string]string{"X-Package-Passphrase": base64.StdEncoding.EncodeToString([]byte(text))}
}

func TestAPassphraseHidesAPackage(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stocked(t, c)
	const words = "correct horse battery"
	export := call{method: http.MethodPost, path: exchange("Shop") + "GLOBAL_POLICY/export/", body: `{"names":["Other"]}`, header: passphrase(words)}
	sealed := c.do(t, export).want(t, http.StatusOK)
	if !archive.Sealed([]byte(sealed.Body)) || sealed.Header.Get("Content-Type") != "application/octet-stream" {
		t.Error("the package is open")
	}
	for what, header := range map[string]map[string]string{"short": passphrase("short"), "not base64": {"X-Package-Passphrase": "%"}} {
		export.header = header
		if a := c.do(t, export); a.Status != http.StatusBadRequest {
			t.Errorf("a passphrase that is %s is taken", what)
		} else {
			a.namesFields(t, "X-Package-Passphrase")
		}
	}
	in := call{method: http.MethodPost, path: exchange("Default") + "GLOBAL_POLICY/import/", body: importing(t, []byte(sealed.Body))}
	for _, header := range []map[string]string{nil, passphrase("another horse battery"), {"X-Package-Passphrase": "%"}} {
		in.header = header
		c.do(t, in).want(t, http.StatusBadRequest).namesFields(t, "X-Package-Passphrase")
	}
	in.header = map[string]string{"X-Apinizer-Package-Passphrase": passphrase(words)["X-Package-Passphrase"]}
	c.do(t, in).want(t, http.StatusOK).holds(t, `{"applied":true,"created":1}`)
	c.get(t, globals+"Other/").want(t, http.StatusOK)
}

func TestPackagesAreImported(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stocked(t, c)
	s := c.site.Store
	proxy := []byte(c.get(t, "/apiops/projects/Shop/apiProxies/orders/export/?withDependencies=true").Body)
	at := exchange("Default") + "API_PROXY/import/"
	move := `{"choices":[{"type":"API_PROXY","name":"orders","relativePath":"/mine"}]}`
	c.imports(t, at, proxy, "plan", "true", "choices", move).want(t, http.StatusOK).holds(t, `{"applied":false,"exportedFrom":"Shop","created":3,"refused":0,"keyPairs":[],"objects":[
		{"type":"IDENTITY_SERVICE","name":"Staff","action":"create","exists":false,"secrets":[{"field":"bindPassword","given":false}]},
		{"type":"GLOBAL_POLICY","name":"Company","action":"create"},{"type":"API_PROXY","name":"orders","targetName":"orders","action":"create","relativePath":"/mine","problems":[]}]}`)
	c.get(t, globals+"Company/").want(t, http.StatusNotFound) // it was a plan
	c.imports(t, at, proxy, "plan", "true").want(t, http.StatusOK).holds(t, `{"refused":1,"objects":[{},{},{"action":"refuse","problems":[{"field":"basePath"}]}]}`)
	c.imports(t, at, proxy).want(t, http.StatusConflict).namesFields(t, "exportFile") // the base path is the shop's
	c.get(t, globals+"Company/").want(t, http.StatusNotFound)                         // all or nothing

	given := `{"choices":[{"type":"API_PROXY","name":"orders","relativePath":"/mine"},{"type":"IDENTITY_SERVICE","name":"staff","secrets":{"bindPassword":"hunter3"}}]}`
	done := c.imports(t, at, proxy, "choices", given).want(t, http.StatusOK).holds(t, `{"applied":true,"created":3,"keyPairs":[{"type":"API_PROXY","name":"orders"}],"redeployRequired":[]}`)
	if key := done.json(t)["keyPairs"].([]any)[0].(map[string]any)["secretKey"].(string); len(key) < 32 || strings.Contains(done.Body, "hunter") {
		t.Errorf("the answer is %s", done.Body)
	}
	if src, err := s.IdentitySource(t.Context(), c.site.Project.ID, "Staff"); err != nil || !slices.Equal(src.Secrets, []string{"bindPassword"}) {
		t.Errorf("the source came as %+v, %v", src, err)
	}

	// Once more: the proxy is there, so it is refused until somebody says what to do.
	o, err := s.Owner(t.Context(), c.site.Project.ID, "PROXY", "orders")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s, o, "production")
	o.Description = "ours"
	if o, _, err = s.SaveProxy(t.Context(), modelstest.By(), c.site.Project.ID, o); err != nil {
		t.Fatal(err)
	}
	p, err := s.GlobalPolicy(t.Context(), c.site.Project.ID, "Company")
	if err != nil {
		t.Fatal(err)
	}
	config := p.Config
	config.Base().Description = "ours"
	if _, err := s.SavePolicy(t.Context(), modelstest.By(), c.site.Project.ID, p.ID, p.Version, config); err != nil {
		t.Fatal(err)
	}
	c.imports(t, at, proxy, "choices", move).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name"}`).namesFields(t, "exportFile")
	choose := func(action, more string) string {
		return `{"choices":[{"type":"API_PROXY","name":"Orders","action":"` + action + `","relativePath":"/mine"` + more + `}]}`
	}
	c.imports(t, at, proxy, "choices", choose("create", "")).want(t, http.StatusConflict)
	c.imports(t, at, proxy, "choices", choose("create", ""), "override", "true").want(t, http.StatusConflict)
	c.imports(t, at, proxy, "choices", choose("skip", "")).want(t, http.StatusOK).holds(t, `{"skipped":3}`)
	c.imports(t, at, proxy, "choices", `{"choices":[{"type":"API_PROXY","name":"orders","action":"rename","newName":"orders 2","relativePath":"/two"}]}`).want(t, http.StatusOK).
		holds(t, `{"created":1,"skipped":2,"objects":[{"action":"skip"},{"action":"skip"},{"action":"create","name":"orders","targetName":"orders 2"}]}`)
	// The project's own policy stays and is named, as the reference has it for what a package depends on.
	c.imports(t, at, proxy, "choices", choose("update", "")).want(t, http.StatusOK).holds(t, `{"updated":1,"skipped":2}`)
	c.get(t, globals+"Company/").holds(t, `{"result":{"description":"ours"}}`)
	c.imports(t, at, proxy, "override", "true", "choices", `{"choices":[{"type":"API_PROXY","name":"orders","relativePath":"/mine"}]}`).want(t, http.StatusOK).
		holds(t, `{"updated":1,"redeployRequired":[]}`)
	c.get(t, globals+"Company/").holds(t, `{"result":{"description":""}}`)
	if after := modelstest.Reload(t, s, o); after.Description != "" {
		t.Errorf("the proxy stayed %q", after.Description)
	}
}

func TestImportsThatAreWrong(t *testing.T) {
	t.Parallel()
	c := begin(t)
	at := exchange("Default") + "GLOBAL_POLICY/import/"
	good := []byte(`{"kind":"GLOBAL_POLICY","name":"one","policy":{"type":"policy-auth-jwt","name":"one","jwtSignatureAlgorithm":"ES256"}}`)
	for what, with := range map[string]struct {
		content []byte
		fields  []string
		field   string
	}{
		"no file":                  {nil, nil, "exportFile"},
		"an empty file":            {[]byte{}, nil, "exportFile"},
		"no package":               {[]byte("PK nothing"), nil, "exportFile"},
		"another type":             {[]byte(`{"kind":"CREDENTIAL_ROLE","name":"read"}`), nil, "exportFile"},
		"a policy that is wrong":   {[]byte(`{"kind":"GLOBAL_POLICY","name":"one","policy":{"type":"policy-auth-jwt","name":"one"}}`), nil, "exportFile"},
		"an override of no kind":   {good, []string{"override", "yes"}, "override"},
		"a plan of no kind":        {good, []string{"plan", "1"}, "plan"},
		"choices that are no JSON": {good, []string{"choices", "skip"}, "choices"},
		"an unknown choice":        {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"one","action":"burn"}]}`}, "choices.choices[0].action"},
		"a choice of no type":      {good, []string{"choices", `{"choices":[{"type":"POLICY","name":"one","action":"skip"}]}`}, "choices.choices[0].type"},
		"a choice for nothing":     {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"two","action":"skip"}]}`}, "choices"},
		"two choices for one":      {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"one","action":"skip"},{"type":"GLOBAL_POLICY","name":"ONE","action":"skip"}]}`}, "choices.choices[1].name"},
		"a new name for no reason": {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"one","newName":"two"}]}`}, "choices.choices[0].newName"},
		"a new name that is none":  {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"one","action":"rename","newName":"a/b"}]}`}, "exportFile"},
		"an update of what is not": {good, []string{"choices", `{"choices":[{"type":"GLOBAL_POLICY","name":"one","action":"update"}]}`}, "exportFile"},
		"an unknown member":        {good, []string{"choices", `{"choices":[{"kind":"GLOBAL_POLICY"}]}`}, "choices.choices[0].kind"},
	} {
		t.Run(what, func(t *testing.T) {
			c.do(t, call{method: http.MethodPost, path: at, body: importing(t, with.content, with.fields...), wrong: true}).want(t, http.StatusBadRequest).namesFields(t, with.field)
		})
	}
	c.do(t, call{method: http.MethodPost, path: at, body: "{}", wrong: true}).want(t, http.StatusUnsupportedMediaType)
	c.do(t, call{method: http.MethodPost, path: at, body: upload{"multipart/form-data; boundary=x", []byte("nothing")}, wrong: true}).want(t, http.StatusBadRequest)
	large := make([]byte, models.MaxUpload+1)
	c.do(t, call{method: http.MethodPost, path: at, body: importing(t, large), wrong: true}).want(t, http.StatusRequestEntityTooLarge)
	c.do(t, call{method: http.MethodPost, path: at, body: importing(t, make([]byte, models.MaxUpload+2<<20)), wrong: true}).want(t, http.StatusRequestEntityTooLarge)
	c.do(t, call{method: http.MethodPost, path: at, body: importing(t, large[:models.MaxUpload]), wrong: true}).want(t, http.StatusBadRequest) // read, and no package
	c.imports(t, exchange("Default")+"NOTHING/import/", good).want(t, http.StatusNotFound)
	if _, total, err := c.site.Store.Policies(t.Context(), c.site.Project.ID, models.PolicyFilter{}); err != nil || total != 0 {
		t.Errorf("there are %d policies: %v", total, err)
	}
}

func TestEachKindOfAPackageNeedsItsRight(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stocked(t, c)
	s := c.site.Store
	whole := []byte(c.get(t, "/apiops/projects/Shop/apiProxies/orders/export/?withDependencies=true").Body)
	alone := []byte(c.get(t, "/apiops/projects/Shop/apiProxies/orders/export/").Body)
	who := func(name string, rights ...models.Permission) *client {
		return c.member(t, name, "Shop", rights...)
	}
	apis, nothing := who("apis", models.ExportAPIs, models.ManageAPIs), who("looks", models.ViewAPIs, models.ViewSettings)
	looks := who("exports", models.ExportAPIs, models.ExportSettings, models.ExportConnections)
	at := exchange("Shop")
	if got := kindsOf(t, apis.get(t, at+"types/").want(t, http.StatusOK)); got != "POLICY_GROUP,API_PROXY,PROXY_GROUP" {
		t.Errorf("the types are %s", got)
	}
	refuses := func(a answer, kind string) {
		t.Helper()
		if a.want(t, http.StatusForbidden); !strings.Contains(a.Body, kind) {
			t.Errorf("the refusal does not name %s: %s", kind, a.Body)
		}
	}
	refuses(apis.get(t, at+"GLOBAL_POLICY/objects/"), "GLOBAL_POLICY")
	refuses(apis.send(t, http.MethodPost, at+"GLOBAL_POLICY/export/", `{"names":["Company"]}`), "GLOBAL_POLICY")
	apis.send(t, http.MethodPost, at+"API_PROXY/export/", `{"names":["orders"]}`).want(t, http.StatusOK)
	refuses(apis.send(t, http.MethodPost, at+"API_PROXY/export/?withDependencies=true", `{"names":["orders"]}`), "IDENTITY_SERVICE")
	refuses(apis.send(t, http.MethodPost, at+"API_PROXY/export/", `{"names":["orders"],"dependencies":[{"type":"GLOBAL_POLICY","name":"Company"}]}`), "GLOBAL_POLICY")
	refuses(apis.get(t, "/apiops/projects/Shop/apiProxies/orders/export/?withDependencies=true"), "IDENTITY_SERVICE")
	looks.get(t, "/apiops/projects/Shop/apiProxies/orders/export/?withDependencies=true").want(t, http.StatusOK)
	nothing.get(t, at+"types/").want(t, http.StatusForbidden)
	nothing.imports(t, at+"API_PROXY/import/", alone).want(t, http.StatusForbidden)

	o, err := s.Owner(t.Context(), modelstest.Project(t, s, "Shop").ID, "PROXY", "orders")
	if err != nil {
		t.Fatal(err)
	}
	o.Description = "changed"
	if _, _, err := s.SaveProxy(t.Context(), modelstest.By(), o.ProjectID, o); err != nil {
		t.Fatal(err)
	}
	refuses(looks.imports(t, at+"API_PROXY/import/", alone, "override", "true"), "API_MANAGEMENT, MANAGE")
	apis.imports(t, at+"API_PROXY/import/", alone, "override", "true").want(t, http.StatusOK).holds(t, `{"updated":1}`)
	apis.imports(t, at+"API_PROXY/import/", whole, "override", "true").want(t, http.StatusOK).holds(t, `{"skipped":3}`) // nothing else is written
	renamed := `{"choices":[{"type":"GLOBAL_POLICY","name":"Company","action":"rename","newName":"stolen"}]}`
	refuses(apis.imports(t, at+"API_PROXY/import/", whole, "override", "true", "choices", renamed), "GLOBAL_POLICY")
	refuses(apis.imports(t, at+"API_PROXY/import/", whole, "override", "true", "choices", renamed, "plan", "true"), "GLOBAL_POLICY")
	if _, err := s.GlobalPolicy(t.Context(), o.ProjectID, "stolen"); err == nil {
		t.Error("a policy was written without the right to")
	}
	other := exchange("Default")
	apis.imports(t, other+"API_PROXY/import/", alone).want(t, http.StatusForbidden)
}

func kindsOf(t *testing.T, a answer) string {
	t.Helper()
	var list []string
	for _, x := range a.json(t)["resultList"].([]any) {
		list = append(list, fmt.Sprint(x.(map[string]any)["type"]))
	}
	return strings.Join(list, ",")
}
