package models

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/secret"
)

// credentialsForBundle are the credentials of all projects as an environment
// sees them, or those of the ids, with what differs there put in. It takes two
// statements, however many there are. They are in the order of their ids, so that
// equal states give equal bundles.
func (s *Store) credentialsForBundle(ctx context.Context, tx *gorm.DB, e environmentRow, ids []string) ([]*identity.Credential, error) {
	access, err := accessForBundle(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	members, where, args := "", "", []any{e.ID}
	if ids != nil {
		members, where, args = "where m.credential_id in ? ", "where c.id in ? ", append(args, ids, ids)
	}
	lines, err := query[bundledCredential](ctx, tx, `select c.id, c.name, c.full_name, c.email, coalesce(o.secret_hash, c.secret_hash) as secret_hash,
			c.enabled, coalesce(o.disabled, false) as disabled_here, c.expires_at, coalesce(o.networks, c.networks) as networks,
			c.metadata, c.tokens, r.roles
		from credentials c
			left join credential_environments o on o.credential_id = c.id and o.environment_id = ?
			left join (select m.credential_id, jsonb_agg(r.name order by r.name collate "C") as roles
				from credential_role_members m join credential_roles r on r.id = m.role_id `+members+`group by m.credential_id) r on r.credential_id = c.id
		`+where+`order by c.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	list := make([]*identity.Credential, len(lines))
	for i := range lines {
		if list[i], err = s.bundled(&lines[i]); err != nil {
			return nil, fmt.Errorf("read credential %s: %w", lines[i].ID, err)
		}
		list[i].Access = access[lines[i].ID]
	}
	return list, nil
}

type bundledCredential struct {
	ID, Name, FullName, Email         string
	SecretHash                        string
	Enabled, DisabledHere             bool
	ExpiresAt                         *time.Time
	Networks, Metadata, Tokens, Roles document
}

func (s *Store) bundled(l *bundledCredential) (*identity.Credential, error) {
	c := &identity.Credential{
		ID: l.ID, Name: l.Name, FullName: l.FullName, Email: l.Email, SecretHash: l.SecretHash,
		Enabled: l.Enabled, DisabledHere: l.DisabledHere, Expires: orZero(l.ExpiresAt),
	}
	if err := json.Unmarshal(l.Tokens, &c.Tokens); err != nil {
		return nil, fmt.Errorf("token settings: %w", err)
	}
	if l.Roles != nil {
		if err := json.Unmarshal(l.Roles, &c.Roles); err != nil {
			return nil, fmt.Errorf("roles: %w", err)
		}
	}
	var err error
	if c.Networks, err = prefixes(l.Networks); err != nil {
		return nil, err
	}
	return c, s.addMetadata(c, l.Metadata)
}

func prefixes(raw document) ([]netip.Prefix, error) {
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fmt.Errorf("networks: %w", err)
	}
	var list []netip.Prefix
	for _, text := range texts {
		p, ok := parseNetwork(text)
		if !ok {
			// Left out, a list of one would become "any address".
			return nil, fmt.Errorf("network %q is none", text)
		}
		list = append(list, p)
	}
	return list, nil
}

// addMetadata opens secret entries only for the token response: into a token
// none ever goes.
func (s *Store) addMetadata(c *identity.Credential, raw document) error {
	var list []storedMetadata
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	for i := range list {
		m := &list[i]
		if m.IncludeInJWT && !m.Secret {
			if c.Claims == nil {
				c.Claims = map[string]any{}
			}
			c.Claims[m.Claim()] = m.Value
		}
		if !m.IncludeInTokenResponse {
			continue
		}
		value, err := s.metadataValue(c.ID, m)
		if err != nil {
			return err
		}
		if c.Response == nil {
			c.Response = map[string]any{}
		}
		c.Response[m.Key] = value.Reveal()
	}
	return nil
}

func (s *Store) metadataValue(credentialID string, m *storedMetadata) (secret.Text, error) {
	if !m.Secret {
		return secret.New(m.Value), nil
	}
	plain, err := s.sealer.Open(m.Sealed, metadataPlace(credentialID, m.Key))
	if err != nil {
		return secret.Text{}, fmt.Errorf("open metadata %s: %w", m.Key, err)
	}
	return secret.New(string(plain)), nil
}

func accessForBundle(ctx context.Context, tx *gorm.DB, ids []string) (map[string]map[string]identity.Access, error) {
	where, args := "", []any{}
	if ids != nil {
		where, args = " where credential_id in ?", append(args, ids)
	}
	rows, err := query[accessRow](ctx, tx, "select id, credential_id, owner_id, expires_at, denied_methods from credential_access"+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list access: %w", err)
	}
	all := map[string]map[string]identity.Access{}
	for _, r := range rows {
		a := identity.Access{Expires: orZero(r.ExpiresAt)}
		if err := json.Unmarshal(r.DeniedMethods, &a.DeniedMethods); err != nil {
			return nil, fmt.Errorf("read access %s: %w", r.ID, err)
		}
		if all[r.CredentialID] == nil {
			all[r.CredentialID] = map[string]identity.Access{}
		}
		all[r.CredentialID][r.OwnerID] = a
	}
	return all, nil
}
