package apiops_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/handlers/handlerstest"
)

// Requests are made from the document, right and wrong; whatever comes back has
// to be in the document, and what it refuses has to be refused.

// choices is where a request is made from: numbers of a seed, or bytes of a fuzzer.
type choices struct {
	next func() byte
	// wild is how many of 256 parts of a request are wrong.
	wild byte
}

// below is a number from 0 to n-1; 0 when a fuzzer has no more bytes.
func (c *choices) below(n int) int { return (int(c.next())<<8 | int(c.next())) % n }

func (c *choices) wrong() bool { return c.next() > 255-c.wild }

func seededChoices(seed uint64) *choices {
	from := rand.New(rand.NewPCG(seed, 6))
	c := &choices{next: func() byte { return byte(from.Uint32()) }}
	c.wild = byte([]int{0, 12, 60}[c.below(3)])
	return c
}

func bytesChoices(raw []byte) *choices {
	c := &choices{next: func() byte {
		if len(raw) == 0 {
			return 0
		}
		b := raw[0]
		raw = raw[1:]
		return b
	}}
	c.wild = c.next()
	return c
}

func pick[T any](c *choices, list []T) T { return list[c.below(len(list))] }

// hostile are texts that break what is careless.
var hostile = []string{
	"", ".", "..", "../..", "a/b", "a%2Fb", "\x00", "a\x00b", "\xff", "\xc3\x28", strings.Repeat("n", 300), "İstanbul ığüşöç", "<script>alert(1)</script>",
	"' OR 1=1 --", "${jndi:ldap://x}", "a\r\nb", "\u202e\ufeff", "%00", "%", "{}", "[]", "null", "-1", "9999999999999999999999", "1e9", "\\", "\"", "💥", "_%", "?#&=+ ",
}

// furnishing is a project that the pool's names are of. What is there already is
// refused, so it can be asked for again after requests have deleted some of it.
var furnishing = []struct{ path, body string }{
	{"/apiops/projects/", `{"name":"Default"}`}, {"/apiops/projects/", `{"name":"Shop"}`},
	{"/apiops/environments/", `{"name":"test","type":"TEST","accessUrl":"https://t.example.com"}`},
	{"/apiops/environments/test/environmentVariables/", `{"name":"HOST","value":"a.test"}`},
	{globals, `{"type":"policy-auth-jwt","name":"standard","jwtSignatureAlgorithm":"RS256"}`},
	{globals, `{"type":"policy-headers","name":"no server","changes":[{"action":"REMOVE","name":"Server"}]}`},
	{"/apiops/projects/Default/policyGroups/", `{"name":"bundle","targetPipeline":"REQUEST","policyList":[{"type":"policy-auth-jwt","name":"own","jwtSignatureAlgorithm":"ES512"}]}`},
	{proxiesAt, wholeProxy}, {proxiesAt, `{"apiProxyName":"orders","apiProxyCreationType":"REVERSE_PROXY","clientRoute":{"relativePathList":["/orders"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:1"}]}}`},
	{groupsAt, `{"name":"all","clientRoute":{"relativePathList":["/all"]}}`},
	{seedListIn("orders") + "guard/", `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","deploy":true,"deployTargetEnvironmentNameList":["test"]},"policy":{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256"}}`},
	{credentialRoles, `{"name":"clerk"}`}, {credentialsAt, `{"username":"till","password":"a secret of the till","roleNameList":["clerk"],"metadata":[{"key":"tier","value":"gold"}]}`},
	{providers, `{"identityProvider":{"kind":"API","name":"corp","url":"https://127.0.0.1:1/","basicAuth":true},"secrets":{"secret":"hunter2hunter2"}}`}, {variables, `{"name":"tenant","type":"HEADER","headerName":"X"}`},
	{users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`}, {roles, `{"name":"Reader","permissions":["API_MANAGEMENT:VIEW"]}`},
	{members, `{"username":"ayse","roleNameList":["Reader"]}`}, {myTokens, `{"name":"ci"}`},
}

func seedListIn(proxy string) string { return proxiesAt + proxy + "/policies/" }

// pool are names of what is furnished, by the parameter or the member that takes them.
// The administrator who asks is not among them.
var pool = map[string][]string{
	"projectName": {"Default", "Default", "Default", "Shop"}, "apiProxyName": {"orders", "pets"}, "apiProxyGroupName": {"all"},
	"policyName": {"guard", "standard", "no server", "bundle"}, "policyGroupName": {"bundle"}, "environmentName": {"test"},
	"environmentVariableName": {"HOST"}, "keyId": {"partner-1"}, "packageType": {"GLOBAL_POLICY", "API_PROXY", "POLICY_GROUP", "IDENTITY_PROVIDER"},
	"revision": {"1", "2", "3"}, "identityProviderName": {"corp"}, "roleName": {"clerk"}, "variableName": {"tenant"}, "auditEventId": {"1", "7"},
	"userName": {"ayse", "otto"}, "projectRoleName": {"Reader", "API Developer"}, "tokenName": {"ci"}, "errorType": {"APIPROXY_NOTFOUND"},
	"username": {"till", "ayse"}, "name": {"tenant", "bundle", "standard", "fresh", "clerk", "orders"}, "apiProxy": {"orders"}, "password": {"correct horse battery"},
	"relativePath": {"/orders", "/a", "/b"}, "type": {"HEADER"}, "kind": {"API"}, "httpMethod": {"GET"}, "exportPassphrase": {"a long passphrase 1"},
	"address": {"http://127.0.0.1:1"}, "specUrl": {"http://127.0.0.1:1/"}, "accessUrl": {"https://p.example.com"}, "server": {"ldaps://127.0.0.1:1"}, "global": {"standard"},
}

// plain are texts that are nothing special.
var plain = []string{"x", "fresh", "GET", "/a", "127.0.0.1", "https://127.0.0.1:1/", "2030-01-31T08:00:00Z", "10.0.0.0/8", "true", "5"}

// text is a name that is there, some text, or a hostile one.
func (c *choices) text(name string) string {
	if c.wrong() {
		return pick(c, hostile)
	}
	if names := pool[strings.TrimSuffix(name, "List")]; names != nil && c.below(8) > 0 {
		return pick(c, names)
	}
	return pick(c, plain) + []string{"", "", strconv.Itoa(c.below(100))}[c.below(3)]
}

func quoted(text string) string {
	raw, _ := json.Marshal(text) // a string always is JSON
	if strings.Contains(text, "\xff") {
		return `"` + text + `"` // as no encoder would write it
	}
	return string(raw)
}

// wrongs are values that are hardly ever what is asked for.
var wrongs = []string{
	"null", "true", "-1", "1.5", "1e400", "-9223372036854775809", "18446744073709551616", `""`, `"\u0000"`, `"\ud800"`, "[]", "[null]", "{}", `{"a":1,"a":2}`, `[[]]`,
	strings.Repeat("[", 200) + strings.Repeat("]", 200), strings.Repeat(`{"a":`, 12000) + "1" + strings.Repeat("}", 12000),
}

var numbers = []string{"1", "0", "2", "5", "60", "3600", "10", "1"}

var badNumbers = []string{"-1", "2147483647", "2147483648", "9223372036854775807", "9007199254740993", "1e3", "1.0", "0.5"}

// value is JSON for a schema, which may be wrong.
func (c *choices) value(ref *openapi3.SchemaRef, name string, depth int) string {
	if ref == nil || ref.Value == nil || c.wrong() && c.below(2) == 0 {
		return pick(c, wrongs)
	}
	s := ref.Value
	switch options := slices.Concat(s.OneOf, s.AnyOf); {
	case len(s.AllOf) > 0:
		return c.value(s.AllOf[0], name, depth)
	case len(options) > 0:
		return c.value(pick(c, options), name, depth)
	case len(s.Enum) > 0 && !c.wrong():
		return quoted(fmt.Sprint(pick(c, s.Enum)))
	case s.Type == nil:
		return pick(c, wrongs)
	case s.Type.Is("object"):
		return c.object(s, depth)
	case s.Type.Is("array"):
		return c.array(s, name, depth)
	case s.Type.Is("boolean"):
		return pick(c, []string{"true", "false"})
	case s.Type.Is("string"):
		if s.Format == "date-time" && !c.wrong() {
			return pick(c, []string{`"2030-01-31T08:00:00Z"`, `"2020-01-31T08:00:00+03:00"`, `"2026-02-28T23:59:60Z"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999999Z"`})
		}
		return quoted(c.text(name))
	}
	if c.wrong() {
		return pick(c, badNumbers)
	}
	return pick(c, numbers)
}

func (c *choices) object(s *openapi3.Schema, depth int) string {
	var list []string
	for _, name := range sortedNames(s.Properties) {
		need := slices.Contains(s.Required, name)
		if need && !c.wrong() || !need && depth < 6 && c.below(3) == 0 {
			list = append(list, quoted(name)+":"+c.value(s.Properties[name], name, depth+1))
		}
	}
	if of := s.AdditionalProperties.Schema; of != nil {
		list = append(list, quoted(c.text("key"))+":"+c.value(of, "key", depth+1))
	}
	if c.wrong() {
		list = append(list, pick(c, []string{`"unknown":1`, `"":null`, `"Name":"x"`, `"__proto__":{}`, `"name":"a","name":"b"`}))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (c *choices) array(s *openapi3.Schema, name string, depth int) string {
	list := make([]string, []int{1, 1, 0, 2, 3}[c.below(5)])
	for i := range list {
		list[i] = c.value(s.Items, name, depth+1)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func sortedNames(of openapi3.Schemas) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// request is one for an operation.
func (c *choices) request(d described) call {
	with := call{method: d.method, header: map[string]string{}, wrong: true}
	with.path = parameter.ReplaceAllStringFunc(d.path, func(p string) string { return c.segment(strings.Trim(p, "{}")) })
	if c.below(8) == 0 {
		with.path = strings.TrimSuffix(with.path, "/")
	}
	query := url.Values{}
	for _, p := range d.Parameters {
		switch {
		case p.Value.In == "query" && c.below(3) == 0:
			query.Set(p.Value.Name, c.parameter(p.Value))
		case p.Value.In == "header" && c.below(4) == 0:
			with.header[p.Value.Name] = c.headerValue(p.Value.Name)
		}
	}
	if c.wrong() {
		query.Set("unknown", c.text("unknown"))
	}
	if len(query) > 0 {
		with.path += "?" + query.Encode()
	}
	with.body = c.body(d)
	return with
}

// segment is a name in the path. Without a name, or with dots for one, it is the
// path of something else (RFC 3986 section 5.2.4).
func (c *choices) segment(name string) string {
	switch text := c.text(name); text {
	case "", ".", "..", "../..":
		return "..."
	default:
		return url.PathEscape(text)
	}
}

func (c *choices) parameter(p *openapi3.Parameter) string {
	text := c.value(p.Schema, p.Name, 5)
	var s string
	if json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return text[:min(len(text), 300)]
}

// headerValue is one that can be sent at all.
func (c *choices) headerValue(name string) string {
	if c.wrong() {
		return strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, pick(c, hostile))
	}
	switch name {
	case "If-Match":
		return pick(c, []string{`"1"`, `"2"`, "*", `W/"1"`, `"1", "2"`, `"1-1"`})
	case "Idempotency-Key":
		return "key-" + strconv.Itoa(c.below(20))
	}
	return "a long passphrase 1"
}

func (c *choices) body(d described) any {
	if d.RequestBody == nil {
		return nil
	}
	content := d.RequestBody.Value.Content
	for media, of := range content {
		switch {
		case media == "application/json":
			if of.Example != nil && c.below(6) == 0 {
				raw, _ := json.Marshal(of.Example) // it was read from JSON
				return string(raw)
			}
			return c.value(of.Schema, "", 0)
		case strings.HasPrefix(media, "multipart/"):
			return c.multipart(of.Schema.Value)
		default:
			fields := url.Values{}
			for _, name := range sortedNames(of.Schema.Value.Properties) {
				if !c.wrong() {
					fields.Add(name, c.text(name))
				}
			}
			return fields
		}
	}
	return nil
}

func (c *choices) multipart(s *openapi3.Schema) upload {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range sortedNames(s.Properties) {
		switch p := s.Properties[name].Value; {
		case c.wrong():
		case p.Format == "binary":
			part, _ := w.CreateFormFile(name, c.text("file")) // to memory
			_, _ = part.Write([]byte(pick(c, []string{"PK\x03\x04", "PK\x05\x06" + strings.Repeat("\x00", 18), swaggerDocument, "{", "openapi: 3.1.0", "\x00\xff"})))
		case len(p.Enum) > 0 && !c.wrong():
			_ = w.WriteField(name, fmt.Sprint(pick(c, p.Enum)))
		default:
			_ = w.WriteField(name, pick(c, []string{c.text(name), `{"apiProxyName":"mine"}`, "{}"}))
		}
	}
	if !c.wrong() {
		_ = w.Close()
	}
	return upload{w.FormDataContentType(), b.Bytes()}
}

// furnished is the client of a site where everything of the pool is.
func furnished(t testing.TB) *client {
	t.Helper()
	c := beginWhole(t)
	c.furnish(t)
	return c
}

func (c *client) furnish(t testing.TB) {
	t.Helper()
	for _, some := range furnishing {
		if a := c.do(t, call{method: http.MethodPost, path: some.path, body: some.body, wrong: true}); testing.Verbose() && a.Status != http.StatusOK && a.Status != http.StatusConflict {
			t.Logf("%s %s: %d %s", some.path, some.body, a.Status, a.Body)
		}
	}
}

// ordered are the operations, always in the same order.
func (c *client) ordered() []described {
	list := c.operations()
	slices.SortFunc(list, func(a, b described) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.method, b.method))
	})
	return list
}

// throw sends a request that was made, and tells where document and answer part.
func (c *client) throw(t *testing.T, d described, with call) int {
	t.Helper()
	a := c.do(t, with)
	if a.Status < 300 && a.against != nil {
		t.Errorf("%s is taken with %d, and the document refuses it: %s", d.OperationID, a.Status, brief(a.against))
	}
	if a.Status == http.StatusUnauthorized && !d.public() { // it ended its own token
		*c = *c.as(t, handlerstest.Administrator)
	}
	if t.Failed() {
		t.Fatalf("this was sent: %s %s %q %.4000q", with.method, with.path, with.header, fmt.Sprint(with.body))
	}
	return a.Status
}

// The scenario takes every operation to where it is of use, and sends what it takes;
// there the operation is asked at random, about another project. So each of them is
// asked both for what it does and for what it refuses.
func TestNoRequestMadeFromTheDocumentIsAnsweredOutsideIt(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	w.furnish(t)
	took, asked, accepted := map[string]bool{}, 0, 0
	w.walk(t, func(s step, d described, _ call, a answer) {
		if took[s.id] {
			return
		}
		took[s.id] = a.Status < http.StatusMultipleChoices && a.against == nil
		for round := range uint64(fuzzRounds) {
			if asked++; asked%100 == 0 {
				w.furnish(t)
			}
			with := seededChoices(seedOf(d.OperationID) + round).request(d)
			t.Run(fmt.Sprintf("%s/%d", d.OperationID, round), func(t *testing.T) {
				if w.throw(t, d, with) < http.StatusMultipleChoices {
					accepted++
				}
			})
		}
	})
	for _, d := range w.operations() {
		if !took[d.OperationID] {
			t.Errorf("%s has taken no request", d.OperationID)
		}
	}
	if accepted < len(took)/2 {
		t.Errorf("of %d requests at random %d were taken: the generator or what is furnished is wrong", asked, accepted)
	}
}

// seedOf makes what an operation is asked its own: a new operation leaves what the
// others are asked as it was, and with it what they do to the scenario.
func seedOf(operation string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(operation))
	return h.Sum64()
}

// fuzzRounds is how often every operation is asked at random.
const fuzzRounds = 2

func FuzzDocument(f *testing.F) {
	c := furnished(f)
	operations := c.ordered()
	f.Add(byte(0), []byte{0})
	f.Add(byte(1), []byte("\x40 some bytes that choose \x00\x01\x02\xfe\xff and so on"))
	f.Fuzz(func(t *testing.T, operation byte, raw []byte) {
		d := operations[int(operation)%len(operations)]
		c.furnish(t)
		c.throw(t, d, bytesChoices(raw).request(d))
	})
}
