package policy

// Introducer is a Step that tells the upstream who called. Its fields are the
// gateway's own for the whole owner: also where the step itself does not run,
// no Change can write them (D14).
type Introducer interface {
	// IdentityHeaders are their names.
	IdentityHeaders() []string
}
