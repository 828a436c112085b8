package condition_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
)

// The rule of the comparison: (X-Environment equals production and path matches
// /api/admin/*) or client address in 10.0.0.0/8, with a request that only the
// last part meets.
func threeRules() condition.Condition {
	return of(group(condition.Or,
		group(condition.And,
			leaf(header("X-Environment"), "EQ", "production"),
			leaf(contextValue(condition.RequestPath), "MATCHES_PATH", "/api/admin/*"),
		),
		leaf(contextValue(condition.ClientAddress), "IN", "10.0.0.0/8"),
	))
}

func benchRequest() *condition.Request {
	return &condition.Request{
		Method: "GET", DecodedPath: "/api/orders/7", Header: http.Header{"X-Environment": {"production"}},
		Client: netip.MustParseAddr("10.1.2.3"), Time: noon,
	}
}

func benchProgram(b *testing.B, c condition.Condition, r *condition.Request) {
	b.Helper()
	p := compile(b, c)
	b.ReportAllocs()
	for b.Loop() {
		if met, err := p.Met(r); !met || err != nil {
			b.Fatal(met, err)
		}
	}
}

func BenchmarkThreeRules(b *testing.B) { benchProgram(b, threeRules(), benchRequest()) }

// By hand, as a Go programmer would write it into a handler.
func BenchmarkThreeRulesByHand(b *testing.B) {
	r := benchRequest()
	network := netip.MustParsePrefix("10.0.0.0/8")
	h := r.Header.(http.Header)
	b.ReportAllocs()
	for b.Loop() {
		environment := ""
		if values := h["X-Environment"]; len(values) > 0 {
			environment = values[0]
		}
		path := r.DecodedPath
		admin := path == "/api/admin" || strings.HasPrefix(path, "/api/admin/")
		if !(environment == "production" && admin || network.Contains(r.Client)) {
			b.Fatal("not met")
		}
	}
}

// Thirty rules of which the last decides.
func BenchmarkThirtyRules(b *testing.B) {
	or := group(condition.Or)
	for i := range 29 {
		or.Rules = append(or.Rules, leaf(header("X-Environment"), "EQ", fmt.Sprint("stage-", i)))
	}
	or.Rules = append(or.Rules, leaf(contextValue(condition.RequestMethod), "EQ", "GET"))
	benchProgram(b, of(or), benchRequest())
}

func BenchmarkRegularExpression(b *testing.B) {
	benchProgram(b, of(leaf(header("X-Environment"), "MATCHES_REGEX", "^prod(uction)?$")), benchRequest())
}

// A rule on a JSON body of one kilobyte, with reading it.
func BenchmarkBodyRule(b *testing.B) {
	body := []byte(`{"order":{"total":99.5,"items":[` + strings.Repeat(`{"id":12345,"name":"thing"},`, 35) + `{}]}}`)
	rule := typed(condition.Numeric, &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.order.total"}, "GT", "50", "")
	p := compile(b, of(rule))
	b.ReportAllocs()
	for b.Loop() {
		r := condition.Request{Content: func() ([]byte, error) { return body, nil }}
		if met, err := p.Met(&r); !met || err != nil {
			b.Fatal(met, err)
		}
	}
}

// The hardest XPath that was found among those that are taken, over a megabyte
// of as many elements as are taken and as deep as they may be: for every element
// it writes all the text in it anew. With reading it.
func BenchmarkHardXPath(b *testing.B) {
	body := []byte("<r>" + strings.Repeat("<a>", 47) + strings.Repeat("<b>thing thing thing thing thing thing thing</b>", 19_900) + strings.Repeat("</a>", 47) + "<z>here</z></r>")
	v := &condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//*[replace(.,'t','u')='here']"}
	p := compile(b, of(leaf(v, "EQ", "here")))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r := condition.Request{Content: func() ([]byte, error) { return body, nil }}
		if met, err := p.Met(&r); !met || err != nil {
			b.Fatal(met, err)
		}
	}
}

// Rules on header, method, path and address cost no memory, however they are
// nested.
func TestCheapRulesAllocateNothing(t *testing.T) {
	c := threeRules()
	for _, o := range []condition.Operator{"NE", "CONTAINS", "STARTS_WITH_IGNORE_CASE", "CONTAINS_IGNORE_CASE", "NOT_IN", "IN_IGNORE_CASE", "MATCHES_REGEX"} {
		c.Rules = append(c.Rules, group(condition.Or, leaf(header("X-Environment"), o, "p.*"), leaf(contextValue(condition.RequestMethod), "EQ", "GET")))
	}
	c.Rules = append(c.Rules, typed(condition.Numeric, header("X-Number"), "NE", "7", ""), leaf(contextValue(condition.ClientAddress), "NOT_IN", "192.168.0.0/16#172.16.0.0/12"))
	p := compile(t, c)
	r := benchRequest()
	r.Header.(http.Header)["X-Number"] = []string{"18"}
	if met, err := p.Met(r); !met || err != nil {
		t.Fatal(met, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Met(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
