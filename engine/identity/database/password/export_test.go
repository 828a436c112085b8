package password

// Ready tells whether there is a hash to pretend with.
func (v *Verifier) Ready() bool { return v.last.Load() != nil }
