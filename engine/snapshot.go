package engine

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/token"
)

// Snapshot is a compiled bundle. It never changes, so a request that began
// with it ends with it, whatever is deployed meanwhile.
type Snapshot struct {
	environment string
	issuer      string
	generation  int64
	keys        *keys.Set
	jwks        []byte
	jwksVersion string
	tokens      *issue.Management
	messages    *fault.Set             // the catalogue as it was customized
	lines       []*deployed            // in the order of the bundle
	owners      index[*deployed]       // by Owner.ID
	clients     index[*deployed]       // by Client.ID
	members     map[string]membership  // of the proxy groups, by Owner.ID
	people      []*identity.Credential // in the order of the bundle
	credentials index[*identity.Credential]
	sources     map[sourceName]*openSource
	router      router
	applied     time.Time
	newest      *atomic.Pointer[Snapshot] // of its gateway
	// come and gone are what it runs and the one before did not, and the other way
	// round, until the gateway has seen to that.
	come, gone []*compiled
}

// deployed is an owner in a snapshot: what was compiled, which may be older
// than the snapshot, with what may change without a deploy.
type deployed struct {
	*compiled
	id       string
	revision int
	client   Client
	membership
}

// membership is of a proxy in proxy groups: their ids, and whether one of them
// refuses calls at the proxy's own address.
type membership struct {
	groups  []string
	blocked bool
}

// Newest is the snapshot that has taken its place, or itself.
func (s *Snapshot) Newest() token.Directory {
	if s.newest == nil {
		return s
	}
	return s.newest.Load()
}

// Environment is the environment's name.
func (s *Snapshot) Environment() string { return s.environment }

// Issuer is the environment's public URL (D15).
func (s *Snapshot) Issuer() string { return s.issuer }

// Keys are the environment's keys.
func (s *Snapshot) Keys() *keys.Set { return s.keys }

// JWKS is the document of all public keys, and its version.
func (s *Snapshot) JWKS() (document []byte, version string) { return s.jwks, s.jwksVersion }

// Messages is the catalogue as it was customized.
func (s *Snapshot) Messages() *fault.Set { return s.messages }

// Tokens is Token Management.
func (s *Snapshot) Tokens() *issue.Management { return s.tokens }

// Credential is the secret manager's credential of that name.
func (s *Snapshot) Credential(name string) (*identity.Credential, bool) {
	return s.credentials.get(name)
}

// IdentitySource is an open source of a project.
func (s *Snapshot) IdentitySource(project, name string) (identity.Guarded, bool) {
	o, ok := s.sources[sourceName{project, strings.ToLower(name)}]
	if !ok {
		return nil, false
	}
	return o.guard, true
}

// Generation is the bundle's.
func (s *Snapshot) Generation() int64 { return s.generation }

// Owner is the deployed owner with that client id, for the token endpoint.
func (s *Snapshot) Owner(clientID string) (token.Owner, bool) {
	o, ok := s.clients.get(clientID)
	if !ok {
		return token.Owner{}, false
	}
	return s.tokenOwner(o), true
}

// OwnerByID is the deployed owner with that id.
func (s *Snapshot) OwnerByID(id string) (token.Owner, bool) {
	o, ok := s.owners.get(id)
	if !ok {
		return token.Owner{}, false
	}
	return s.tokenOwner(o), true
}

func (s *Snapshot) tokenOwner(o *deployed) token.Owner {
	t := token.Owner{
		ID: o.id, Kind: o.kind, Project: o.project, Name: o.name, ClientID: o.client.ID, SecretHash: o.client.SecretHash,
		Settings: o.settings, Members: o.members, Groups: o.groups,
	}
	if o.kind != KindPolicyGroup {
		t.URL = s.issuer + o.route.BasePath
	}
	return t
}
