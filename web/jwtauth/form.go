// Package jwtauth owns what the JWT Authentication policy adds to the pages of policies: the fields of its form, how
// they are read, and how its settings are said in words.
package jwtauth

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	webissue "github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/policies"
)

// Form is the part of the policy form that is JWT Authentication's own.
type Form struct{}

var _ policies.Form = Form{}

// The headings over its fields.
const (
	tokenSection         = "Token"
	authorizationSection = "Authorization Configuration"
)

// labels are the seed's, in its order.
var labels = slices.Concat([]policies.Label{
	{Field: "managedFromThisPolicy", Text: "Manage From This Policy"},
	{Field: "grantType", Text: "Grant Type"},
	{Field: "authenticationType", Text: "Identity/Role/Group Service"},
	{Field: "identityProviderName", Text: "Identity/Role/Group Service"},
	{Field: "jwtRegeneratorApiName", Text: "JWT Regenerator Service API"},
	{Field: "credentialClients", Text: "Clients with credentials of their own"},
	{Field: "checkClientIpAddress", Text: "Check Client IP Address"},
}, tokenLabels(), []policies.Label{
	{Field: "signingKeyName", Text: "Signing key"},
	{Field: "leewaySeconds", Text: "Clock leeway"},
	{Field: "clearAuth", Text: "Clear Authentication Data"},
	{Field: "setIdentityToContext", Text: "Set Resolved Identity to Context"},
	{Field: "addUserToHeader", Text: "Add Client Info to Header"},
	{Field: "userHeaderName", Text: "Authenticated User Header Name"},
}, authorizationLabels)

// tokenLabels are those of the settings that a credential has too, but for the grant type.
func tokenLabels() []policies.Label {
	var list []policies.Label
	for _, l := range webissue.Labels("") {
		if l.Field != "grantType" {
			list = append(list, policies.Label{Field: l.Field, Text: l.Text})
		}
	}
	return list
}

// Labels implements policies.Form.
func (Form) Labels() []policies.Label { return labels }

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// New implements policies.Form.
func (Form) New() policy.Config { return jwtauth.NewForm() }

// Write implements policies.Form. Fields that do not matter get what an empty form would hold, so that switching
// something on shows a sensible value.
func (Form) Write(config policy.Config) policies.Values {
	c, ok := config.(*jwtauth.Config)
	if !ok {
		return policies.Values{}
	}
	v := policies.Values{
		"jwtRegeneratorApiName": c.JWTRegeneratorAPIName, "signingKeyName": c.SigningKeyName,
		"leewaySeconds": strconv.Itoa(c.LeewaySeconds), "userHeaderName": orElse(c.UserHeaderName, jwtauth.DefaultUserHeader),
	}
	settings := c.Settings
	if !c.ManagedFromThisPolicy {
		settings = issue.Starting()
	}
	webissue.Write(settings).Into(v, "")
	writeService(v, "authenticationType", "identityProviderName", orKind(c.AuthenticationType, identity.SecretManager), c.IdentityProviderName)
	v.Tick("managedFromThisPolicy", c.ManagedFromThisPolicy)
	v.Tick("credentialClients", c.GrantType == issue.ClientCredentials && c.AuthenticationType == identity.SecretManager)
	v.Tick("checkClientIpAddress", c.CheckClientIPAddress)
	v.Tick("clearAuth", c.ClearAuth)
	v.Tick("setIdentityToContext", c.SetIdentityToContext)
	v.Tick("addUserToHeader", c.AddUserToHeader)
	writeAuthorization(v, &c.Authorization)
	return v
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func orKind(kind, fallback identity.KindName) identity.KindName {
	if kind == "" {
		return fallback
	}
	return kind
}

// Read implements policies.Form. A field that another one makes meaningless is not read: a letter in a hidden box must
// not keep anybody from saving.
func (Form) Read(v policies.Values) (policy.Config, problem.List) {
	var l problem.List
	c := jwtauth.New()
	if c.ManagedFromThisPolicy = v.On("managedFromThisPolicy"); c.ManagedFromThisPolicy {
		c.Settings, l = webissue.Read(v, "")
		readSource(&l, v, c)
		c.SigningKeyName = v["signingKeyName"]
	}
	c.LeewaySeconds = int(number(&l, v, "leewaySeconds", "30"))
	c.ClearAuth, c.SetIdentityToContext = v.On("clearAuth"), v.On("setIdentityToContext")
	c.AddUserToHeader = v.On("addUserToHeader")
	if c.AddUserToHeader {
		c.UserHeaderName = headerName(&l, v, "userHeaderName")
	}
	if hasRoles(v) {
		readAuthorization(&l, v, &c.Authorization)
	}
	return c, l
}

// readSource reads who is checked where.
func readSource(l *problem.List, v policies.Values, c *jwtauth.Config) {
	switch {
	case c.GrantType == issue.Password:
		c.AuthenticationType, c.IdentityProviderName = readService(v, "authenticationType", "identityProviderName")
		if c.AuthenticationType == "" { // Normalize would take the secret manager, and nobody would have chosen it
			l.Add("authenticationType", "Choose where users are checked.")
		}
		c.JWTRegeneratorAPIName = v["jwtRegeneratorApiName"]
	case v.On("credentialClients"):
		c.AuthenticationType = identity.SecretManager
	}
	c.CheckClientIPAddress = v.On("checkClientIpAddress")
}

// hasRoles tells whether callers can have roles: the owner's own client has none.
func hasRoles(v policies.Values) bool {
	return !v.On("managedFromThisPolicy") || issue.GrantType(v["grantType"]) == issue.Password || v.On("credentialClients")
}

// hasRolesWhen is the same for the page (ui.Depends).
const hasRolesWhen = "!managedFromThisPolicy=true;grantType=PASSWORD;credentialClients=true"

// checksAddress tells whether there is a credential whose list of addresses could be asked.
func checksAddress(v policies.Values) bool {
	if issue.GrantType(v["grantType"]) == issue.Password {
		return v["authenticationType"] == string(identity.SecretManager)
	}
	return v.On("credentialClients")
}

const checksAddressWhen = "grantType=PASSWORD,authenticationType=SECRET_MANAGER;!grantType=PASSWORD,credentialClients=true"

// headerName reads the name of a header that is set.
func headerName(l *problem.List, v policies.Values, field string) string {
	name := strings.TrimSpace(v[field])
	if name == "" { // Normalize would fill in the default, and nobody would have chosen it
		l.Add(field, "%s", jwtauth.HeaderNameProblem(""))
	}
	return name
}

// number reads a whole number. One that is too large for the machine stays the largest, so that Validate names the limit.
func number(l *problem.List, v policies.Values, field, example string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(v[field]), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		l.Add(field, "Enter a whole number, such as %s.", example)
		return 0
	}
	return n
}

// Advice implements policies.Form.
func (Form) Advice(config policy.Config, choices policies.Choices) []policies.Advice {
	c, ok := config.(*jwtauth.Config)
	if !ok {
		return nil
	}
	all := jwtauth.Advise(c)
	for _, s := range choices.Sources {
		if s.Name != c.IdentityProviderName || s.Kind != c.AuthenticationType {
			continue
		}
		if a, shared := jwtauth.AdviseShared(s.Name, s.Environments); shared {
			all = append([]jwtauth.Advice{a}, all...)
		}
	}
	list := make([]policies.Advice, len(all))
	for i, a := range all {
		list[i] = policies.Advice{
			Field: a.Field, Label: label(a.Field), Warning: a.Level == jwtauth.Warning, Text: a.Text, Instead: a.Instead,
		}
	}
	return list
}

// Fields implements policies.Form.
func (Form) Fields(f policies.Fields) templ.Component { return fields(f) }

// Beside implements policies.Form.
func (Form) Beside(f policies.Fields) templ.Component { return dialogs(f) }
