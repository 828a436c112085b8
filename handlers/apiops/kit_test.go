package apiops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	_ "github.com/gatewright/gatewright/engine/enginetest/calls"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// client calls the real handler as somebody, and holds every request and every
// answer against the document that the handler serves.
type client struct {
	site  *handlerstest.Site
	token string
	doc   *contract
}

// contract is the served document, ready to judge.
type contract struct {
	t      *openapi3.T
	router routers.Router
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   string
	// against is what the document has against the request.
	against error
}

// begin is a client that an administrator signed in.
func begin(t testing.TB, changes ...func(*handlers.Options)) *client {
	t.Helper()
	site := handlerstest.New(t, changes...)
	c := &client{site: site, doc: usual(t, site.URL, len(changes) > 0)}
	return c.as(t, handlerstest.Administrator)
}

// as is the same client with somebody else's token.
func (c *client) as(t testing.TB, user string) *client {
	t.Helper()
	u, err := c.site.Store.UserByName(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := c.site.Store.IssueAPIToken(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return &client{c.site, token.Reveal(), c.doc}
}

// usual is the contract of a site. Those that nobody changed serve the same, which
// takes long to make and to read.
func usual(t testing.TB, site string, changed bool) *contract {
	t.Helper()
	if changed {
		return contractOf(t, site)
	}
	theUsual.Do(func() { theUsual.contract = contractOf(t, site) })
	if theUsual.contract == nil {
		t.Fatal("there is no document that can be read; the first failure says why")
	}
	return theUsual.contract
}

var theUsual struct {
	sync.Once
	contract *contract
}

var documents sync.Map // by its text

func contractOf(t testing.TB, site string) *contract {
	t.Helper()
	r, err := http.Get(site + "/apiops/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if known, ok := documents.Load(string(raw)); ok {
		return known.(*contract)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	// The examples are those of the product, whose kinds most tests have not.
	if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatalf("the document is not OpenAPI: %v", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{doc, router}
	documents.Store(string(raw), c)
	return c
}

// call is one request. The body is JSON as text, or url.Values for a form.
type call struct {
	method, path string
	body         any
	header       map[string]string
	// wrong tells that the request is against the document on purpose.
	wrong bool
}

func (c *client) get(t testing.TB, path string) answer {
	t.Helper()
	return c.do(t, call{method: http.MethodGet, path: path})
}

func (c *client) send(t testing.TB, method, path, body string) answer {
	t.Helper()
	return c.do(t, call{method: method, path: path, body: body})
}

// want fails the test unless the answer has the status.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// json reads the answer.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	return v
}

func (c *client) do(t testing.TB, with call) answer {
	t.Helper()
	var body io.Reader
	kind := ""
	switch v := with.body.(type) {
	case string:
		if v != "" {
			body, kind = strings.NewReader(v), "application/json"
		}
	case url.Values:
		body, kind = strings.NewReader(v.Encode()), "application/x-www-form-urlencoded"
	case upload:
		body, kind = bytes.NewReader(v.content), v.kind
	}
	r, err := http.NewRequestWithContext(t.Context(), with.method, c.site.URL+with.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range with.header {
		r.Header.Set(name, value)
	}
	return c.doc.judged(t, r, with)
}

// upload is a body that is neither JSON nor a plain form.
type upload struct {
	kind    string
	content []byte
}

// judged sends a request and holds both sides against the document.
func (d *contract) judged(t testing.TB, r *http.Request, with call) answer {
	t.Helper()
	sent := []byte(nil)
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	received, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answer{Status: got.StatusCode, Header: got.Header, Body: string(received)}
	if got.StatusCode >= 500 {
		t.Errorf("%s %s answers %d: %s", r.Method, with.path, got.StatusCode, received)
	}
	slashed := *r.URL
	if !strings.HasSuffix(slashed.EscapedPath(), "/") {
		slashed.Path += "/"
		if slashed.RawPath != "" {
			slashed.RawPath += "/"
		}
	}
	route, parameters, err := d.find(r, &slashed)
	if err != nil {
		if got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not in the document and answers %d", r.Method, with.path, got.StatusCode)
		}
		return out
	}
	saw(route.Operation, got.StatusCode)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if out.against = openapi3filter.ValidateRequest(t.Context(), input); out.against != nil && !with.wrong {
		t.Errorf("%s %s: what was sent is not what the document says: %s", r.Method, with.path, brief(out.against))
	}
	check := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.StatusCode, Header: got.Header, Body: io.NopCloser(bytes.NewReader(received)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), check); err != nil {
		t.Errorf("%s %s: the answer %d is not what the document says: %s\n%s", r.Method, with.path, got.StatusCode, brief(err), received)
	}
	return out
}

// brief is an error without the schema that it quotes.
func brief(err error) string {
	text, _, _ := strings.Cut(err.Error(), "Schema:")
	return text
}

func (d *contract) find(r *http.Request, slashed *url.URL) (*routers.Route, map[string]string, error) {
	route, parameters, err := d.router.FindRoute(r)
	if err == nil {
		return route, parameters, nil
	}
	with := *r
	with.URL = slashed
	return d.router.FindRoute(&with)
}

var seen = struct {
	sync.Mutex
	statuses map[string][]int
}{statuses: map[string][]int{}}

func saw(op *openapi3.Operation, status int) {
	seen.Lock()
	defer seen.Unlock()
	seen.statuses[op.OperationID] = append(seen.statuses[op.OperationID], status)
}

// wholeRun tells that no test was left out.
func wholeRun() bool {
	run := flag.Lookup("test.run")
	return (run == nil || run.Value.String() == "") && !testing.Short() && flag.Lookup("test.bench").Value.String() == ""
}

// unproven are the documented answers that no test has had: a document may not
// promise what nobody has seen. 500 cannot be asked for.
func unproven() []string {
	var missed []string
	documents.Range(func(_, v any) bool {
		for _, path := range v.(*contract).t.Paths.InMatchingOrder() {
			for method, op := range v.(*contract).t.Paths.Value(path).Operations() {
				for status := range op.Responses.Map() {
					if status != "500" && !slices.ContainsFunc(seen.statuses[op.OperationID], func(n int) bool { return fmt.Sprint(n) == status }) {
						missed = append(missed, fmt.Sprintf("no test has had %s of %s %s (%s)", status, method, path, op.OperationID))
					}
				}
			}
		}
		return false
	})
	slices.Sort(missed)
	return missed
}

// contains tells whether what is wanted is in what there is: members that are
// not named do not matter, lists count.
func contains(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range w {
			if !contains(g[name], value) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !contains(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return got == want
}

// holds fails the test unless the answer has everything of the JSON.
func (a answer) holds(t testing.TB, want string) answer {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !contains(any(a.json(t)), w) {
		t.Errorf("the answer\n%s\nhas not all of\n%s", a.Body, want)
	}
	return a
}

// member is a client of a new user who may do in the project what permissions say.
func (c *client) member(t testing.TB, name, project string, permissions ...models.Permission) *client {
	t.Helper()
	u, err := c.site.Store.CreateUser(t.Context(), modelstest.By(), models.User{Name: name, Role: models.RoleMember}, secret.New(handlerstest.Password))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.site.Store.Project(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Member(t, c.site.Store, u, p, permissions...)
	return c.as(t, name)
}
