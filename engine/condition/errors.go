package condition

import "errors"

// Why a condition cannot be decided for a request. The request fails then: it
// is no reason to skip a policy (reference 4.3).
var (
	// ErrNumber: a value that should be a number is none (ERR-020).
	ErrNumber = errors.New("a value is not a number")
	// ErrDate: a value that should be a date is none (ERR-021).
	ErrDate = errors.New("a value is not a date in the rule's format")
)

// What Validate finds and a compiled condition cannot have.
var (
	errUnresolved       = errors.New("the rule has a variable that is not resolved")
	errOperator         = errors.New("the rule has an operator that its data type has not")
	errRegex            = errors.New("the regular expression cannot be read")
	errNumberConfigured = errors.New("the rule's second value is not a number")
	errDateConfigured   = errors.New("the rule's second value is not a date in its format")
	errDateFormat       = errors.New("the date format cannot be read")
	errZone             = errors.New("there is no such time zone")
	errAddress          = errors.New("the rule's second value is not an address or a network")
)
