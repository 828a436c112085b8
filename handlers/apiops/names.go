package apiops

import (
	"reflect"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
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
	{"Global policies", "Policies that many APIs of a project may have."},
	{"Policy groups", "Policies that are bound together."},
	{"Bulk deploys", "Deploys of everything that runs a policy or a policy group."},
	{"Projects", "What people work in."},
	{"Environments", "Slices of the gateway, each with what is deployed there."},
	{"Environment keys", "The keys that sign the tokens of an environment."},
	{"Environment variables", "What ${NAME} stands for in an environment."},
	{"Export and import", "Packages that take objects to another project or installation."},
	{proxyTag, "The addresses that callers use, and the APIs behind them."},
	{endpointTag, "The operations of an API proxy."},
	{proxyPolicyTag, "What runs on calls to one API proxy."},
	{groupTag, "API proxies behind one address."},
	{groupPolicyTag, "What runs on calls through one proxy group."},
	{deployTag, "What the gateway runs, in each environment."},
	{historyTag, "What was deployed when; going back to it; what differs."},
}

// pathTexts say what the parameters of paths are.
var pathTexts = map[string]string{
	"projectName":             "Name of the project.",
	"apiProxyName":            "Name of the API proxy.",
	"policyName":              "Name of the policy.",
	"name":                    "Any text.",
	"policyGroupName":         "Name of the policy group.",
	"bulkDeployId":            "Id of the bulk deploy.",
	"environmentName":         "Name of the environment.",
	"environmentVariableName": "Name of the environment variable, with its letter case.",
	"keyId":                   "Id of the key, as in the header kid of tokens.",
	"packageType":             "Type of the objects, such as GLOBAL_POLICY.",
	"apiProxyGroupName":       "Name of the proxy group.",
	"revision":                "Number of the revision.",
}

// names are components that are not called as their Go types.
var names = map[reflect.Type]string{
	reflect.TypeFor[done]():               "Done",
	reflect.TypeFor[jwtauth.Config]():     "JWTPolicy",
	reflect.TypeFor[headers.Config]():     "HeadersPolicy",
	reflect.TypeFor[groupEntry]():         "BoundPolicyGroup",
	reflect.TypeFor[environment]():        "EnvironmentResult",
	reflect.TypeFor[environmentEntry]():   "Environment",
	reflect.TypeFor[globalMember]():       "GlobalPolicyReference",
	reflect.TypeFor[ownerIn]():            "RedeployRequired",
	reflect.TypeFor[placeState]():         "UsageState",
	reflect.TypeFor[nodeState]():          "Node",
	reflect.TypeFor[fault.Bodies]():       "ErrorTemplates",
	reflect.TypeFor[fault.Body]():         "ErrorTemplate",
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
	for _, some := range [][]operation{
		a.accessOperations(),
		a.policyOperations(),
		a.globalPolicyOperations(),
		a.globalPolicyUseOperations(),
		a.policyGroupOperations(),
		a.bulkDeployOperations(),
		a.projectOperations(),
		a.environmentOperations(),
		a.environmentKeyOperations(),
		a.environmentVariableOperations(),
		a.packageOperations(),
		a.proxyOperations(),
		a.endpointOperations(),
		a.laneOperations(),
		a.proxyGroupOperations(),
		a.deployOperations(),
		a.historyOperations(),
		a.invokeOperations(),
		a.documentOperations(),
	} {
		list = append(list, some...)
	}
	return list
}
