package token

import (
	"net/http"
	"time"
)

// failure is a refused token request: what the client reads (RFC 6749 section
// 5.2) and, apart from it, what the operator reads.
type failure struct {
	code   string // the error member
	status int
	// text is the error_description: ASCII without quotes and backslashes.
	text string
	// reason is for events only and holds no secret.
	reason string
	// retry is the Retry-After; zero for none.
	retry time.Duration
	// fault is a failure of ours, to be logged.
	fault error
}

// The error codes. The last two are those of section 4.1.2.1, which has words
// for trouble of our own.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidScope         = "invalid_scope"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	serverError          = "server_error"
	unavailable          = "temporarily_unavailable"
)

func malformed(text string) *failure {
	return &failure{code: invalidRequest, status: http.StatusBadRequest, text: text, reason: text}
}

// refusedClient is the same answer for an unknown client and for a wrong
// secret; only the reason differs.
func refusedClient(reason string) *failure {
	return &failure{code: invalidClient, status: http.StatusUnauthorized, text: "The client could not be authenticated.", reason: reason}
}

func wrongMethod() *failure {
	f := malformed("Send a POST request.")
	f.status = http.StatusMethodNotAllowed
	return f
}

func unsupported() *failure {
	return &failure{
		code: unsupportedGrantType, status: http.StatusBadRequest,
		text: "This grant type is not supported.", reason: "the grant type is not supported",
	}
}

func unauthorized(text, reason string) *failure {
	return &failure{code: unauthorizedClient, status: http.StatusBadRequest, text: text, reason: reason}
}

// unknownScope refuses every scope: a client's own token carries no roles, and
// section 3.3 forbids to act as if it did.
func unknownScope() *failure {
	return &failure{
		code: invalidScope, status: http.StatusBadRequest,
		text: "No scope can be requested with this grant type. Leave the scope parameter out.", reason: "a scope was requested",
	}
}

// overloaded sheds a request at once: whoever waits holds memory, and clients
// that time out come back twice.
func overloaded(reason string) *failure {
	return &failure{
		code: unavailable, status: http.StatusServiceUnavailable, retry: time.Second,
		text: "The token service is busy. Try again shortly.", reason: reason,
	}
}

func throttled(wait time.Duration, reason string) *failure {
	return &failure{
		code: unavailable, status: http.StatusTooManyRequests, retry: wait,
		text: "Too many failed attempts. Try again later.", reason: reason,
	}
}

func broken(err error) *failure {
	return &failure{
		code: serverError, status: http.StatusInternalServerError,
		text: "The token could not be issued.", reason: err.Error(), fault: err,
	}
}
