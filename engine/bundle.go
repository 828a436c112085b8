package engine

import (
	"encoding/json"

	"github.com/gatewright/gatewright/engine/keys"
)

// Bundle is everything that one environment runs, as plain data: models makes
// it from rows, Compile turns it into a Snapshot.
type Bundle struct {
	// Environment is the environment's name.
	Environment string
	// PublicURL is the issuer of its tokens (D15), without a trailing slash.
	PublicURL string
	// Generation grows with every change of the environment.
	Generation int64
	// Keys are the environment's keys; never nil.
	Keys *keys.Set
	// Owners are the deployed owners, each an immutable revision.
	Owners []Owner
}

// Owner is one deployed owner.
type Owner struct {
	// ID is stable over the owner's revisions.
	ID string
	// Revision is the number that people see.
	Revision int
	// Digest identifies Definition; equal digests compile alike.
	Digest string
	// Definition is the JSON of a Proxy, frozen at deploy.
	Definition json.RawMessage
	// Client is the owner's key pair. It takes effect at save, without a
	// deploy (D5), so it is no part of the definition.
	Client Client
}

// Client is an owner's key pair as the gateway needs it.
type Client struct {
	ID string
	// SecretHash is an argon2id PHC string (D18).
	SecretHash string
}
