package apiops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	providers = "/apiops/projects/Default/identityProviders/"
	corp      = `{"identityProvider":{"kind":"DIRECTORY","name":"corp","server":"ldaps://one.example"},"secrets":{"bindPassword":"hunter2hunter2"}}`
)

func TestAnIdentitySourceIsWrittenAndNeverGivesItsSecretsBack(t *testing.T) {
	t.Parallel()
	c := begin(t)
	made := c.send(t, http.MethodPost, providers, corp).want(t, http.StatusOK)
	made.holds(t, `{"success":true,"result":{"identityProvider":{"kind":"DIRECTORY","name":"corp","timeoutMillis":5000},"secretNames":["bindPassword"],"usedByPolicies":0,"createdBy":"ada"}}`)
	c.get(t, providers+"corp/").want(t, http.StatusOK).holds(t, `{"result":{"secretNames":["bindPassword"]}}`)
	c.send(t, http.MethodPost, providers, strings.Replace(corp, `"corp"`, `"api"`, 1)).want(t, http.StatusOK)
	c.get(t, providers+"?pageSize=1").want(t, http.StatusOK).holds(t, `{"resultCount":1,"totalCount":2,"resultList":[{"identityProvider":{"name":"api"}}]}`)
	c.get(t, providers+"?type=LDAP").want(t, http.StatusOK).holds(t, `{"totalCount":0,"resultList":[]}`)
	c.get(t, providers+"?q=cor&type=DIRECTORY").want(t, http.StatusOK).holds(t, `{"totalCount":1}`)
	// What is left out stays: the name in the address, and the secret.
	changed := c.send(t, http.MethodPut, providers+"CORP/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://one.example","description":"ours"},"secrets":{"clientKey":"k"}}`).want(t, http.StatusOK)
	changed.holds(t, `{"result":{"identityProvider":{"name":"corp","description":"ours"},"secretNames":["bindPassword","clientKey"],"updatedBy":"ada"}}`)
	c.send(t, http.MethodPut, providers+"corp/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://one.example"},"secrets":{"clientKey":""}}`).want(t, http.StatusOK).
		holds(t, `{"result":{"secretNames":["bindPassword"]}}`)
	for _, a := range []answer{made, changed, c.get(t, providers)} {
		if strings.Contains(a.Body, "hunter2") {
			t.Errorf("a secret is answered: %s", a.Body)
		}
	}
	c.get(t, providers+"corp/usage/").want(t, http.StatusOK).holds(t, `{"resultList":[]}`)
	c.send(t, http.MethodDelete, providers+"corp/", "").want(t, http.StatusOK)
	c.get(t, providers+"corp/").want(t, http.StatusNotFound)
}

func TestWhatIsWrongWithAnIdentitySource(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, providers, corp).want(t, http.StatusOK)
	for name, try := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"no source":         {http.MethodPost, "", `{}`, 400, `{"fieldErrors":[{"field":"identityProvider"}]}`},
		"no kind":           {http.MethodPost, "", `{"identityProvider":{"name":"x"}}`, 400, `{"fieldErrors":[{"field":"identityProvider.kind"}]}`},
		"an unknown kind":   {http.MethodPost, "", `{"identityProvider":{"kind":"NIS","name":"x"}}`, 400, `{"fieldErrors":[{"field":"identityProvider.kind"}]}`},
		"an unknown member": {http.MethodPost, "", `{"identityProvider":{"kind":"DIRECTORY","serverr":"x"}}`, 400, `{"fieldErrors":[{"field":"identityProvider.serverr"}]}`},
		"no server":         {http.MethodPost, "", `{"identityProvider":{"kind":"DIRECTORY","name":"x"}}`, 400, `{"error":"validation_failed","fieldErrors":[{"field":"identityProvider.server"}]}`},
		"an unknown secret": {http.MethodPost, "", `{"identityProvider":{"kind":"DIRECTORY","name":"x","server":"a"},"secrets":{"pin":"1"}}`, 400, `{"fieldErrors":[{"field":"secrets.pin"}]}`},
		"a secret that will not do": {
			http.MethodPost, "", `{"identityProvider":{"kind":"DIRECTORY","name":"x","server":"a"},"secrets":{"clientKey":"not a key"}}`, 400, `{"fieldErrors":[{"field":"secrets.clientKey"}]}`,
		},
		"a name that is taken": {http.MethodPost, "", corp, 409, `{"error":"duplicate_name","fieldErrors":[{"field":"identityProvider.name"}]}`},
		"a secret that would move": {
			http.MethodPut, "corp/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://evil.example"}}`, 400, `{"fieldErrors":[{"field":"secrets.bindPassword"}]}`,
		},
		"another kind":  {http.MethodPut, "corp/", `{"identityProvider":{"kind":"LDAP","server":"a"}}`, 400, `{"fieldErrors":[{"field":"identityProvider.kind"}]}`},
		"an absent one": {http.MethodPut, "absent/", corp, 404, `{"error":"not_found"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.do(t, call{method: try.method, path: providers + try.path, body: try.body, wrong: true}).want(t, try.status).holds(t, try.want)
		})
	}
}

func TestAnIdentitySourceIsTried(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, providers, corp).want(t, http.StatusOK)
	for name, try := range map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"as it is stored": {"corp/test/", `{"username":"ayse","password":"of ayse"}`, 200, `{"result":{"accepted":true,"identity":{"name":"ayse","roles":["staff"]},
			"steps":[{"text":"Connect to ldaps://one.example","success":true,"detail":"with a bind password of **************"},{"success":true}]}}`},
		"a wrong password":      {"corp/test/", `{"username":"ayse","password":"of nobody"}`, 200, `{"result":{"accepted":false,"steps":[{"success":true},{"success":false}]}}`},
		"only the connection":   {"corp/test/", `{"password":"nobody's"}`, 200, `{"result":{"accepted":false,"steps":[{"success":true}]}}`},
		"as it would be":        {"corp/test/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://one.example","claims":["mail"]},"username":"ayse","password":"of ayse"}`, 200, `{"result":{"identity":{"claims":{"mail":"value of mail"}}}}`},
		"a server that is down": {"test/", `{"identityProvider":{"kind":"DIRECTORY","name":"new","server":"down"},"username":"ayse"}`, 200, `{"result":{"accepted":false,"steps":[{"success":false}]}}`},
		"with a secret":         {"test/", `{"identityProvider":{"kind":"DIRECTORY","name":"new","server":"a"},"secrets":{"bindPassword":"four"}}`, 200, `{"result":{"steps":[{"detail":"with a bind password of ****"}]}}`},
		"what cannot be opened": {"test/", `{"identityProvider":{"kind":"DIRECTORY","name":"new","server":"a"},"secrets":{"clientKey":"not a key"}}`, 400, `{"fieldErrors":[{"field":"secrets.clientKey"}]}`},
		"another kind":          {"corp/test/", `{"identityProvider":{"kind":"LDAP","server":"a"}}`, 400, `{"fieldErrors":[{"field":"identityProvider.kind"}]}`},
		"nothing":               {"test/", `{}`, 400, `{"fieldErrors":[{"field":"identityProvider"}]}`},
		"one that is not there": {"absent/test/", `{}`, 404, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.do(t, call{method: http.MethodPost, path: providers + try.path, body: try.body, wrong: try.status == 400}).want(t, try.status).holds(t, try.want)
			if strings.Contains(a.Body, "of ayse") || strings.Contains(a.Body, "nobody's") {
				t.Errorf("the password is answered: %s", a.Body)
			}
		})
	}
}

// ATTACK: whoever may edit a source could have its stored secret sent to a server
// of their own by trying it there.
func TestAttackATestDoesNotSendAStoredSecretElsewhere(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, providers, corp).want(t, http.StatusOK)
	a := c.send(t, http.MethodPost, providers+"corp/test/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://evil.example"}}`).want(t, http.StatusBadRequest)
	a.holds(t, `{"fieldErrors":[{"field":"secrets.bindPassword"}]}`)
}

func TestAnIdentitySourceInUseStays(t *testing.T) {
	t.Parallel()
	c := begin(t)
	source := modelstest.NewDirectory(identity.LDAP, "people")
	if _, err := c.site.Store.SaveIdentitySource(t.Context(), modelstest.By(), c.site.Project.ID, "", 0, source, map[string]secret.Text{}); err != nil {
		t.Fatal(err)
	}
	modelstest.Policy(t, c.site.Store, c.site.Project.ID, "guard", fromPeople)
	c.send(t, http.MethodDelete, providers+"people/", "").want(t, http.StatusConflict).holds(t, `{"resultMessage":"Identity source \"people\" is in use: the policy guard names it."}`)
	c.get(t, providers+"people/usage/").want(t, http.StatusOK).holds(t, `{"resultList":[{"policyName":"guard","onlyDeployed":false,"environmentNames":[]}]}`)
	c.get(t, providers+"absent/usage/").want(t, http.StatusNotFound)
	auditor := c.as(t, handlerstest.Auditor)
	auditor.get(t, providers+"people/").want(t, http.StatusOK)
	auditor.send(t, http.MethodPut, providers+"people/", `{"identityProvider":{"kind":"LDAP","server":"a"}}`).want(t, http.StatusForbidden)
}

// fromPeople has a policy check users at the source people.
func fromPeople(p *jwtauth.Config) {
	p.GrantType, p.AuthenticationType, p.IdentityProviderName = issue.Password, identity.LDAP, "people"
}

func TestTheDocumentHasTheKindsOfTheProduct(t *testing.T) {
	t.Parallel()
	c := begin(t, ofTheProduct)
	for _, name := range []string{"LDAPSource", "DatabaseSource", "APISource", "APISourceRequest"} {
		if c.doc.t.Components.Schemas[name] == nil {
			t.Errorf("the document has no %s", name)
		}
	}
}
