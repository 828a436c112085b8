package conditions_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/htmlcheck"
)

func TestCurlLinesAreTakenOver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ line, method, path, headers, body string }{
		"an address alone":          {"curl https://api.example.com/a?b=c", "GET", "https://api.example.com/a?b=c", "", ""},
		"without a scheme":          {"curl api.example.com/a", "GET", "http://api.example.com/a", "", ""},
		"method and headers":        {`curl -X DELETE -H 'X-A: one' -H "X-B: two" http://h/a`, "DELETE", "http://h/a", "X-A: one\nX-B: two", ""},
		"options that stand close":  {`curl -sSXPUT -HX-A:1 http://h/a`, "PUT", "http://h/a", "X-A:1", ""},
		"data is a form by default": {"curl http://h/a -d a=1 --data b=2", "POST", "http://h/a", "Content-Type: application/x-www-form-urlencoded", "a=1&b=2"},
		"data with its type":        {`curl --url http://h/a --data-raw '{"a":"it'\''s"}' -H 'content-type: application/json'`, "POST", "http://h/a", "content-type: application/json", `{"a":"it's"}`},
		"data in the address":       {"curl -G http://h/a?x=1 -d b=2 --data-urlencode 'c=ü &'", "GET", "http://h/a?x=1&b=2&c=%C3%BC+%26", "", ""},
		"lines that go on":          {"curl \\\n  -X POST \\\r\n  http://h/a", "POST", "http://h/a", "", ""},
		"the user is passed over":   {"curl -u name:secret --compressed http://h/a", "GET", "http://h/a", "", ""},
		"as a browser copies it":    {`curl 'http://h/a' --data-raw $'it\'s\n' -H 'Content-Type: text/plain'`, "POST", "http://h/a", "Content-Type: text/plain", "it's"},
		"escapes in double quotes":  {`curl "http://h/\$a\"b\c"`, "GET", `http://h/$a"b\c`, "", ""},
		"json":                      {`curl --json '{}' http://h/a`, "POST", "http://h/a", "Content-Type: application/json", "{}"},
		"a head":                    {"curl -I http://h/a", "HEAD", "http://h/a", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{"sample.curl": tt.line}
			conditions.Change(v, "condition.test")
			got := []string{v["sample.method"], v["sample.path"], v["sample.headers"], strings.TrimSpace(v["sample.body"]), v["sample.curl"]}
			if want := []string{tt.method, tt.path, tt.headers, tt.body, ""}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestCurlLinesThatCannotBeReadAreKeptAndExplained(t *testing.T) {
	t.Parallel()
	for line, why := range map[string]string{
		"wget http://h": "Begin with curl", "curl": "no address", "curl 'http://h": "not closed", "curl -d @file http://h": "Files are not read",
		"curl --teleport http://h": "--teleport is not known", "curl -Q http://h": "-Q is not known", "curl -H": "lacks its value", "curl http://a http://b": "two addresses",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{}
			conditions.Write(v, tree("a"), policy.Skip)
			v["sample.curl"], v["change"] = line, "condition.test"
			conditions.Change(v, v["change"])
			doc := draw(t, v)
			area := doc.One(t, `[name="sample.curl"]`)
			if area.Text() != line || !strings.Contains(area.DescribedBy(t, doc), why) {
				t.Errorf("%s: %s", area.Text(), area.DescribedBy(t, doc))
			}
		})
	}
}

func lights(doc htmlcheck.Node) []string { return doc.Texts(".Rule .Light strong") }

func TestEveryRuleIsLitWithWhatItSaw(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	c := tree("or(production staging)")
	c.Rules[0].Rules = append(c.Rules[0].Rules, condition.Rule{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: "X"}, DataType: condition.Numeric,
		Operator: condition.Greater, Source: condition.FromValue, SecondValue: "1",
	})
	conditions.Write(v, c, policy.Reject)
	v["sample.headers"], v["change"] = "X: production", "condition.test"
	doc := draw(t, v)
	if got := lights(doc); !slices.Equal(got, []string{"True", "False", "Error"}) {
		t.Error(got)
	}
	if got := doc.Texts(".Rule .Light-saw"); got[0] != `saw "production"` || !strings.Contains(got[2], "not a number") {
		t.Error(got)
	}
	if got := doc.One(t, "#condition-verdict > p").Text(); got != "Met: the policy applies to this request." {
		t.Error(got)
	}
	if got := doc.Texts("#condition-verdict li strong"); len(got) != 3 {
		t.Error(got)
	}
	v["sample.headers"] = ""
	doc = draw(t, v)
	if got := doc.Texts(".Rule .Light-saw"); got[0] != "saw nothing" {
		t.Error(got)
	}
	if got := doc.One(t, "#condition-verdict > p").Text(); got != "Not met: this request is answered 403." {
		t.Error(got)
	}
}

func TestASampleReadsAddressUserRolesCountryAndBody(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	in := func(name condition.ContextName, value string) condition.Rule {
		return condition.Rule{
			Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: name}, DataType: condition.String,
			Operator: condition.In, Source: condition.FromValue, SecondValue: value,
		}
	}
	body := in("", "7")
	body.First = &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.id"}
	conditions.Write(v, condition.Condition{Rules: []condition.Rule{
		in(condition.ClientAddress, "10.0.0.0/8"), in(condition.ClientCountry, "DE"), in(condition.CallerRoles, "ops"), in("REQUEST_REMOTE_USER", "ann"),
		in("CREDENTIAL_FULLNAME", "Ann L."), in("CREDENTIAL_EMAIL", "ann@example.com"),
		in(condition.RequestMethod, "PUT"), in("REQUEST_PATH_INFO", "/7"), in("REQUEST_QUERY_STRING", "a=b"), in("REQUEST_SERVER_NAME", "h"), body,
	}}, policy.Skip)
	for field, text := range map[string]string{
		"address": "10.1.2.3", "country": "de", "roles": "dev, ops", "user": "ann", "fullName": "Ann L.", "email": "ann@example.com", "method": "put", "path": "http://h/orders/7?a=b", "base": "/orders", "body": `{"id":"7"}`,
	} {
		v["sample."+field] = text
	}
	v["change"] = "condition.test"
	doc := draw(t, v)
	if got := slices.Compact(lights(doc)); !slices.Equal(got, []string{"True"}) {
		t.Error(lights(doc), doc.Texts(".Light-saw"))
	}
}

func TestAConditionIsTriedOnAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sample  map[string]string
		lights  []string
		verdict string
	}{
		"of the response lane": {map[string]string{"status": "503", "answer": "X: a"}, []string{"True", "True"}, "Met: the policy applies to this answer."},
		"without a status":     {map[string]string{"answer": "X: a"}, []string{"True", "False"}, "Not met: this answer goes on without the policy."},
		"of the error lane":    {map[string]string{"status": "503", "headers": "X: a"}, []string{"True", "True"}, "Met: the policy applies to this answer."},
		"not of the request":   {map[string]string{"status": "503", "headers": "X: a", "answer": "Y: a"}, []string{"False", "True"}, "Not met: this answer goes on without the policy."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, c := map[string]string{}, tree("a")
			c.Rules = append(c.Rules, condition.Rule{
				Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: condition.AnswerStatus}, DataType: condition.Numeric,
				Operator: "EQ", Source: condition.FromValue, SecondValue: "503",
			})
			conditions.Write(v, c, policy.Reject)
			for field, text := range tt.sample {
				v["sample."+field] = text
			}
			v["change"] = "condition.test"
			doc := draw(t, v)
			if got := lights(doc); !slices.Equal(got, tt.lights) {
				t.Error(got, doc.Texts(".Light-saw"))
			}
			if got := doc.One(t, "#condition-verdict").Text(); !strings.Contains(got, tt.verdict) {
				t.Errorf("verdict %q", got)
			}
		})
	}
}

func TestWhatKeepsAConditionFromBeingTested(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(v map[string]string)
		why    string
	}{
		"a rule without its header":     {func(v map[string]string) { v["condition.0.first.text"] = "" }, "Enter the name of the header"},
		"a variable that is not there":  {func(v map[string]string) { v["condition.0.first"] = "VARIABLE" }, "The project has no variable X"},
		"an address that is none":       {func(v map[string]string) { v["sample.address"] = "here" }, "Enter an address"},
		"a header without a colon":      {func(v map[string]string) { v["sample.headers"] = "X" }, "one header a line"},
		"a status that is none":         {func(v map[string]string) { v["sample.status"] = "ok" }, "Enter a status"},
		"a path that is none":           {func(v map[string]string) { v["sample.path"] = "mailto:a" }, "Enter a path"},
		"JSON that cannot be read":      {func(v map[string]string) { v["condition.view"], v["condition.json"] = "json", "{" }, "JSON"},
		"a variable of the environment": {func(v map[string]string) { v["condition.0.value"] = "${STAGE}" }, "STAGE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{}
			conditions.Write(v, tree("a"), policy.Skip)
			tt.change(v)
			v["change"] = "condition.test"
			doc := draw(t, v)
			if got := doc.One(t, "#condition-verdict").Text(); !strings.Contains(got, tt.why) {
				t.Errorf("verdict %q", got)
			}
			if doc.Has(".Rule .Light") {
				t.Error("rules are lit")
			}
		})
	}
}

func TestAVariableOfTheProjectIsLookedUp(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	conditions.Write(v, tree("a"), policy.Skip)
	v["condition.0.first"], v["sample.headers"], v["change"] = "VARIABLE", "X-Stage: a", "condition.test"
	doc := htmlcheck.Render(t, conditions.Builder(conditions.Props{Values: v, Names: []string{"X"}, Variable: func(name string) (condition.Variable, bool) {
		return condition.Variable{Name: name, Type: condition.Header, HeaderName: "X-Stage"}, name == "X"
	}}))
	if got := lights(doc); !slices.Equal(got, []string{"True"}) {
		t.Error(got, doc.One(t, "#condition-verdict").Text())
	}
}
