package policy

import "github.com/gatewright/gatewright/engine/identity"

// Reference is an identity source that a policy names. Policies name sources
// and carry nothing of them, so that both change without each other.
type Reference struct {
	// Field is the JSON name of the member that names it, as in problem.List.
	Field string
	// Kind and Name address it in the policy's project; names compare without
	// case.
	Kind identity.KindName
	Name string
	// Purpose is what the policy wants of it.
	Purpose Purpose
}

// Purpose is what a policy wants of an identity source.
type Purpose string

// The purposes.
const (
	Login  Purpose = "login"   // checks names and passwords
	LookUp Purpose = "look-up" // is asked by name, without a password
)

// Referrer is a Config that can name identity sources. Saving it checks that
// they exist.
type Referrer interface {
	// References are the sources that a normalised configuration names.
	References() []Reference
}
