package apiops_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/handlers/handlerstest"
)

var update = flag.Bool("update", false, "write examples.json anew")

// exchange is an example as examples.json has it.
type exchanged struct {
	ID      string            `json:"operationId"`
	Path    map[string]string `json:"path,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Request json.RawMessage   `json:"request,omitempty"`
	Answer  json.RawMessage   `json:"answer,omitempty"`
}

// part is a member of JSON by its path, with the numbers of a list's elements.
func part(v any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(at) {
				return ""
			}
			v = at[n]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// fixer puts what is the same in every run in the place of what is not.
type fixer struct {
	began   time.Time
	service string
	known   map[string]string // what stands for what
	count   map[string]int
}

// oftenOther are members that are other in each run, with what stands for them.
// Secrets and tokens that are shown once become words that look like none.
var oftenOther = map[string]string{
	"access_token": "shown-this-once", "clientSecret": "shown-this-once", "secretKey": "shown-this-once", "secret": "shown-this-once", "token": "shown-this-once", "password": "shown-this-once",
	"next": "next-page", "correlationId": "a-correlation-id", "x": "first-coordinate", "y": "second-coordinate", "clientId": "myapi-client", "userAgent": "a-browser",
	"publicPem": `-----BEGIN PUBLIC KEY-----\n...\n-----END PUBLIC KEY-----\n`,
}

var (
	ids      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	digests  = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	moments  = regexp.MustCompile(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"`)
	durated  = regexp.MustCompile(`"(responseTime|tookMillis)": ?\d+`)
	named    = regexp.MustCompile(`"(keyId|kid|session)": ?"([^"]+)"`)
	texted   = regexp.MustCompile(`"([A-Za-z_]+)": ?"((?:[^"\\]|\\.)*)"`)
	exampled = time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
)

// standIn is what stands for a text, always the same for the same.
func (f *fixer) standIn(kind, format, text string) string {
	if strings.HasPrefix(text, "00000000") { // it stands for something already
		return text
	}
	if f.known[text] == "" {
		f.count[kind]++
		f.known[text] = fmt.Sprintf(format, f.count[kind])
	}
	return f.known[text]
}

// fixed is a text with what changes from run to run made the same. What answers say
// of keys and logins is learnt from its members.
func (f *fixer) fixed(text string, answered bool) string {
	text = strings.ReplaceAll(text, f.service, "https://service.example.com")
	text = strings.ReplaceAll(text, strings.TrimPrefix(f.service, "http://"), "192.0.2.10:443")
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		f.standIn(m[1], map[string]string{"session": "session-%d"}[m[1]]+map[bool]string{true: "key-%d"}[m[1] != "session"], m[2])
	}
	for of, standIn := range f.known { // in sentences, too
		text = strings.ReplaceAll(text, of, standIn)
	}
	if answered {
		text = texted.ReplaceAllStringFunc(text, func(m string) string {
			parts := texted.FindStringSubmatch(m)
			if other, ok := oftenOther[parts[1]]; ok && parts[2] != "" {
				return `"` + parts[1] + `": "` + other + `"`
			}
			return m
		})
	}
	text = ids.ReplaceAllStringFunc(text, func(id string) string { return f.standIn("id", "00000000-0000-7000-8000-%012d", id) })
	text = digests.ReplaceAllStringFunc(text, func(id string) string { return f.standIn("digest", "%064d", id) })
	text = durated.ReplaceAllString(text, `"$1": 12`)
	return moments.ReplaceAllStringFunc(text, func(quoted string) string {
		at, err := time.Parse(time.RFC3339, strings.Trim(quoted, `"`))
		if err != nil || at.Year() >= 2030 || at.Year() < 2020 {
			return quoted
		}
		return `"` + exampled.Add(at.Sub(f.began).Round(time.Hour)).Format(time.RFC3339) + `"`
	})
}

// example is one exchange of the scenario, fixed.
func (f *fixer) example(t *testing.T, w *walker, s step, d described, with call, a answer) exchanged {
	t.Helper()
	e := exchanged{ID: s.id}
	if a.Body != "" && !strings.HasSuffix(d.path, "/openapi.json") {
		switch kind := a.Header.Get("Content-Type"); {
		case strings.HasPrefix(kind, "application/json"):
			e.Answer = json.RawMessage(f.fixed(a.Body, true))
		case strings.HasPrefix(kind, "text/"):
			e.Answer = json.RawMessage(quoted(a.Body))
		}
	}
	if raw := asJSON(t, w, s.body); raw != "" {
		e.Request = json.RawMessage(f.fixed(raw, false))
	}
	for _, p := range d.Parameters {
		switch name := p.Value.Name; p.Value.In {
		case "path":
			set(&e.Path, name, strings.Trim(f.fixed(`"`+w.names[name]+`"`, false), `"`))
		case "query":
			for pair := range strings.FieldsSeq(s.with) {
				if asked, value, _ := strings.Cut(pair, "="); asked == "?"+name {
					set(&e.Query, name, value)
				}
			}
		}
	}
	return e
}

func set(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

// asJSON is a body as the document shows it.
func asJSON(t *testing.T, w *walker, body any) string {
	t.Helper()
	fields := map[string]string{}
	switch v := body.(type) {
	case nil:
		return ""
	case string:
		return w.bodyOf(t, v).(string)
	case files:
		for _, some := range []map[string]string{v.files, v.texts} {
			for name, text := range some {
				fields[name] = text
			}
		}
	default:
		for name, values := range reflect.ValueOf(v).Seq2() {
			fields[name.String()] = values.Index(0).String()
		}
	}
	raw, err := json.Marshal(fields)
	must(t, err)
	return string(raw)
}

// underWay are members of answers that begin or tell of something that goes on by
// itself; how far it is when it answers is nobody's to say.
var underWay = map[string]bool{"state": true, "waiting": true, "deployed": true, "endedAt": true, "hashed": true, "toHash": true, "created": true, "updated": true, "skipped": true}

var goesOn = map[string]bool{"deployGlobalPolicy": true, "deployPolicyGroup": true, "startCredentialImport": true, "listBulkDeploys": true, "cancelBulkDeploy": true, "resumeBulkDeploy": true}

// same tells whether two examples say the same.
func same(t *testing.T, a, b exchanged) bool {
	t.Helper()
	if a.ID != b.ID || !reflect.DeepEqual(a.Path, b.Path) || !reflect.DeepEqual(a.Query, b.Query) {
		return false
	}
	return reflect.DeepEqual(settled(t, a.ID, a.Request), settled(t, b.ID, b.Request)) && reflect.DeepEqual(settled(t, a.ID, a.Answer), settled(t, b.ID, b.Answer))
}

func settled(t *testing.T, id string, raw json.RawMessage) any {
	t.Helper()
	if raw == nil {
		return nil
	}
	var v any
	must(t, json.Unmarshal(raw, &v))
	if goesOn[id] {
		settle(v)
	}
	return v
}

func settle(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if underWay[name] {
				delete(v, name)
			}
			settle(member)
		}
	case []any:
		for _, element := range v {
			settle(element)
		}
	}
}

// The document's examples are what the handlers take and answer today.
func TestTheExamplesOfTheDocumentAreWhatIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	f := &fixer{began: w.site.Clock.Now(), service: w.service, known: map[string]string{}, count: map[string]int{}}
	var list []exchanged
	first := map[string]bool{}
	w.walk(t, func(s step, d described, with call, a answer) {
		e := f.example(t, w, s, d, with, a)
		if !first[s.id] {
			first[s.id] = true
			list = append(list, e)
		}
	})
	for _, d := range w.operations() {
		if !first[d.OperationID] {
			t.Errorf("the scenario does not ask for %s, so it has no example", d.OperationID)
		}
	}
	raw, err := json.MarshalIndent(list, "", "  ")
	must(t, err)
	if *update {
		must(t, os.WriteFile("examples.json", append(raw, '\n'), 0o644))
		return
	}
	committed, err := os.ReadFile("examples.json")
	must(t, err)
	var old []exchanged
	must(t, json.Unmarshal(committed, &old))
	if len(old) != len(list) {
		t.Fatalf("examples.json has %d examples, the scenario gives %d; go test ./handlers/apiops -run ExamplesOfTheDocument -update writes them anew", len(old), len(list))
	}
	for i := range list {
		if !same(t, old[i], list[i]) {
			t.Errorf("the example of %s is not what comes today; -update writes it anew (-is +comes):\n%s%s", list[i].ID,
				cmp.Diff(settled(t, old[i].ID, old[i].Request), settled(t, list[i].ID, list[i].Request)), cmp.Diff(settled(t, old[i].ID, old[i].Answer), settled(t, list[i].ID, list[i].Answer)))
		}
	}
}

// Whoever reads the document finds what to send and what comes for every operation.
func TestEveryOperationHasExamples(t *testing.T) {
	t.Parallel()
	c := begin(t, ofTheProduct)
	if err := c.doc.t.Validate(t.Context()); err != nil {
		t.Errorf("an example is not of its schema: %v", brief(err))
	}
	for _, d := range c.operations() {
		if d.RequestBody != nil {
			for media, content := range d.RequestBody.Value.Content {
				if content.Example == nil && d.RequestBody.Value.Required {
					t.Errorf("%s has no example of what is sent (%s)", d.OperationID, media)
				}
			}
		}
		for _, p := range d.Parameters {
			if p.Value.In == "path" && p.Value.Example == nil {
				t.Errorf("%s has no example of %s", d.OperationID, p.Value.Name)
			}
		}
		for status, response := range d.Responses.Map() {
			for media, content := range response.Value.Content {
				if status < "300" && content.Example == nil && !isFile[media] && d.OperationID != "openapi" {
					t.Errorf("%s has no example of what is answered (%s)", d.OperationID, media)
				}
			}
		}
	}
}

// isFile are media types of which a document cannot show an example.
var isFile = map[string]bool{"application/zip": true, "application/octet-stream": true}

// Examples are copied into chats and tickets: nothing in them may look like a secret.
func TestAttackNoExampleHasASecret(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("examples.json")
	must(t, err)
	for _, wrong := range []*regexp.Regexp{
		regexp.MustCompile(`gw[sp]_`), regexp.MustCompile(`PRIVATE KEY`), regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10}`), regexp.MustCompile(`127\.0\.0\.1:\d`),
		regexp.MustCompile(`"[A-Za-z0-9_-]{40,}"`),
	} {
		for _, found := range wrong.FindAll(raw, 3) {
			if !bytes.HasPrefix(found, []byte(`"0000`)) {
				t.Errorf("the examples have %s", found)
			}
		}
	}
	if strings.Count(string(raw), handlerstest.Password) > 2 {
		t.Error("the password of tests is in more than the two requests that need it")
	}
}
