package jwtauth

import (
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/engine/identity"
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

// Why a request shows no single bearer token.
var (
	errNoCredential    = errors.New("no bearer token in the Authorization header")
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
	errUnknown   = errors.New("there is no such credential")
)

// refusal is a credential's refusal as a cause.
type refusal identity.Refusal

func (r refusal) Error() string { return string(r) }
