package engine

import (
	"encoding/json"
	"reflect"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
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
	// NamedKeys are the keys that policies of a project name themselves.
	NamedKeys map[KeyName]*keys.Set
	// Owners are the deployed owners, each an immutable revision.
	Owners []Owner
	// Credentials, Sources and Tokens take effect at save, without a deploy (D5).
	Credentials []*identity.Credential
	Sources     []Source
	// Tokens is Token Management; nil means the defaults.
	Tokens *issue.Management
	// Messages is the catalogue as the installation has changed it, Values the
	// environment variables that its templates and rules name. Both take effect
	// at save.
	Messages []fault.Message
	Values   map[string]string
}

// Same tells whether two bundles say the same.
func (b *Bundle) Same(other *Bundle) bool {
	mine, theirs := *b, *other
	mine.Keys, mine.NamedKeys, theirs.Keys, theirs.NamedKeys = nil, nil, nil, nil // which remember what they have computed
	return b.keysDigest() == other.keysDigest() && reflect.DeepEqual(mine, theirs)
}

// KeyName addresses the keys of a project's key store; Name is in lower case.
type KeyName struct{ Project, Name string }

// Source is an identity source.
type Source struct {
	// ID is stable when the source is renamed.
	ID string
	// Project and Name address the source. Its kind is in the definition.
	Project, Name string
	// Digest changes with the definition and the secrets; sources with equal
	// ones are taken over open, with their caches and connections.
	Digest string
	// Definition is the JSON of an identity.Config.
	Definition json.RawMessage
	Secrets    map[string]secret.Text
}

// Owner is one deployed owner.
type Owner struct {
	// ID is stable over the owner's revisions.
	ID string
	// Kind is KindProxy, KindProxyGroup or KindPolicyGroup; "" means KindProxy.
	Kind string
	// Revision is the number that people see.
	Revision int
	// Digest identifies Definition; equal digests compile alike.
	Digest string
	// Definition is the JSON of a Proxy, ProxyGroup or PolicyGroup, frozen at
	// deploy.
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
