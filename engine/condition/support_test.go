package condition_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
)

var noon = time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC) // a Sunday

// sample is a request with something in every place.
func sample(change ...func(*condition.Request)) *condition.Request {
	r := &condition.Request{
		Method: "POST", Path: "/shop/api/admin/users/caf%C3%A9", DecodedPath: "/shop/api/admin/users/café", RawQuery: "page=2&q=a%20b&page=3&flag",
		Host: "api.example.com", Scheme: "https", Protocol: "HTTP/1.1",
		Header: http.Header{
			"X-Environment": {"production", "test"}, "X-Api-Key": {"PROD_123"}, "X-Empty": {""}, "X-Number": {"18"}, "X-Date": {"2026-03-01"},
			"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": {"42"},
		},
		Client: netip.MustParseAddr("10.1.2.3"), CorrelationID: "c-1", Environment: "production", OwnerID: "o-1", OwnerName: "orders", GroupID: "g-1", GroupName: "sales",
		BasePath: "/shop", EndpointMethod: "POST", EndpointPath: "/api/admin/users/{name}", Time: noon,
		Subject: "mia", FullName: "Mia Öz", Email: "mia@example.com", Roles: []string{"ops", "admin"},
		Country: func(*condition.Request) string { return "TR" },
		Content: func() ([]byte, error) {
			return []byte(`{"order":{"id":12345678901234567,"total":99.5,"tags":["a","b"],"none":null}}`), nil
		},
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func withBody(contentType, body string) func(*condition.Request) {
	return func(r *condition.Request) {
		r.Header = http.Header{"Content-Type": {contentType}}
		r.Content = func() ([]byte, error) { return []byte(body), nil }
	}
}

func header(name string) *condition.Variable {
	return &condition.Variable{Type: condition.Header, HeaderName: name}
}

func contextValue(name condition.ContextName) *condition.Variable {
	return &condition.Variable{Type: condition.Context, ContextValue: name}
}

// leaf compares texts.
func leaf(v *condition.Variable, o condition.Operator, value string) condition.Rule {
	return condition.Rule{
		Criteria: condition.Value, First: v, DataType: condition.String, Operator: o, Source: condition.FromValue, SecondValue: value,
	}
}

func typed(t condition.DataType, v *condition.Variable, o condition.Operator, value, format string) condition.Rule {
	r := leaf(v, o, value)
	r.DataType, r.DateFormat = t, format
	return r
}

func against(v *condition.Variable, o condition.Operator, second *condition.Variable) condition.Rule {
	return condition.Rule{
		Criteria: condition.Value, First: v, DataType: condition.String, Operator: o, Source: condition.FromVariable, Second: second,
	}
}

func group(c condition.Criteria, rules ...condition.Rule) condition.Rule {
	return condition.Rule{Criteria: c, Rules: rules}
}

func of(rules ...condition.Rule) condition.Condition { return condition.Condition{Rules: rules} }

// compile checks, normalises and compiles, as a save and a deploy do.
func compile(t testing.TB, c condition.Condition) condition.Program {
	t.Helper()
	c.Normalize()
	if l := c.Validate(); len(l) > 0 {
		t.Fatalf("%v", l)
	}
	p, err := condition.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// decide is the verdict in one word: met, unmet or the kind of the error.
func decide(t testing.TB, c condition.Condition, r *condition.Request) string {
	t.Helper()
	p := compile(t, c)
	met, err := p.Met(r)
	return verdict(met, err)
}

func verdict(met bool, err error) string {
	var body condition.BodyError
	switch {
	case errors.Is(err, condition.ErrNumber):
		return "no number"
	case errors.Is(err, condition.ErrDate):
		return "no date"
	case errors.As(err, &body):
		return "no body"
	case err != nil:
		return err.Error()
	case met:
		return "met"
	}
	return "unmet"
}

func roundTrip(t testing.TB, c condition.Condition) condition.Condition {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back condition.Condition
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
