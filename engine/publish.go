package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// publish makes the document of all public keys: the environment's own and
// those that policies name. A key id that two of them share would make it a
// matter of luck which one a client verifies with.
func (s *Snapshot) publish(b *environment, prev *Snapshot) error {
	if s.jwksVersion = b.keys(); prev != nil && prev.jwksVersion == s.jwksVersion {
		s.jwks = prev.jwks
		return nil
	}
	s.jwks = b.Keys.JWKS()
	if len(b.NamedKeys) == 0 {
		return nil
	}
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	seen := map[string]bool{}
	for _, document := range b.documents() {
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(document, &set); err != nil {
			return fmt.Errorf("publish keys of %s: %w", b.Environment, err)
		}
		for _, key := range set.Keys {
			var named struct {
				ID string `json:"kid"`
			}
			if err := json.Unmarshal(key, &named); err != nil || seen[named.ID] {
				return fmt.Errorf("publish keys of %s: key id %q is there twice", b.Environment, named.ID)
			}
			seen[named.ID] = true
			all.Keys = append(all.Keys, key)
		}
	}
	var err error
	if s.jwks, err = json.Marshal(all); err != nil {
		return fmt.Errorf("publish keys of %s: %w", b.Environment, err)
	}
	return nil
}

// documents are in an order that does not change.
func (b *Bundle) documents() [][]byte {
	list := [][]byte{b.Keys.JWKS()}
	for _, name := range b.keyNames() {
		list = append(list, b.NamedKeys[name].JWKS())
	}
	return list
}

func (b *Bundle) keyNames() []KeyName {
	return slices.SortedFunc(maps.Keys(b.NamedKeys), func(x, y KeyName) int {
		return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.Name, y.Name))
	})
}

// keysDigest names all keys of the bundle.
func (b *Bundle) keysDigest() string {
	if len(b.NamedKeys) == 0 {
		return b.Keys.Digest()
	}
	h := sha256.New()
	_, _ = h.Write([]byte(b.Keys.Digest())) // a hash never fails
	for _, name := range b.keyNames() {
		fmt.Fprintf(h, "\n%q %q %s", name.Project, name.Name, b.NamedKeys[name].Digest())
	}
	return hex.EncodeToString(h.Sum(nil))
}
