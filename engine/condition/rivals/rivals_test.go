// Package rivals times conditions beside two expression languages on the same
// rule. It is a module of its own, so that neither of them is in the product's
// list of dependencies: go test -bench . in this folder.
package rivals

import (
	"net/http"
	"net/netip"
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/expr-lang/expr"

	"github.com/gatewright/gatewright/engine/condition"
)

func request() *condition.Request {
	return &condition.Request{
		Method: "GET", DecodedPath: "/api/orders/7", Header: http.Header{"X-Environment": {"production"}},
		Client: netip.MustParseAddr("10.1.2.3"),
	}
}

// The rule is (X-Environment equals production and path matches /api/admin/*) or
// client address in 10.0.0.0/8, with a request that only the last part meets.
func BenchmarkGatewright(b *testing.B) {
	leaf := func(v condition.Variable, o condition.Operator, value string) condition.Rule {
		return condition.Rule{Criteria: condition.Value, First: &v, DataType: condition.String, Operator: o, Source: condition.FromValue, SecondValue: value}
	}
	p, err := condition.Compile(condition.Condition{Rules: []condition.Rule{{Criteria: condition.Or, Rules: []condition.Rule{
		{Criteria: condition.And, Rules: []condition.Rule{
			leaf(condition.Variable{Type: condition.Header, HeaderName: "X-Environment"}, condition.Equal, "production"),
			leaf(condition.Variable{Type: condition.Context, ContextValue: condition.RequestPath}, condition.MatchesPath, "/api/admin/*"),
		}},
		leaf(condition.Variable{Type: condition.Context, ContextValue: condition.ClientAddress}, condition.In, "10.0.0.0/8"),
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		if met, err := p.Met(r); !met || err != nil {
			b.Fatal(met, err)
		}
	}
}

// sees is what the two languages are given: the values that the rule wants, ready.
type sees struct {
	Environment, Path string
	Client            netip.Addr
}

func BenchmarkExpr(b *testing.B) {
	network := netip.MustParsePrefix("10.0.0.0/8")
	inside := expr.Function("inside", func(args ...any) (any, error) {
		return network.Contains(args[0].(netip.Addr)), nil
	}, new(func(netip.Addr) bool))
	program, err := expr.Compile(`(Environment == "production" && (Path == "/api/admin" || Path startsWith "/api/admin/")) || inside(Client)`,
		expr.Env(sees{}), expr.AsBool(), inside)
	if err != nil {
		b.Fatal(err)
	}
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		env := sees{r.Header.Values("X-Environment")[0], r.DecodedPath, r.Client}
		if met, err := expr.Run(program, env); met != true || err != nil {
			b.Fatal(met, err)
		}
	}
}

// CEL has no addresses; the prefix of the text stands for the network.
func BenchmarkCEL(b *testing.B) {
	env, err := cel.NewEnv(cel.Variable("environment", cel.StringType), cel.Variable("path", cel.StringType), cel.Variable("client", cel.StringType))
	if err != nil {
		b.Fatal(err)
	}
	ast, issues := env.Compile(`(environment == "production" && (path == "/api/admin" || path.startsWith("/api/admin/"))) || client.startsWith("10.")`)
	if issues.Err() != nil {
		b.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		b.Fatal(err)
	}
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		met, _, err := program.Eval(map[string]any{
			"environment": r.Header.Values("X-Environment")[0], "path": r.DecodedPath, "client": r.Client.String(),
		})
		if err != nil || met.Value() != true {
			b.Fatal(met, err)
		}
	}
}
