package apiops

import (
	"reflect"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

//go:generate go run ./fielddocs

// tags group the operations of the document, in the order of its pages.
var tags = []struct{ name, text string }{
	{"Access", "Tokens for the API and a way to try them."},
	{"Policies of a proxy", "What runs on calls to one API proxy."},
}

// pathTexts say what the parameters of paths are.
var pathTexts = map[string]string{
	"projectName":  "Name of the project.",
	"apiProxyName": "Name of the API proxy.",
	"policyName":   "Name of the policy.",
	"name":         "Any text.",
}

// names are components that are not called as their Go types.
var names = map[reflect.Type]string{
	reflect.TypeFor[done]():               "Done",
	reflect.TypeFor[jwtauth.Config]():     "JWTPolicy",
	reflect.TypeFor[headers.Config]():     "HeadersPolicy",
	reflect.TypeFor[groupEntry]():         "BoundPolicyGroup",
	reflect.TypeFor[environment]():        "EnvironmentResult",
	reflect.TypeFor[condition.Rule]():     "ConditionRule",
	reflect.TypeFor[condition.Variable](): "ConditionVariable",
}

// needed are members that a body cannot do without, of types that have no tags.
var needed = map[reflect.Type][]string{
	reflect.TypeFor[jwtauth.Config](): {"type"},
	reflect.TypeFor[headers.Config](): {"type"},
}

// enums are types of which there are few values.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[policy.Scope]():       {policy.All, policy.Endpoint},
	reflect.TypeFor[policy.Pipeline]():    {policy.Request, policy.Response, policy.Error},
	reflect.TypeFor[policy.UnmetAction](): {policy.Skip, policy.Reject},
	reflect.TypeFor[issue.GrantType]():    {issue.Password, issue.ClientCredentials},
	reflect.TypeFor[keys.Algorithm]():     words(keys.Algorithms()),
	reflect.TypeFor[issue.TimeUnit]():     words(issue.TimeUnits()),
}

func words[T any](list []T) []any {
	out := make([]any, len(list))
	for i, w := range list {
		out[i] = w
	}
	return out
}

// table is every operation of the API.
func (a *API) table() []operation {
	var list []operation
	for _, some := range [][]operation{a.accessOperations(), a.policyOperations()} {
		list = append(list, some...)
	}
	return list
}
