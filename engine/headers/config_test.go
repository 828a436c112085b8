package headers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

func decode(t *testing.T, raw string) (*headers.Config, problem.List) {
	t.Helper()
	c, err := policy.Set{headers.Type()}.Decode([]byte(raw))
	l := problem.Of(err)
	if err != nil && l == nil {
		t.Fatal(err)
	}
	if c == nil {
		return nil, l
	}
	return c.(*headers.Config), l
}

func with(changes string) string {
	return `{"type":"policy-headers","name":"a","changes":[` + changes + `]}`
}

func TestWhatIsWrongIsNamedByField(t *testing.T) {
	t.Parallel()
	variable := func(v string) string { return with(`{"action":"SET","name":"X-A","variable":{` + v + `}}`) }
	for name, tt := range map[string]struct {
		raw   string
		field string // "" for nothing
	}{
		"one of each":                      {with(`{"action":"SET","name":"X-A","value":"1"},{"action":"ADD","name":"x-a","value":"2"},{"action":"REMOVE","name":"Server"}`), ""},
		"removing a secret":                {with(`{"action":"REMOVE","name":"Authorization"},{"action":"REMOVE","name":"cookie"}`), ""},
		"a cookie of an answer":            {with(`{"action":"ADD","name":"Set-Cookie","value":"a=1; Secure"}`), ""},
		"every printable character":        {with(`{"action":"SET","name":"!#$%&'*+-.^_|~A1","value":"a \"quoted\", {list}; ~"}`), ""},
		"a header":                         {variable(`"type":"HEADER","headerName":"X-B"`), ""},
		"a parameter of the query":         {variable(`"type":"PARAMETER","paramType":"QUERY","paramName":"v"`), ""},
		"a parameter of the path":          {variable(`"type":"PARAMETER","paramType":"PATH","paramName":"id","paramPath":"/a/{id}"`), ""},
		"a context value":                  {variable(`"type":"CONTEXT_VALUES","contextValue":"DATETIME_HOUR","zoneId":"Europe/Istanbul"`), ""},
		"no change":                        {with(``), "changes"},
		"no list":                          {`{"type":"policy-headers","name":"a"}`, "changes"},
		"too many":                         {with(strings.Repeat(`{"action":"REMOVE","name":"X-A"},`, 50) + `{"action":"REMOVE","name":"X-A"}`), "changes"},
		"as many as allowed":               {with(strings.Repeat(`{"action":"REMOVE","name":"X-A"},`, 49) + `{"action":"REMOVE","name":"X-A"}`), ""},
		"no action":                        {with(`{"name":"X-A","value":"1"}`), "changes[0].action"},
		"another action":                   {with(`{"action":"RENAME","name":"X-A","value":"1"}`), "changes[0].action"},
		"no name, in the second":           {with(`{"action":"REMOVE","name":"X-A"},{"action":"REMOVE"}`), "changes[1].name"},
		"a name with a colon":              {with(`{"action":"REMOVE","name":"X-A:"}`), "changes[0].name"},
		"a name with a line break":         {with(`{"action":"REMOVE","name":"X-A\r\nX-B"}`), "changes[0].name"},
		"a name in another script":         {with(`{"action":"REMOVE","name":"größe"}`), "changes[0].name"},
		"a long name":                      {with(`{"action":"REMOVE","name":"` + strings.Repeat("a", 101) + `"}`), "changes[0].name"},
		"no value":                         {with(`{"action":"SET","name":"X-A"}`), "changes[0].value"},
		"a value with a line break":        {with(`{"action":"SET","name":"X-A","value":"1\nX-B: 2"}`), "changes[0].value"},
		"a value with a carriage return":   {with(`{"action":"SET","name":"X-A","value":"1\rX-B: 2"}`), "changes[0].value"},
		"a value with a zero":              {with(`{"action":"SET","name":"X-A","value":"1\u0000"}`), "changes[0].value"},
		"a value beyond ASCII":             {with(`{"action":"SET","name":"X-A","value":"größe"}`), "changes[0].value"},
		"a value with a blank at its end":  {with(`{"action":"SET","name":"X-A","value":"1 "}`), "changes[0].value"},
		"the longest value":                {with(`{"action":"SET","name":"X-A","value":"` + strings.Repeat("a", 4096) + `"}`), ""},
		"a longer value":                   {with(`{"action":"SET","name":"X-A","value":"` + strings.Repeat("a", 4097) + `"}`), "changes[0].value"},
		"a variable of the project":        {variable(`"name":"env"`), "changes[0].variable.type"},
		"a variable with a name":           {variable(`"name":"env","type":"HEADER","headerName":"X-B"`), "changes[0].variable.name"},
		"the body":                         {variable(`"type":"BODY","messageContentType":"ALL_BODY"`), "changes[0].variable.type"},
		"a field of a form":                {variable(`"type":"PARAMETER","paramType":"FORM","paramName":"a"`), "changes[0].variable.type"},
		"a header without a name":          {variable(`"type":"HEADER"`), "changes[0].variable.headerName"},
		"a context value that is none":     {variable(`"type":"CONTEXT_VALUES","contextValue":"MOOD"`), "changes[0].variable.contextValue"},
		"a row of the catalogue":           {`{"type":"policy-headers","name":"a","changes":[{"action":"REMOVE","name":"X-A"}],"errorMessageList":[{"errorType":"POLICY_AUTH_JWT_NOT_VALID","customizedMessage":"No."}]}`, "errorMessageList[0].errorType"},
		"a row of the condition":           {`{"type":"policy-headers","name":"a","changes":[{"action":"REMOVE","name":"X-A"}],"errorMessageList":[{"errorType":"CONDITION_NOT_MET","customizedMessage":"No."}]}`, ""},
		"a member that nobody knows":       {with(`{"action":"REMOVE","name":"X-A","colour":1}`), "changes[0].colour"},
		"a name of the common part":        {`{"type":"policy-headers","name":"","changes":[{"action":"REMOVE","name":"X-A"}]}`, "name"},
		"what an action needs not is gone": {with(`{"action":"REMOVE","name":"X-A","value":"1\n"}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, l := decode(t, tt.raw)
			if tt.field == "" && len(l) > 0 || tt.field != "" && (len(l) != 1 || l.For(tt.field) == "") {
				t.Errorf("%v, want one problem with %q", l, tt.field)
			}
		})
	}
}

// ATTACK: no spelling that a server could read as one of these is taken.
func TestAttackHeadersOfHTTPAndOfTheGatewayAreNotTouched(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Trailer", "Host", "Expect", "Content-Length",
		"Content-Type", "Content-Encoding", "X-Correlation-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Anything",
		"Forwarded", "X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-Url", "Sec-WebSocket-Accept", "HTTP2-Settings", "Proxy",
	} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")} {
			for _, action := range []policy.ChangeAction{policy.SetField, policy.AddField, policy.RemoveField} {
				if headers.NameProblem(action, spelling) == "" {
					t.Errorf("%s %s is allowed", action, spelling)
				}
			}
		}
	}
	for _, name := range []string{"Authorization", "proxy_authorization", "COOKIE"} {
		if headers.NameProblem(policy.SetField, name) == "" || headers.NameProblem(policy.AddField, name) == "" {
			t.Errorf("%s can hold a secret that everybody reads", name)
		}
		if msg := headers.NameProblem(policy.RemoveField, name); msg != "" {
			t.Errorf("%s cannot be removed: %s", name, msg)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "Strict-Transport-Security", "Set-Cookie", "X-Real-IP", "Access-Control-Allow-Origin", "Vary", "Te-Mperature"} {
		if msg := headers.NameProblem(policy.SetField, name); msg != "" {
			t.Errorf("%s: %s", name, msg)
		}
	}
}

func TestWhatActsAlikeComparesAlike(t *testing.T) {
	t.Parallel()
	c, l := decode(t, with(`{"action":"REMOVE","name":"Server","value":"x","variable":{"type":"HEADER","headerName":"X"}},
		{"action":"SET","name":"X-A","value":"left over","variable":{"type":"HEADER","headerName":"X-B","paramName":"p"}}`))
	if len(l) > 0 {
		t.Fatal(l)
	}
	want := []headers.Change{
		{Action: policy.RemoveField, Name: "Server"},
		{Action: policy.SetField, Name: "X-A", Variable: &condition.Variable{Type: condition.Header, HeaderName: "X-B"}},
	}
	if diff := cmp.Diff(want, c.Changes); diff != "" {
		t.Error(diff)
	}
	raw, err := policy.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	again, l := decode(t, string(raw))
	if diff := cmp.Diff(c, again); diff != "" || len(l) > 0 {
		t.Errorf("%s %v", diff, l)
	}
	if !json.Valid(raw) || strings.Contains(string(raw), "left over") {
		t.Errorf("%s", raw)
	}
}

func TestThePolicyWritesDownWhatTheEngineIsToChange(t *testing.T) {
	t.Parallel()
	c, l := decode(t, with(`{"action":"SET","name":"X-A","value":"1"},{"action":"REMOVE","name":"X-B"},
		{"action":"SET","name":"X-C","variable":{"type":"HEADER","headerName":"X-Sent"}},{"action":"SET","name":"X-D","variable":{"type":"HEADER","headerName":"X-None"}},
		{"action":"ADD","name":"X-E","variable":{"type":"HEADER","headerName":"X-None"}},{"action":"ADD","name":"X-F","variable":{"type":"HEADER","headerName":"X-Bad"}}`))
	if len(l) > 0 {
		t.Fatal(l)
	}
	run, err := c.Compile(policy.Runtime{})
	if err != nil {
		t.Fatal(err)
	}
	x := &policy.Exchange{Request: condition.Request{Header: http.Header{"X-Sent": {"first", "second"}, "X-Bad": {"a\x80"}}}}
	if err := run.Do(x); err != nil {
		t.Fatal(err)
	}
	field := func(action policy.ChangeAction, name, value string) policy.Change {
		return policy.Change{Action: action, Field: policy.Field{Name: name, Value: value}}
	}
	want := []policy.Change{
		field(policy.SetField, "X-A", "1"), field(policy.RemoveField, "X-B", ""), field(policy.SetField, "X-C", "first"), field(policy.RemoveField, "X-D", ""),
	}
	if diff := cmp.Diff(want, x.Changes); diff != "" {
		t.Error(diff)
	}
}
