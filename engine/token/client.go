package token

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
)

// client is who sends a request: an owner by its key pair, or a credential of
// the secret manager.
type client struct {
	id         string
	owner      *Owner
	credential *identity.Credential
	// proven tells that it has shown its secret.
	proven bool
}

// noSecret is what some clients send for "none" (reference 3.2).
const noSecret = "-"

// authenticate finds out who asks. With public, an owner's client may leave out
// its secret; a credential never may.
func (s *Service) authenticate(ctx context.Context, l *login, public bool) *failure {
	if l.clientID == "" {
		return refusedClient("the request has no client credentials", fault.ClientUnknown)
	}
	l.by = l.findClient()
	l.noteClient()
	// Before the secret is looked at: what is sent in a query ends in logs, and
	// a client should learn that at its first try.
	if l.urlParameters() && !l.by.mayUseURL(l) {
		return l.notInURL()
	}
	bare := l.secret.IsZero() || l.secret.Reveal() == noSecret
	switch {
	case bare && public && l.by.owner != nil:
		return s.entered(l)
	case l.secret.IsZero():
		return refusedClient("the request has no client secret", fault.ClientRefused)
	}
	if f := s.logins.check(ctx, s.clientAttempt(l)); f != nil {
		s.noteThrottled(l, f, l.clientID)
		return f
	}
	l.by.proven = true
	return s.entered(l)
}

// noteClient names in the event whom the request claims to be from, once such a
// client is known to exist: what is not may be a secret in the wrong place.
func (l *login) noteClient() {
	if l.by.owner != nil {
		l.e.Project, l.e.Owner = l.by.owner.Project, l.by.owner.Name
	}
	if l.by.owner != nil || l.by.credential != nil {
		l.e.ClientID = l.clientID
	}
}

// entered runs once the client is known, whether by its secret or as public.
func (s *Service) entered(l *login) *failure {
	if l.by.owner != nil {
		l.owner, l.settings = *l.by.owner, l.by.owner.Settings
		l.noteOwner()
	}
	if l.door == credentialDoor && l.by.credential == nil {
		return wrongDoor()
	}
	if c := l.by.credential; c != nil {
		if why := c.Usable(s.now()); why != "" {
			return refusedClient(string(why), refusalFault(why))
		}
	}
	return nil
}

func (l *login) findClient() client {
	c := client{id: l.clientID}
	if o, ok := l.d.Owner(l.clientID); ok {
		c.owner = &o
		return c
	}
	if found, ok := l.d.Credential(l.clientID); ok {
		c.credential = found
	}
	return c
}

func (s *Service) clientAttempt(l *login) attempt {
	a := attempt{space: "client", environment: l.d.Environment(), id: l.clientID, password: l.secret, from: l.e.Client}
	switch {
	case l.by.owner != nil:
		a.hash, a.known, a.strong = l.by.owner.SecretHash, true, true
	case l.by.credential != nil:
		a.hash, a.known = l.by.credential.SecretHash, true
	}
	return a
}

// mayUseURL tells whether some settings that could apply allow parameters in
// the query.
func (c *client) mayUseURL(l *login) bool {
	switch {
	case c.owner != nil:
		return c.owner.Settings != nil && c.owner.Settings.Issue.AllowURLParameters
	case c.credential == nil:
		return false
	case l.door == credentialDoor:
		return c.credential.Tokens.AllowURLParameters
	}
	return slices.ContainsFunc(l.owners(c.credential), func(o Owner) bool { return o.Settings.Issue.AllowURLParameters })
}

// owners are those that a credential may get tokens for at /auth (D12): those
// that it has access to itself, or, by name, one of their groups or members. The
// latter are not for choosing from, lest a proxy's clients be asked which API they
// mean because somebody put it into a group.
func (l *login) owners(c *identity.Credential) []Owner {
	ids := slices.Collect(maps.Keys(c.Access))
	if l.resource != "" {
		for _, id := range ids {
			o, _ := l.d.OwnerByID(id)
			ids = append(append(ids, o.Members...), o.Groups...)
		}
	}
	slices.Sort(ids)
	var list []Owner
	for _, id := range slices.Compact(ids) {
		if o, ok := l.d.OwnerByID(id); ok && o.admitsClients() && o.refuses(c, l.e.Time) == "" {
			list = append(list, o)
		}
	}
	return list
}

// admitsClients tells whether credentials of the secret manager may ask for
// tokens of the owner as its clients.
func (o *Owner) admitsClients() bool {
	return o.Settings != nil && o.Settings.Managed && o.Settings.Source == identity.SecretManager &&
		o.Settings.Issue.GrantType == issue.ClientCredentials
}

// policyGroup is the kind of owner that is called only where it is bound.
const policyGroup = "POLICY_GROUP"

// refuses tells why a credential gets no tokens for the owner, or "". Calls ask
// again, for the proxy that answers and then for the group that was called, so it
// is enough that one of them may be called with the token. Nobody needs access to
// a policy group itself.
func (o *Owner) refuses(c *identity.Credential, now time.Time) identity.Refusal {
	_, own := c.Access[o.ID]
	if o.Kind == policyGroup && !own {
		return ""
	}
	why, near := c.May(o.ID, "", now), o.Members
	if !own {
		near = append(slices.Clip(near), o.Groups...)
	}
	if why != "" && slices.ContainsFunc(near, func(id string) bool { return c.May(id, "", now) == "" }) {
		return ""
	}
	return why
}

// chooseOwner decides whom the token is for. The owner's own client leaves no
// choice; a credential may use several owners and names one (D12, RFC 8707).
func (s *Service) chooseOwner(ctx context.Context, l *login, g grant) *failure {
	switch {
	case l.door == credentialDoor:
		l.settings = &Settings{Issue: l.by.credential.Tokens, Keys: l.d.Keys(), Source: identity.SecretManager}
	case l.by.owner != nil:
		if l.resource != "" && !l.owner.is(l.resource) {
			return invalidTarget("The parameter resource names another API than this client's.")
		}
	case g.name == GrantRefreshToken:
		return s.ownerOfFamily(ctx, l)
	default:
		return l.chooseByResource()
	}
	l.noteOwner()
	return nil
}

func (l *login) chooseByResource() *failure {
	all := l.owners(l.by.credential)
	if len(all) == 0 {
		return unauthorized("No tokens are issued for this client.", "the credential has access to no deployed owner whose policy lets it in")
	}
	if l.resource != "" {
		all = slices.DeleteFunc(all, func(o Owner) bool { return !o.is(l.resource) })
	}
	switch len(all) {
	case 1:
		l.owner, l.settings = all[0], all[0].Settings
		l.noteOwner()
		return nil
	case 0:
		return invalidTarget("The parameter resource names no API that this client may use.")
	}
	return invalidTarget("This client may use several APIs. Name one in the parameter resource, by its address or its name.")
}

// is tells whether a resource names the owner: by its URL, with or without a
// slash at the end, or by its name.
func (o *Owner) is(resource string) bool {
	return resource == o.Name || o.URL != "" && strings.TrimSuffix(resource, "/") == strings.TrimSuffix(o.URL, "/")
}

// mayUse checks what holds for a credential beside its secret. Whoever knows the
// secret may be told that the address is wrong; nothing else is told (D9).
func (s *Service) mayUse(l *login, c *identity.Credential) *failure {
	why := c.Usable(s.now())
	if why == "" && l.owner.ID != "" {
		why = l.owner.refuses(c, s.now())
	}
	if why != "" {
		return refusedGrant(string(why), refusalFault(why))
	}
	if l.settings.CheckAddress || l.door == credentialDoor {
		why = c.From(l.e.Client)
	}
	if why == "" {
		return nil
	}
	s.security(l, event.AddressRefused, c.Name, "A correct secret came from an address that the credential does not allow.")
	return accessDenied(string(why))
}

func refusalFault(why identity.Refusal) fault.Type {
	switch why {
	case identity.DisabledHere:
		return fault.CredentialEnvironment
	case identity.Expired:
		return fault.CredentialExpired
	case identity.NoAccess, identity.AccessExpired:
		return fault.CredentialProxyDenied
	case identity.MethodDenied:
		return fault.CredentialMethodDenied
	case identity.AddressRefused:
		return fault.CredentialAddressDenied
	}
	return fault.CredentialUnknown
}
