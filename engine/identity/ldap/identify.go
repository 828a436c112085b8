package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
)

const (
	// maxGroups is the most groups a user may be in: tokens must stay small, and
	// a part of them would be another part every time.
	maxGroups = 1000
	// maxValue is the longest value of a claim, in bytes, and maxValues the most
	// values of one.
	maxValue  = 4096
	maxValues = 200
)

// attributes are those of a user's entry that matter. Operational ones such as
// memberOf come only when they are named.
func (s *Source) attributes() []string {
	c := &s.config
	names := []string{c.nameAttribute(), c.LoginAttribute}
	for _, a := range c.ClaimAttributes {
		names = append(names, a.Attribute)
	}
	if c.MemberOfAttribute != "" {
		names = append(names, c.MemberOfAttribute)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// identify makes an identity of an entry whose user was let in or looked up.
func (s *Source) identify(ctx context.Context, entry *ldap.Entry, log *record, ask asker) (identity.Identity, error) {
	name, err := only(entry, s.config.nameAttribute())
	if err != nil {
		return identity.Identity{}, err
	}
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > problem.MaxName || strings.ContainsFunc(name, problem.Invisible) {
		return identity.Identity{}, aboutUser("the value of %s of %s cannot be a user name", s.config.nameAttribute(), entry.DN)
	}
	roles, err := s.roles(ctx, entry, log, ask)
	if err != nil {
		return identity.Identity{}, err
	}
	return identity.Identity{Name: name, Roles: roles, Claims: s.claims(entry, log)}, nil
}

// only is the value of an attribute that must have one. Of several it is the one
// in the entry's own name: values have no order, and a user must not be called
// something else every day.
func only(entry *ldap.Entry, attribute string) (string, error) {
	values := entry.GetEqualFoldAttributeValues(attribute)
	if len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	if len(values) == 0 {
		return "", aboutUser("the entry %s has no %s that we may read", entry.DN, attribute)
	}
	parsed, err := ldap.ParseDN(entry.DN)
	if err == nil && len(parsed.RDNs) > 0 {
		for _, a := range parsed.RDNs[0].Attributes {
			if strings.EqualFold(a.Type, attribute) && slices.Contains(values, a.Value) {
				return a.Value, nil
			}
		}
	}
	return "", aboutUser("the entry %s has %d values of %s; one is needed", entry.DN, len(values), attribute)
}

// claims are the attributes that the configuration wants in tokens.
func (s *Source) claims(entry *ldap.Entry, log *record) map[string]any {
	if len(s.config.ClaimAttributes) == 0 {
		return nil
	}
	claims, left := map[string]any{}, 0
	for _, a := range s.config.ClaimAttributes {
		values := entry.GetEqualFoldAttributeValues(a.Attribute)
		usable := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return len(v) > maxValue || !utf8.ValidString(v) })
		usable = usable[:min(len(usable), maxValues)]
		left += len(values) - len(usable)
		switch {
		case len(usable) > 1 || a.List && len(usable) == 1:
			claims[a.Claim] = usable
		case len(usable) == 1:
			claims[a.Claim] = usable[0]
		}
	}
	text := fmt.Sprintf("%d of %d claims have a value.", len(claims), len(s.config.ClaimAttributes))
	if left > 0 {
		text += fmt.Sprintf(" Left out: %d that are binary, longer than %d bytes, or more than %d.", left, maxValue, maxValues)
	}
	log.note("Read claims", text)
	return claims
}
