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
	r.post(visit.SignedIn, "/account/password", c.ChangePassword)
	r.post(visit.SignedIn, "/preferences/theme", c.SetTheme)
	r.post(visit.SignedIn, "/preferences/environment", c.ChooseEnvironment)
	r.get(visit.View, "/palette", c.Palette)

	r.get(visit.Audit, "/audit", c.ListAudit)
	r.get(visit.Audit, "/audit/:id", c.ShowAudit)

	r.get(visit.Audit, "/token-requests", c.ListTokenRequests)
	r.get(visit.Audit, "/token-requests/csv", c.TokenRequestsCSV)
	r.get(visit.Audit, "/token-requests/:id", c.ShowTokenRequest)
	r.get(visit.Audit, "/security-events", c.ListSecurityEvents)
	r.get(visit.Audit, "/security-events/csv", c.SecurityEventsCSV)
	r.get(visit.Audit, "/security-events/:id", c.ShowSecurityEvent)
	r.get(visit.Audit, "/refusals", c.WhyRefused)
	r.get(visit.Audit, "/logins", c.ListLogins)
	r.get(visit.Manage, "/logins/:session/end", c.ConfirmEndLogin)
	r.post(visit.Manage, "/logins/:session/end", c.EndLogin)
	r.get(visit.Manage, "/revoke-tokens", c.RevokeForm)
	r.post(visit.Manage, "/revoke-tokens", c.CheckRevoke)
	r.get(visit.Manage, "/revoke-tokens/confirm", c.ConfirmRevoke)
	r.post(visit.Manage, "/revoke-tokens/confirm", c.Revoke)
	r.get(visit.View, "/token-management", c.TokenManagement)
	r.post(visit.Manage, "/token-management", c.SaveTokenManagement)
	r.post(visit.Manage, "/token-management/preview", c.PreviewTokenManagement)
	r.post(visit.Manage, "/token-management/retention", c.SaveRetention)
	r.get(visit.View, "/error-messages", c.ListErrorMessages)
	r.get(visit.View, "/error-messages/:error", c.ShowErrorMessage)
	r.post(visit.Manage, "/error-messages/:error", c.SaveErrorMessage)
	r.post(visit.Manage, "/error-messages/:error/draft", c.DraftErrorMessage)
	r.get(visit.Manage, "/error-messages/:error/reset", c.ConfirmResetErrorMessage)
	r.post(visit.Manage, "/error-messages/:error/reset", c.ResetErrorMessage)

	r.get(visit.View, "/projects/:project", c.ProjectHome)

	r.get(visit.View, "/projects/:project/policies/:type", c.ListPolicies)
	r.get(visit.Manage, "/projects/:project/new/policies/:type", c.NewPolicy)
	r.post(visit.Manage, "/projects/:project/new/policies/:type", c.CreatePolicy)
	r.get(visit.View, "/projects/:project/policies/:type/:policy", c.ShowPolicy)
	r.post(visit.View, "/projects/:project/policies/:type/:policy", c.ShowPolicy) // tries its condition
	r.get(visit.Manage, "/projects/:project/policies/:type/:policy/edit", c.EditPolicy)
	r.post(visit.Manage, "/projects/:project/policies/:type/:policy/edit", c.SavePolicy)
	r.post(visit.Manage, "/projects/:project/policies/:type/:policy/status", c.SetPolicyStatus)
	r.get(visit.Manage, "/projects/:project/policies/:type/:policy/duplicate", c.ConfirmDuplicatePolicy)
	r.post(visit.Manage, "/projects/:project/policies/:type/:policy/duplicate", c.DuplicatePolicy)
	r.get(visit.Manage, "/projects/:project/policies/:type/:policy/delete", c.ConfirmDeletePolicy)
	r.post(visit.Manage, "/projects/:project/policies/:type/:policy/delete", c.DeletePolicy)
	r.post(visit.Manage, "/projects/:project/bulk/policies/:type", c.BulkPolicies)
	r.get(visit.Manage, "/projects/:project/check/policy-name", c.CheckPolicyName)
	r.post(visit.Manage, "/projects/:project/check/policy-advice/:type", c.PolicyAdvice)
	r.post(visit.View, "/projects/:project/check/policy-conditions/:type", c.PolicyConditions)
	r.post(visit.Manage, "/projects/:project/check/policy-errors/:type", c.PolicyErrors)

	r.get(visit.View, "/projects/:project/variables", c.ListVariables)
	r.get(visit.Manage, "/projects/:project/new/variables", c.NewVariable)
	r.post(visit.Manage, "/projects/:project/new/variables", c.CreateVariable)
	r.get(visit.Manage, "/projects/:project/variables/:variable/edit", c.EditVariable)
	r.post(visit.Manage, "/projects/:project/variables/:variable/edit", c.SaveVariable)
	r.get(visit.Manage, "/projects/:project/variables/:variable/delete", c.ConfirmDeleteVariable)
	r.post(visit.Manage, "/projects/:project/variables/:variable/delete", c.DeleteVariable)
	r.get(visit.Manage, "/projects/:project/check/variable-name", c.CheckVariableName)
	r.get(visit.View, "/projects/:project/choose/variables", c.ChooseVariable)
	r.get(visit.Manage, "/projects/:project/choose/variables/new", c.NewChosenVariable)
	r.post(visit.Manage, "/projects/:project/choose/variables/new", c.CreateChosenVariable)

	r.get(visit.View, "/environments", c.ListEnvironments)
	r.get(visit.Manage, "/new/environments", c.NewEnvironment)
	r.post(visit.Manage, "/new/environments", c.CreateEnvironment)
	r.get(visit.Manage, "/check/environment-name", c.CheckEnvironmentName)
	r.get(visit.View, "/environments/:environment", c.ShowEnvironment)
	r.get(visit.View, "/environments/:environment/nodes", c.ShowEnvironmentNodes)
	r.get(visit.Manage, "/environments/:environment/edit", c.EditEnvironment)
	r.post(visit.Manage, "/environments/:environment/edit", c.SaveEnvironment)
	r.get(visit.Manage, "/environments/:environment/address", c.ConfirmMoveEnvironment)
	r.post(visit.Manage, "/environments/:environment/address", c.MoveEnvironment)
	r.get(visit.Manage, "/environments/:environment/delete", c.ConfirmDeleteEnvironment)
	r.post(visit.Manage, "/environments/:environment/delete", c.DeleteEnvironment)

	r.get(visit.View, "/environments/:environment/variables", c.ListEnvironmentVariables)
	r.get(visit.Manage, "/environments/:environment/new/variables", c.NewEnvironmentVariable)
	r.post(visit.Manage, "/environments/:environment/new/variables", c.CreateEnvironmentVariable)
	r.get(visit.Manage, "/environments/:environment/variables/:variable/edit", c.EditEnvironmentVariable)
	r.post(visit.Manage, "/environments/:environment/variables/:variable/edit", c.SaveEnvironmentVariable)
	r.get(visit.Manage, "/environments/:environment/variables/:variable/delete", c.ConfirmDeleteEnvironmentVariable)
	r.post(visit.Manage, "/environments/:environment/variables/:variable/delete", c.DeleteEnvironmentVariable)
	r.get(visit.Manage, "/environments/:environment/check/variable-name", c.CheckEnvironmentVariableName)

	r.get(visit.View, "/projects/:project/identity-sources", c.ListIdentitySources)
	r.get(visit.Manage, "/projects/:project/new/identity-sources", c.ChooseIdentitySourceKind)
	r.get(visit.Manage, "/projects/:project/new/identity-sources/:kind", c.NewIdentitySource)
	r.post(visit.Manage, "/projects/:project/new/identity-sources/:kind", c.CreateIdentitySource)
	r.get(visit.View, "/projects/:project/identity-sources/:source", c.ShowIdentitySource)
	r.get(visit.Manage, "/projects/:project/identity-sources/:source/edit", c.EditIdentitySource)
	r.post(visit.Manage, "/projects/:project/identity-sources/:source/edit", c.SaveIdentitySource)
	r.get(visit.Manage, "/projects/:project/identity-sources/:source/delete", c.ConfirmDeleteIdentitySource)
	r.post(visit.Manage, "/projects/:project/identity-sources/:source/delete", c.DeleteIdentitySource)
	r.get(visit.Manage, "/projects/:project/check/identity-source-name", c.CheckIdentitySourceName)
	r.post(visit.Manage, "/projects/:project/check/identity-source-advice/:kind", c.IdentitySourceAdvice)
	r.post(visit.Manage, "/projects/:project/check/identity-source/:kind", c.TestIdentitySource)

	r.get(visit.View, "/projects/:project/proxies", c.ListProxies)
	r.get(visit.Manage, "/projects/:project/new/proxies", c.NewProxy)
	r.post(visit.Manage, "/projects/:project/new/proxies", c.CreateProxy)
	r.get(visit.View, "/projects/:project/proxies/:proxy", c.ShowProxy)
	r.get(visit.Manage, "/projects/:project/proxies/:proxy/edit", c.EditProxy)
	r.post(visit.Manage, "/projects/:project/proxies/:proxy/edit", c.SaveProxy)
	r.get(visit.Manage, "/projects/:project/check/proxy-name", c.CheckProxyName)
	r.get(visit.Manage, "/projects/:project/check/base-path", c.CheckBasePath)
	r.post(visit.Manage, "/projects/:project/check/proxy-errors", c.ProxyErrors)

	r.get(visit.View, "/projects/:project/proxy-groups", c.ListProxyGroups)
	r.get(visit.Manage, "/projects/:project/new/proxy-groups", c.NewProxy)
	r.post(visit.Manage, "/projects/:project/new/proxy-groups", c.CreateProxy)
	r.get(visit.View, "/projects/:project/proxy-groups/:group", c.ShowProxyGroup)
	r.get(visit.Manage, "/projects/:project/proxy-groups/:group/edit", c.EditProxy)
	r.post(visit.Manage, "/projects/:project/proxy-groups/:group/edit", c.SaveProxy)
	r.get(visit.Manage, "/projects/:project/proxy-groups/:group/assign", c.Assign)
	r.post(visit.Manage, "/projects/:project/proxy-groups/:group/assign", c.AssignStep)
	r.post(visit.Manage, "/projects/:project/check/group-members", c.FindMembers)
	r.get(visit.View, "/projects/:project/policy-groups", c.ListPolicyGroups)
	r.get(visit.Manage, "/projects/:project/new/policy-groups", c.NewPolicyGroup)
	r.post(visit.Manage, "/projects/:project/new/policy-groups", c.CreatePolicyGroup)
	r.get(visit.View, "/projects/:project/policy-groups/:group", c.ShowPolicyGroup)
	r.get(visit.Manage, "/projects/:project/policy-groups/:group/edit", c.EditPolicyGroup)
	r.post(visit.Manage, "/projects/:project/policy-groups/:group/edit", c.SavePolicyGroup)
	r.get(visit.Manage, "/projects/:project/policy-groups/:group/status", c.ConfirmGroupStatus)
	r.post(visit.Manage, "/projects/:project/policy-groups/:group/status", c.SetGroupStatus)
	r.get(visit.Manage, "/projects/:project/check/policy-group-name", c.CheckPolicyGroupName)

	owned(r, c, "/projects/:project/proxies/:proxy")
	owned(r, c, "/projects/:project/proxy-groups/:group")
	owned(r, c, "/projects/:project/policy-groups/:group")

	r.get(visit.View, "/projects/:project/reports", c.Reports)
	r.get(visit.View, "/projects/:project/reports/policy-usage", c.PolicyUsage)
	r.get(visit.View, "/projects/:project/reports/policy-usage.csv", c.PolicyUsageCSV)
	r.get(visit.View, "/projects/:project/reports/proxy-group-usage", c.ProxyGroupUsage)
	r.get(visit.View, "/projects/:project/reports/proxy-group-usage.csv", c.ProxyGroupUsageCSV)
	r.get(visit.View, "/projects/:project/reports/policy-group-usage", c.PolicyGroupUsage)
	r.get(visit.View, "/projects/:project/reports/policy-group-usage.csv", c.PolicyGroupUsageCSV)
	r.get(visit.Deploy, "/projects/:project/new/bulk-deploy", c.NewBulkDeploy)
	r.get(visit.View, "/projects/:project/bulk-deploys", c.ListBulkDeploys)
	r.post(visit.Deploy, "/projects/:project/bulk-deploys", c.StartBulkDeploy)
	r.get(visit.View, "/projects/:project/bulk-deploys/of/:bulk", c.ShowBulkDeploy)
	r.post(visit.Deploy, "/projects/:project/bulk-deploys/of/:bulk/cancel", c.CancelBulkDeploy)
	r.post(visit.Deploy, "/projects/:project/bulk-deploys/of/:bulk/resume", c.ResumeBulkDeploy)

	r.get(visit.View, "/environments/:environment/keys", c.ListKeys)
	r.get(visit.Manage, "/environments/:environment/new/keys", c.NewKey)
	r.post(visit.Manage, "/environments/:environment/new/keys", c.AddKey)
	r.get(visit.Manage, "/environments/:environment/new/key-schedule", c.EditKeySchedule)
	r.post(visit.Manage, "/environments/:environment/new/key-schedule", c.SaveKeySchedule)
	r.get(visit.View, "/environments/:environment/keys/:key", c.ShowKey)
	r.get(visit.View, "/environments/:environment/keys/:key/public.jwk", c.DownloadJWK)
	r.get(visit.View, "/environments/:environment/keys/:key/public.pem", c.DownloadPEM)
	r.get(visit.Manage, "/environments/:environment/keys/:key/rotate", c.ConfirmRotateKey)
	r.post(visit.Manage, "/environments/:environment/keys/:key/rotate", c.RotateKey)
	r.get(visit.Manage, "/environments/:environment/keys/:key/start", c.ConfirmStartKey)
	r.post(visit.Manage, "/environments/:environment/keys/:key/start", c.StartKey)
	r.get(visit.Manage, "/environments/:environment/keys/:key/retire", c.ConfirmRetireKey)
	r.post(visit.Manage, "/environments/:environment/keys/:key/retire", c.RetireKey)
	r.get(visit.Manage, "/environments/:environment/keys/:key/revoke", c.ConfirmRevokeKey)
	r.post(visit.Manage, "/environments/:environment/keys/:key/revoke", c.RevokeKey)
	r.get(visit.Manage, "/environments/:environment/keys/:key/delete", c.ConfirmDeleteKey)
	r.post(visit.Manage, "/environments/:environment/keys/:key/delete", c.DeleteKey)

	r.get(visit.View, "/projects/:project/credentials", c.ListCredentials)
	r.get(visit.Manage, "/projects/:project/new/credentials", c.NewCredential)
	r.post(visit.Manage, "/projects/:project/new/credentials", c.CreateCredential)
	r.get(visit.View, "/projects/:project/credentials/:credential", c.ShowCredential)
	r.get(visit.Manage, "/projects/:project/credentials/:credential/edit", c.EditCredential)
	r.post(visit.Manage, "/projects/:project/credentials/:credential/edit", c.SaveCredential)
	r.post(visit.Manage, "/projects/:project/credentials/:credential/status", c.SetCredentialStatus)
	r.get(visit.Manage, "/projects/:project/credentials/:credential/secret", c.ConfirmRotateCredential)
	r.post(visit.Manage, "/projects/:project/credentials/:credential/secret", c.RotateCredential)
	r.get(visit.Manage, "/projects/:project/credentials/:credential/delete", c.ConfirmDeleteCredential)
	r.post(visit.Manage, "/projects/:project/credentials/:credential/delete", c.DeleteCredential)
	r.post(visit.Manage, "/projects/:project/bulk/credentials", c.BulkCredentials)
	r.get(visit.Manage, "/projects/:project/check/credential-name", c.CheckCredentialName)
	r.get(visit.View, "/projects/:project/export/credentials.csv", c.ExportCredentials)
	r.get(visit.Manage, "/projects/:project/import/credentials", c.NewImport)
	r.post(visit.Manage, "/projects/:project/import/credentials", c.PreviewImport)
	r.post(visit.Manage, "/projects/:project/import/credentials/apply", c.ApplyImport)
	r.get(visit.Manage, "/projects/:project/import/credentials/of/:import", c.ShowImport)

	r.get(visit.View, "/projects/:project/packages", c.Packages)
	r.get(visit.View, "/projects/:project/packages/export", c.ChooseExport)
	r.get(visit.View, "/projects/:project/packages/export/review", c.ReviewExport)
	r.post(visit.View, "/projects/:project/packages/export/file", c.ExportFile) // takes a passphrase
	r.get(visit.Manage, "/projects/:project/packages/import", c.UploadPackage)
	r.post(visit.Manage, "/projects/:project/packages/import", c.KeepPackage)
	r.get(visit.Manage, "/projects/:project/packages/import/of/:package", c.PlanImportedPackage)
	r.post(visit.Manage, "/projects/:project/packages/import/of/:package", c.ChooseForPackage)
	r.post(visit.Manage, "/projects/:project/packages/import/of/:package/unlock", c.UnlockPackage)
	r.get(visit.Manage, "/projects/:project/packages/import/of/:package/review", c.ReviewPackage)
	r.post(visit.Manage, "/projects/:project/packages/import/of/:package/apply", c.ApplyPackage)

	r.get(visit.View, "/projects/:project/roles", c.ListRoles)
	r.post(visit.Manage, "/projects/:project/roles", c.CreateRole)
	r.get(visit.Manage, "/projects/:project/roles/:role/edit", c.EditRole)
	r.post(visit.Manage, "/projects/:project/roles/:role/edit", c.SaveRole)
	r.get(visit.Manage, "/projects/:project/roles/:role/delete", c.ConfirmDeleteRole)
	r.post(visit.Manage, "/projects/:project/roles/:role/delete", c.DeleteRole)

	r.get(visit.View, "/projects/:project/access", c.ListAccess)
	r.get(visit.View, "/projects/:project/access/by/proxy", c.AccessByProxy)
	r.get(visit.View, "/projects/:project/access/by/credential", c.AccessByCredential)
	r.get(visit.Manage, "/projects/:project/new/access", c.NewAccess)
	r.post(visit.Manage, "/projects/:project/new/access", c.GrantAccess)
	r.get(visit.Manage, "/projects/:project/check/access/:kind", c.FindForAccess)
	r.get(visit.Manage, "/projects/:project/access/of/:grant/edit", c.EditAccess)
	r.post(visit.Manage, "/projects/:project/access/of/:grant/edit", c.ChangeAccess)
	r.get(visit.Manage, "/projects/:project/access/of/:grant/revoke", c.ConfirmRevokeAccess)
	r.post(visit.Manage, "/projects/:project/access/of/:grant/revoke", c.RevokeAccess)
	r.get(visit.View, "/projects/:project/export/access.csv", c.ExportAccess)

	if dev {
		r.get(visit.SignedIn, "/gallery", c.Gallery)
		r.get(visit.SignedIn, "/gallery/:page", c.Gallery)
	}
}

// owned are the routes of whatever policies are bound to and is deployed: an API
// proxy, a proxy group or a policy group.
func owned(r *registrar, c *console.Console, owner string) {
	r.get(visit.Manage, owner+"/duplicate", c.ConfirmDuplicateOwner)
	r.post(visit.Manage, owner+"/duplicate", c.DuplicateOwner)
	r.get(visit.Manage, owner+"/delete", c.ConfirmDeleteOwner)
	r.post(visit.Manage, owner+"/delete", c.DeleteOwner)
	r.get(visit.Manage, owner+"/secret", c.ConfirmRotateSecret)
	r.post(visit.Manage, owner+"/secret", c.RotateSecret)
	r.get(visit.View, owner+"/history", c.History)
	r.get(visit.View, owner+"/develop", c.Develop)
	r.get(visit.Manage, owner+"/bindings/new", c.ChoosePolicy)
	r.post(visit.Manage, owner+"/bindings", c.AddBinding)
	r.get(visit.Manage, owner+"/bindings/new/:type", c.NewLocalPolicy)
	r.post(visit.Manage, owner+"/bindings/new/:type", c.CreateLocalPolicy)
	r.post(visit.Manage, owner+"/bindings/order", c.OrderBindings)
	r.get(visit.Manage, owner+"/bindings/switch", c.ConfirmLaneSwitch)
	r.post(visit.Manage, owner+"/bindings/switch", c.SwitchLane)
	r.get(visit.View, owner+"/bindings/of/:binding", c.ShowBinding)
	r.post(visit.View, owner+"/bindings/of/:binding", c.ShowBinding) // tries its condition
	r.get(visit.Manage, owner+"/bindings/of/:binding/edit", c.EditBinding)
	r.post(visit.Manage, owner+"/bindings/of/:binding/edit", c.SaveBinding)
	r.post(visit.Manage, owner+"/bindings/of/:binding/status", c.SetBindingStatus)
	r.get(visit.Manage, owner+"/bindings/of/:binding/localize", c.ConfirmLocalize)
	r.post(visit.Manage, owner+"/bindings/of/:binding/localize", c.Localize)
	r.get(visit.Manage, owner+"/bindings/of/:binding/globalize", c.ConfirmGlobalize)
	r.post(visit.Manage, owner+"/bindings/of/:binding/globalize", c.Globalize)
	r.get(visit.Manage, owner+"/bindings/of/:binding/remove", c.ConfirmRemoveBinding)
	r.post(visit.Manage, owner+"/bindings/of/:binding/remove", c.RemoveBinding)
	r.get(visit.Deploy, owner+"/deploy/:environment", c.ConfirmDeploy)
	r.post(visit.Deploy, owner+"/deploy/:environment", c.Deploy)
	r.get(visit.View, owner+"/compare", c.Compare)
	r.post(visit.Deploy, owner+"/history/:revision/pin", c.PinRevision)
	r.get(visit.Deploy, owner+"/history/:revision/delete", c.ConfirmDeleteRevision)
	r.post(visit.Deploy, owner+"/history/:revision/delete", c.DeleteRevision)
	r.get(visit.Deploy, owner+"/rollback/:environment/:revision", c.ConfirmRollback)
	r.post(visit.Deploy, owner+"/rollback/:environment/:revision", c.Rollback)
	r.get(visit.Deploy, owner+"/undeploy/:environment", c.ConfirmUndeploy)
	r.post(visit.Deploy, owner+"/undeploy/:environment", c.Undeploy)
}

// registrar adds routes to gin; there is no way to add one without a right.
type registrar struct {
	engine *gin.Engine
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
		err := error(nil)
		switch {
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
