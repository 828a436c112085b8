package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/secret"
)

// Credential is a user or a client of the secret manager. Its secret is only
// kept as a hash (D18).
type Credential struct {
	ID, ProjectID, ProjectName string
	// Name is the client id and user name.
	Name, Description, FullName, Email string
	Enabled                            bool
	// Expires is when it stops working; zero means never.
	Expires time.Time
	// SecretChangedAt is when the present secret was given.
	SecretChangedAt time.Time
	// Networks are prefixes such as 10.0.0.0/8; none means any address.
	Networks []string
	// Roles are names, in order.
	Roles    []string
	Metadata []Metadata
	// Tokens are what its tokens are like where a policy leaves that to it.
	Tokens issue.Settings
	// Environments are what differs there, by name; only those that do.
	Environments []CredentialOverride
	// Grants counts the APIs that it may use.
	Grants int
	Stamp
}

// Expired tells whether the credential has stopped working.
func (c *Credential) Expired(now time.Time) bool {
	return !c.Expires.IsZero() && !now.Before(c.Expires)
}

// Metadata is one entry that says more about a credential.
type Metadata struct {
	Key string `json:"key"`
	// Value is that of an open entry; "" of a secret one.
	Value  string `json:"value,omitempty"`
	Secret bool   `json:"secret"`
	// SecretValue is a new value of a secret entry; zero keeps the one that the
	// entry of that key has. It is never read back.
	SecretValue secret.Text `json:"-"`
	// IncludeInJWT puts an open entry into the tokens, as JWTClaimName or else
	// as Key.
	IncludeInJWT bool `json:"includeInJwt"`
	// IncludeInTokenResponse puts the entry beside the token, as Key.
	IncludeInTokenResponse bool   `json:"includeInTokenResponse"`
	JWTClaimName           string `json:"jwtClaimName,omitempty"`
}

// Claim is what the entry is called in a token.
func (m *Metadata) Claim() string {
	if m.JWTClaimName != "" {
		return m.JWTClaimName
	}
	return m.Key
}

// CredentialOverride is what differs in one environment.
type CredentialOverride struct {
	// Environment is a name; EnvironmentID is only read.
	Environment, EnvironmentID string
	// OwnSecret tells that the environment has a secret of its own. Secret is a
	// new one; zero keeps the present one. It is never read back.
	OwnSecret bool
	Secret    secret.Text
	// Networks replace those of the credential when OwnNetworks.
	OwnNetworks bool
	Networks    []string
	// Disabled shuts the credential out there. There is no opposite: one that is
	// disabled as a whole is so everywhere.
	Disabled bool
}

// differs tells whether there is anything to keep. What does not differ stays
// in a draft all the same: problems name an entry by its index.
func (o *CredentialOverride) differs() bool { return o.OwnSecret || o.OwnNetworks || o.Disabled }

// CredentialFilter narrows and orders a list of credentials.
type CredentialFilter struct {
	// Query is looked for in name, full name, email and description, without
	// regard to case.
	Query string
	// Role is the name of a role that they must have.
	Role string
	// Status is "", "enabled" (and not expired), "disabled" or "expired".
	Status string
	// Sort is name (the default), status, expires or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var credentialSorts = map[string]string{
	"name": "lower(name)", "status": "not enabled", "expires": "coalesce(expires_at, 'infinity'::timestamptz)", "updated": "updated_at",
}

type credentialRow struct {
	ID              string `gorm:"primaryKey"`
	ProjectID       string
	Name            string
	Description     string
	FullName        string
	Email           string
	Enabled         bool
	ExpiresAt       *time.Time
	SecretHash      string
	SecretChangedAt time.Time
	Networks        document
	Metadata        document
	Tokens          document
	Stamp           stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (credentialRow) TableName() string { return "credentials" }

// storedMetadata is an entry in the column: Sealed is the value of a secret
// one.
type storedMetadata struct {
	Metadata
	Sealed []byte `json:"sealed,omitempty"`
}

type memberRow struct {
	CredentialID string `gorm:"primaryKey"`
	RoleID       string `gorm:"primaryKey"`
}

// TableName implements gorm's schema.Tabler.
func (memberRow) TableName() string { return "credential_role_members" }

type overrideRow struct {
	CredentialID  string `gorm:"primaryKey"`
	EnvironmentID string `gorm:"primaryKey"`
	SecretHash    *string
	Networks      document
	Disabled      bool
}

// TableName implements gorm's schema.Tabler.
func (overrideRow) TableName() string { return "credential_environments" }

func (r credentialRow) credential(project string) (Credential, error) {
	c := Credential{
		ID: r.ID, ProjectID: r.ProjectID, ProjectName: project, Name: r.Name, Description: r.Description, FullName: r.FullName, Email: r.Email,
		Enabled: r.Enabled, Expires: orZero(r.ExpiresAt), SecretChangedAt: r.SecretChangedAt.UTC(), Stamp: r.Stamp.stamp(),
	}
	stored, err := r.stored()
	if err != nil {
		return c, err
	}
	for _, m := range stored {
		c.Metadata = append(c.Metadata, m.Metadata)
	}
	if err := json.Unmarshal(r.Networks, &c.Networks); err != nil {
		return c, fmt.Errorf("read networks of credential %s: %w", r.ID, err)
	}
	if err := json.Unmarshal(r.Tokens, &c.Tokens); err != nil {
		return c, fmt.Errorf("read token settings of credential %s: %w", r.ID, err)
	}
	return c, nil
}

func (r credentialRow) stored() ([]storedMetadata, error) {
	var list []storedMetadata
	if len(r.Metadata) == 0 { // a new one
		return nil, nil
	}
	if err := json.Unmarshal(r.Metadata, &list); err != nil {
		return nil, fmt.Errorf("read metadata of credential %s: %w", r.ID, err)
	}
	return list, nil
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// Credentials lists the credentials of a project, whole, and how many the
// filter leaves in all.
func (s *Store) Credentials(ctx context.Context, projectID string, f CredentialFilter) (list []Credential, total int, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		list, total, err = s.listCredentials(ctx, tx, projectID, f)
		return err
	})
	return list, total, err
}

// EachCredential hands every credential that the filter leaves to each, all as
// of one moment and in order. Page and PerPage are not looked at.
func (s *Store) EachCredential(ctx context.Context, projectID string, f CredentialFilter, each func(Credential) error) error {
	return s.look(ctx, func(tx *gorm.DB) error {
		for f.Page, f.PerPage = 1, maxPerPage; ; f.Page++ {
			list, _, err := s.listCredentials(ctx, tx, projectID, f)
			if err != nil {
				return err
			}
			for _, c := range list {
				if err := each(c); err != nil {
					return err
				}
			}
			if len(list) < f.PerPage {
				return nil
			}
		}
	})
}

func (s *Store) listCredentials(ctx context.Context, tx *gorm.DB, projectID string, f CredentialFilter) ([]Credential, int, error) {
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return nil, 0, err
	}
	q := f.conditions(from[credentialRow](tx).Where("project_id = ?", project.ID), s.now())
	n, err := q.Count(ctx, "*")
	if err != nil {
		return nil, 0, fmt.Errorf("count credentials: %w", err)
	}
	limit, offset := page(f.Page, f.PerPage)
	rows, err := q.Order(ordering(credentialSorts, f.Sort, f.Desc) + ", lower(name), id").Limit(limit).Offset(offset).Find(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list credentials: %w", err)
	}
	list, err := credentials(ctx, tx, project.Name, rows)
	return list, int(n), err
}

func (f CredentialFilter) conditions(q tableOf[credentialRow], now time.Time) tableOf[credentialRow] {
	if f.Query != "" {
		like := containing(f.Query)
		q = q.Where("(name ilike ? or full_name ilike ? or email ilike ? or description ilike ?)", like, like, like, like)
	}
	if f.Role != "" {
		q = q.Where("id in (select m.credential_id from credential_role_members m join credential_roles r on r.id = m.role_id where r.name = ?)", truncated(f.Role, maxSearch*2))
	}
	switch f.Status {
	case "enabled":
		q = q.Where("enabled and (expires_at is null or expires_at > ?)", now)
	case "disabled":
		q = q.Where("not enabled")
	case "expired":
		q = q.Where("expires_at <= ?", now)
	}
	return q
}

// Credential finds a credential of a project by name, compared without case.
func (s *Store) Credential(ctx context.Context, projectID, name string) (Credential, error) {
	if !storable(name) {
		return Credential{}, fmt.Errorf("read credential: %w", ErrNotFound)
	}
	return s.readCredential(ctx, projectID, "lower(name) = lower(?)", name)
}

// CredentialByID finds a credential of a project.
func (s *Store) CredentialByID(ctx context.Context, projectID, id string) (Credential, error) {
	if !isID(id) {
		return Credential{}, fmt.Errorf("read credential: %w", ErrNotFound)
	}
	return s.readCredential(ctx, projectID, "id = ?", id)
}

func (s *Store) readCredential(ctx context.Context, projectID, where, what string) (Credential, error) {
	var c Credential
	err := s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		row, err := found(from[credentialRow](tx).Where("project_id = ?", project.ID).Where(where, what).Take(ctx))
		if err != nil {
			return err
		}
		c, err = oneCredential(ctx, tx, project.Name, row)
		return err
	})
	if err != nil {
		return Credential{}, fmt.Errorf("read credential: %w", err)
	}
	return c, nil
}

func oneCredential(ctx context.Context, db *gorm.DB, project string, row credentialRow) (Credential, error) {
	list, err := credentials(ctx, db, project, []credentialRow{row})
	if err != nil {
		return Credential{}, err
	}
	return list[0], nil
}

// credentials completes rows of one project. The number of queries does not
// depend on the number of rows.
func credentials(ctx context.Context, db *gorm.DB, project string, rows []credentialRow) ([]Credential, error) {
	list := make([]Credential, len(rows))
	byID := make(map[string]*Credential, len(rows))
	ids := make([]string, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = row.credential(project); err != nil {
			return nil, err
		}
		byID[row.ID], ids[i] = &list[i], row.ID
	}
	if len(rows) == 0 {
		return list, nil
	}
	for _, part := range []func(context.Context, *gorm.DB, []string, map[string]*Credential) error{addRoles, addOverrides, addGrantCounts} {
		if err := part(ctx, db, ids, byID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func addRoles(ctx context.Context, db *gorm.DB, ids []string, credentials map[string]*Credential) error {
	type line struct{ CredentialID, Name string }
	lines, err := query[line](ctx, db, `select m.credential_id, r.name from credential_role_members m join credential_roles r on r.id = m.role_id
		where m.credential_id in ?`, ids)
	if err != nil {
		return fmt.Errorf("list roles of credentials: %w", err)
	}
	for _, l := range lines {
		c := credentials[l.CredentialID]
		c.Roles = append(c.Roles, l.Name)
	}
	for _, c := range credentials {
		slices.Sort(c.Roles) // by bytes, as everywhere where roles are compared
	}
	return nil
}

func addOverrides(ctx context.Context, db *gorm.DB, ids []string, credentials map[string]*Credential) error {
	type line struct {
		CredentialID, EnvironmentID, Environment string
		OwnSecret, Disabled                      bool
		Networks                                 document
	}
	lines, err := query[line](ctx, db, `select o.credential_id, o.environment_id, e.name as environment, o.secret_hash is not null as own_secret, o.disabled, o.networks
		from credential_environments o join environments e on e.id = o.environment_id
		where o.credential_id in ? order by e.type <> 'PRODUCTION', lower(e.name)`, ids)
	if err != nil {
		return fmt.Errorf("list environments of credentials: %w", err)
	}
	for _, l := range lines {
		o := CredentialOverride{Environment: l.Environment, EnvironmentID: l.EnvironmentID, OwnSecret: l.OwnSecret, OwnNetworks: l.Networks != nil, Disabled: l.Disabled}
		if o.OwnNetworks {
			if err := json.Unmarshal(l.Networks, &o.Networks); err != nil {
				return fmt.Errorf("read networks of credential %s: %w", l.CredentialID, err)
			}
		}
		c := credentials[l.CredentialID]
		c.Environments = append(c.Environments, o)
	}
	return nil
}

func addGrantCounts(ctx context.Context, db *gorm.DB, ids []string, credentials map[string]*Credential) error {
	type line struct {
		CredentialID string
		N            int
	}
	lines, err := query[line](ctx, db, "select credential_id, count(*) as n from credential_access where credential_id in ? group by credential_id", ids)
	if err != nil {
		return fmt.Errorf("count access of credentials: %w", err)
	}
	for _, l := range lines {
		credentials[l.CredentialID].Grants = l.N
	}
	return nil
}
