package keys

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// State says what a key of a set is for. Every key verifies and, when it has a
// public half, is published.
type State string

// The states, in the order of a key's life.
const (
	// Next is published ahead of its use, so that clients know it in time.
	Next State = "next"
	// Active signs new tokens; at most one of each algorithm.
	Active State = "active"
	// Retiring still verifies the tokens it signed.
	Retiring State = "retiring"
)

// Entry is a key and what it is for.
type Entry struct {
	Key   *Key
	State State
}

// Set is the keys of an environment. It never changes; a change of keys makes a
// new set. The nil set and the empty set have no keys.
type Set struct {
	signing   map[Algorithm]*Key
	verifying map[string]*Key
	entries   []Entry
	jwks      []byte
	digest    string
}

// NewSet makes a set. Errors say which key id is repeated, cannot sign although
// active, or shares its algorithm with another active key.
func NewSet(entries []Entry) (*Set, error) {
	s := &Set{signing: map[Algorithm]*Key{}, verifying: map[string]*Key{}}
	for _, e := range entries {
		if err := s.add(e); err != nil {
			return nil, err
		}
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, published)
	s.entries, s.digest = entries, digest(entries)
	var err error
	s.jwks, err = publish(entries)
	return s, err
}

func (s *Set) add(e Entry) error {
	if e.Key == nil {
		return fmt.Errorf("key set: an entry has no key")
	}
	// Two keys of one kid would make it a matter of order which one verifies.
	if s.verifying[e.Key.ID] != nil {
		return fmt.Errorf("key set: key id %s is there twice", e.Key.ID)
	}
	s.verifying[e.Key.ID] = e.Key
	switch e.State {
	case Next, Retiring:
		return nil
	case Active:
		return s.addSigning(e.Key)
	}
	return fmt.Errorf("key set: key %s has unknown state %q", e.Key.ID, e.State)
}

func (s *Set) addSigning(k *Key) error {
	if !k.CanSign() {
		return fmt.Errorf("key set: active key %s: %w", k.ID, ErrNoPrivate)
	}
	if other := s.signing[k.Algorithm]; other != nil {
		return fmt.Errorf("key set: keys %s and %s are both active for %s", other.ID, k.ID, k.Algorithm)
	}
	s.signing[k.Algorithm] = k
	return nil
}

// Entries are what NewSet makes an equal set of.
func (s *Set) Entries() []Entry {
	if s == nil {
		return nil
	}
	return slices.Clone(s.entries)
}

// Signing returns the active key of an algorithm, nil when there is none.
func (s *Set) Signing(alg Algorithm) *Key {
	if s == nil {
		return nil
	}
	return s.signing[alg]
}

// Verifying returns the key of that kid, nil when it is unknown.
func (s *Set) Verifying(kid string) *Key {
	if s == nil {
		return nil
	}
	return s.verifying[kid]
}

// VerifyingBytes is Verifying without an allocation for the kid.
func (s *Set) VerifyingBytes(kid []byte) *Key {
	if s == nil {
		return nil
	}
	return s.verifying[string(kid)]
}

// JWKS returns the JWK set (RFC 7517 section 5) of the public halves, made when
// the set was: asymmetric keys only, in an order that does not change. The
// caller must not change the bytes.
func (s *Set) JWKS() []byte {
	if s == nil {
		return []byte(`{"keys":[]}`)
	}
	return s.jwks
}

// Digest names the content of the set: equal for equal key ids, algorithms and
// states, in whatever order they were given. It holds no key material.
func (s *Set) Digest() string {
	if s == nil {
		return digest(nil)
	}
	return s.digest
}

// published orders by algorithm as people are offered them, then active, next,
// retiring, then kid.
func published(a, b Entry) int {
	states := []State{Active, Next, Retiring}
	return cmp.Or(
		cmp.Compare(a.Key.Algorithm.order(), b.Key.Algorithm.order()),
		cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)),
		strings.Compare(a.Key.ID, b.Key.ID),
	)
}

func publish(entries []Entry) ([]byte, error) {
	public := []JWK{}
	for _, e := range entries {
		if j, ok := e.Key.Public(); ok {
			public = append(public, j)
		}
	}
	jwks, err := json.Marshal(map[string][]JWK{"keys": public})
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return jwks, nil
}

func digest(entries []Entry) string {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%s %s %s\n", e.Key.ID, e.Key.Algorithm, e.State) // none of them holds a blank
	}
	return hex.EncodeToString(h.Sum(nil))
}
