package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// Grant is the access of one credential to one API.
type Grant struct {
	ID string
	// Credential and Proxy are names.
	CredentialID, Credential string
	OwnerID, Proxy, BasePath string
	OwnerKind                string // engine.KindProxy or engine.KindProxyGroup
	CredentialEnabled        bool
	CredentialExpires        time.Time
	Expires                  time.Time // zero means never
	DeniedMethods            []string  // in capitals
	CredentialNets           []string  // the credential may be used from these only; none: any
	Roles                    []string  // of the credential
	CredentialDisabledIn     []string  // environments in which the credential is shut out
	Stamp
}

// GrantState says whether a grant lets anybody in.
type GrantState string

// The states.
const (
	GrantInForce            GrantState = "in force"
	GrantExpired            GrantState = "access expired"
	GrantCredentialExpired  GrantState = "credential expired"
	GrantCredentialDisabled GrantState = "credential disabled"
)

// State is whether the grant lets anybody in at that moment.
func (a *Grant) State(now time.Time) GrantState {
	switch {
	case !a.CredentialEnabled:
		return GrantCredentialDisabled
	case !a.CredentialExpires.IsZero() && !now.Before(a.CredentialExpires):
		return GrantCredentialExpired
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return GrantExpired
	}
	return GrantInForce
}

// NewGrants gives every named credential access to every named API, all under
// the same conditions.
type NewGrants struct {
	Credentials, Proxies []string
	Expires              time.Time
	DeniedMethods        []string
}

// MaxNewGrants bounds what is granted at once.
const MaxNewGrants = 1000

// AccessFilter narrows a list of grants; it is ordered by API and credential.
type AccessFilter struct {
	// CredentialID and OwnerID narrow to one of them.
	CredentialID, OwnerID string
	// Query is looked for in the names of credential and API, without regard to
	// case.
	Query string
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

type accessRow struct {
	ID            string `gorm:"primaryKey"`
	CredentialID  string
	OwnerID       string
	ExpiresAt     *time.Time
	DeniedMethods document
	Stamp         stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (accessRow) TableName() string { return "credential_access" }

// grantLine is a grant with what belongs to it.
type grantLine struct {
	Access                      accessRow `gorm:"embedded"`
	Credential, Proxy, BasePath string
	OwnerKind                   string
	Enabled                     bool
	CredentialExpires           *time.Time
	Networks, Roles, DisabledIn document
	Total                       int
}

// grantQuery lists grants of a project; conditions and order follow.
const grantQuery = `select a.*, c.name as credential, x.name as proxy, x.base_path, x.kind as owner_kind, c.enabled, c.expires_at as credential_expires, c.networks,
		count(*) over () as total,
		coalesce((select jsonb_agg(r.name order by r.name) from credential_role_members m join credential_roles r on r.id = m.role_id where m.credential_id = c.id), '[]') as roles,
		coalesce((select jsonb_agg(e.name order by e.name) from credential_environments o join environments e on e.id = o.environment_id
			where o.credential_id = c.id and o.disabled), '[]') as disabled_in
	from credential_access a join credentials c on c.id = a.credential_id join owners x on x.id = a.owner_id
	where x.project_id = ?`

func (l *grantLine) grant() (Grant, error) {
	g := Grant{
		ID: l.Access.ID, CredentialID: l.Access.CredentialID, Credential: l.Credential, OwnerID: l.Access.OwnerID, Proxy: l.Proxy, BasePath: l.BasePath, OwnerKind: l.OwnerKind,
		CredentialEnabled: l.Enabled, CredentialExpires: orZero(l.CredentialExpires), Expires: orZero(l.Access.ExpiresAt), Stamp: l.Access.Stamp.stamp(),
	}
	for _, part := range []struct {
		raw document
		to  *[]string
	}{{l.Access.DeniedMethods, &g.DeniedMethods}, {l.Networks, &g.CredentialNets}, {l.Roles, &g.Roles}, {l.DisabledIn, &g.CredentialDisabledIn}} {
		if err := json.Unmarshal(part.raw, part.to); err != nil {
			return g, fmt.Errorf("read access %s: %w", g.ID, err)
		}
	}
	return g, nil
}

// Access lists who may call what in a project, and how many grants the filter
// leaves in all.
func (s *Store) Access(ctx context.Context, projectID string, f AccessFilter) ([]Grant, int, error) {
	return access(ctx, s.db, projectID, f)
}

func access(ctx context.Context, db *gorm.DB, projectID string, f AccessFilter) ([]Grant, int, error) {
	if !isID(projectID) {
		return nil, 0, fmt.Errorf("list access: %w", ErrNotFound)
	}
	where, args := f.conditions()
	limit, offset := page(f.Page, f.PerPage)
	args = append(append([]any{projectID}, args...), limit, offset)
	lines, err := query[grantLine](ctx, db, grantQuery+where+" order by lower(x.name), lower(c.name), a.id limit ? offset ?", args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list access: %w", err)
	}
	list, total := make([]Grant, len(lines)), 0
	for i := range lines {
		if list[i], err = lines[i].grant(); err != nil {
			return nil, 0, err
		}
		total = lines[i].Total
	}
	return list, total, nil
}

func (f AccessFilter) conditions() (string, []any) {
	where, args := "", []any(nil)
	for _, id := range []struct{ column, id string }{{"a.credential_id", f.CredentialID}, {"a.owner_id", f.OwnerID}} {
		if id.id == "" {
			continue
		}
		where, args = where+" and "+id.column+" = ?", append(args, idOrNew(id.id))
	}
	if f.Query != "" {
		like := containing(f.Query)
		where, args = where+" and (c.name ilike ? or x.name ilike ?)", append(args, like, like)
	}
	return where, args
}

// AccessReport hands every grant that the filter leaves to each, all as of one
// moment and in order. Page and PerPage are not looked at.
func (s *Store) AccessReport(ctx context.Context, projectID string, f AccessFilter, each func(Grant) error) error {
	return s.look(ctx, func(tx *gorm.DB) error {
		for f.Page, f.PerPage = 1, maxPerPage; ; f.Page++ {
			list, _, err := access(ctx, tx, projectID, f)
			if err != nil {
				return err
			}
			for _, g := range list {
				if err := each(g); err != nil {
					return err
				}
			}
			if len(list) < f.PerPage {
				return nil
			}
		}
	})
}

// Grant finds a grant of a project.
func (s *Store) Grant(ctx context.Context, projectID, id string) (Grant, error) {
	return grantByID(ctx, s.db, projectID, id)
}

func grantByID(ctx context.Context, db *gorm.DB, projectID, id string) (Grant, error) {
	if !isID(projectID) || !isID(id) {
		return Grant{}, fmt.Errorf("read access: %w", ErrNotFound)
	}
	lines, err := query[grantLine](ctx, db, grantQuery+" and a.id = ?", projectID, id)
	if err != nil {
		return Grant{}, fmt.Errorf("read access: %w", err)
	}
	if len(lines) == 0 {
		return Grant{}, fmt.Errorf("read access: %w", ErrNotFound)
	}
	return lines[0].grant()
}

// GrantAccess gives credentials access to APIs of the same project, at once
// and without a deploy (D5). All of it is written or nothing. Problems are of
// the fields credentials, proxies, expireTime and deniedMethods.
func (s *Store) GrantAccess(ctx context.Context, by Actor, projectID string, n NewGrants) ([]Grant, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, err
	}
	var saved []Grant
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) (ids []string, err error) {
		saved = nil
		rows, err := s.newGrants(ctx, tx, by, project, n)
		if err != nil {
			return nil, err
		}
		if err := from[accessRow](tx).CreateInBatches(ctx, &rows, 500); err != nil {
			return nil, err
		}
		for _, row := range rows {
			g, err := s.recordGrant(ctx, tx, by, project, ActionCreated, nil, row.ID)
			if err != nil {
				return nil, err
			}
			saved, ids = append(saved, g), append(ids, row.CredentialID)
		}
		return ids, nil
	})
	if violated(err) == "credential_access_grant" {
		err = problem.List{{Field: "credentials", Message: "Somebody granted the same access at this moment. Look at the list and try again."}}
	}
	if err != nil {
		return nil, fmt.Errorf("grant access: %w", err)
	}
	return saved, nil
}

// newGrants checks what is asked for and makes its rows.
func (s *Store) newGrants(ctx context.Context, tx *gorm.DB, by Actor, project Project, n NewGrants) ([]accessRow, error) {
	var l problem.List
	credentials, err := namedIDs(ctx, tx, &l, "credentials", "credential", project.ID, n.Credentials)
	if err != nil {
		return nil, err
	}
	proxies, err := namedIDs(ctx, tx, &l, apis, "proxy", project.ID, n.Proxies)
	if err != nil {
		return nil, err
	}
	methods := s.checkGrant(&l, n.Expires, time.Time{}, n.DeniedMethods)
	if len(credentials)*len(proxies) > MaxNewGrants {
		l.Add("credentials", "Grant at most %d at once.", MaxNewGrants)
	}
	if len(l) == 0 {
		if err := refuseGranted(ctx, tx, &l, credentials, proxies); err != nil {
			return nil, err
		}
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	var rows []accessRow
	for _, p := range proxies {
		for _, c := range credentials {
			rows = append(rows, accessRow{
				ID: newID(), CredentialID: c, OwnerID: p, ExpiresAt: orNever(n.Expires), DeniedMethods: methods, Stamp: born(by, s.now()),
			})
		}
	}
	return rows, nil
}

// apis are what access is granted to: proxies and proxy groups, which share their
// names.
const apis = "(select * from owners where kind <> 'POLICY_GROUP')"

// namedIDs finds the ids of names, compared without case, each once and in
// their order. Table is one of ours.
func namedIDs(ctx context.Context, tx *gorm.DB, l *problem.List, table, what, projectID string, names []string) ([]string, error) {
	field := map[string]string{"credential": "credentials", "proxy": "proxies"}[what]
	if len(names) > MaxNewGrants {
		l.Add(field, "Name at most %d; there are %d.", MaxNewGrants, len(names))
		return nil, nil
	}
	byName, err := idsByName(ctx, tx, table, projectID, names)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", what, err)
	}
	var ids, missing []string
	for i, name := range names {
		if id := byName[i]; id == "" {
			missing = append(missing, fmt.Sprintf("%q", truncated(name, 60)))
		} else if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(missing) > 0:
		l.Add(field, "This project has no %s called %s.", map[string]string{"credential": "credential", "proxy": "API proxy"}[what],
			strings.Join(missing[:min(5, len(missing))], ", "))
	case len(ids) == 0:
		l.Add(field, "Name at least one.")
	}
	return ids, nil
}

// idsByName are the ids of names by their index; of those that are no names
// there are none.
func idsByName(ctx context.Context, tx *gorm.DB, table, projectID string, names []string) (map[int]string, error) {
	list := make([]string, len(names))
	for i, name := range names {
		if storable(name) {
			list[i] = name
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode names: %w", err)
	}
	type line struct {
		Ord int
		ID  string
	}
	lines, err := query[line](ctx, tx, `select w.ord - 1 as ord, t.id from jsonb_array_elements_text(?::jsonb) with ordinality w(name, ord)
		join `+table+` t on lower(t.name) = lower(w.name) where t.project_id = ?`, string(raw), projectID)
	if err != nil {
		return nil, err
	}
	ids := make(map[int]string, len(lines))
	for _, l := range lines {
		ids[l.Ord] = l.ID
	}
	return ids, nil
}

// checkGrant checks the conditions and encodes the methods in the order of the
// console. An end that has come may stay.
func (s *Store) checkGrant(l *problem.List, expires, before time.Time, denied []string) document {
	if !expires.IsZero() && !expires.After(s.now()) && !expires.Equal(before) {
		l.Add("expireTime", "Choose a moment in the future, or revoke the access.")
	}
	methods := []string{} // [] and not null
	for _, m := range engine.Methods() {
		if slices.Contains(denied, m) {
			methods = append(methods, m)
		}
	}
	for _, m := range denied {
		if !slices.Contains(methods, m) {
			l.Add("deniedMethods", "%q is not an HTTP method that is known here.", truncated(m, 60))
			return nil
		}
	}
	if len(methods) == len(engine.Methods()) {
		l.Add("deniedMethods", "Leave at least one method, or revoke the access.")
	}
	raw, err := json.Marshal(methods)
	if err != nil {
		return nil // strings always marshal
	}
	return raw
}

// refuseGranted names those who have access already: granting again would
// silently change the conditions they have.
func refuseGranted(ctx context.Context, tx *gorm.DB, l *problem.List, credentials, proxies []string) error {
	have, err := query[string](ctx, tx, `select c.name || ' (' || x.name || ')' from credential_access a join credentials c on c.id = a.credential_id
		join owners x on x.id = a.owner_id where a.credential_id in ? and a.owner_id in ? order by 1 limit 6`, credentials, proxies)
	if err != nil {
		return fmt.Errorf("look for access: %w", err)
	}
	if len(have) > 5 {
		have = append(have[:5], "and more")
	}
	if len(have) > 0 {
		l.Add("credentials", "Leave out who has access already: %s.", strings.Join(have, ", "))
	}
	return nil
}

// ChangeAccess changes the conditions of a grant as it was read at version.
func (s *Store) ChangeAccess(ctx context.Context, by Actor, projectID, id string, version int, expires time.Time, denied []string) (Grant, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Grant{}, err
	}
	var saved Grant
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		before, err := s.grantAt(ctx, tx, project, id, version)
		if err != nil {
			return nil, err
		}
		var l problem.List
		row := accessRow{ExpiresAt: orNever(expires), DeniedMethods: s.checkGrant(&l, expires, before.Expires, denied)}
		if err := l.Err(); err != nil {
			return nil, err
		}
		n, err := exec(ctx, tx, `update credential_access set expires_at = ?, denied_methods = ?, version = version + 1, updated_at = ?, updated_by = ?
			where id = ? and version = ?`, row.ExpiresAt, row.DeniedMethods, s.now(), by.Name, id, version)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, ErrStale
		}
		saved, err = s.recordGrant(ctx, tx, by, project, ActionUpdated, &before, id)
		return []string{before.CredentialID}, err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("change access: %w", err)
	}
	return saved, nil
}

// grantAt is a grant as it was read at version, or the *StaleError that shows
// what it has become.
func (s *Store) grantAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (Grant, error) {
	g, err := grantByID(ctx, tx, project.ID, id)
	if isNotFound(err) {
		return g, s.missing(ctx, KindAccess, id)
	}
	if err != nil || g.Version == version {
		return g, err
	}
	return g, &StaleError{Kind: KindAccess, Name: g.name(), Version: g.Version, Current: g, By: g.UpdatedBy, At: g.UpdatedAt}
}

// RevokeAccess ends a grant as it was read at version, at once.
func (s *Store) RevokeAccess(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		before, err := s.grantAt(ctx, tx, project, id, version)
		if err != nil {
			return nil, err
		}
		if _, err := from[accessRow](tx).Where("id = ? and version = ?", id, version).Delete(ctx); err != nil {
			return nil, err
		}
		_, err = s.recordGrant(ctx, tx, by, project, ActionDeleted, &before, "")
		return nil, err
	})
	if err != nil {
		return fmt.Errorf("revoke access: %w", err)
	}
	return nil
}

// name is what the grant is called in lists of changes.
func (a *Grant) name() string { return a.Credential + " → " + a.Proxy }

// grantRecord is a grant in the audit.
type grantRecord struct {
	Credential    string     `json:"username"`
	Proxy         string     `json:"proxy"`
	Expires       *time.Time `json:"expireTime"`
	DeniedMethods []string   `json:"deniedMethods"`
}

// recordGrant audits; id is the grant afterwards, "" when it has gone.
func (s *Store) recordGrant(ctx context.Context, tx *gorm.DB, by Actor, project Project, action string, before *Grant, id string) (Grant, error) {
	var after Grant
	f := fact{action: action, kind: KindAccess, project: project.Name}
	if before != nil {
		f.id, f.name, f.before = before.ID, before.name(), before.audited()
	}
	if id != "" {
		var err error
		if after, err = grantByID(ctx, tx, project.ID, id); err != nil {
			return after, err
		}
		f.id, f.name, f.after = id, after.name(), after.audited()
	}
	return after, s.record(ctx, tx, by, f)
}

func (a *Grant) audited() grantRecord {
	return grantRecord{a.Credential, a.Proxy, orNever(a.Expires), append([]string{}, a.DeniedMethods...)}
}
