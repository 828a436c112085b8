package link

// Keys is the list of an environment's signing keys.
func Keys(environment string) string { return path("environments", environment, "keys") }

// NewKey is the form that makes or uploads a key.
func NewKey(environment string) string { return path("environments", environment, "new", "keys") }

// KeySchedule is the form of the rotation schedule.
func KeySchedule(environment string) string {
	return path("environments", environment, "new", "key-schedule")
}

// Key is the page of a key; the others are its actions.
func Key(environment, id string) string { return Keys(environment) + path(id) }

// KeyRotate asks, and then lets the next key sign instead of this one.
func KeyRotate(environment, id string) string { return Key(environment, id) + "/rotate" }

// KeyStart asks, and then lets this next key sign where none does.
func KeyStart(environment, id string) string { return Key(environment, id) + "/start" }

// KeyRetire asks, and then ends a key that no longer signs, or not yet.
func KeyRetire(environment, id string) string { return Key(environment, id) + "/retire" }

// KeyRevoke asks, and then takes a key away at once.
func KeyRevoke(environment, id string) string { return Key(environment, id) + "/revoke" }

// KeyDelete asks, and then removes the name of this key from its key store.
func KeyDelete(environment, id string) string { return Key(environment, id) + "/delete" }

// KeyJWK and KeyPEM are the public half to take along.
func KeyJWK(environment, id string) string { return Key(environment, id) + "/public.jwk" }

// KeyPEM is KeyJWK in the other form.
func KeyPEM(environment, id string) string { return Key(environment, id) + "/public.pem" }
