// Package identity owns where identities come from: what a source of them is
// (LDAP, a database, an API, the built-in secret manager), what a login gives,
// and the credentials of the secret manager. A kind of source has a folder of
// its own; what all have in common is wrapped around them here, once: caching,
// one call for many equal logins, the circuit breaker, the slowing of guesses.
package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/strict"
)

// KindName names a kind of source, as the management API spells it.
type KindName string

// The kinds.
const (
	SecretManager KindName = "SECRET_MANAGER" // built in; has no record of its own
	LDAP          KindName = "LDAP"
	Database      KindName = "DATABASE"
	API           KindName = "API"
)

// Identity is who somebody turned out to be.
type Identity struct {
	// Name is the user name as the source spells it; it becomes sub.
	Name string
	// Roles are in the order of the source, each of them fit for a token
	// (RoleProblem).
	Roles []string
	// Claims are further claims for the token, by name; none is reserved.
	Claims map[string]any
	// Response are further members of the token response, by name.
	Response map[string]any
}

// Source is an open identity source. It is safe for concurrent use.
type Source interface {
	// Authenticate checks a name and a password, neither of them empty. False
	// without an error means that the source knows the pair to be wrong; an
	// unknown name and a wrong password take the same time. An error means that
	// the source could not tell. It never holds the password.
	Authenticate(ctx context.Context, name string, password secret.Text) (Identity, bool, error)
	// Lookup finds somebody by name alone, for roles that are read anew.
	// Sources that cannot return ErrNoLookup.
	Lookup(ctx context.Context, name string) (Identity, bool, error)
	// Close gives everything back. Calls under way may fail.
	Close()
}

// Regenerator is a source that makes an identity anew without a password, for
// refreshes (the JWT regenerator service).
type Regenerator interface {
	// Regenerate takes the identity that a token was issued with. False means
	// that the service refuses it.
	Regenerate(ctx context.Context, of Identity) (Identity, bool, error)
}

// ErrNoLookup means that a source cannot find people without their passwords.
var ErrNoLookup = errors.New("this identity source cannot look up users by name")

// ErrNoRegenerate means that a source cannot make an identity anew.
var ErrNoRegenerate = errors.New("this identity source is no JWT regenerator service")

// Config is an identity source as its author writes it: a pointer to a struct
// that embeds Common. Its JSON never holds a secret.
type Config interface {
	// Base is the common part, for reading and writing.
	Base() *Common
	// Normalize drops what the settings make meaningless.
	Normalize()
	// Validate reports everything wrong with the value alone.
	Validate() problem.List
	// Destinations are the addresses that the stored secrets are sent to, such
	// as "ldaps://ldap.example.com:636", with whom the connection trusts
	// (Trusting). When they change, the secrets must be given again: a test
	// button never sends a stored one to a new address.
	Destinations() []string
	// Open turns a valid configuration into a source. It need not connect.
	Open(Deps) (Source, error)
}

// PasswordChecker is a Config that tells whether its source is given passwords.
// One that is not can look people up and make identities anew, and logs nobody
// in; one that is cannot do either. Other kinds can do both.
type PasswordChecker interface{ ChecksPassword() bool }

// Deps are the parts of the world that a source uses.
type Deps struct {
	// Secrets are those of the source by field name, such as "bindPassword".
	Secrets map[string]secret.Text
	// Allow decides where outgoing connections may go; nil allows everything.
	Allow func(netip.Addr) error
}

// SecretField is one secret that a kind of source may have.
type SecretField struct {
	Name, Label, Help string
	// Multiline tells a PEM block from a password.
	Multiline bool
}

// Kind is a kind of source.
type Kind struct {
	Name KindName
	// Label is what people call it; Summary is one sentence for choosers.
	Label, Summary string
	// Secrets are the secrets that it may have, in the order of the form.
	Secrets []SecretField
	// New makes a configuration with the defaults.
	New func() Config
}

// Kinds are the known kinds of source, in the order of choosers.
type Kinds []Kind

// Find is the kind of that name.
func (k Kinds) Find(name KindName) (Kind, bool) {
	i := slices.IndexFunc(k, func(kind Kind) bool { return kind.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return k[i], true
}

// Decode reads a source from JSON: strictly, over the defaults of its kind,
// normalised and validated. What is wrong with it comes back as a problem.List,
// with the configuration once it could be read.
func (k Kinds) Decode(raw []byte) (Config, error) {
	name, err := strict.Name(raw, "kind", "identity source", "LDAP")
	if err != nil {
		return nil, err
	}
	kind, ok := k.Find(KindName(name))
	if !ok {
		return nil, problem.List{{Field: "kind", Message: fmt.Sprintf("Unknown kind of identity source %q.", name)}}
	}
	c := kind.New()
	if err := strict.Decode(raw, c, "identity source"); err != nil {
		return nil, err
	}
	c.Normalize()
	return c, c.Validate().Err()
}

// RoleProblem says why a role may not be called name, or "". Roles travel in
// scope, which separates them by blanks, and in headers, by commas (D14).
func RoleProblem(name string) string {
	switch {
	case name == "":
		return "Enter the name of the role."
	case len(name) > MaxRole:
		return fmt.Sprintf("Shorten the name of the role to %d bytes.", MaxRole)
	case strings.ContainsFunc(name, unfitForRole):
		return "Use no blanks, commas, quotes, backslashes or control characters in the name of a role: roles travel in lists."
	}
	return ""
}

// MaxRole is the longest name of a role in bytes.
const MaxRole = 255

func unfitForRole(r rune) bool {
	return r == ',' || r == '"' || r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}
