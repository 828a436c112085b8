package handlers

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/console"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// action is a handler that says what went wrong instead of answering it.
type action func(*gin.Context) error

// routes is every address of the console with the right that it needs. What
// is not here does not exist: deny by default.
func routes(r *registrar, c *console.Console, dev bool) {
	r.get(visit.Public, "/sign-in", c.SignIn)
	r.post(visit.Public, "/sign-in", c.Authenticate)
	r.post(visit.Public, "/sign-out", c.SignOut)

	r.get(visit.SignedIn, "/", c.Home)
	r.get(visit.SignedIn, "/account", c.Account)
	r.get(visit.SignedIn, "/api-reference", c.APIReference)
	r.get(visit.SignedIn, "/api-reference/:operation", c.APIOperation)
	r.post(visit.SignedIn, "/account/password", c.ChangePassword)
	r.post(visit.SignedIn, "/preferences/theme", c.SetTheme)
	r.post(visit.SignedIn, "/preferences/environment", c.ChooseEnvironment)
	r.get(visit.SignedIn, "/palette", c.Palette)
	r.post(visit.SignedIn, "/account/profile", c.SaveProfile)
	r.post(visit.SignedIn, "/account/sessions/:session/end", c.EndSession)
	r.post(visit.SignedIn, "/account/tokens", c.CreatePersonalToken)
	r.get(visit.SignedIn, "/account/tokens/:token/revoke", c.ConfirmRevokePersonalToken)
	r.post(visit.SignedIn, "/account/tokens/:token/revoke", c.RevokePersonalToken)

	r.get(visit.ViewSystem, "/users", c.ListUsers)
	r.get(visit.ManageSystem, "/new/users", c.NewUser)
	r.post(visit.ManageSystem, "/new/users", c.CreateUser)
	r.get(visit.ManageSystem, "/users/:user/edit", c.EditUser)
	r.post(visit.ManageSystem, "/users/:user/edit", c.SaveUser)
	r.post(visit.ManageSystem, "/users/:user/lock", c.LockUser)
	r.get(visit.ManageSystem, "/users/:user/password", c.ConfirmResetUser)
	r.post(visit.ManageSystem, "/users/:user/password", c.ResetUser)
	r.get(visit.ManageSystem, "/users/:user/delete", c.ConfirmDeleteUser)
	r.post(visit.ManageSystem, "/users/:user/delete", c.DeleteUser)

	r.get(visit.ViewSystem, "/roles", c.ListProjectRoles)
	r.get(visit.ManageSystem, "/new/roles", c.NewProjectRole)
	r.post(visit.ManageSystem, "/new/roles", c.CreateProjectRole)
	r.get(visit.ViewSystem, "/roles/:role/edit", c.EditProjectRole)
	r.post(visit.ManageSystem, "/roles/:role/edit", c.SaveProjectRole)
	r.get(visit.ManageSystem, "/roles/:role/delete", c.ConfirmDeleteProjectRole)
	r.post(visit.ManageSystem, "/roles/:role/delete", c.DeleteProjectRole)

	r.get(visit.ViewSystem, "/projects", c.ListProjects)
	r.get(visit.ManageSystem, "/new/projects", c.NewProject)
	r.post(visit.ManageSystem, "/new/projects", c.CreateProject)
	r.get(visit.ManageSystem, "/projects/:project/delete", c.ConfirmDeleteProject)
	r.post(visit.ManageSystem, "/projects/:project/delete", c.DeleteProject)
	r.get(models.ManageProject, "/projects/:project/edit", c.EditProject)
	r.post(models.ManageProject, "/projects/:project/edit", c.SaveProject)
	r.get(models.ViewProject, "/projects/:project/members", c.ListMembers)
	r.post(models.ManageProject, "/projects/:project/members", c.AddMember)
	r.get(models.ManageProject, "/projects/:project/members/of/:user/edit", c.EditMember)
	r.post(models.ManageProject, "/projects/:project/members/of/:user/edit", c.SaveMember)
	r.get(models.ManageProject, "/projects/:project/members/of/:user/remove", c.ConfirmRemoveMember)
	r.post(models.ManageProject, "/projects/:project/members/of/:user/remove", c.RemoveMember)

	r.get(visit.ViewSystem, "/sign-in-settings", c.SignInSettings)
	r.post(visit.ManageSystem, "/sign-in-settings", c.SaveSignInSettings)
	r.post(visit.ManageSystem, "/sign-in-settings/test", c.TestSignInSettings)

	r.get(models.ViewAudit, "/audit", c.ListAudit)
	r.get(models.ViewAudit, "/audit/csv", c.AuditCSV)
	r.get(models.ViewAudit, "/audit/:id", c.ShowAudit)

	r.get(models.ViewMonitoring, "/token-requests", c.ListTokenRequests)
	r.get(models.ViewMonitoring, "/token-requests/csv", c.TokenRequestsCSV)
	r.get(models.ViewMonitoring, "/token-requests/:id", c.ShowTokenRequest)
	r.get(models.ViewMonitoring, "/security-events", c.ListSecurityEvents)
	r.get(models.ViewMonitoring, "/security-events/csv", c.SecurityEventsCSV)
	r.get(models.ViewMonitoring, "/security-events/:id", c.ShowSecurityEvent)
	r.get(models.ViewMonitoring, "/refusals", c.WhyRefused)
	r.get(models.ViewMonitoring, "/logins", c.ListLogins)
	r.get(visit.ManageSystem, "/logins/:session/end", c.ConfirmEndLogin)
	r.post(visit.ManageSystem, "/logins/:session/end", c.EndLogin)
	r.get(visit.ManageSystem, "/revoke-tokens", c.RevokeForm)
	r.post(visit.ManageSystem, "/revoke-tokens", c.CheckRevoke)
	r.get(visit.ManageSystem, "/revoke-tokens/confirm", c.ConfirmRevoke)
	r.post(visit.ManageSystem, "/revoke-tokens/confirm", c.Revoke)
	r.get(visit.ViewSystem, "/token-management", c.TokenManagement)
	r.post(visit.ManageSystem, "/token-management", c.SaveTokenManagement)
	r.post(visit.ManageSystem, "/token-management/preview", c.PreviewTokenManagement)
	r.post(visit.ManageSystem, "/token-management/retention", c.SaveRetention)
	r.get(visit.ViewSystem, "/error-messages", c.ListErrorMessages)
	r.get(visit.ViewSystem, "/error-messages/:error", c.ShowErrorMessage)
	r.post(visit.ManageSystem, "/error-messages/:error", c.SaveErrorMessage)
	r.post(visit.ManageSystem, "/error-messages/:error/draft", c.DraftErrorMessage)
	r.get(visit.ManageSystem, "/error-messages/:error/reset", c.ConfirmResetErrorMessage)
	r.post(visit.ManageSystem, "/error-messages/:error/reset", c.ResetErrorMessage)

	r.get(visit.Member, "/projects/:project", c.ProjectHome)
	r.get(models.ViewAPIs, "/projects/:project/dashboard", c.Dashboard)

	// An object goes back to a version of an audit record with the right to manage
	// its kind.
	for group, right := range map[string]visit.Right{
		"settings": models.ManageSettings, "apis": models.ManageAPIs, "connections": models.ManageConnections, "identity": models.ManageIdentity,
	} {
		r.get(right, "/projects/:project/go-back/"+group+"/:id/:side", c.ConfirmGoBack(group))
		r.post(right, "/projects/:project/go-back/"+group+"/:id/:side", c.GoBack(group))
	}
	r.get(visit.ManageSystem, "/go-back/:id/:side", c.ConfirmGoBack(""))
	r.post(visit.ManageSystem, "/go-back/:id/:side", c.GoBack(""))

	r.get(models.ViewSettings, "/projects/:project/policies/:type", c.ListPolicies)
	r.get(models.ManageSettings, "/projects/:project/new/policies/:type", c.NewPolicy)
	r.post(models.ManageSettings, "/projects/:project/new/policies/:type", c.CreatePolicy)
	r.get(models.ViewSettings, "/projects/:project/policies/:type/:policy", c.ShowPolicy)
	r.post(models.ViewSettings, "/projects/:project/policies/:type/:policy", c.ShowPolicy) // tries its condition
	r.get(models.ManageSettings, "/projects/:project/policies/:type/:policy/edit", c.EditPolicy)
	r.post(models.ManageSettings, "/projects/:project/policies/:type/:policy/edit", c.SavePolicy)
	r.post(models.ManageSettings, "/projects/:project/policies/:type/:policy/status", c.SetPolicyStatus)
	r.get(models.ManageSettings, "/projects/:project/policies/:type/:policy/duplicate", c.ConfirmDuplicatePolicy)
	r.post(models.ManageSettings, "/projects/:project/policies/:type/:policy/duplicate", c.DuplicatePolicy)
	r.get(models.ManageSettings, "/projects/:project/policies/:type/:policy/delete", c.ConfirmDeletePolicy)
	r.post(models.ManageSettings, "/projects/:project/policies/:type/:policy/delete", c.DeletePolicy)
	r.post(models.ManageSettings, "/projects/:project/bulk/policies/:type", c.BulkPolicies)
	r.get(models.ManageSettings, "/projects/:project/check/policy-name", c.CheckPolicyName)
	r.post(models.ManageSettings, "/projects/:project/check/policy-advice/:type", c.PolicyAdvice)
	r.post(models.ViewSettings, "/projects/:project/check/policy-conditions/:type", c.PolicyConditions)
	r.post(models.ManageSettings, "/projects/:project/check/policy-errors/:type", c.PolicyErrors)

	r.get(models.ViewSettings, "/projects/:project/variables", c.ListVariables)
	r.get(models.ManageSettings, "/projects/:project/new/variables", c.NewVariable)
	r.post(models.ManageSettings, "/projects/:project/new/variables", c.CreateVariable)
	r.get(models.ManageSettings, "/projects/:project/variables/:variable/edit", c.EditVariable)
	r.post(models.ManageSettings, "/projects/:project/variables/:variable/edit", c.SaveVariable)
	r.get(models.ManageSettings, "/projects/:project/variables/:variable/delete", c.ConfirmDeleteVariable)
	r.post(models.ManageSettings, "/projects/:project/variables/:variable/delete", c.DeleteVariable)
	r.get(models.ManageSettings, "/projects/:project/check/variable-name", c.CheckVariableName)
	r.get(models.ViewSettings, "/projects/:project/choose/variables", c.ChooseVariable)
	r.get(models.ManageSettings, "/projects/:project/choose/variables/new", c.NewChosenVariable)
	r.post(models.ManageSettings, "/projects/:project/choose/variables/new", c.CreateChosenVariable)

	r.get(visit.ViewSystem, "/nodes", c.ListNodes)

	r.get(visit.ViewSystem, "/environments", c.ListEnvironments)
	r.get(visit.ManageSystem, "/new/environments", c.NewEnvironment)
	r.post(visit.ManageSystem, "/new/environments", c.CreateEnvironment)
	r.get(visit.ManageSystem, "/check/environment-name", c.CheckEnvironmentName)
	r.get(visit.ViewSystem, "/environments/:environment", c.ShowEnvironment)
	r.get(visit.ViewSystem, "/environments/:environment/nodes", c.ShowEnvironmentNodes)
	r.get(visit.ManageSystem, "/environments/:environment/edit", c.EditEnvironment)
	r.post(visit.ManageSystem, "/environments/:environment/edit", c.SaveEnvironment)
	r.get(visit.ManageSystem, "/environments/:environment/address", c.ConfirmMoveEnvironment)
	r.post(visit.ManageSystem, "/environments/:environment/address", c.MoveEnvironment)
	r.get(visit.ManageSystem, "/environments/:environment/delete", c.ConfirmDeleteEnvironment)
	r.post(visit.ManageSystem, "/environments/:environment/delete", c.DeleteEnvironment)

	r.get(visit.ViewSystem, "/environments/:environment/variables", c.ListEnvironmentVariables)
	r.get(visit.ManageSystem, "/environments/:environment/new/variables", c.NewEnvironmentVariable)
	r.post(visit.ManageSystem, "/environments/:environment/new/variables", c.CreateEnvironmentVariable)
	r.get(visit.ManageSystem, "/environments/:environment/variables/:variable/edit", c.EditEnvironmentVariable)
	r.post(visit.ManageSystem, "/environments/:environment/variables/:variable/edit", c.SaveEnvironmentVariable)
	r.get(visit.ManageSystem, "/environments/:environment/variables/:variable/delete", c.ConfirmDeleteEnvironmentVariable)
	r.post(visit.ManageSystem, "/environments/:environment/variables/:variable/delete", c.DeleteEnvironmentVariable)
	r.get(visit.ManageSystem, "/environments/:environment/check/variable-name", c.CheckEnvironmentVariableName)

	r.get(models.ViewConnections, "/projects/:project/identity-sources", c.ListIdentitySources)
	r.get(models.ManageConnections, "/projects/:project/new/identity-sources", c.ChooseIdentitySourceKind)
	r.get(models.ManageConnections, "/projects/:project/new/identity-sources/:kind", c.NewIdentitySource)
	r.post(models.ManageConnections, "/projects/:project/new/identity-sources/:kind", c.CreateIdentitySource)
	r.get(models.ViewConnections, "/projects/:project/identity-sources/:source", c.ShowIdentitySource)
	r.get(models.ManageConnections, "/projects/:project/identity-sources/:source/edit", c.EditIdentitySource)
	r.post(models.ManageConnections, "/projects/:project/identity-sources/:source/edit", c.SaveIdentitySource)
	r.get(models.ManageConnections, "/projects/:project/identity-sources/:source/delete", c.ConfirmDeleteIdentitySource)
	r.post(models.ManageConnections, "/projects/:project/identity-sources/:source/delete", c.DeleteIdentitySource)
	r.get(models.ManageConnections, "/projects/:project/check/identity-source-name", c.CheckIdentitySourceName)
	r.post(models.ManageConnections, "/projects/:project/check/identity-source-advice/:kind", c.IdentitySourceAdvice)
	r.post(models.ManageConnections, "/projects/:project/check/identity-source/:kind", c.TestIdentitySource)

	r.get(models.ViewAPIs, "/projects/:project/proxies", c.ListProxies)
	r.get(models.ManageAPIs, "/projects/:project/new/proxies", c.NewProxy)
	r.post(models.ManageAPIs, "/projects/:project/new/proxies", c.CreateProxy)
	r.get(models.ViewAPIs, "/projects/:project/proxies/:proxy", c.ShowProxy)
	r.get(models.ManageAPIs, "/projects/:project/proxies/:proxy/edit", c.EditProxy)
	r.post(models.ManageAPIs, "/projects/:project/proxies/:proxy/edit", c.SaveProxy)
	r.get(models.ManageAPIs, "/projects/:project/check/proxy-name", c.CheckProxyName)
	r.get(models.ManageAPIs, "/projects/:project/check/base-path", c.CheckBasePath)
	r.post(models.ManageAPIs, "/projects/:project/check/proxy-errors", c.ProxyErrors)
	r.get(models.ManageAPIs, "/projects/:project/new/proxies/document", c.NewProxyDocument)
	r.post(models.ManageAPIs, "/projects/:project/new/proxies/document", c.ReadNewProxy)
	r.get(models.ManageAPIs, "/projects/:project/proxies/:proxy/document", c.ProxyDocument)
	r.post(models.ManageAPIs, "/projects/:project/proxies/:proxy/document", c.ReadEndpoints)

	r.get(models.ViewAPIs, "/projects/:project/proxy-groups", c.ListProxyGroups)
	r.get(models.ManageAPIs, "/projects/:project/new/proxy-groups", c.NewProxy)
	r.post(models.ManageAPIs, "/projects/:project/new/proxy-groups", c.CreateProxy)
	r.get(models.ViewAPIs, "/projects/:project/proxy-groups/:group", c.ShowProxyGroup)
	r.get(models.ManageAPIs, "/projects/:project/proxy-groups/:group/edit", c.EditProxy)
	r.post(models.ManageAPIs, "/projects/:project/proxy-groups/:group/edit", c.SaveProxy)
	r.get(models.ManageAPIs, "/projects/:project/proxy-groups/:group/assign", c.Assign)
	r.post(models.ManageAPIs, "/projects/:project/proxy-groups/:group/assign", c.AssignStep)
	r.post(models.ManageAPIs, "/projects/:project/check/group-members", c.FindMembers)
	r.get(models.ViewAPIs, "/projects/:project/policy-groups", c.ListPolicyGroups)
	r.get(models.ManageAPIs, "/projects/:project/new/policy-groups", c.NewPolicyGroup)
	r.post(models.ManageAPIs, "/projects/:project/new/policy-groups", c.CreatePolicyGroup)
	r.get(models.ViewAPIs, "/projects/:project/policy-groups/:group", c.ShowPolicyGroup)
	r.get(models.ManageAPIs, "/projects/:project/policy-groups/:group/edit", c.EditPolicyGroup)
	r.post(models.ManageAPIs, "/projects/:project/policy-groups/:group/edit", c.SavePolicyGroup)
	r.get(models.ManageAPIs, "/projects/:project/policy-groups/:group/status", c.ConfirmGroupStatus)
	r.post(models.ManageAPIs, "/projects/:project/policy-groups/:group/status", c.SetGroupStatus)
	r.get(models.ManageAPIs, "/projects/:project/check/policy-group-name", c.CheckPolicyGroupName)

	owned(r, c, "/projects/:project/proxies/:proxy")
	owned(r, c, "/projects/:project/proxy-groups/:group")
	owned(r, c, "/projects/:project/policy-groups/:group")

	r.get(models.ViewAnalytics, "/projects/:project/reports", c.Reports)
	r.get(models.ViewAnalytics, "/projects/:project/reports/policy-usage", c.PolicyUsage)
	r.get(models.ViewAnalytics, "/projects/:project/reports/policy-usage.csv", c.PolicyUsageCSV)
	r.get(models.ViewAnalytics, "/projects/:project/reports/proxy-group-usage", c.ProxyGroupUsage)
	r.get(models.ViewAnalytics, "/projects/:project/reports/proxy-group-usage.csv", c.ProxyGroupUsageCSV)
	r.get(models.ViewAnalytics, "/projects/:project/reports/policy-group-usage", c.PolicyGroupUsage)
	r.get(models.ViewAnalytics, "/projects/:project/reports/policy-group-usage.csv", c.PolicyGroupUsageCSV)
	r.get(models.DeployAPIs, "/projects/:project/new/bulk-deploy", c.NewBulkDeploy)
	r.get(models.ViewAPIs, "/projects/:project/bulk-deploys", c.ListBulkDeploys)
	r.post(models.DeployAPIs, "/projects/:project/bulk-deploys", c.StartBulkDeploy)
	r.get(models.ViewAPIs, "/projects/:project/bulk-deploys/of/:bulk", c.ShowBulkDeploy)
	r.post(models.DeployAPIs, "/projects/:project/bulk-deploys/of/:bulk/cancel", c.CancelBulkDeploy)
	r.post(models.DeployAPIs, "/projects/:project/bulk-deploys/of/:bulk/resume", c.ResumeBulkDeploy)

	r.get(visit.ViewSystem, "/environments/:environment/keys", c.ListKeys)
	r.get(visit.ManageSystem, "/environments/:environment/new/keys", c.NewKey)
	r.post(visit.ManageSystem, "/environments/:environment/new/keys", c.AddKey)
	r.get(visit.ManageSystem, "/environments/:environment/new/key-schedule", c.EditKeySchedule)
	r.post(visit.ManageSystem, "/environments/:environment/new/key-schedule", c.SaveKeySchedule)
	r.get(visit.ViewSystem, "/environments/:environment/keys/:key", c.ShowKey)
	r.get(visit.ViewSystem, "/environments/:environment/keys/:key/public.jwk", c.DownloadJWK)
	r.get(visit.ViewSystem, "/environments/:environment/keys/:key/public.pem", c.DownloadPEM)
	r.get(visit.ManageSystem, "/environments/:environment/keys/:key/rotate", c.ConfirmRotateKey)
	r.post(visit.ManageSystem, "/environments/:environment/keys/:key/rotate", c.RotateKey)
	r.get(visit.ManageSystem, "/environments/:environment/keys/:key/start", c.ConfirmStartKey)
	r.post(visit.ManageSystem, "/environments/:environment/keys/:key/start", c.StartKey)
	r.get(visit.ManageSystem, "/environments/:environment/keys/:key/retire", c.ConfirmRetireKey)
	r.post(visit.ManageSystem, "/environments/:environment/keys/:key/retire", c.RetireKey)
	r.get(visit.ManageSystem, "/environments/:environment/keys/:key/revoke", c.ConfirmRevokeKey)
	r.post(visit.ManageSystem, "/environments/:environment/keys/:key/revoke", c.RevokeKey)
	r.get(visit.ManageSystem, "/environments/:environment/keys/:key/delete", c.ConfirmDeleteKey)
	r.post(visit.ManageSystem, "/environments/:environment/keys/:key/delete", c.DeleteKey)

	r.get(models.ViewIdentity, "/projects/:project/credentials", c.ListCredentials)
	r.get(models.ManageIdentity, "/projects/:project/new/credentials", c.NewCredential)
	r.post(models.ManageIdentity, "/projects/:project/new/credentials", c.CreateCredential)
	r.get(models.ViewIdentity, "/projects/:project/credentials/:credential", c.ShowCredential)
	r.get(models.ManageIdentity, "/projects/:project/credentials/:credential/edit", c.EditCredential)
	r.post(models.ManageIdentity, "/projects/:project/credentials/:credential/edit", c.SaveCredential)
	r.post(models.ManageIdentity, "/projects/:project/credentials/:credential/status", c.SetCredentialStatus)
	r.get(models.ManageIdentity, "/projects/:project/credentials/:credential/secret", c.ConfirmRotateCredential)
	r.post(models.ManageIdentity, "/projects/:project/credentials/:credential/secret", c.RotateCredential)
	r.get(models.ManageIdentity, "/projects/:project/credentials/:credential/delete", c.ConfirmDeleteCredential)
	r.post(models.ManageIdentity, "/projects/:project/credentials/:credential/delete", c.DeleteCredential)
	r.post(models.ManageIdentity, "/projects/:project/bulk/credentials", c.BulkCredentials)
	r.get(models.ManageIdentity, "/projects/:project/check/credential-name", c.CheckCredentialName)
	r.get(models.ViewIdentity, "/projects/:project/export/credentials.csv", c.ExportCredentials)
	r.get(models.ManageIdentity, "/projects/:project/import/credentials", c.NewImport)
	r.post(models.ManageIdentity, "/projects/:project/import/credentials", c.PreviewImport)
	r.post(models.ManageIdentity, "/projects/:project/import/credentials/apply", c.ApplyImport)
	r.get(models.ManageIdentity, "/projects/:project/import/credentials/of/:import", c.ShowImport)

	r.get(visit.Exchange, "/projects/:project/packages", c.Packages)
	r.get(visit.Exchange, "/projects/:project/packages/export", c.ChooseExport)
	r.get(visit.Exchange, "/projects/:project/packages/export/review", c.ReviewExport)
	r.post(visit.Exchange, "/projects/:project/packages/export/file", c.ExportFile)
	r.get(visit.Exchange, "/projects/:project/packages/import", c.UploadPackage)
	r.post(visit.Exchange, "/projects/:project/packages/import", c.KeepPackage)
	r.get(visit.Exchange, "/projects/:project/packages/import/of/:package", c.PlanImportedPackage)
	r.post(visit.Exchange, "/projects/:project/packages/import/of/:package", c.ChooseForPackage)
	r.post(visit.Exchange, "/projects/:project/packages/import/of/:package/unlock", c.UnlockPackage)
	r.get(visit.Exchange, "/projects/:project/packages/import/of/:package/review", c.ReviewPackage)
	r.post(visit.Exchange, "/projects/:project/packages/import/of/:package/apply", c.ApplyPackage)

	r.get(models.ViewIdentity, "/projects/:project/roles", c.ListRoles)
	r.post(models.ManageIdentity, "/projects/:project/roles", c.CreateRole)
	r.get(models.ManageIdentity, "/projects/:project/roles/:role/edit", c.EditRole)
	r.post(models.ManageIdentity, "/projects/:project/roles/:role/edit", c.SaveRole)
	r.get(models.ManageIdentity, "/projects/:project/roles/:role/delete", c.ConfirmDeleteRole)
	r.post(models.ManageIdentity, "/projects/:project/roles/:role/delete", c.DeleteRole)

	r.get(models.ViewIdentity, "/projects/:project/access", c.ListAccess)
	r.get(models.ViewIdentity, "/projects/:project/access/by/proxy", c.AccessByProxy)
	r.get(models.ViewIdentity, "/projects/:project/access/by/credential", c.AccessByCredential)
	r.get(models.ManageIdentity, "/projects/:project/new/access", c.NewAccess)
	r.post(models.ManageIdentity, "/projects/:project/new/access", c.GrantAccess)
	r.get(models.ManageIdentity, "/projects/:project/check/access/:kind", c.FindForAccess)
	r.get(models.ManageIdentity, "/projects/:project/access/of/:grant/edit", c.EditAccess)
	r.post(models.ManageIdentity, "/projects/:project/access/of/:grant/edit", c.ChangeAccess)
	r.get(models.ManageIdentity, "/projects/:project/access/of/:grant/revoke", c.ConfirmRevokeAccess)
	r.post(models.ManageIdentity, "/projects/:project/access/of/:grant/revoke", c.RevokeAccess)
	r.get(models.ViewIdentity, "/projects/:project/export/access.csv", c.ExportAccess)

	if dev {
		r.get(visit.SignedIn, "/gallery", c.Gallery)
		r.get(visit.SignedIn, "/gallery/:page", c.Gallery)
	}
}

// owned are the routes of whatever policies are bound to and is deployed: an API
// proxy, a proxy group or a policy group.
func owned(r *registrar, c *console.Console, owner string) {
	r.get(models.ManageAPIs, owner+"/duplicate", c.ConfirmDuplicateOwner)
	r.post(models.ManageAPIs, owner+"/duplicate", c.DuplicateOwner)
	r.get(models.ManageAPIs, owner+"/delete", c.ConfirmDeleteOwner)
	r.post(models.ManageAPIs, owner+"/delete", c.DeleteOwner)
	r.get(models.ManageAPIs, owner+"/secret", c.ConfirmRotateSecret)
	r.post(models.ManageAPIs, owner+"/secret", c.RotateSecret)
	r.get(models.ViewAPIs, owner+"/history", c.History)
	r.get(models.ViewAPIs, owner+"/develop", c.Develop)
	r.get(models.ManageAPIs, owner+"/bindings/new", c.ChoosePolicy)
	r.post(models.ManageAPIs, owner+"/bindings", c.AddBinding)
	r.get(models.ManageAPIs, owner+"/bindings/new/:type", c.NewLocalPolicy)
	r.post(models.ManageAPIs, owner+"/bindings/new/:type", c.CreateLocalPolicy)
	r.post(models.ManageAPIs, owner+"/bindings/order", c.OrderBindings)
	r.get(models.ManageAPIs, owner+"/bindings/switch", c.ConfirmLaneSwitch)
	r.post(models.ManageAPIs, owner+"/bindings/switch", c.SwitchLane)
	r.get(models.ViewAPIs, owner+"/bindings/of/:binding", c.ShowBinding)
	r.post(models.ViewAPIs, owner+"/bindings/of/:binding", c.ShowBinding) // tries its condition
	r.get(models.ManageAPIs, owner+"/bindings/of/:binding/edit", c.EditBinding)
	r.post(models.ManageAPIs, owner+"/bindings/of/:binding/edit", c.SaveBinding)
	r.post(models.ManageAPIs, owner+"/bindings/of/:binding/status", c.SetBindingStatus)
	r.get(models.ManageAPIs, owner+"/bindings/of/:binding/localize", c.ConfirmLocalize)
	r.post(models.ManageAPIs, owner+"/bindings/of/:binding/localize", c.Localize)
	r.get(models.ManageAPIs, owner+"/bindings/of/:binding/globalize", c.ConfirmGlobalize)
	r.post(models.ManageAPIs, owner+"/bindings/of/:binding/globalize", c.Globalize)
	r.get(models.ManageAPIs, owner+"/bindings/of/:binding/remove", c.ConfirmRemoveBinding)
	r.post(models.ManageAPIs, owner+"/bindings/of/:binding/remove", c.RemoveBinding)
	r.get(models.DeployAPIs, owner+"/deploy/:environment", c.ConfirmDeploy)
	r.post(models.DeployAPIs, owner+"/deploy/:environment", c.Deploy)
	r.get(models.ViewAPIs, owner+"/compare", c.Compare)
	r.post(models.DeployAPIs, owner+"/history/:revision/pin", c.PinRevision)
	r.get(models.DeployAPIs, owner+"/history/:revision/delete", c.ConfirmDeleteRevision)
	r.post(models.DeployAPIs, owner+"/history/:revision/delete", c.DeleteRevision)
	r.get(models.DeployAPIs, owner+"/rollback/:environment/:revision", c.ConfirmRollback)
	r.post(models.DeployAPIs, owner+"/rollback/:environment/:revision", c.Rollback)
	r.get(models.DeployAPIs, owner+"/undeploy/:environment", c.ConfirmUndeploy)
	r.post(models.DeployAPIs, owner+"/undeploy/:environment", c.Undeploy)
}

// registrar adds routes to gin; there is no way to add one without a right.
type registrar struct {
	engine *gin.Engine
	store  *models.Store
	pages  *console.Console
	table  []route
}

// route is an address with the right that it needs.
type route struct {
	method, path string
	right        visit.Right
}

func (r *registrar) get(right visit.Right, path string, a action) {
	r.add(route{http.MethodGet, path, right}, a)
}

func (r *registrar) post(right visit.Right, path string, a action) {
	r.add(route{http.MethodPost, path, right}, a)
}

func (r *registrar) add(to route, a action) {
	r.table = append(r.table, to)
	r.engine.Handle(to.method, to.path, r.adapt(to.right, a))
}

// adapt asks the one permission rule, runs the action and answers its error.
func (r *registrar) adapt(right visit.Right, a action) gin.HandlerFunc {
	return func(g *gin.Context) {
		names(g)
		v := visit.From(g.Request.Context())
		err := r.enter(g, v, right)
		switch {
		case err != nil:
		case right != visit.Public && right != visit.SignedIn && v.Can(right) && v.User.MustChangePassword:
			err = r.pages.ChangePasswordFirst(g)
		case right == visit.Public || v.Can(right):
			err = a(g)
		case !v.SignedIn():
			err = r.pages.SignInFirst(g)
		case right == "":
			err = models.ErrNotFound
		default:
			err = models.ErrForbidden
		}
		if err != nil {
			r.pages.Fail(g, err)
		}
	}
}

// enter finds what a member may do in the project that the address names, and of
// which projects pages of logs outside of any show something.
func (r *registrar) enter(g *gin.Context, v *visit.Visit, right visit.Right) error {
	if v.User.Role != models.RoleMember {
		return nil
	}
	ctx := g.Request.Context()
	all, err := r.store.Memberships(ctx, v.User.ID)
	if err != nil {
		return err
	}
	v.Belongs(all)
	project := g.Param("project")
	if project == "" {
		v.EntersLogs(right)
		return nil
	}
	here, err := r.store.PermissionsIn(ctx, v.User.ID, project)
	v.Enters(here)
	return err
}

// names decodes what the address names. In a path, unlike in a query, a plus
// is a plus (RFC 3986 section 2.4).
func names(g *gin.Context) {
	if g.Request.URL.RawPath == "" {
		return // gin matched the decoded path
	}
	for i, p := range g.Params {
		if name, err := url.PathUnescape(p.Value); err == nil {
			g.Params[i].Value = name
		}
	}
}
