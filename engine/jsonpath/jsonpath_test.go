package jsonpath_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/jsonpath"
)

func TestDecodeReadsWhatEncodingJSONReads(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, ` true `, `false`, `0`, `-1.5e3`, `12345678901234567`, `""`, `"a\"\\\n\u00e9\ud83d\ude00"`, `[]`, `{}`, "\t[ 1 ,\n\"a\" , [ ] , { } ]\r\n",
		`{"a":{"b":[1,2,{"c":null}],"d e":"x,]}"},"":1}`, `[[[[]]],{"a":{"a":{"a":1}}}]`,
	} {
		got, err := jsonpath.Decode([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var want any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("-1.5e3", "-1500").Replace(string(raw))
}

func TestDecodeRefusesWhatCouldBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                 ``,
		"no JSON":                 `{a:1}`,
		"an end too soon":         `{"a":[1,`,
		"something after it":      `{} {}`,
		"a repeated name":         `{"a":1,"b":2,"a":3}`,
		"one repeated escaped":    `{"a":1,"\u0061":3}`,
		"one repeated far inside": `[{"x":[{"a":1,"a":1}]}]`,
		"a number beyond bounds":  `[1e999]`,
		"broken UTF-8":            "\"\xff\"",
		"nesting beyond bounds":   strings.Repeat("[", 300) + strings.Repeat("]", 300),
	} {
		if v, err := jsonpath.Decode([]byte(text)); !errors.Is(err, jsonpath.ErrNotJSON) && !errors.Is(err, jsonpath.ErrAmbiguous) || v != nil {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

// Whatever encoding/json takes for JSON, Decode reads the same or refuses.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x\u0041",true,null]}`, `[[{}]]`, ` "é" `, `{"a":1,"a":2}`, `1e400`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := jsonpath.Decode(raw)
		if err != nil {
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var want, have any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("encoding/json does not read it: %v", err)
		}
		if err := json.NewDecoder(bytes.NewReader(again)).Decode(&have); err != nil || !cmp.Equal(want, have) {
			t.Fatalf("read %s, %v", again, err)
		}
	})
}

func TestPathsFindValues(t *testing.T) {
	t.Parallel()
	document, err := jsonpath.Decode([]byte(`{"user":{"name":"mia","id":12345678901234567,"roles":["a","b"],"gone":null,"ok":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"$.user.name": "mia", "$.user.id": "12345678901234567", "$.user.roles": `["a","b"]`, "$.user.roles[*]": "a b", "$.user.gone": "",
		"$.user.ok": "true", "$..name": "mia", "$.nobody.name": "", "$.user.roles[?(@ == 'b')]": "b",
	} {
		p, err := jsonpath.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var found []string
		for _, v := range p.Values(document) {
			found = append(found, jsonpath.Text(v))
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s found %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "user", "$.", "$..a..b", "$..*..*", "$['a','b']['c','d']", "$[?(@.a == $.b)]", "$." + strings.Repeat("a", 300)} {
		var m jsonpath.Mistake
		if _, err := jsonpath.Compile(text); !errors.As(err, &m) || !strings.HasSuffix(m.Error(), ".") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
