package engine

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/token"
)

// KindProxy is the kind of owner that an API proxy is.
const KindProxy = "PROXY"

// Snapshot is a compiled bundle. It never changes, so a request that began
// with it ends with it, whatever is deployed meanwhile.
type Snapshot struct {
	environment string
	issuer      string
	generation  int64
	keys        *keys.Set
	owners      map[string]*deployed // by Owner.ID
	clients     map[string]*deployed // by Client.ID
	router      router
	applied     time.Time
}

// deployed is an owner in a snapshot: what was compiled, which may be older
// than the snapshot, with what may change without a deploy.
type deployed struct {
	*compiled
	id        string
	revision  int
	client    Client
	transport http.RoundTripper
}

// Environment is the environment's name.
func (s *Snapshot) Environment() string { return s.environment }

// Issuer is the environment's public URL (D15).
func (s *Snapshot) Issuer() string { return s.issuer }

// Keys are the environment's keys.
func (s *Snapshot) Keys() *keys.Set { return s.keys }

// Generation is the bundle's.
func (s *Snapshot) Generation() int64 { return s.generation }

// Owner is the deployed owner with that client id, for the token endpoint.
func (s *Snapshot) Owner(clientID string) (token.Owner, bool) {
	o, ok := s.clients[clientID]
	if !ok {
		return token.Owner{}, false
	}
	return token.Owner{
		Kind: KindProxy, Project: o.proxy.Project, Name: o.proxy.Name,
		ClientID: o.client.ID, SecretHash: o.client.SecretHash, Settings: o.settings,
	}, true
}
