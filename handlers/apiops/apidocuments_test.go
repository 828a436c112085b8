package apiops_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
)

const petsDocument = `{"openapi":"3.1.0","info":{"title":"Pet Store","version":"1","description":"All about pets"},
	"servers":[{"url":"http://pets.example.com/v2"}],
	"paths":{"/pets/{petId}":{"get":{"summary":"One pet","responses":{}}},"/pets":{"post":{"responses":{}}}}}`

const swaggerDocument = `
swagger: "2.0"
info: {title: Orders, version: "1"}
host: orders.example.com
basePath: /o
paths:
  /orders: {get: {responses: {}}}
`

// parts is a form with files and texts.
func parts(t *testing.T, files, texts map[string]string) upload {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, text := range texts {
		if err := w.WriteField(name, text); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		part, err := w.CreateFormFile(name, name+".json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return upload{w.FormDataContentType(), b.Bytes()}
}

func serves(t *testing.T, document string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(document)) // a failed write is seen by the client
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const petsView = `"result":{"name":"Pet Store","description":"All about pets","clientRoute":{"relativePathList":["/v2"]},"routingInfo":{"routingAddressList":[{"address":"http://pets.example.com/v2"}]},
	"endpoints":[{"name":"/pets/{petId}","httpMethod":"GET","description":"One pet"},{"name":"/pets","httpMethod":"POST"}]}`

func TestAProxyIsCreatedFromADocument(t *testing.T) {
	t.Parallel()
	c := begin(t)
	pets := serves(t, petsDocument)
	made := c.send(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`/openapi.json"}`).want(t, http.StatusOK).holds(t, `{"success":true,"specFormat":"OpenAPI 3.1.0","leftOut":[],`+petsView+`}`)
	if made.json(t)["clientSecret"] == "" || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the key pair: %s", made.Body)
	}
	c.send(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"apiProxyName"},{"field":"clientRoute.relativePathList"}]}`)
	c.send(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`","apiProxyName":"other","apiProxyDescription":"Ours","apiProxyCreationType":"OPEN_API","clientRoute":{"relativePathList":["/other"]},
		"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]},"deploy":true,"deployTargetEnvironmentNameList":["production"]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"other","description":"Ours","clientRoute":{"relativePathList":["/other"]},"endpoints":[{},{}],"deployList":[{"state":"LIVE"}]}}`)
	c.do(t, call{method: http.MethodPost, path: proxiesAt + "file/", body: parts(t, map[string]string{"specFile": swaggerDocument}, map[string]string{"apiProxy": `{"apiProxyName":"mine","apiProxyCreationType":"SWAGGER"}`})}).want(t, http.StatusOK).
		holds(t, `{"specFormat":"Swagger 2.0","result":{"name":"mine","endpoints":[{"name":"/orders","httpMethod":"GET"}]}}`)
	c.do(t, call{method: http.MethodPost, path: proxiesAt + "file", body: parts(t, map[string]string{"specFile": swaggerDocument}, map[string]string{"apiProxy": `{"clientRoute":{"relativePathList":["/o2"]}}`})}).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Orders","clientRoute":{"relativePathList":["/o2"]}}}`)
}

func TestTheEndpointsOfADocumentTakeThePlaceOfTheOldOnes(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	s.bind(t, &s.orders, models.NewBinding{Scope: policy.Endpoint, EndpointID: s.orders.Endpoints[0].ID, Pipeline: policy.Request, PolicyID: s.standard.ID})
	s.send(t, http.MethodPost, ordersAt+"endpoints/", `{"name":"/old","httpMethod":"GET"}`).want(t, http.StatusOK)
	pets := serves(t, petsDocument)
	s.send(t, http.MethodPut, ordersAt+"url/", `{"specUrl":"`+pets+`","keepEndpoints":true}`).want(t, http.StatusOK).
		holds(t, `{"specFormat":"OpenAPI 3.1.0","result":{"name":"orders","description":"","clientRoute":{"relativePathList":["/orders"]},"endpoints":[{"name":"/pets/{petId}"},{"name":"/pets"},{"name":"/old"}]}}`)
	if o := s.owner(t, "PROXY"); o.Endpoints[0].ID != s.orders.Endpoints[0].ID || len(o.Bindings) != 3 {
		t.Errorf("an endpoint with another name of its parameter is another one: %+v", o)
	}
	read := s.get(t, ordersAt).Header.Get("ETag")
	form := parts(t, map[string]string{"specFile": petsDocument}, map[string]string{"apiProxy": `{"deploy":true,"deployTargetEnvironmentNameList":["production"]}`})
	s.do(t, call{method: http.MethodPut, path: ordersAt + "file/", body: form, header: map[string]string{"If-Match": read}}).want(t, http.StatusOK).
		holds(t, `{"result":{"endpoints":[{},{}]},"deploymentResult":{"success":true,"deploymentResults":[{}]}}`)
	stale := map[string]string{"If-Match": read}
	s.do(t, call{method: http.MethodPut, path: ordersAt + "file/", body: form, header: stale}).want(t, http.StatusPreconditionFailed)
	s.do(t, call{method: http.MethodPut, path: ordersAt + "url/", body: `{"specUrl":"` + pets + `"}`, header: stale}).want(t, http.StatusPreconditionFailed)
}

func TestWhatIsWrongWithADocumentIsSaid(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	broken, pets := serves(t, `{"openapi":"3.1.0"`), serves(t, petsDocument)
	for _, at := range []struct{ method, path string }{{http.MethodPost, proxiesAt}, {http.MethodPut, ordersAt}} {
		for body, field := range map[string]string{
			`{}`: "specUrl", `{"specUrl":"file:///etc/passwd"}`: "specUrl", `{"specUrl":"http://user:word@127.0.0.1:1/"}`: "specUrl", `{"specUrl":"` + broken + `"}`: "specUrl",
			`{"specUrl":"` + pets + `/moved"}`: "specUrl", `{"specUrl":"` + pets + `","nope":1}`: "nope",
			`{"specUrl":"` + pets + `","deploy":true,"deployTargetEnvironmentNameList":["nope"]}`: "deployTargetEnvironmentNameList[0]",
		} {
			s.refused(t, at.method, at.path+"url/", body, field)
		}
		file := func(files, texts map[string]string, fields ...string) {
			t.Helper()
			a := s.do(t, call{method: at.method, path: at.path + "file/", body: parts(t, files, texts), wrong: true}).want(t, http.StatusBadRequest)
			for _, field := range fields {
				if !strings.Contains(a.Body, `"field":"`+field+`"`) {
					t.Errorf("%s %s does not name %s: %s", at.method, at.path, field, a.Body)
				}
			}
		}
		good := map[string]string{"specFile": petsDocument}
		file(nil, nil, "specFile")
		file(nil, map[string]string{"specFile": petsDocument}, "specFile")
		file(map[string]string{"specFile": "{"}, nil, "specFile")
		file(map[string]string{"specFile": petsDocument, "other": "x"}, map[string]string{"more": "x"}, "other", "more")
		file(good, map[string]string{"apiProxy": "["}, "apiProxy")
		file(good, map[string]string{"apiProxy": `{"nope":1}`}, "apiProxy.nope")
		file(good, map[string]string{"apiProxy": `{"deploy":true,"deployTargetEnvironmentNameList":["nope"]}`}, "apiProxy.deployTargetEnvironmentNameList[0]")
		s.do(t, call{method: at.method, path: at.path + "file/", body: petsDocument, wrong: true}).want(t, http.StatusUnsupportedMediaType)
		s.do(t, call{method: at.method, path: at.path + "file/", body: upload{"multipart/form-data", []byte("x")}, wrong: true}).want(t, http.StatusBadRequest)
		// A document of the whole size is read, and what is larger by far is not taken.
		a := s.do(t, call{method: at.method, path: at.path + "file/", body: parts(t, map[string]string{"specFile": strings.Repeat(" ", apispec.MaxDocument-1) + "x"}, nil), wrong: true}).want(t, http.StatusBadRequest)
		if !strings.Contains(a.Body, "specFile") {
			t.Errorf("a large document: %s", a.Body)
		}
		s.do(t, call{method: at.method, path: at.path + "file/", body: parts(t, map[string]string{"specFile": strings.Repeat(" ", 3*apispec.MaxDocument)}, nil), wrong: true}).want(t, http.StatusRequestEntityTooLarge)
	}
	s.refused(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`","apiProxyCreationType":"SWAGGER"}`, "apiProxyCreationType")
	s.refused(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`","endpoints":[{"name":"/a","httpMethod":"GET"}]}`, "endpoints")
	s.refused(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+pets+`","clientRoute":{"relativePathList":["x"]}}`, "clientRoute.relativePathList")
	if o := s.owner(t, "PROXY"); o.Version != s.orders.Version {
		t.Error("a refused document was written")
	}
}

// ATTACK: the address of a document leads to what the rule for outgoing addresses
// forbids, directly or by a redirect.
func TestDocumentsAreFetchedByTheRuleForAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(inside.Close)
	c := begin(t, func(o *handlers.Options) { o.Outgoing = outgoing.Rule{}.Allow })
	a := c.refused(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+inside.URL+`"}`, "specUrl")
	if asked.Load() > 0 || !strings.Contains(a.Body, "may not be called") {
		t.Errorf("asked %d times: %s", asked.Load(), a.Body)
	}
	free := begin(t)
	outside := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	t.Cleanup(outside.Close)
	free.refused(t, http.MethodPost, proxiesAt+"url/", `{"specUrl":"`+outside.URL+`"}`, "specUrl")
	if asked.Load() > 0 {
		t.Error("a redirect was followed")
	}
	// Who may not manage proxies cannot make the server call anybody.
	free.as(t, "otto").do(t, call{method: http.MethodPost, path: proxiesAt + "url/", body: `{"specUrl":"` + inside.URL + `"}`}).want(t, http.StatusForbidden)
	if asked.Load() > 0 {
		t.Error("an auditor made a call")
	}
}
