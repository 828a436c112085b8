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
	everywhere need
	// endpoints are the rows of single endpoints; nil without method access.
	endpoints map[string]need
	// header hands on the roles; "" for none.
	header string
	// kind is where roles are read anew, "" for the token's own; project and
	// provider address the source.
	kind              identity.KindName
	project, provider string
}

// need is roles that a caller must have.
type need struct {
	roles []string
	all   bool
}

func (n need) met(have []string) bool {
	if n.all {
		return !slices.ContainsFunc(n.roles, func(role string) bool { return !slices.Contains(have, role) })
	}
	return len(n.roles) == 0 || slices.ContainsFunc(n.roles, func(role string) bool { return slices.Contains(have, role) })
}

func (a *Authorization) compile(project string) *access {
	if !a.EnableAuthorization {
		return nil
	}
	c := &access{
		everywhere: need{a.CredentialRoleNameList, a.RoleRequirement == AllRoles},
		kind:       a.AuthorizationType, project: project, provider: a.AuthorizationProviderName,
	}
	if a.AddRolesToHeader {
		c.header = a.RolesHeaderName
	}
	if a.EnableMethodAccess {
		c.endpoints = make(map[string]need, len(a.PolicyAuthorizationMethodDefList))
		for _, row := range a.PolicyAuthorizationMethodDefList {
			key := string(appendEndpoint(nil, row.HTTPMethod, row.Endpoint))
			c.endpoints[key] = need{row.CredentialRoleNameList, row.RoleRequirement == AllRoles}
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
	roles, header, entitled := v.identity.Roles, v.roles, v.entitled
	if s.access.kind != "" {
		if roles, err = s.currentRoles(x, v); err != nil {
			return nil, "", err
		}
		header, entitled = joinRoles(roles), s.access.everywhere.met(roles)
	}
	if !entitled {
		return nil, "", s.deny(fault.RoleMissing, v.refused(s.lacks(errRoles, s.access.everywhere, roles, "")))
	}
	return roles, header, s.authorizeEndpoint(x, v, roles)
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
	if ok && !row.met(roles) {
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
