package tokens

import (
	"bytes"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// ManagementPage is everything the settings page shows.
type ManagementPage struct {
	Frame    layout.Props
	Values   Values
	Problems problem.List
	Version  int
	// Changed says when and by whom; zero while the defaults hold.
	Changed time.Time
	By      string
	Now     time.Time
	// CanSave is false for those who may only look.
	CanSave bool
	// Preview is what a token request is answered with.
	Preview Preview
	// Conflict says who saved first, "" when nobody did.
	Conflict  string
	Retention RetentionForm
}

// RetentionForm is how many days logs are kept and how many revisions, as typed.
type RetentionForm struct {
	TokenRequests, SecurityEvents, Refusals, Logins, Revisions string
	Problems                                                   problem.List
	Version                                                    int
}

// The ids of the forms.
const (
	ManagementFormID = "token-management-form"
	RetentionFormID  = "retention-form"
)

// Values are the fields of Token Management as typed, by their JSON names.
type Values map[string]string

// ReadManagement makes settings of what was typed. A number that is none comes
// out as -1, which Validate refuses with the words that say what would be right.
func ReadManagement(v Values) issue.Management {
	grace, err := strconv.Atoi(v["refreshGraceSeconds"])
	if err != nil {
		grace = -1
	}
	on := func(name string) bool { return v[name] == "true" }
	return issue.Management{
		AccessTokenName: v["accessTokenName"], TokenTypeName: v["tokenTypeName"], ExpiresInName: v["expiresInName"],
		RefreshTokenName: v["refreshTokenName"], ScopeName: v["scopeName"],
		IncludeTokenType: on("includeTokenType"), IncludeExpiresIn: on("includeExpiresIn"), IncludeRefreshToken: on("includeRefreshToken"),
		IncludeScope: on("includeScope"), ExpiresInMilliseconds: on("expiresInMilliseconds"), ExtendedResponse: on("extendedResponse"),
		ScopeMismatch: issue.ScopeMismatch(v["scopeMismatch"]), NoScope: issue.NoScope(v["noScope"]), RejectWithoutRoles: on("rejectWithoutRoles"),
		RefreshGraceSeconds: grace,
	}
}

// WriteManagement is settings as their form shows them.
func WriteManagement(m issue.Management) Values {
	b := strconv.FormatBool
	return Values{
		"accessTokenName": m.AccessTokenName, "tokenTypeName": m.TokenTypeName, "expiresInName": m.ExpiresInName,
		"refreshTokenName": m.RefreshTokenName, "scopeName": m.ScopeName,
		"includeTokenType": b(m.IncludeTokenType), "includeExpiresIn": b(m.IncludeExpiresIn), "includeRefreshToken": b(m.IncludeRefreshToken),
		"includeScope": b(m.IncludeScope), "expiresInMilliseconds": b(m.ExpiresInMilliseconds), "extendedResponse": b(m.ExtendedResponse),
		"scopeMismatch": string(m.ScopeMismatch), "noScope": string(m.NoScope), "rejectWithoutRoles": b(m.RejectWithoutRoles),
		"refreshGraceSeconds": strconv.Itoa(m.RefreshGraceSeconds),
	}
}

var managementLabels = map[string]string{
	"accessTokenName": "Access token", "tokenTypeName": "Token type", "expiresInName": "Expires in", "refreshTokenName": "Refresh token",
	"scopeName": "Scope", "includeTokenType": "Send the token type", "includeExpiresIn": "Send the lifetime",
	"includeRefreshToken": "Send the refresh token", "includeScope": "Send the scope", "expiresInMilliseconds": "Lifetime in milliseconds",
	"extendedResponse": "Extended response", "scopeMismatch": "When a scope is asked for that the caller has not",
	"noScope": "When no scope is asked for", "rejectWithoutRoles": "Refuse callers without roles", "refreshGraceSeconds": "Grace window of refresh tokens",
}

// SettingLabels are the fields of every group of settings as people know them,
// for the audit.
func SettingLabels() map[string]string {
	all := maps.Clone(managementLabels)
	maps.Copy(all, retentionLabels)
	return all
}

func (p ManagementPage) field(name, help string) ui.Field {
	return ui.Field{
		Name: name, Label: managementLabels[name], Value: p.Values[name], Help: help, Error: p.Problems.For(name), Disabled: !p.CanSave,
	}
}

func (p ManagementPage) name(name, standard string) ui.Field {
	f := p.field(name, "Default: "+standard+".")
	f.Mono, f.Max, f.Required = true, 64, true
	return f
}

func (p ManagementPage) on(name string) bool { return p.Values[name] == "true" }

// Preview is the answer to a token request.
type Preview struct {
	JSON string
	// Problem says why there is none.
	Problem string
}

// The example that a preview is made of: a token of 15 minutes with two scopes.
const (
	previewToken   = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9..."
	previewRefresh = "gwr_..."
	previewLife    = 15 * time.Minute
	// previewRefreshLife is that of the refresh token.
	previewRefreshLife = 24 * time.Hour
)

// PreviewOf is the answer that the settings give, whether or not they may be
// saved.
func PreviewOf(m issue.Management) Preview {
	if l := m.Validate(); len(l) > 0 {
		return Preview{Problem: "Correct what is marked to see the answer."}
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	for i, f := range previewMembers(m) {
		if i > 0 {
			b.WriteString(",\n")
		}
		name, err1 := json.Marshal(f.name)
		value, err2 := json.Marshal(f.value)
		if err1 != nil || err2 != nil {
			return Preview{Problem: "The answer cannot be shown."}
		}
		b.WriteString("  " + string(name) + ": " + string(value))
	}
	b.WriteString("\n}")
	return Preview{JSON: b.String()}
}

type member struct {
	name  string
	value any
}

func previewMembers(m issue.Management) []member {
	list := []member{{m.AccessTokenName, previewToken}}
	add := func(on bool, name string, value any) {
		if on {
			list = append(list, member{name, value})
		}
	}
	life := int64(previewLife / time.Second)
	if m.ExpiresInMilliseconds {
		life = previewLife.Milliseconds()
	}
	add(m.IncludeTokenType, m.TokenTypeName, "Bearer")
	add(m.IncludeExpiresIn, m.ExpiresInName, life)
	add(m.IncludeRefreshToken, m.RefreshTokenName, previewRefresh)
	add(m.IncludeScope, m.ScopeName, "orders:read orders:write")
	if !m.ExtendedResponse {
		return list
	}
	instant := func(after time.Duration) string {
		return time.Date(2026, 5, 12, 14, 30, 0, 0, time.UTC).Add(after).Format("2006-01-02T15:04:05.000Z")
	}
	return append(list,
		member{"X-ApplicationName", "orders"}, member{"X-ClientInfo", "2f6b8e0d-4a11-4c55-9a54-0196c2f47b1e"},
		member{"X-IssuedAt", instant(0)}, member{"X-ExpiresAt", instant(previewLife)}, member{"X-ExpiresInMillis", previewLife.Milliseconds()},
		member{"X-RefreshTokenIssuedAt", instant(0)}, member{"X-RefreshTokenExpiresAt", instant(previewRefreshLife)},
		member{"X-RefreshTokenExpiresInMillis", previewRefreshLife.Milliseconds()}, member{"X-RefreshCount", "0"}, member{"X-MaxRefreshCount", "3"},
	)
}

var mismatchCards = []ui.Card{
	{Value: string(issue.Lenient), Label: "Issue what both have", Tag: "Default", Text: "The token gets those of the requested scopes that the caller has as roles."},
	{Value: string(issue.Strict), Label: "Refuse", Text: "The request is refused with invalid_scope, as RFC 6749 allows. Mistakes show at once."},
	{Value: string(issue.IgnoreRequest), Label: "Ignore the request", Text: "The token gets all of the caller's roles, whatever was asked for."},
}

var noScopeCards = []ui.Card{
	{Value: string(issue.WithoutScope), Label: "Token without scope", Tag: "Default", Text: "Where a policy decides by the roles of the token, it gets all the same: a token without them could not be used."},
	{Value: string(issue.AllScopes), Label: "All scopes", Text: "The token gets all of the caller's roles."},
}

var retentionLabels = map[string]string{"tokenRequestDays": "Token requests", "securityEventDays": "Security events", "refusalDays": "Refused calls", "loginDays": "Logins that have ended", "revisions": "Revisions of a deploy"}

func (f RetentionForm) field(name, value, help string, disabled bool) ui.Field {
	return ui.Field{Name: name, Label: retentionLabels[name], Value: value, Help: help, Error: f.Problems.For(name), Disabled: disabled, Narrow: true, Required: true}
}

// ManagementOrder are the fields in the order of the form.
func ManagementOrder() []string {
	return []string{
		"accessTokenName", "tokenTypeName", "expiresInName", "refreshTokenName", "scopeName", "includeTokenType", "includeExpiresIn",
		"includeRefreshToken", "includeScope", "expiresInMilliseconds", "extendedResponse", "scopeMismatch", "noScope", "rejectWithoutRoles",
		"refreshGraceSeconds",
	}
}
