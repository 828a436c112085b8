package jwt

import (
	"errors"
	"time"
)

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

// TimeError is the refusal of a token outside of its time. Its text is that of
// the reason alone, so that equal refusals can be counted by it.
type TimeError struct {
	// Reason is ErrExpired, ErrNotYetValid or ErrIssuedInFuture.
	Reason error
	// Claim is what the token says, Now the time of the refusal, both in seconds
	// since 1970.
	Claim, Now int64
	// Leeway was allowed for clocks that differ.
	Leeway time.Duration
}

func (e *TimeError) Error() string { return e.Reason.Error() }

// Unwrap is the reason.
func (e *TimeError) Unwrap() error { return e.Reason }

// MismatchError is the refusal of a token that says one thing where the verifier
// demands another. Its text is that of the reason alone.
type MismatchError struct {
	// Reason is ErrAlgorithm, ErrKey, ErrType, ErrIssuer or ErrAudience.
	Reason error
	// Got is what the token says, clipped. Nothing vouches for it: whoever made
	// the token up chose it.
	Got []string
	// Want is what was demanded; for ErrKey it is the algorithm.
	Want string

	one [1]string // Got, where it is one, in the same piece of memory
}

func (e *MismatchError) Error() string { return e.Reason.Error() }

// Unwrap is the reason.
func (e *MismatchError) Unwrap() error { return e.Reason }

const (
	// maxGot and maxGotText bound what a refusal keeps of a token, which may be
	// held for a while.
	maxGot     = 3
	maxGotText = 300 // bytes
)

func mismatch(reason error, want string, got []byte) error {
	e := &MismatchError{Reason: reason, Want: want}
	e.one[0] = clipped(got)
	e.Got = e.one[:]
	return e
}

func mismatches(reason error, want string, got []string) error {
	e := &MismatchError{Reason: reason, Want: want}
	for _, text := range got[:min(len(got), maxGot)] {
		e.Got = append(e.Got, clipped([]byte(text)))
	}
	return e
}

func clipped(text []byte) string { return string(text[:min(len(text), maxGotText)]) }
