package token

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
)

// revocationMargin is how long a revocation is kept beyond the end of the tokens
// that it covers: clocks differ, and policies allow a leeway.
const revocationMargin = 10 * time.Minute

// failure is a refused token request: what the client reads (RFC 6749 section
// 5.2) and, apart from it, what the operator reads.
type failure struct {
	code   string // the error member
	status int
	// text is the error_description: ASCII without quotes and backslashes.
	text string
	// reason is for events only and holds no secret.
	reason string
	// row is the catalogue's, for events and for customized messages. Never "".
	row fault.Type
	// guessing tells that somebody is slowed because of wrong guesses.
	guessing bool
	// retry is the Retry-After; zero for none.
	retry time.Duration
	// fault is a failure of ours, to be logged.
	fault error
	// again is set when the request is to start over with another configuration.
	again Directory
}

// The error codes. The last two are those of section 4.1.2.1, which has words
// for trouble of our own.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidTargetCode    = "invalid_target" // RFC 8707 section 2
	accessDeniedCode     = "access_denied"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	serverError          = "server_error"
	unavailable          = "temporarily_unavailable"
)

func malformed(text string) *failure {
	return &failure{code: invalidRequest, status: http.StatusBadRequest, text: text, reason: text, row: fault.TokenInvalid}
}

// refusedClient is the same answer for an unknown client and for a wrong
// secret; only the reason differs.
func refusedClient(reason string, row fault.Type) *failure {
	return &failure{code: invalidClient, status: http.StatusUnauthorized, text: "The client could not be authenticated.", reason: reason, row: row}
}

// wrongDoor refuses a client at the path of the other kind of management.
func wrongDoor() *failure {
	return refusedClient("the client's tokens are issued at the other path: /auth for an owner whose policy manages its tokens, /credential for credentials", fault.WrongTokenPath)
}

// refusedGrant is the same answer for an unknown user, a wrong password and a
// user who may not log in; only the reason differs.
func refusedGrant(reason string, row fault.Type) *failure {
	return &failure{code: invalidGrant, status: http.StatusBadRequest, text: "The user name or the password is wrong, or the user may not log in.", reason: reason, row: row}
}

func refusedRefresh(reason string) *failure {
	return &failure{code: invalidGrant, status: http.StatusBadRequest, text: "The refresh token is not valid any more. Log in again.", reason: reason, row: fault.RefreshRefused}
}

const statusForbidden = http.StatusForbidden

func accessDenied(reason string) *failure {
	return &failure{
		code: accessDeniedCode, status: statusForbidden, text: "Tokens are not issued to this address.", reason: reason,
		row: fault.CredentialAddressDenied,
	}
}

func unmet(reason string) *failure {
	return &failure{
		code: accessDeniedCode, status: statusForbidden, text: "Tokens are not issued for such a request.", reason: reason,
		row: fault.ConditionUnmet,
	}
}

func invalidTarget(text string) *failure {
	return &failure{code: invalidTargetCode, status: http.StatusBadRequest, text: text, reason: text, row: fault.TargetInvalid}
}

func refusedScope(reason string) *failure {
	return &failure{code: invalidScope, status: http.StatusBadRequest, text: "The requested scope is not granted.", reason: reason, row: fault.ScopeRefused}
}

// tooManyClaims: the caller's roles and claims do not fit into a token.
func tooManyClaims(err error) *failure {
	f := broken(err)
	f.text = "The token would be too large. Ask for fewer scopes."
	return f
}

var errNoStore = errors.New("this gateway has no store for refresh tokens and revocations")

// storeFailed answers at once while the database is away: nothing is issued that
// could not be ended.
func storeFailed(err error) *failure {
	f := overloaded("token store: " + err.Error())
	f.fault = err
	return f
}

func wrongMethod() *failure {
	f := malformed("Send a POST request.")
	f.status = http.StatusMethodNotAllowed
	return f
}

func unsupported() *failure {
	return &failure{
		code: unsupportedGrantType, status: http.StatusBadRequest,
		text: "This grant type is not supported.", reason: "the grant type is not supported", row: fault.GrantUnsupported,
	}
}

func unauthorized(text, reason string) *failure {
	return &failure{code: unauthorizedClient, status: http.StatusBadRequest, text: text, reason: reason, row: fault.ClientDenied}
}

// overloaded sheds a request at once: whoever waits holds memory, and clients
// that time out come back twice.
func overloaded(reason string) *failure {
	return &failure{
		code: unavailable, status: http.StatusServiceUnavailable, retry: time.Second,
		text: "The token service is busy. Try again shortly.", reason: reason, row: fault.TokenBusy,
	}
}

func throttled(wait time.Duration, reason string) *failure {
	return &failure{
		code: unavailable, status: http.StatusTooManyRequests, retry: wait, guessing: true,
		text: "Too many failed attempts. Try again later.", reason: reason, row: fault.TooManyAttempts,
	}
}

func broken(err error) *failure {
	return &failure{
		code: serverError, status: http.StatusInternalServerError,
		text: "The token could not be issued.", reason: err.Error(), fault: err, row: fault.TokenFailed,
	}
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
