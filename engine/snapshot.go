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
	messages    *fault.Set           // the catalogue as it was customized
	owners      map[string]*deployed // by Owner.ID
	clients     map[string]*deployed // by Client.ID
	groups      []*deployed          // the proxy groups
	credentials map[string]*identity.Credential
	sources     map[sourceName]*openSource
	router      router
	applied     time.Time
	newest      *atomic.Pointer[Snapshot] // of its gateway
}

// deployed is an owner in a snapshot: what was compiled, which may be older
// than the snapshot, with what may change without a deploy.
type deployed struct {
	*compiled
	id       string
	revision int
	client   Client
	// groups are the ids of the proxy groups that a proxy is in; blocked tells that
	// one of them refuses calls at the proxy's own address.
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
	c, ok := s.credentials[name]
	return c, ok
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
	o, ok := s.clients[clientID]
	if !ok {
		return token.Owner{}, false
	}
	return s.tokenOwner(o), true
}

// OwnerByID is the deployed owner with that id.
func (s *Snapshot) OwnerByID(id string) (token.Owner, bool) {
	o, ok := s.owners[id]
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
