package link

import "net/url"

// The log of token requests: the list with its figures, and the same as CSV.
const (
	TokenRequests    = "/token-requests"
	TokenRequestsCSV = "/token-requests/csv"
)

// TokenRequest is one request of the log.
func TokenRequest(id string) string { return path("token-requests", id) }

// The log of security events, and the same as CSV.
const (
	SecurityEvents    = "/security-events"
	SecurityEventsCSV = "/security-events/csv"
)

// SecurityEvent is one event of the log.
func SecurityEvent(id string) string { return path("security-events", id) }

// Refusals explains why a call or a token request was refused; it takes id.
const Refusals = "/refusals"

// Refused is the explanation for a correlation id.
func Refused(id string) string { return Refusals + "?id=" + url.QueryEscape(id) }

// Logins is the list of logins that can be refreshed.
const Logins = "/logins"

// EndLogin asks, and then ends a login. The session is its sid.
func EndLogin(session string) string { return path("logins", session, "end") }

// RevokeTokens is the form that says which tokens to revoke; ConfirmRevoke
// asks, and then does it.
const (
	RevokeTokens  = "/revoke-tokens"
	ConfirmRevoke = "/revoke-tokens/confirm"
)

// TokenManagement is the form of the settings; its preview is the answer that a
// token request would get.
const (
	TokenManagement        = "/token-management"
	TokenManagementPreview = "/token-management/preview"
	Retention              = "/token-management/retention"
)
