package jwtauth

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
)

// Level tells how much a piece of advice matters.
type Level string

// The levels: a risk that somebody should have decided to take, and a remark.
const (
	Warning Level = "warning"
	Note    Level = "note"
)

// Advice is a remark on a setting that is allowed and may not be wise. It never
// stops a save.
type Advice struct {
	// Field is the JSON name of the setting.
	Field string
	Level Level
	// Text says what the setting leads to.
	Text string
	// Instead says what to do about it.
	Instead string
}

// Advise lists what to consider about a policy, in the order of the form. It
// may be asked about one that is not valid.
func Advise(c *Config) []Advice {
	var all []Advice
	for _, advise := range advisers {
		if a, ok := advise(c); ok {
			all = append(all, a)
		}
	}
	return all
}

var advisers = []func(*Config) (Advice, bool){
	advisePassword, adviseRegenerator,
	adviseExpiry, adviseLifetime, adviseRefreshCount, adviseRefreshLifetime, adviseRefreshActive, adviseSecondFactor,
	adviseAlgorithm, adviseURL, adviseLeeway, adviseClearAuth, adviseUserHeader, adviseUnderscore,
	adviseNoAuthorization, adviseRolesHeader, adviseRolesUnderscore, adviseManyRoles, adviseLiveRoles,
}

// AdviseShared is about an identity source that several environments use; their
// names come from whoever knows what is deployed where.
func AdviseShared(source string, environments []string) (Advice, bool) {
	return Advice{
		Field: "identityProviderName", Level: Warning,
		Text: fmt.Sprintf("%s is used in %s. Test users can then get tokens in production, and tests can lock production users out.",
			source, strings.Join(environments, ", ")),
		Instead: "Give each environment an identity source of its own.",
	}, len(environments) > 1
}

// issues tells whether the policy decides what tokens are like.
func issues(c *Config) bool { return c.ManagedFromThisPolicy }

func usesPassword(c *Config) bool { return issues(c) && c.GrantType == issue.Password }

func refreshes(c *Config) bool { return issues(c) && !c.TokenNeverExpires && c.RefreshTokenAllowed }

func advisePassword(c *Config) (Advice, bool) {
	return Advice{
		Field: "grantType", Level: Note,
		Text:    "With PASSWORD, the client sees the user's password. That is right for people who sign in to an application of your own.",
		Instead: "For services that call each other choose CLIENT_CREDENTIALS: nobody's password is then kept in a machine.",
	}, usesPassword(c)
}

func adviseRegenerator(c *Config) (Advice, bool) {
	return Advice{
		Field: "jwtRegeneratorApiName", Level: Note,
		Text:    "Without a JWT regenerator service, a refreshed token keeps the roles and claims of the login.",
		Instead: "Choose a regenerator service, which a refresh asks for the current ones, and let it be reached from the gateway only.",
	}, refreshes(c) && usesPassword(c) && c.AuthenticationType == identity.API && c.JWTRegeneratorAPIName == ""
}

func adviseExpiry(c *Config) (Advice, bool) {
	return Advice{
		Field: "tokenNeverExpires", Level: Warning,
		Text:    "A stolen token works for ever, and the key that signed it can never be retired.",
		Instead: "Let tokens expire: 15 minutes in production and 60 while developing are good values. A client can get a new one at any time.",
	}, issues(c) && c.TokenNeverExpires
}

func adviseLifetime(c *Config) (Advice, bool) {
	if !issues(c) || c.TokenNeverExpires || c.TokenExpiresInUnit.Problem(c.TokenExpiresInAmount, "a token") != "" {
		return Advice{}, false
	}
	const field = "tokenExpiresInAmount"
	switch life := c.Lifetime(); {
	case life > 24*time.Hour:
		return Advice{
			Field: field, Level: Warning,
			Text:    "A stolen token works until it expires, and these live longer than a day.",
			Instead: "Choose minutes or hours. A client can get a new token at any time.",
		}, true
	case life > 0 && life < time.Minute:
		return Advice{
			Field: field, Level: Note,
			Text:    "With less than a minute, clients ask for a token before nearly every call.",
			Instead: "Choose some minutes, unless each call is meant to have a token of its own.",
		}, true
	}
	return Advice{}, false
}

func adviseRefreshCount(c *Config) (Advice, bool) {
	return Advice{
		Field: "refreshTokenCount", Level: Warning,
		Text:    fmt.Sprintf("One login can be kept alive with %d refreshes, and whoever steals a refresh token has the same.", c.RefreshTokenCount),
		Instead: "Allow about 3, at most 10, and let people sign in again.",
	}, refreshes(c) && c.RefreshTokenCount > 10
}

func adviseRefreshLifetime(c *Config) (Advice, bool) {
	sound := c.RefreshTokenExpiresInUnit.Problem(c.RefreshTokenExpiresInAmount, "a refresh token") == ""
	switch {
	case !refreshes(c) || !sound:
		return Advice{}, false
	case c.RefreshLifetime() > 7*24*time.Hour:
		return Advice{
			Field: "refreshTokenExpiresInAmount", Level: Warning,
			Text:    "A refresh token that nobody uses stays good for more than a week.",
			Instead: "Choose 24 hours: it counts anew from each refresh.",
		}, true
	case c.TokenExpiresInUnit.Problem(c.TokenExpiresInAmount, "a token") == "" && c.RefreshLifetime() <= c.Lifetime():
		return Advice{
			Field: "refreshTokenExpiresInAmount", Level: Warning,
			Text:    "The refresh token expires no later than the access token, so there is nothing left to refresh with when it is needed.",
			Instead: "Let the refresh token live longer than the access token.",
		}, true
	}
	return Advice{}, false
}

func adviseRefreshActive(c *Config) (Advice, bool) {
	return Advice{
		Field: "refreshTokenMaxActive", Level: Note,
		Text:    "Nothing limits how many logins of one user can be refreshed at the same time.",
		Instead: "Set a limit, such as 5, so that forgotten devices end by themselves.",
	}, refreshes(c) && usesPassword(c) && c.RefreshTokenMaxActive == 0
}

func adviseSecondFactor(c *Config) (Advice, bool) {
	return Advice{
		Field: "refreshTokenAllowed", Level: Note,
		Text:    "A refresh asks for no second factor: it extends a session that began with one.",
		Instead: "Close refresh where multi-factor sign-in is a must.",
	}, refreshes(c) && usesPassword(c)
}

func adviseAlgorithm(c *Config) (Advice, bool) {
	a := Advice{Field: "jwtSignatureAlgorithm"}
	if !issues(c) {
		return a, false
	}
	switch c.JWTSignatureAlgorithm.Kind() {
	case keys.HMAC:
		a.Level = Warning
		a.Text = "Whoever can verify these tokens can also forge them: one secret does both."
		a.Instead = "Choose RS256, or ES256 where many tokens are issued. Others then verify with a public key."
		return a, true
	case keys.PSS, keys.Ed:
		a.Level = Note
		a.Text = fmt.Sprintf("Older libraries do not know %s.", c.JWTSignatureAlgorithm)
		a.Instead = "Make sure that every API that verifies tokens by itself knows it, or choose RS256."
		return a, true
	}
	return a, false
}

func adviseURL(c *Config) (Advice, bool) {
	return Advice{
		Field: "allowUrlParameters", Level: Warning,
		Text:    "Tokens, secrets and passwords in an address end up in browser histories and in the logs of every proxy on the way.",
		Instead: "Send tokens in the Authorization header and credentials in the body. Keep this for clients that cannot.",
	}, issues(c) && c.AllowURLParameters
}

func adviseLeeway(c *Config) (Advice, bool) {
	return Advice{
		Field: "leewaySeconds", Level: Note,
		Text:    fmt.Sprintf("An expired token is accepted for another %d seconds.", c.LeewaySeconds),
		Instead: "Keep the clocks of your machines in step and the leeway at 30 seconds or less.",
	}, c.LeewaySeconds > 60
}

func adviseClearAuth(c *Config) (Advice, bool) {
	return Advice{
		Field: "clearAuth", Level: Note,
		Text:    "The API receives the caller's token. It may log it or pass it on.",
		Instead: "Clear authentication data, unless the API verifies the token itself.",
	}, !c.ClearAuth
}

func adviseUserHeader(c *Config) (Advice, bool) {
	return adviseHeader("userHeaderName"), c.AddUserToHeader && strings.EqualFold(c.UserHeaderName, DefaultUserHeader)
}

func adviseUnderscore(c *Config) (Advice, bool) {
	return underscored("userHeaderName"), c.AddUserToHeader && strings.Contains(c.UserHeaderName, "_")
}

func adviseHeader(field string) Advice {
	return Advice{
		Field: field, Level: Note,
		Text:    "Everyone who knows the product knows this header name. An API that can also be reached without the gateway would believe it.",
		Instead: "Use the name that your API expects, and let the API accept calls from the gateway only.",
	}
}

func underscored(field string) Advice {
	return Advice{
		Field: field, Level: Note,
		Text:    "Some servers drop headers with an underscore in their name.",
		Instead: "Use hyphens.",
	}
}

func adviseNoAuthorization(c *Config) (Advice, bool) {
	return Advice{
		Field: "authorization.enableAuthorization", Level: Note,
		Text:    "Every user of the identity source may call everything, whatever roles they have.",
		Instead: "Switch authorization on and name the roles that the API needs, unless the API checks them itself.",
	}, usesPassword(c) && !c.Authorization.EnableAuthorization
}

func adviseRolesHeader(c *Config) (Advice, bool) {
	return adviseHeader("authorization.rolesHeaderName"), handsOnRoles(c) && strings.EqualFold(c.Authorization.RolesHeaderName, DefaultRolesHeader)
}

func adviseRolesUnderscore(c *Config) (Advice, bool) {
	return underscored("authorization.rolesHeaderName"), handsOnRoles(c) && strings.Contains(c.Authorization.RolesHeaderName, "_")
}

func handsOnRoles(c *Config) bool {
	return c.Authorization.EnableAuthorization && c.Authorization.AddRolesToHeader
}

// manyRoles is when lists of roles begin to weigh.
const manyRoles = 20

func adviseManyRoles(c *Config) (Advice, bool) {
	n := len(c.Authorization.CredentialRoleNameList)
	return Advice{
		Field: "authorization.credentialRoleNameList", Level: Note,
		Text:    fmt.Sprintf("%d roles are named. Callers with many roles have long tokens and long headers, which servers refuse from about 8 kilobytes.", n),
		Instead: "Name one role for the API in your directory and give it to those who may call it.",
	}, c.Authorization.EnableAuthorization && n > manyRoles
}

func adviseLiveRoles(c *Config) (Advice, bool) {
	return Advice{
		Field: "authorization.authorizationType", Level: Note,
		Text:    "Roles are read from the identity source while calls wait, and nobody gets in when it does not answer.",
		Instead: "Leave it empty to use the roles in the token, if roles may be as old as the token.",
	}, c.Authorization.EnableAuthorization && hasProvider(c.Authorization.AuthorizationType)
}
