package engine

import (
	"net/http"
	"strings"
	"testing"
)

func TestAParameterIsDroppedInEveryEncodingAndNothingElseChanges(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                                        "",
		"a=1&b=2":                                 "a=1&b=2",
		"access_token=x":                          "",
		"a=1&access_token=x&b=2":                  "a=1&b=2",
		"access_token=x&access_token=y&a=%41+b":   "a=%41+b",
		"%61ccess_token=x&a=1":                    "a=1",
		"access%5Ftoken=x;a=1":                    "a=1",
		"a=1;access_token=x;b":                    "a=1;b",
		"access_token&a":                          "a",
		"xaccess_token=1&access_tokens=2":         "xaccess_token=1&access_tokens=2",
		"a=access_token=x":                        "a=access_token=x",
		"Access_Token=x":                          "Access_Token=x",
		"%zz=1&access_token=x":                    "%zz=1",
		"access_token=" + strings.Repeat("y", 99): "",
	} {
		if got := dropParameter(query, "access_token"); got != want {
			t.Errorf("%q gave %q, want %q", query, got, want)
		}
	}
}

func TestACookieIsDroppedFromAllFields(t *testing.T) {
	t.Parallel()
	h := http.Header{"Cookie": {"a=1; access_token=x; b=2", "access_token=y", "c=3;access_token=z;access_tokens=4"}}
	f := fieldsOf(h)
	dropCookie(f, "access_token")
	if got := strings.Join(f.Values("Cookie"), "|"); got != "a=1; b=2|c=3; access_tokens=4" {
		t.Errorf("Cookie: %s", got)
	}
	f = fieldsOf(http.Header{"Cookie": {"access_token=x"}})
	dropCookie(f, "access_token")
	if f.Has("Cookie") {
		t.Errorf("an empty field is left: %v", f)
	}
}

func FuzzDropParameter(f *testing.F) {
	for _, seed := range []string{"a=1&access_token=x", "%61ccess_token=1;b", "&&;;access_token"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		left := dropParameter(query, "access_token")
		for _, part := range strings.FieldsFunc(left, func(r rune) bool { return r == '&' || r == ';' }) {
			if parameterName(part) == "access_token" {
				t.Errorf("%q left %q", query, left)
			}
		}
	})
}
