package apispec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models/apispec"
)

func TestReadingADocument(t *testing.T) {
	t.Parallel()
	cases := map[string]apispec.Spec{
		"petstore.yaml": {
			Format: "OpenAPI 3.0.3", Name: "Pet shelter - v1", Description: "Pets that look for a home.",
			BasePath: "/v1", Upstream: "https://eu.shelter.example/v1",
			Endpoints: []apispec.Endpoint{
				{Method: "GET", Path: "/pets", Description: "List pets"},
				{Method: "POST", Path: "/pets", Description: "Take a pet in."},
				{Method: "DELETE", Path: "/pets/{pet_id}", Description: "Forget a pet"},
				{Method: "GET", Path: "/pets/{pet_id}"},
				{Method: "GET", Path: "/owners", Description: "List owners"},
			},
			Notes: []string{
				"The document names 2 servers; the first one is the upstream.",
				"Callbacks of 1 operation were left out: the API makes these calls itself.",
				"1 list of servers of a path or operation was left out: all calls go to the one upstream of the proxy.",
				"What the document says about security was not taken over: add policies once the proxy is there.",
			},
			LeftOut: []string{
				"TRACE /pets was left out: An endpoint has one of the methods GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS.",
				"GET /pets/{id}.json was left out: A parameter of an endpoint takes a whole segment, such as /pets/{petId}.",
			},
		},
		"petstore31.json": {
			Format: "OpenAPI 3.1.0", Name: "Shelter 🐶", Description: "In short.", BasePath: "/shelter",
			Endpoints: []apispec.Endpoint{
				{Method: "PATCH", Path: "/b", Description: "Patch b"}, {Method: "OPTIONS", Path: "/b"},
				{Method: "PUT", Path: "/a", Description: "Put a"}, {Method: "HEAD", Path: "/a"},
			},
			Notes: []string{
				"The document names no address at which the API can be called: enter the upstream address.",
				"Webhooks were left out: the API makes these calls itself.",
			},
		},
		"petstore20.yaml": {
			Format: "Swagger 2.0", Name: "Old shelter", BasePath: "/api", Upstream: "https://old.shelter.example:8443/api",
			Endpoints: []apispec.Endpoint{{Method: "GET", Path: "/pets", Description: "List pets"}, {Method: "POST", Path: "/pets/{id}"}},
			Notes: []string{
				"The document names 2 servers; the first one is the upstream.",
				"What the document says about security was not taken over: add policies once the proxy is there.",
			},
		},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := apispec.Read(document)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// with is a document of one operation with other members.
func with(members string) string {
	return `{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}, ` + members + `}`
}

// of is a document with these paths.
func of(paths string) string { return `{"openapi": "3.1.1", "paths": {` + paths + `}}` }

func TestWhereTheAPIIs(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, members, basePath, upstream string }{
		{"no server", `"info": {"title": "My API"}`, "/my-api", ""},
		{"an empty list", `"servers": []`, "/api", ""},
		{"a path alone", `"servers": [{"url": "/v2/"}]`, "/v2", ""},
		{"the path of the first, the address of the second", `"servers": [{"url": "/v2"}, {"url": "https://api.example"}]`, "/v2", "https://api.example"},
		{"double slashes", `"servers": [{"url": "https://api.example//v1//x/"}]`, "/v1/x", ""},
		{"a reserved path", `"info": {"title": "Pets"}, "servers": [{"url": "https://api.example/auth/v1"}]`, "/pets", "https://api.example/auth/v1"},
		{"a reserved name", `"info": {"title": "Auth"}`, "/api-auth", ""},
		{"a name of other letters", `"info": {"title": "Ürün İşleri"}`, "/r-n-i-leri", ""},
		{"a dot segment", `"servers": [{"url": "https://api.example/v1/../x"}]`, "/api", ""},
		{"web sockets", `"servers": [{"url": "wss://api.example/v1"}]`, "/v1", ""},
		{"a password", `"servers": [{"url": "https://u:p@api.example/v1"}]`, "/v1", ""},
		{"a query", `"servers": [{"url": "https://api.example/v1?x=1"}]`, "/v1", ""},
		{"a variable without default", `"servers": [{"url": "https://{x}/v1"}]`, "/api", ""},
		{"a variable that is nothing", `"servers": [{"url": "https://{x}/v1", "variables": {"x": null}}]`, "/api", ""},
		{"a server that is none", `"servers": [1, {"url": ["x"]}, {"url": "https://api.example"}]`, "/api", "https://api.example"},
		{"servers that are none", `"servers": {"url": "https://api.example"}`, "/api", ""},
		{"a variable in a variable", `"servers": [{"url": "https://{x}", "variables": {"x": {"default": "{y}"}, "y": {"default": "{x}"}}}]`, "/api", "https://y"},
		{"an address that grows without end", `"servers": [{"url": "https://` + strings.Repeat("{x}", 600) + `", "variables": {"x": {"default": "` + strings.Repeat("y", 100000) + `"}}}]`, "/api", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := apispec.Read([]byte(with(c.members)))
			if err != nil {
				t.Fatal(err)
			}
			if s.BasePath != c.basePath || s.Upstream != c.upstream {
				t.Errorf("base path %q, upstream %q; want %q, %q", s.BasePath, s.Upstream, c.basePath, c.upstream)
			}
		})
	}
}

func TestWhatASwaggerDocumentCallsItsServer(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, members, basePath, upstream string }{
		{"host alone", `"host": "api.example"`, "/api", "https://api.example"},
		{"no host", `"basePath": "/v1"`, "/v1", ""},
		{"http alone", `"host": "api.example", "schemes": ["ws", "http"], "basePath": "/v1/"`, "/v1", "http://api.example/v1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := apispec.Read([]byte(`{"swagger": "2.0", "paths": {"/a": {"get": {}}}, ` + c.members + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if s.BasePath != c.basePath || s.Upstream != c.upstream {
				t.Errorf("base path %q, upstream %q; want %q, %q", s.BasePath, s.Upstream, c.basePath, c.upstream)
			}
		})
	}
}

func TestWhatIsNoEndpointIsNamedWithItsReason(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, paths, note string }{
		{"a second path of the same shape", `"/a/{x}": {"get": {}}, "/a/{y}": {"get": {}}`, "GET /a/{y} was left out: GET /a/{y} is here twice"},
		{"a slash at the end", `"/a": {"get": {}}, "/a/": {"get": {}}`, "GET /a/ was left out: The gateway has no endpoints whose path ends with a slash."},
		{"a query in a path", `"/a": {"get": {}}, "/a?x=1": {"get": {}}`, "GET /a?x=1 was left out"},
		{"a method in capitals", `"/a": {"get": {}, "POST": {}}`, `/a was left out: The member "POST" is none`},
		{"a method of 3.2", `"/a": {"get": {}, "query": {}}`, "QUERY /a was left out"},
		{"more methods of 3.2", `"/a": {"get": {}, "additionalOperations": {}}`, "/a was left out: Its additional operations"},
		{"a path without a slash", `"/a": {"get": {}}, "b": {"get": {}}`, "b was left out: A path begins with a slash."},
		{"what the library keeps for itself", `"/a": {"get": {}}, "__origin__": {"get": {}}`, "__origin__ was left out"},
		{"an action after a colon", `"/a": {"get": {}}, "/{name}:start": {"post": {}}`, "POST /{name}:start was left out: A parameter of an endpoint takes a whole segment"},
		{"a path of 513 characters", `"/a": {"get": {}}, "/` + strings.Repeat("x", 512) + `": {"get": {}}`, "Shorten the path to 512 characters."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := apispec.Read([]byte(of(c.paths)))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Endpoints) != 1 || len(s.LeftOut) != 1 || !strings.Contains(s.LeftOut[0], c.note) {
				t.Errorf("endpoints %v, left out %q; want one with %q", s.Endpoints, s.LeftOut, c.note)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range engine.MaxEndpoints + 1 {
		many = append(many, fmt.Sprintf(`"/a%d": {"get": {}}`, i))
	}
	cases := []struct{ name, document, field, says string }{
		{"nothing", " \n", "", "it is empty"},
		{"a list", "[]", "", "not an object"},
		{"a comment", "# nothing", "", "empty"},
		{"a web page", "<!doctype html>", "", "a web page or XML"},
		{"other text", "hello", "", "not an object"},
		{"bytes", "\xff\xfe\x00", "", "UTF-8"},
		{"broken JSON", "{\n\"openapi\": }", "", "line 2"},
		{"half of it", `{"openapi": "3.0.0", "paths": {`, "", "cannot be read as JSON"},
		{"two documents", `{"openapi": "3.0.0"} {}`, "", "more after its end"},
		{"broken YAML", "a: [", "", "cannot be read as YAML"},
		{"no version", `{"paths": {}}`, "openapi", "neither openapi nor swagger"},
		{"Swagger 1.2", `{"swagger": "1.2"}`, "openapi", "written for Swagger 1.2"},
		{"OpenAPI 3.2", `{"openapi": "3.2.0"}`, "openapi", "written for OpenAPI 3.2.0"},
		{"both versions", `{"openapi": "3.1.0", "swagger": "2.0"}`, "openapi", "two versions"},
		{"a version that is none", `{"openapi": {"a": 1}}`, "openapi", "neither"},
		{"no paths", `{"openapi": "3.1.0", "webhooks": {}}`, "paths", "no operation"},
		{"paths that are a list", `{"openapi": "3.1.0", "paths": []}`, "paths", "not an object"},
		{"paths with nothing in them", of(`"/a": {}, "x-b": {"get": {}}`), "paths", "no operation"},
		{"a path that is null", of(`"/a": null`), "paths[/a]", "not an object"},
		{"an operation that is null", of(`"/a": {"get": null}`), "paths[/a].get", "not an object"},
		{"a path twice", of(`"/a": {"get": {}}, "/a": {"post": {}}`), "paths", `"/a" is here twice`},
		{"info that is text", with(`"info": "x"`), "info", "not an object"},
		{"only what no proxy can have", of(`"/{a}.json": {"get": {}}, "/b/": {"get": {}}`), "paths[/b/].get", "ends with a slash"},
		{"only a method that no proxy can have", of(`"/a": {"trace": {}}`), "paths[/a].trace", "one of the methods"},
		{"more operations than a proxy has", of(strings.Join(many, ",")), "paths", "more than 2000 operations"},
		{"a merge key", "openapi: 3.0.0\nx: &x {get: {}}\npaths: {/a: {<<: *x}}", "paths[/a]", "merge key"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); refused(t, c.document, c.field, c.says) })
	}
}

func TestHostileDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 {x: 1}\n"
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	wide := "x: &x [" + strings.Repeat("1,", 5000) + "]\ny: [" + strings.Repeat("*x,", 5000) + "]\n"
	cases := []struct{ name, document, field, says string }{
		{"an external path on the disk", of(`"/a": {"$ref": "/etc/passwd"}`), "paths[/a]", "another document"},
		{"an external path of the network", of(`"/a": {"$ref": "http://169.254.169.254/latest#/a"}`), "paths[/a]", "another document"},
		{"an external path of a Swagger document", `{"swagger": "2.0", "paths": {"/a": {"$ref": "file:///etc/passwd"}}}`, "paths[/a]", "another document"},
		{"a path that is itself", of(`"/a": {"$ref": "#/paths/~1a"}`), "paths[/a]", "to itself"},
		{"two paths that are each other", of(`"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}`), "paths[/b]", "to itself"},
		{"a path that leads nowhere", of(`"/a": {"$ref": "#/components/pathItems/%zz"}`), "paths[/a]", "has not"},
		{"a reference that is an object", of(`"/a": {"$ref": {}}`), "paths[/a]", "another document"},
		{"aliases of aliases", "openapi: 3.0.0\n" + bomb, "", "aliases repeat"},
		{"aliases side by side", "openapi: 3.0.0\n" + wide, "", "aliases repeat"},
		{"an alias inside of itself", "openapi: 3.0.0\npaths: &p {/a: *p}\n", "", "nested more than 100"},
		{"deep JSON", `{"a":` + strings.Repeat("[", 300000), "", "nested more than 100"},
		{"deep JSON of objects", strings.Repeat(`{"a":`, 100000), "", "nested more than 100"},
		{"deep YAML", "a: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "", "nested more than 100"},
		{"very deep YAML", "a: " + strings.Repeat("[", 300000), "", "cannot be read as YAML"},
		{"deep YAML of dashes", strings.Repeat("- ", 5000) + "a", "", "nested more than 100"},
		{"a path of a thousand members", of(`"/a": {` + members(1000) + `}`), "paths[/a]", "more than 100 members"},
		{"more than a megabyte", `{"a": "` + strings.Repeat("x", apispec.MaxDocument) + `"}`, "", "more than 1 MiB"},
		{"a megabyte of blanks before it", strings.Repeat(" ", apispec.MaxDocument) + of(`"/a": {"get": {}}`), "", "more than 1 MiB"},
		{"a name that turns the line around", of("\"/a\u202e\": 1"), "paths[/a ]", "not an object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); refused(t, c.document, c.field, c.says) })
	}
}

func members(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"x-%d": 1`, i)
	}
	return strings.Join(list, ",")
}

func refused(t *testing.T, document, field, says string) {
	t.Helper()
	s, err := apispec.Read([]byte(document))
	l := problem.Of(err)
	if l == nil {
		t.Fatalf("read as %+v, error %v; want a problem", s, err)
	}
	if got := l.For(field); !strings.Contains(got, says) {
		t.Errorf("problems %v; want one of %q that says %q", l, field, says)
	}
	for _, p := range l {
		if len(p.Message) > 1000 || len(l) > 100 {
			t.Errorf("%d problems, one of %d bytes: more than anybody reads", len(l), len(p.Message))
		}
	}
}

func TestWhatIsSaidIsBounded(t *testing.T) {
	t.Parallel()
	paths := []string{`"/ok": {"get": {}}`}
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf(`"/a%d/": {"get": {}}`, i))
	}
	s, err := apispec.Read([]byte(of(strings.Join(paths, ","))))
	if err != nil {
		t.Fatal(err)
	}
	if last := s.LeftOut[len(s.LeftOut)-1]; len(s.LeftOut) > 60 || last != "950 more operations were left out for reasons like these." {
		t.Errorf("%d sentences, the last is %q", len(s.LeftOut), last)
	}
}

func TestNamesAndDescriptionsFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ğ ", 400)
	names := map[string]string{
		"": "API", " ": "API", ".": "API", "..": "API", "\u200b": "API", "a/b\\c": "a-b-c", "a\u202eb": "ab", "a\x00b": "ab", "a\tb\nc": "a b c",
		long: long[:127*3] + "…",
	}
	for title, want := range names {
		info, err := json.Marshal(map[string]string{"title": title, "description": strings.Repeat("ü\x01", 1500)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := apispec.Read([]byte(with(`"info": ` + string(info))))
		if err != nil {
			t.Fatal(err)
		}
		p := engine.Proxy{Name: s.Name, Route: engine.Route{BasePath: s.BasePath}, Upstream: engine.Upstream{URL: "http://x"}}
		if l := p.Validate(); len(l) > 0 || s.Name != want || problem.Description(s.Description) != "" {
			t.Errorf("%q became %q at %q, want %q: %v", title, s.Name, s.BasePath, want, l)
		}
	}
}
