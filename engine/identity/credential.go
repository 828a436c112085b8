package identity

import (
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/engine/issue"
)

// Credential is a user or a client of the built-in secret manager, as one
// environment sees it. It takes effect at save, without a deploy (D5).
type Credential struct {
	// ID is stable when the credential is renamed.
	ID string
	// Name is the user name and the client id; compared exactly.
	Name string
	// FullName and Email are whom it stands for; empty when nobody wrote it down.
	FullName, Email string
	// SecretHash is an argon2id PHC string (D18).
	SecretHash string
	Enabled    bool
	// DisabledHere tells that it is switched off for this environment only.
	DisabledHere bool
	// Expires is when it stops working; zero means never.
	Expires time.Time
	// Networks are the addresses that it may be used from; empty means any.
	Networks []netip.Prefix
	Roles    []string
	// Claims go into its tokens, Response into its token responses.
	Claims, Response map[string]any
	// Tokens are what its tokens are like where a policy leaves that to the
	// credential (managedFromThisPolicy off).
	Tokens issue.Settings
	// Access is what it may use, by the id of the owner.
	Access map[string]Access
}

// Access lets a credential use an owner.
type Access struct {
	// Expires is when it ends; zero means never.
	Expires time.Time
	// DeniedMethods are HTTP methods that it does not cover, in capitals.
	DeniedMethods []string
}

// Refusal says why a credential may not be used. It is for the log and the
// error catalogue, never for the caller of a token endpoint.
type Refusal string

// The refusals.
const (
	Disabled       Refusal = "the credential is disabled"
	DisabledHere   Refusal = "the credential is disabled in this environment"
	Expired        Refusal = "the credential has expired"
	NoAccess       Refusal = "the credential has no access to this API"
	AccessExpired  Refusal = "the credential's access to this API has expired"
	MethodDenied   Refusal = "the credential may not use this method"
	AddressRefused Refusal = "the credential may not be used from this address"
)

// Usable tells why the credential cannot be used at all at that moment, or "".
func (c *Credential) Usable(now time.Time) Refusal {
	switch {
	case !c.Enabled:
		return Disabled
	case c.DisabledHere:
		return DisabledHere
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return Expired
	}
	return ""
}

// May tells why the credential may not use an owner with a method at that
// moment, or "". An empty method asks for any.
func (c *Credential) May(owner, method string, now time.Time) Refusal {
	a, ok := c.Access[owner]
	switch {
	case !ok:
		return NoAccess
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return AccessExpired
	}
	for _, denied := range a.DeniedMethods {
		if denied == method {
			return MethodDenied
		}
	}
	return ""
}

// From tells why the credential may not be used from an address, or "".
func (c *Credential) From(client netip.Addr) Refusal {
	if len(c.Networks) == 0 {
		return ""
	}
	client = client.Unmap().WithZone("")
	for _, n := range c.Networks {
		if n.Contains(client) {
			return ""
		}
	}
	return AddressRefused
}

// Identity is whom the credential's tokens speak for.
func (c *Credential) Identity() Identity {
	return Identity{Name: c.Name, Roles: c.Roles, Claims: c.Claims, Response: c.Response}
}

// Directory is the identity side of one environment at one moment: the secret
// manager's credentials and the sources. It is safe for concurrent use and
// does not change under a request.
type Directory interface {
	// Credential is the credential of that exact name.
	Credential(name string) (*Credential, bool)
	// IdentitySource is an open source by its project and name.
	IdentitySource(project, name string) (Guarded, bool)
}
