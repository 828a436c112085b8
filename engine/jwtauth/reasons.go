package jwtauth

import (
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/engine/jwt"
)

// Causes of rejections that somebody watching over the installation wants to
// see; find them with errors.Is. The caller is told none of them (D10).
var (
	// ErrExpired: the token was good once.
	ErrExpired = jwt.ErrExpired
	// ErrForged: the token names a key of ours and is in all else what we would
	// issue, but for the signature.
	ErrForged = jwt.ErrSignature
	// ErrRevoked: the token is on the revocation list.
	ErrRevoked = errors.New("token is revoked")
)

// Refused is the cause of a rejection once the signature has shown whose token
// it is.
type Refused struct {
	// Subject is the user name or the client id.
	Subject string
	Reason  error
}

// Error names the subject, quoted: names come from directories.
func (r *Refused) Error() string { return fmt.Sprintf("%v (of %q)", r.Reason, r.Subject) }

// Unwrap is the reason.
func (r *Refused) Unwrap() error { return r.Reason }

// Whom is the subject, for whoever keeps refusals of every kind.
func (r *Refused) Whom() string { return r.Subject }

// Why a request shows no single bearer token.
var (
	errNoCredential    = errors.New("no bearer token in the Authorization header")
	errOtherScheme     = fmt.Errorf("%w: it holds something else", errNoCredential)
	errManyCredentials = errors.New("more than one Authorization header or credential")
	errQueryCredential = errors.New("access_token in the query, which is not allowed")
	errTooLong         = errors.New("token is longer than the gateway accepts")
)

// Why a token whose signature is right is refused nevertheless.
var (
	errNoSubject = errors.New("token lacks sub or gty: it does not say whom it speaks for")
	errGrant     = errors.New("token is from another grant than the settings allow")
	errClient    = errors.New("client token whose sub is not its client_id")
	errStranger  = errors.New("client token of a credential, where only the owner's key pair counts")
	errOwnName   = errors.New("client_id is the called owner's, which no credential can be")
	errRoleName  = errors.New("token has a role that is unfit for a list")
	errAudiences = fmt.Errorf("%w: it names several", jwt.ErrAudience)
)

// Why the roles of a caller are not enough.
var (
	errRoles         = errors.New("the caller lacks the roles that every call needs")
	errEndpointRoles = errors.New("the caller lacks the roles that this endpoint needs")
	errNoEndpoint    = errors.New("the policy has roles for endpoints, and the proxy names none")
	errNoSource      = errors.New("the identity source is not in this environment")
)
