package engine

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
)

// BundleFormat is the number of what WriteBundle writes. Whoever keeps it says
// it beside it and reads no other one: a bundle of which half is not understood
// would enforce half.
const BundleFormat = 3

// encodedBundle is a Bundle as it is kept. It names each part itself, so that no
// change of a type elsewhere changes what is read from a file.
type encodedBundle struct {
	Environment, PublicURL string
	Generation             int64
	Keys                   []encodedKey
	// Parts is how many lists of owners follow.
	Parts            int
	Credentials      []encodedCredential
	Sources          []encodedSource
	Tokens, Messages []byte // JSON; nil for nil
	Values           map[string]string
}

// encodedKey is one with its private half, and in which set it is; both names
// are empty for the environment's own.
type encodedKey struct {
	Project, Name string
	Algorithm, ID string
	State         string
	Material      []byte
}

type encodedSource struct {
	ID, Project, Name, Digest string
	Definition                []byte
	Secrets                   map[string]string
}

type encodedCredential struct {
	ID, Name, SecretHash     string
	FullName, Email          string
	Enabled, DisabledHere    bool
	Expires                  time.Time
	Networks                 []netip.Prefix
	Roles                    []string
	Claims, Response, Tokens []byte // JSON; nil for nil
	Access                   map[string]identity.Access
}

// partSize is how many owners are encoded at once: of all at once the encoder
// would keep several copies while it works.
const partSize = 256

// WriteBundle writes the bundle with all its secrets, among them the private keys,
// in bytes that DecodeBundle reads. They must be sealed before they are kept
// anywhere.
func WriteBundle(w io.Writer, b *Bundle) error {
	e := encodedBundle{
		Environment: b.Environment, PublicURL: b.PublicURL, Generation: b.Generation, Values: b.Values,
		Parts: (len(b.Owners) + partSize - 1) / partSize,
	}
	if err := e.encode(b); err != nil {
		return fmt.Errorf("encode bundle of %s: %w", b.Environment, err)
	}
	to := gob.NewEncoder(w)
	if err := to.Encode(e); err != nil {
		return fmt.Errorf("encode bundle of %s: %w", b.Environment, err)
	}
	for part := range slices.Chunk(b.Owners, partSize) {
		if err := to.Encode(part); err != nil {
			return fmt.Errorf("encode bundle of %s: %w", b.Environment, err)
		}
	}
	return nil
}

func (e *encodedBundle) encode(b *Bundle) (err error) {
	if err := e.addKeys(KeyName{}, b.Keys); err != nil {
		return err
	}
	for _, name := range b.keyNames() {
		if err := e.addKeys(name, b.NamedKeys[name]); err != nil {
			return err
		}
	}
	for _, s := range b.Sources {
		e.Sources = append(e.Sources, encodeSource(s))
	}
	for _, c := range b.Credentials {
		encoded, err := encodeCredential(c)
		if err != nil {
			return err
		}
		e.Credentials = append(e.Credentials, encoded)
	}
	if e.Tokens, err = orNil(b.Tokens, b.Tokens == nil); err != nil {
		return err
	}
	e.Messages, err = orNil(b.Messages, b.Messages == nil)
	return err
}

func (e *encodedBundle) addKeys(name KeyName, set *keys.Set) error {
	for _, entry := range set.Entries() {
		material, err := entry.Key.Marshal()
		if err != nil {
			return err
		}
		e.Keys = append(e.Keys, encodedKey{
			name.Project, name.Name, string(entry.Key.Algorithm), entry.Key.ID, string(entry.State), material,
		})
	}
	return nil
}

func encodeSource(s Source) encodedSource {
	e := encodedSource{ID: s.ID, Project: s.Project, Name: s.Name, Digest: s.Digest, Definition: s.Definition}
	if s.Secrets != nil {
		e.Secrets = make(map[string]string, len(s.Secrets))
	}
	for name, text := range s.Secrets {
		e.Secrets[name] = text.Reveal()
	}
	return e
}

func encodeCredential(c *identity.Credential) (e encodedCredential, err error) {
	e = encodedCredential{
		ID: c.ID, Name: c.Name, FullName: c.FullName, Email: c.Email, SecretHash: c.SecretHash, Enabled: c.Enabled, DisabledHere: c.DisabledHere,
		Expires: c.Expires, Networks: c.Networks, Roles: c.Roles, Access: c.Access,
	}
	if e.Claims, err = orNil(c.Claims, c.Claims == nil); err != nil {
		return e, err
	}
	if e.Response, err = orNil(c.Response, c.Response == nil); err != nil {
		return e, err
	}
	e.Tokens, err = json.Marshal(c.Tokens)
	return e, err
}

func orNil(v any, none bool) ([]byte, error) {
	if none {
		return nil, nil
	}
	return json.Marshal(v)
}

// DecodeBundle reads what EncodeBundle of this format wrote.
func DecodeBundle(raw []byte) (Bundle, error) {
	var e encodedBundle
	from := gob.NewDecoder(bytes.NewReader(raw))
	if err := from.Decode(&e); err != nil {
		return Bundle{}, fmt.Errorf("decode bundle: %w", err)
	}
	b, err := e.decode()
	if err != nil {
		return Bundle{}, fmt.Errorf("decode bundle of %s: %w", e.Environment, err)
	}
	for range e.Parts {
		var part []Owner
		if err := from.Decode(&part); err != nil {
			return Bundle{}, fmt.Errorf("decode owners of %s: %w", e.Environment, err)
		}
		b.Owners = append(b.Owners, part...)
	}
	return b, nil
}

func (e *encodedBundle) decode() (b Bundle, err error) {
	b = Bundle{Environment: e.Environment, PublicURL: e.PublicURL, Generation: e.Generation, Values: e.Values}
	if b.Keys, b.NamedKeys, err = e.keySets(); err != nil {
		return b, err
	}
	for i := range e.Sources {
		b.Sources = append(b.Sources, e.Sources[i].decode())
	}
	for i := range e.Credentials {
		c, err := e.Credentials[i].decode()
		if err != nil {
			return b, err
		}
		b.Credentials = append(b.Credentials, c)
	}
	if err := fill(&b.Tokens, e.Tokens); err != nil {
		return b, err
	}
	return b, fill(&b.Messages, e.Messages)
}

func (e *encodedBundle) keySets() (*keys.Set, map[KeyName]*keys.Set, error) {
	entries := map[KeyName][]keys.Entry{{}: nil}
	for _, k := range e.Keys {
		key, err := keys.Parse(keys.Algorithm(k.Algorithm), k.ID, k.Material)
		if err != nil {
			return nil, nil, fmt.Errorf("key %s: %w", k.ID, err)
		}
		at := KeyName{k.Project, k.Name}
		entries[at] = append(entries[at], keys.Entry{Key: key, State: keys.State(k.State)})
	}
	sets := make(map[KeyName]*keys.Set, len(entries))
	for name, list := range entries {
		set, err := keys.NewSet(list)
		if err != nil {
			return nil, nil, err
		}
		sets[name] = set
	}
	own := sets[KeyName{}]
	delete(sets, KeyName{})
	return own, sets, nil
}

func (e *encodedSource) decode() Source {
	s := Source{ID: e.ID, Project: e.Project, Name: e.Name, Digest: e.Digest, Definition: e.Definition}
	if e.Secrets != nil {
		s.Secrets = make(map[string]secret.Text, len(e.Secrets))
	}
	for name, text := range e.Secrets {
		s.Secrets[name] = secret.New(text)
	}
	return s
}

func (e *encodedCredential) decode() (*identity.Credential, error) {
	c := &identity.Credential{
		ID: e.ID, Name: e.Name, FullName: e.FullName, Email: e.Email, SecretHash: e.SecretHash, Enabled: e.Enabled, DisabledHere: e.DisabledHere,
		Expires: e.Expires, Networks: e.Networks, Roles: e.Roles, Access: e.Access,
	}
	if err := fill(&c.Claims, e.Claims); err != nil {
		return nil, err
	}
	if err := fill(&c.Response, e.Response); err != nil {
		return nil, err
	}
	var tokens *issue.Settings
	if err := fill(&tokens, e.Tokens); err != nil || tokens == nil {
		return nil, fmt.Errorf("credential %s: token settings: %w", e.ID, err)
	}
	c.Tokens = *tokens
	return c, nil
}

// fill reads JSON into v, which stays nil without any.
func fill[T *issue.Management | *issue.Settings | []fault.Message | map[string]any](v *T, raw []byte) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, v)
}
