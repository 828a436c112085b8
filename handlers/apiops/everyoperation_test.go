package apiops_test

import (
	"crypto/sha256"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// What holds for every operation is tested here for every operation of the
// document, those that come later too.

type described struct {
	method, path string
	*openapi3.Operation
}

func (c *client) operations() []described {
	var list []described
	for _, path := range c.doc.t.Paths.InMatchingOrder() {
		for method, op := range c.doc.t.Paths.Value(path).Operations() {
			list = append(list, described{method, path, op})
		}
	}
	return list
}

var parameter = regexp.MustCompile(`\{[A-Za-z]+\}`)

// at is the address with names: that of a project that is there, and nothing else
// that is.
func (d described) at(project string) string {
	return parameter.ReplaceAllString(strings.ReplaceAll(d.path, "{projectName}", project), "absent")
}

func (d described) public() bool { return d.Security != nil && len(*d.Security) == 0 }

func (d described) writes() bool { return d.method != http.MethodGet }

func (d described) takesJSON() bool {
	return d.RequestBody != nil && d.RequestBody.Value.Content["application/json"] != nil
}

// body is something to send: the example, or an empty object.
func (d described) body() any {
	if !d.takesJSON() {
		return nil
	}
	return "{}"
}

func TestEveryOperationNeedsAToken(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.operations() {
		if d.public() {
			continue
		}
		for what, header := range map[string]map[string]string{
			"none": nil, "unknown": {"Authorization": "Bearer gwp_unknown"}, "empty": {"Authorization": "Bearer "}, "basic": {"Authorization": "Basic YTpi"},
		} {
			stranger := &client{site: c.site, doc: c.doc}
			a := stranger.do(t, call{method: d.method, path: d.at("Default"), body: d.body(), header: header, wrong: true})
			if a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s with the token %s answers %d", d.method, d.path, what, a.Status)
			}
		}
	}
}

func TestEveryOperationNeedsItsRight(t *testing.T) {
	t.Parallel()
	c := begin(t)
	if _, err := c.site.Store.CreateUser(t.Context(), modelstest.By(), models.User{Name: "nobody", Role: models.RoleMember}, secret.New(handlerstest.Password)); err != nil {
		t.Fatal(err)
	}
	nobody := c.as(t, "nobody")
	for _, d := range c.operations() {
		if d.Responses.Status(http.StatusForbidden) == nil || strings.HasPrefix(d.path, "/apiops/me/") { // which is everybody's own
			continue
		}
		for _, project := range []string{"Default", "absent"} { // the same answer: nothing is learned about what there is
			a := nobody.do(t, call{method: d.method, path: d.at(project), body: d.body(), wrong: true})
			if a.Status != http.StatusForbidden {
				t.Errorf("%s %s answers somebody without rights %d: %s", d.method, d.path, a.Status, a.Body)
			}
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.operations() {
		if d.Responses.Status(http.StatusNotFound) == nil || !strings.Contains(d.path, "{projectName}") {
			continue
		}
		a := c.do(t, call{method: d.method, path: d.at("absent"), body: d.body(), wrong: true})
		if a.Status != http.StatusNotFound {
			t.Errorf("%s %s in a project that is not there answers %d: %s", d.method, d.path, a.Status, a.Body)
		}
	}
	c.get(t, "/apiops/nowhere/").want(t, http.StatusNotFound)
	if a := c.send(t, http.MethodPatch, "/apiops/openapi.json", "{}"); a.Status != http.StatusMethodNotAllowed {
		t.Errorf("a method that is not there answers %d", a.Status)
	}
}

// A path is what it says: nobody is led elsewhere for a part that is empty or dots.
func TestAttackAPathWithoutANameIsNotFound(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{
		"/apiops//projects/", "/apiops/projects//", "/apiops/projects//apiProxies/", "/apiops/projects/./", "/apiops/projects/../projects/", "/apiops/../apiops/projects/",
		"/apiops/projects/%2e/", "/apiops/projects/%2E%2e/apiProxies/", "/apiops/projects/Default/apiProxies/../credentials/", "/apiops/test/hello/..", "/apiops/",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.site.URL, nil)
		must(t, err)
		r.URL.Opaque = path // as it is written here
		r.Header.Set("Authorization", "Bearer "+c.token)
		got, err := stay.Do(r)
		must(t, err)
		body, err := io.ReadAll(got.Body)
		must(t, err)
		_ = got.Body.Close()
		if got.StatusCode != http.StatusNotFound || !strings.Contains(string(body), `"error":"not_found"`) {
			t.Errorf("%s is answered %d to %q: %s", path, got.StatusCode, got.Header.Get("Location"), body)
		}
	}
}

func TestEveryBodyIsBoundedAndJSON(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.operations() {
		if !d.takesJSON() {
			continue
		}
		for what, want := range map[string]struct {
			body   any
			status int
		}{
			"broken":    {"{", http.StatusBadRequest},
			"of a form": {upload{"application/x-www-form-urlencoded", []byte("{}")}, http.StatusUnsupportedMediaType},
			"too large": {`"` + strings.Repeat("a", 1<<20) + `"`, http.StatusRequestEntityTooLarge},
		} {
			a := c.do(t, call{method: d.method, path: d.at("Default"), body: want.body, wrong: true})
			if a.Status != want.status {
				t.Errorf("%s %s with a body %s answers %d, want %d: %s", d.method, d.path, what, a.Status, want.status, a.Body)
			}
		}
	}
}

func TestEveryQueryIsChecked(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.operations() {
		if strings.Count(d.path, "{") > strings.Count(d.path, "{projectName}") {
			continue // its names are looked up first
		}
		for _, p := range d.Parameters {
			if p.Value.In != "query" || p.Value.Schema.Value.Type.Is("string") && p.Value.Schema.Value.Enum == nil && p.Value.Schema.Value.Format == "" {
				continue
			}
			for _, value := range []string{"~", ""} {
				a := c.do(t, call{method: d.method, path: d.at("Default") + "?" + p.Value.Name + "=" + value, wrong: true})
				if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"field":"`+p.Value.Name+`"`) {
					t.Errorf("%s %s?%s=%s answers %d: %s", d.method, d.path, p.Value.Name, value, a.Status, a.Body)
				}
			}
		}
	}
}

func TestAnIdempotencyKeyBelongsToOneRequest(t *testing.T) {
	t.Parallel()
	c := begin(t)
	ada, err := c.site.Store.UserByName(t.Context(), handlerstest.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.operations() {
		if !d.writes() || d.public() {
			continue
		}
		path, body := d.at("Default"), ""
		if d.takesJSON() {
			body = "{}"
		}
		h := sha256.Sum256([]byte(d.method + "\x00" + path + "\x00\x00" + body + "\x00"))
		for key, want := range map[string]int{"same": http.StatusConflict, "other": http.StatusUnprocessableEntity} {
			key += d.OperationID
			fingerprint := h[:]
			if want == http.StatusUnprocessableEntity {
				fingerprint = []byte("another request")
			}
			if _, _, err := c.site.Store.ClaimKey(t.Context(), ada.ID, key, fingerprint); err != nil {
				t.Fatal(err)
			}
			a := c.do(t, call{method: d.method, path: path, body: d.body(), header: map[string]string{"Idempotency-Key": key}, wrong: true})
			if a.Status != want {
				t.Errorf("%s %s with a key in use answers %d, want %d: %s", d.method, d.path, a.Status, want, a.Body)
			}
		}
		a := c.do(t, call{method: d.method, path: path, body: d.body(), header: map[string]string{"Idempotency-Key": strings.Repeat("k", 256)}, wrong: true})
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s %s with a key that is too long answers %d", d.method, d.path, a.Status)
		}
	}
}
