package api

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/secret"
)

// FuzzTemplatesKeepValuesInTheirPlace: whatever an author writes and a caller
// types, each request says the same as the template with harmless words, but
// for these words.
func FuzzTemplatesKeepValuesInTheirPlace(f *testing.F) {
	for _, t := range []string{
		`{"a": "{{username}}", "b": {{password}}}`, `{"a": ["x{{username}}y"]}`, `{"a":"\\{{username}}"}`, `user={{username}}&p={{password}}`,
		`https://example.com/{{username}}/x?y={{username}}`, `https://example.com{{username}}`, `{{username}}`, `"{{username}}" : `, `{{`, `{"{{username}}":1}`,
	} {
		for _, v := range []string{"alice", `","x":"`, `\`, "..", "a/b", "&a=b", "\r\n", "%2e", "\xff", "}}", "{{password}}"} {
			f.Add(t, v)
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		harmless := values{username: "x", password: secret.New("x")}
		typed := values{username: value, password: secret.New(value)}
		checkJSONTemplate(t, text, harmless, typed)
		checkFormTemplate(t, text, harmless, typed)
		checkURLTemplate(t, text, harmless, typed)
		checkHeaderTemplate(t, text, typed)
	})
}

func rendered(t *testing.T, tpl template, v values, put place) (string, bool) {
	t.Helper()
	out, err := tpl.render(v, put)
	if err != nil && !errors.Is(err, errUnfit) {
		t.Fatal(err)
	}
	return out, err == nil
}

func checkJSONTemplate(t *testing.T, text string, harmless, typed values) {
	t.Helper()
	tpl, err := parseJSON(text)
	if err != nil {
		return
	}
	want, _ := rendered(t, tpl, harmless, inJSON)
	got, ok := rendered(t, tpl, typed, inJSON)
	if !ok {
		return
	}
	var a, b any
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		t.Fatalf("%q makes %q: not JSON", text, got)
	}
	if shape(a) != shape(b) {
		t.Errorf("%q makes %s, of another shape than %s", text, got, want)
	}
}

// shape is a JSON value with its texts left out, but not the names of members.
func shape(v any) string {
	raw, _ := json.Marshal(blank(v))
	return string(raw)
}

func blank(v any) any {
	switch v := v.(type) {
	case string:
		return ""
	case []any:
		for i := range v {
			v[i] = blank(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = blank(v[k])
		}
	}
	return v
}

func checkFormTemplate(t *testing.T, text string, harmless, typed values) {
	t.Helper()
	tpl, err := parseForm(text)
	if err != nil {
		return
	}
	want, _ := rendered(t, tpl, harmless, inQuery)
	got, ok := rendered(t, tpl, typed, inQuery)
	if ok && separators(got) != separators(want) {
		t.Errorf("%q makes %q", text, got)
	}
	if _, err := url.ParseQuery(got); ok && err != nil {
		t.Errorf("%q makes %q: %v", text, got, err)
	}
}

func separators(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("&=;+#?/", r) {
			return r
		}
		return -1
	}, text)
}

func checkURLTemplate(t *testing.T, text string, harmless, typed values) {
	t.Helper()
	a, err := parseURL(text)
	if err != nil {
		return
	}
	want, err := a.render(harmless)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.render(typed)
	if err != nil {
		if !errors.Is(err, errUnfit) {
			t.Fatal(err)
		}
		return
	}
	again, err := url.Parse(got.String())
	if err != nil {
		t.Fatalf("%q makes %q: %v", text, got, err)
	}
	if again.Scheme != want.Scheme || again.Host != want.Host || again.User != nil || again.Fragment != "" || a.origin() == "" {
		t.Errorf("%q makes %q, which leads elsewhere than %q", text, got, want)
	}
	if again.EscapedPath() != got.EscapedPath() || separators(again.EscapedPath()) != separators(want.EscapedPath()) || separators(again.RawQuery) != separators(want.RawQuery) {
		t.Errorf("%q makes %q, of another shape than %q", text, got, want)
	}
	if climbs(again.Path) {
		t.Errorf("%q makes %q, which climbs", text, got)
	}
}

func checkHeaderTemplate(t *testing.T, text string, typed values) {
	t.Helper()
	tpl, err := parse(text)
	if err != nil || headerValueProblem(text) != "" {
		return
	}
	if got, ok := rendered(t, tpl, typed, inHeader); ok && strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q makes %q", text, got)
	}
}

// FuzzJSONPathsEnd: paths that are accepted can be followed in any document,
// with neither a panic nor work that multiplies.
func FuzzJSONPathsEnd(f *testing.F) {
	for _, p := range []string{"$", "$.a.b", "$..a", "$[*].a", "$[?(@.a == 1)].b", "$['a','b']", "$[0:2]", "$[-1]", "$[?@.a =~ /x/]", "$[?(length(@.a) > 1)]", "$[::0]", "$..[?(@ == 1)]"} {
		f.Add(p, `{"a": {"b": [1, "x", null, {"a": 1.5}]}, "b": [[1], [2, {"a": "x"}]]}`)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		p, err := jsonpath.Compile(text)
		if err != nil || len(document) > 1000 {
			return
		}
		v, err := jsonpath.Decode([]byte(document))
		if err != nil {
			return
		}
		if found := p.Values(v); len(found) > 100*(len(document)+1) {
			t.Errorf("%q finds %d values in %d bytes", text, len(found), len(document))
		}
	})
}
