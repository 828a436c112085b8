package apiops

import (
	"reflect"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/identity"
	identityapi "github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
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
	{variablesTag, "Named places in a request, which conditions refer to."},
	{credentialsTag, "Users and clients of the built-in secret manager, and what they may use."},
	{credentialRolesTag, "Roles that callers of APIs have."},
	{providersTag, "Where users are looked up and their passwords are checked."},
	{errorMessagesTag, "What callers are answered when something is refused or fails."},
	{tokenManagementTag, "How token answers of the installation look, and how long records are kept."},
	{auditTag, "Who changed what, with both sides of each change."},
	{monitoringTag, "What happened at the gateways: token requests, security events, refused calls and logins."},
	{peopleTag, "Who uses console and API, and what they may do in projects."},
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
	"identityProviderName":    "Name of the identity source.",
	"roleName":                "Name of the credential role.",
	"variableName":            "Name of the variable; compared without case.",
	"auditEventId":            "Number of the record.",
	"tokenRequestId":          "Number of the record.",
	"securityEventId":         "Number of the record.",
	"session":                 "The login, as tokens spell it in the claim sid.",
	"userName":                "Name of the console user; compared without case.",
	"projectRoleName":         "Name of the role; compared without case.",
	"sessionId":               "The session, by its id.",
	"tokenName":               "Name of the token; compared without case.",
	"errorType":               "The error, such as APIPROXY_NOTFOUND.",
	"username":                "Name of the credential; compared without case.",
	"credentialImportId":      "Id of the import, as its start answers it.",
}

// names are components that are not called as their Go types.
var names = map[reflect.Type]string{
	reflect.TypeFor[jwtauth.Config]():          "JWTPolicy",
	reflect.TypeFor[headers.Config]():          "HeadersPolicy",
	reflect.TypeFor[ownerRow]():                "ProxySummary",
	reflect.TypeFor[proxyView]():               "Proxy",
	reflect.TypeFor[proxyGroupView]():          "ProxyGroup",
	reflect.TypeFor[endpointView]():            "Endpoint",
	reflect.TypeFor[endpointItem]():            "ProxyEndpoint",
	reflect.TypeFor[revisionItem]():            "Revision",
	reflect.TypeFor[revisionView]():            "RevisionDetail",
	reflect.TypeFor[policyGroupEntry]():        "PolicyGroup",
	reflect.TypeFor[policyGroupBody]():         "PolicyGroup",
	reflect.TypeFor[environmentBody]():         "Environment",
	reflect.TypeFor[environmentVariableBody](): "EnvironmentVariable",
	reflect.TypeFor[projectBody]():             "Project",
	reflect.TypeFor[keyBody]():                 "EnvironmentKey",
	reflect.TypeFor[exportBody]():              "Export",
	reflect.TypeFor[bulkBody]():                "BulkDeploy",
	reflect.TypeFor[localizeBody]():            "LocalizeGlobalPolicy",
	reflect.TypeFor[accessEntry]():             "CredentialAccess",
	reflect.TypeFor[accessEntryRequest]():      "CredentialAccess",
	reflect.TypeFor[done]():                    "Done",
	reflect.TypeFor[groupEntry]():              "BoundPolicyGroup",
	reflect.TypeFor[environment]():             "EnvironmentResult",
	reflect.TypeFor[environmentEntry]():        "Environment",
	reflect.TypeFor[globalMember]():            "GlobalPolicyReference",
	reflect.TypeFor[ownerIn]():                 "RedeployRequired",
	reflect.TypeFor[placeState]():              "UsageState",
	reflect.TypeFor[nodeState]():               "Node",
	reflect.TypeFor[fault.Bodies]():            "ErrorTemplates",
	reflect.TypeFor[fault.Body]():              "ErrorTemplate",
	reflect.TypeFor[condition.Rule]():          "ConditionRule",
	reflect.TypeFor[issue.Management]():        "TokenManagementSettings",
	reflect.TypeFor[models.Retention]():        "RetentionSettings",
	reflect.TypeFor[issue.Settings]():          "TokenSettings",
	reflect.TypeFor[ldap.Config]():             "LDAPSource",
	reflect.TypeFor[database.Config]():         "DatabaseSource",
	reflect.TypeFor[identityapi.Config]():      "APISource",
	reflect.TypeFor[identityapi.Header]():      "APISourceHeader",
	reflect.TypeFor[condition.Variable]():      "ConditionVariable",
}

// needed are members that a body cannot do without, of types that have no tags.
var needed = map[reflect.Type][]string{
	reflect.TypeFor[jwtauth.Config](): {"type"},
	reflect.TypeFor[headers.Config](): {"type"},
}

// enums are types of which there are few values.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[engine.Choice]():       words(engine.Choices()),
	reflect.TypeFor[policy.Scope]():        {policy.All, policy.Endpoint},
	reflect.TypeFor[policy.Pipeline]():     {policy.Request, policy.Response, policy.Error},
	reflect.TypeFor[policy.UnmetAction]():  {policy.Skip, policy.Reject},
	reflect.TypeFor[issue.GrantType]():     {issue.Password, issue.ClientCredentials},
	reflect.TypeFor[models.Permission]():   words(append(models.AllPermissions(), models.ViewSystem, models.ManageSystem)),
	reflect.TypeFor[keys.Algorithm]():      words(keys.Algorithms()),
	reflect.TypeFor[issue.ScopeMismatch](): {issue.Strict, issue.Lenient, issue.IgnoreRequest},
	reflect.TypeFor[issue.NoScope]():       {issue.WithoutScope, issue.AllScopes},
	reflect.TypeFor[issue.TimeUnit]():      words(issue.TimeUnits()),

	reflect.TypeFor[condition.Criteria]():     {condition.Value, condition.And, condition.Or, condition.Not},
	reflect.TypeFor[condition.DataType]():     {condition.String, condition.Numeric, condition.Date},
	reflect.TypeFor[condition.ValueSource]():  {condition.FromValue, condition.FromVariable},
	reflect.TypeFor[condition.VariableType](): {condition.Header, condition.Parameter, condition.Body, condition.Context},
	reflect.TypeFor[condition.ParamType]():    {condition.Query, condition.Path, condition.Form},
	reflect.TypeFor[condition.ContentType]():  {condition.JSON, condition.XML, condition.AllBody},
	reflect.TypeFor[condition.ContextName]():  contextNames(),
	reflect.TypeFor[condition.Operator](): {
		condition.Equal, condition.NotEqual, condition.Less, condition.LessOrEqual, condition.Greater, condition.GreaterOrEqual,
		condition.Contains, condition.NotContains, condition.StartsWith, condition.NotStartsWith, condition.EndsWith, condition.NotEndsWith, condition.In, condition.NotIn,
		condition.EqualFold, condition.NotEqualFold, condition.ContainsFold, condition.NotContainsFold, condition.StartsWithFold, condition.NotStartsWithFold,
		condition.EndsWithFold, condition.NotEndsWithFold, condition.InFold, condition.NotInFold,
		condition.MatchesPath, condition.NotMatchesPath, condition.MatchesRegex, condition.NotMatchesRegex,
		condition.Exists, condition.NotExists, condition.Empty, condition.NotEmpty, condition.ExistsAndEmpty,
	},
	reflect.TypeFor[jwtauth.Requirement]():       {jwtauth.AnyRole, jwtauth.AllRoles},
	reflect.TypeFor[policy.ChangeAction]():       {policy.SetField, policy.AddField, policy.RemoveField},
	reflect.TypeFor[ldap.AuthMode]():             {ldap.Simple, ldap.Search},
	reflect.TypeFor[ldap.Scope]():                {ldap.Subtree, ldap.OneLevel, ldap.Object},
	reflect.TypeFor[ldap.MemberStrategy]():       {ldap.UserDN, ldap.UserLogin},
	reflect.TypeFor[database.TLSMode]():          {database.TLSRequired, database.Plaintext},
	reflect.TypeFor[database.PasswordCheck]():    {database.InColumn, database.InQuery},
	reflect.TypeFor[database.SaltPosition]():     {database.SaltBefore, database.SaltAfter},
	reflect.TypeFor[identityapi.BodyType]():      {identityapi.NoBody, identityapi.JSONBody, identityapi.FormBody},
	reflect.TypeFor[identityapi.AssertionKind](): {identityapi.Status, identityapi.HeaderIs, identityapi.JSONPath, identityapi.BodyContains},
	reflect.TypeFor[identityapi.Operator]():      {identityapi.Equals, identityapi.NotEquals, identityapi.Contains, identityapi.Exists, identityapi.Matches},
}

// memberEnums are members of which there are few values, though not of their type,
// by package, type and JSON name.
var memberEnums = map[string][]any{
	"jwtauth.Config.authenticationType":       {identity.SecretManager, identity.LDAP, identity.Database, identity.API},
	"jwtauth.Authorization.authorizationType": {identity.SecretManager, identity.LDAP, identity.Database, identity.API},
	"fault.Message.errorType":                 errorTypes(),
	"api.Config.method":                       {"GET", "POST", "PUT"},
	"apiops.auditEvent.action":                words(models.AuditActions()),
	"apiops.auditEvent.objectType":            words(models.AuditKinds()),
	"apiops.securityEvent.kind":               words(securityKinds()),
	"apiops.importLine.type":                  words(packageTypes),
	"apiops.importKeyPair.type":               words(packageTypes),
	"apiops.packageType.type":                 words(packageTypes),
	"apiops.objectRef.type":                   words(packageTypes),
	"apiops.endpointView.httpMethod":          words(engine.Methods()),
	"apiops.endpointLanes.httpMethod":         words(engine.Methods()),
}

func contextNames() []any {
	var list []any
	for _, c := range condition.ContextValues {
		list = append(list, c.Name)
	}
	return list
}

func errorTypes() []any {
	var list []any
	for _, r := range fault.Rows() {
		list = append(list, r.Type)
	}
	return list
}

// sentences are said of members whose comments are for readers of the code.
var sentences = map[string]string{
	"condition.Variable.contextValue":         "A value that the gateway itself knows of a request.",
	"condition.Variable.paramType":            "Where a PARAMETER is; paramName is its name.",
	"fault.Message.customizedHttpStatusCode":  "Takes the place of the error's own; 0 leaves it.",
	"fault.Message.customizedErrorCode":       "Takes the place of the error's own; empty leaves it.",
	"fault.Message.customizedMessage":         "Takes the place of the error's own; empty leaves it.",
	"fault.Template.customMessageContentType": "A JSON, XML, HTML or plain text type, which says how values are escaped; " + fault.ContentType + " unless told.",
	"fault.Rule.active":                       "False for a rule that is kept and not asked; true unless told.",
	"fault.Rule.messageTemplate":              "The body of the answer; contentType and httpStatusCode are as in a template.",
	"jwtauth.MethodAccess.endpoint":           "The path template as the API proxy spells it; httpMethod is in capitals.",
	"jwtauth.Config.tokenExpiresInUnit":       "The unit of tokenExpiresInAmount.",
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
		a.nodeOperations(),
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
		a.identityProviderOperations(),
		a.credentialOperations(),
		a.credentialAccessOperations(),
		a.credentialImportOperations(),
		a.credentialRoleOperations(),
		a.variableOperations(),
		a.errorMessageOperations(),
		a.tokenManagementOperations(),
		a.auditOperations(),
		a.eventOperations(),
		a.loginOperations(),
		a.userOperations(),
		a.memberOperations(),
		a.meOperations(),
	} {
		list = append(list, some...)
	}
	return list
}
