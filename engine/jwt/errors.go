package jwt

import "errors"

// The reasons for which a token is refused. They are for logs and for choosing
// a catalogue entry; the client is told no more than the catalogue says (D10).
// Find them with errors.Is: the errors returned often say more.
var (
	ErrMalformed      = errors.New("token is malformed")
	ErrCritical       = errors.New("token demands an extension that is not understood")
	ErrAlgorithm      = errors.New("token is signed with another algorithm than the policy's")
	ErrType           = errors.New("token is of another type")
	ErrKey            = errors.New("token names no key that is known here for the algorithm")
	ErrSignature      = errors.New("token has a wrong signature")
	ErrExpiryMissing  = errors.New("token has no expiry")
	ErrExpired        = errors.New("token has expired")
	ErrNotYetValid    = errors.New("token is not valid yet")
	ErrIssuedInFuture = errors.New("token was issued in the future")
	ErrIssuer         = errors.New("token is from another issuer")
	ErrAudience       = errors.New("token is for another audience")
)

// refusal is a reason and what in particular was found. The detail is always
// text of ours: nothing of the token reaches a log through it.
type refusal struct {
	reason error
	detail string
}

func (r *refusal) Error() string { return r.reason.Error() + ": " + r.detail }

func (r *refusal) Unwrap() error { return r.reason }

func malformed(detail string) error { return &refusal{ErrMalformed, detail} }
