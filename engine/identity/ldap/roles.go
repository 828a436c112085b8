package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
)

// roles are the names of the user's groups, each once and sorted: a directory
// keeps no order, and equal people should get equal tokens.
func (s *Source) roles(ctx context.Context, entry *ldap.Entry, log *record, ask asker) ([]string, error) {
	var names []string
	if s.config.MemberOfAttribute != "" {
		found, err := s.memberOf(entry, log)
		if err != nil {
			return nil, err
		}
		names = found
	}
	if s.config.GroupBaseDN != "" {
		found, err := s.searchGroups(ctx, entry, log, ask)
		if err != nil {
			return nil, fmt.Errorf("search for groups: %w", err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	return s.config.fitRoles(slices.Compact(names), log), nil
}

// roleName is a group's name as a role. Blanks at the ends stay, so that such a
// name is refused as everywhere (D14).
func (c *Config) roleName(group string) string {
	if c.RoleBlanks == "" || group != strings.TrimSpace(group) {
		return group
	}
	return strings.ReplaceAll(group, " ", c.RoleBlanks)
}

// fitRoles leaves out what cannot be a role, since roles travel in lists
// (identity.RoleProblem).
func (c *Config) fitRoles(groups []string, log *record) []string {
	var fit, changed, left []string
	for _, group := range groups {
		role := c.roleName(group)
		if identity.RoleProblem(role) != "" {
			left = append(left, fmt.Sprintf("%q", group))
			continue
		}
		if role != group {
			changed = append(changed, fmt.Sprintf("%q", group))
		}
		fit = append(fit, role)
	}
	slices.Sort(fit)
	fit = slices.Compact(fit)
	log.note("Roles", c.rolesText(fit, changed, left))
	return fit
}

func (c *Config) rolesText(fit, changed, left []string) string {
	text := "None."
	if len(fit) > 0 {
		text = strings.Join(fit, ", ") + "."
	}
	if len(changed) > 0 {
		text += fmt.Sprintf(" %d with %s for blanks: %s.", len(changed), c.RoleBlanks, strings.Join(changed, ", "))
	}
	if len(left) > 0 {
		text += fmt.Sprintf(" %d left out, since blanks, commas, quotes and the like cannot be in a role: %s.", len(left), strings.Join(left, ", "))
	}
	return text
}

// memberOf reads the groups from the user's entry.
func (s *Source) memberOf(entry *ldap.Entry, log *record) ([]string, error) {
	var names []string
	values, err := allValues(entry, s.config.MemberOfAttribute)
	if err != nil {
		return nil, err
	}
	base, _ := ldap.ParseDN(s.config.MemberOfBaseDN) // empty, or Validate has seen it
	outside := 0
	for _, value := range values {
		group, err := ldap.ParseDN(value)
		switch {
		case err != nil || len(group.RDNs) == 0:
			outside++
		case len(base.RDNs) > 0 && !base.AncestorOfFold(group):
			outside++
		default:
			names = append(names, group.RDNs[0].Attributes[0].Value)
		}
	}
	text := fmt.Sprintf("%d groups in %s.", len(values), s.config.MemberOfAttribute)
	if outside > 0 {
		text += fmt.Sprintf(" %d of them are not below %s or are no DNs.", outside, s.config.MemberOfBaseDN)
	}
	log.note("Read memberships", text)
	return names, nil
}

// allValues refuses a part of the values: which part it would be is chance.
// Active Directory names one memberOf;range=0-1499 and leaves memberOf empty.
func allValues(entry *ldap.Entry, attribute string) ([]string, error) {
	values := entry.GetEqualFoldAttributeValues(attribute)
	part := slices.ContainsFunc(entry.Attributes, func(a *ldap.EntryAttribute) bool {
		name, _, ranged := strings.Cut(a.Name, ";range=")
		return ranged && strings.EqualFold(name, attribute)
	})
	if part || len(values) > maxGroups {
		return nil, aboutUser("%s is in more groups than can be read, of which %d are the most", entry.DN, maxGroups)
	}
	return values, nil
}

// searchGroups finds the groups that name the user.
func (s *Source) searchGroups(ctx context.Context, entry *ldap.Entry, log *record, ask asker) ([]string, error) {
	login := ""
	if s.config.MemberStrategy == UserLogin {
		var err error
		if login, err = only(entry, s.config.LoginAttribute); err != nil {
			return nil, err
		}
	}
	filter := s.config.groupFilter(entry.DN, login)
	var names []string
	err := ask(func(c *conn) error {
		return log.step("Search for groups", func() (text string, err error) {
			names, text, err = s.groupNames(ctx, c, filter)
			return text, err
		})
	})
	return names, err
}

func (s *Source) groupNames(ctx context.Context, c *conn, filter string) (names []string, text string, err error) {
	groups, err := c.entries(ctx, &ldap.SearchRequest{
		BaseDN: s.config.GroupBaseDN, Scope: s.config.GroupScope.code(), Filter: filter, Attributes: []string{s.config.GroupNameAttribute},
	}, maxGroups)
	if err != nil {
		return nil, "", err
	}
	for _, g := range groups {
		name, err := only(g, s.config.GroupNameAttribute)
		if err != nil {
			text += fmt.Sprintf(" %s is left out: it has not one %s.", g.DN, s.config.GroupNameAttribute)
			continue
		}
		names = append(names, name)
	}
	return names, fmt.Sprintf("%d groups match %s.%s", len(groups), filter, text), nil
}
