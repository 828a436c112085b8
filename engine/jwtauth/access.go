package jwtauth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// access is the compiled Authorization.
type access struct {
	// kind is where roles are read anew, "" for the token's own; project and
	// provider address the source.
	kind identity.KindName
	// header hands on the roles; "" for none.
	header string
	// endpoints are the rows of single endpoints; nil without method access.
	endpoints         map[string]need
	everywhere        need
	project, provider string
}

// need is roles that a caller must have.
type need struct {
	// mask has the numbers of the roles, beginning with those of word first; nil where
	// they are read anew.
	mask  []uint64
	first int
	all   bool
	roles []string
}

func (n *need) met(have []string) bool {
	if n.all {
		return !slices.ContainsFunc(n.roles, func(role string) bool { return !slices.Contains(have, role) })
	}
	return len(n.roles) == 0 || slices.ContainsFunc(n.roles, func(role string) bool { return slices.Contains(have, role) })
}

// granted is met for roles of a token, by their numbers: it costs the same for few roles
// and for hundreds.
func (n *need) granted(have []uint64) bool {
	for i, word := range n.mask {
		var there uint64
		if at := n.first + i; at < len(have) {
			there = have[at] & word
		}
		if n.all && there != word {
			return false
		}
		if !n.all && there != 0 {
			return true
		}
	}
	return n.all || len(n.roles) == 0
}

// need is compiled; by numbers the roles of tokens alone can be asked for.
func (a *Authorization) need(roles []string, r Requirement, s *shared) need {
	n := need{roles: roles, all: r == AllRoles}
	if a.AuthorizationType != "" {
		return n
	}
	for _, role := range roles {
		if _, known := s.roles[role]; !known {
			s.roles[role] = len(s.roles)
		}
	}
	n.mask = s.number(roles)
	for len(n.mask) > 0 && n.mask[0] == 0 {
		n.mask, n.first = n.mask[1:], n.first+1
	}
	return n
}

// number is a set of roles by their numbers, without those that no policy asks for.
func (s *shared) number(roles []string) []uint64 {
	var set []uint64
	for _, role := range roles {
		if i, known := s.roles[role]; known {
			for len(set) <= i/64 {
				set = append(set, 0)
			}
			set[i/64] |= 1 << (i % 64)
		}
	}
	return set
}

func (a *Authorization) compile(project string, s *shared) *access {
	if !a.EnableAuthorization {
		return nil
	}
	c := &access{
		everywhere: a.need(a.CredentialRoleNameList, a.RoleRequirement, s),
		kind:       a.AuthorizationType, project: project, provider: a.AuthorizationProviderName,
	}
	if a.AddRolesToHeader {
		c.header = a.RolesHeaderName
	}
	if a.EnableMethodAccess {
		c.endpoints = make(map[string]need, len(a.PolicyAuthorizationMethodDefList))
		for _, row := range a.PolicyAuthorizationMethodDefList {
			key := string(appendEndpoint(nil, row.HTTPMethod, row.Endpoint))
			c.endpoints[key] = a.need(row.CredentialRoleNameList, row.RoleRequirement, s)
		}
	}
	return c
}

// appendEndpoint writes what identifies an endpoint, as the router does: its
// method and its template without the names of parameters.
func appendEndpoint(dst []byte, method, path string) []byte {
	dst = append(append(dst, method...), ' ')
	for i, more := 0, true; more; i++ {
		var segment string
		segment, path, more = strings.Cut(path, "/")
		if i > 0 {
			dst = append(dst, '/')
		}
		if n := len(segment); n > 2 && segment[0] == '{' && segment[n-1] == '}' {
			segment = "{}"
		}
		dst = append(dst, segment...)
	}
	return dst
}

// authorize checks the caller's roles and returns them, also as a header value:
// first those for every call, then those of the endpoint's own row.
func (s *step) authorize(x *policy.Exchange, v *verified) (roles []string, header string, err error) {
	if s.access == nil {
		return v.identity.Roles, "", nil
	}
	roles, header = v.identity.Roles, v.roles
	if s.access.kind != "" {
		if roles, err = s.currentRoles(x, v); err != nil {
			return nil, "", err
		}
		header = joinRoles(roles)
	}
	if !s.access.met(&s.access.everywhere, v, roles) {
		return nil, "", s.deny(fault.RoleMissing, v.refused(s.lacks(errRoles, s.access.everywhere, roles, "")))
	}
	return roles, header, s.authorizeEndpoint(x, v, roles)
}

// met asks for roles where the policy reads them.
func (a *access) met(n *need, v *verified, roles []string) bool {
	if a.kind != "" {
		return n.met(roles)
	}
	return n.granted(v.granted)
}

// authorizeEndpoint asks the row of the endpoint that was routed to; a HEAD is
// routed to the endpoint of GET. Where the proxy names no endpoints, rows cannot
// be enforced, so nobody passes.
func (s *step) authorizeEndpoint(x *policy.Exchange, v *verified, roles []string) error {
	switch {
	case len(s.access.endpoints) == 0:
		return nil
	case x.EndpointPath == "":
		return s.deny(fault.EndpointUnknown, v.refused(errNoEndpoint))
	}
	var space [256]byte // enough for nearly all, so that a call allocates nothing
	row, ok := s.access.endpoints[string(appendEndpoint(space[:0], x.EndpointMethod, x.EndpointPath))]
	if ok && !s.access.met(&row, v, roles) {
		return s.deny(fault.RoleMissing, v.refused(s.lacks(errEndpointRoles, row, roles, x.EndpointMethod+" "+x.EndpointPath)))
	}
	return nil
}

// currentRoles reads the caller's roles anew. The owner's own client is nobody
// there, whatever anybody else is called (D15). A source that cannot answer lets
// nobody in.
func (s *step) currentRoles(x *policy.Exchange, v *verified) ([]string, error) {
	if v.own {
		return nil, nil
	}
	id, ok, err := s.access.find(x, v.identity.Subject, s.now())
	x.Waited()
	if err == nil && ok {
		err = fit(id.Roles)
	}
	switch {
	case err != nil:
		return nil, s.deny(fault.RolesUnavailable, v.refused(&unreadable{s.access.source(), err}))
	case !ok:
		return nil, s.deny(fault.RoleMissing, v.refused(&nobody{s.access.source()}))
	}
	return id.Roles, nil
}

func (a *access) source() string {
	if a.kind == identity.SecretManager {
		return string(a.kind)
	}
	return a.provider
}

func (a *access) find(x *policy.Exchange, name string, now time.Time) (identity.Identity, bool, error) {
	if a.kind == identity.SecretManager {
		c, ok := credentialOf(x, name)
		if !ok || c.Usable(now) != "" {
			return identity.Identity{}, false, nil
		}
		return c.Identity(), true, nil
	}
	if x.Identities == nil {
		return identity.Identity{}, false, errNoSource
	}
	source, ok := x.Identities.IdentitySource(a.project, a.provider)
	if !ok {
		return identity.Identity{}, false, errNoSource
	}
	ctx := x.Context
	if ctx == nil {
		ctx = context.Background()
	}
	return source.Find(ctx, name)
}

// fit holds sources to their promise: a role with a comma would arrive as two.
func fit(roles []string) error {
	for _, role := range roles {
		if msg := identity.RoleProblem(role); msg != "" {
			return &unfit{role, msg}
		}
	}
	return nil
}

// joinRoles is all roles as a header value (D14). Roles hold no comma; letters
// of other scripts are percent-encoded, as servers disagree about their bytes.
func joinRoles(roles []string) string {
	joined := strings.Join(roles, ",")
	if !strings.ContainsFunc(joined, foreign) {
		return joined
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(joined) {
		if c := joined[i]; foreign(rune(c)) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// foreign also finds the percent sign, so that no two names give one value.
func foreign(r rune) bool { return r <= ' ' || r >= 0x7f || r == '%' }

// SameEndpoint tells whether two methods and templates name one endpoint, as the
// router sees it: the names of parameters do not matter.
func SameEndpoint(method, path, otherMethod, otherPath string) bool {
	return string(appendEndpoint(nil, method, path)) == string(appendEndpoint(nil, otherMethod, otherPath))
}
