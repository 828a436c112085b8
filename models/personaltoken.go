package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// KindPersonalToken is what an audit record of one is about.
const KindPersonalToken = "PERSONAL_TOKEN"

const (
	personalTokensByName = "personal_tokens_name"
	maxPersonalTokens    = 100 // of a user
	tokenBytes           = 32
	// personalPrefix and signInPrefix let people and scanners recognise one that
	// was left somewhere.
	personalPrefix = "gwp_"
	signInPrefix   = "gws_"

	tokenPersonal = "PERSONAL"
	tokenSignIn   = "SIGN_IN"

	// APITokenLife is how long a token lives that was given for a password.
	APITokenLife = time.Hour
	// lastUsedEvery spares a write for each call.
	lastUsedEvery = time.Minute
)

// PersonalToken is a bearer token of the management API that a person made. Its
// value is known to whoever made it and to nobody else.
type PersonalToken struct {
	ID, UserID, Name string
	Scope            TokenScope
	// ProjectName is that of Scope.ProjectID.
	ProjectName string
	CreatedAt   time.Time
	// ExpiresAt is nil for one that does not end, LastUsedAt for one never used.
	ExpiresAt, LastUsedAt *time.Time
}

type personalTokenRow struct {
	ID          string `gorm:"primaryKey"`
	UserID      string
	Kind        string
	Name        string
	TokenHash   string
	Permissions document
	ProjectID   *string
	CreatedAt   time.Time `gorm:"autoCreateTime:false"`
	ExpiresAt   *time.Time
	LastUsedAt  *time.Time
	RevokedAt   *time.Time
}

// TableName implements gorm's schema.Tabler.
func (personalTokenRow) TableName() string { return "personal_tokens" }

func (r personalTokenRow) token(project string) (PersonalToken, error) {
	t := PersonalToken{
		ID: r.ID, UserID: r.UserID, Name: r.Name, ProjectName: project,
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: inUTC(r.ExpiresAt), LastUsedAt: inUTC(r.LastUsedAt),
	}
	var err error
	t.Scope, err = scopeOf(r.Permissions, r.ProjectID)
	return t, err
}

func scopeOf(permissions document, project *string) (TokenScope, error) {
	var scope TokenScope
	if project != nil {
		scope.ProjectID = *project
	}
	if permissions == nil {
		return scope, nil
	}
	scope.Permissions = Permissions{}
	if err := json.Unmarshal(permissions, &scope.Permissions); err != nil {
		return scope, fmt.Errorf("read permissions of a token: %w", err)
	}
	return scope, nil
}

func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}

// personalTokenRecord is a token in the audit: what it opens, never what it is.
type personalTokenRecord struct {
	User        string      `json:"user"`
	Name        string      `json:"name"`
	Permissions Permissions `json:"permissions"`
	Project     string      `json:"project,omitempty"`
	ExpiresAt   *time.Time  `json:"expiresAt"`
}

// hashToken is what is kept of a token. Its 256 random bits need no salt and no
// slow hash.
func hashToken(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// CreatePersonalToken makes a token for whoever asks, and for nobody else, and
// returns its value this once. Problems are of the fields name, permissions,
// project and expiresAt.
func (s *Store) CreatePersonalToken(ctx context.Context, by Actor, t PersonalToken) (PersonalToken, secret.Text, error) {
	if t.UserID == "" {
		t.UserID = by.UserID
	}
	if t.UserID != by.UserID {
		return PersonalToken{}, secret.Text{}, fmt.Errorf("create token for somebody else: %w", ErrForbidden)
	}
	user, err := userByID(ctx, s.db, t.UserID)
	if err != nil {
		return PersonalToken{}, secret.Text{}, err
	}
	l := t.problems(s.now())
	if t.ProjectName, err = s.tokenProject(ctx, &l, user, t.Scope.ProjectID); err != nil {
		return PersonalToken{}, secret.Text{}, err
	}
	if err := l.Err(); err != nil {
		return PersonalToken{}, secret.Text{}, err
	}
	value := personalPrefix + secret.Generate(tokenBytes)
	row := personalTokenRow{
		ID: newID(), UserID: user.ID, Kind: tokenPersonal, Name: t.Name, TokenHash: hashToken(value), ProjectID: orNil(t.Scope.ProjectID),
		CreatedAt: s.now(), ExpiresAt: inUTC(t.ExpiresAt),
	}
	if t.Scope.Permissions != nil {
		t.Scope.Permissions = t.Scope.Permissions.Whole()
		if row.Permissions, err = json.Marshal(t.Scope.Permissions); err != nil {
			return PersonalToken{}, secret.Text{}, fmt.Errorf("encode permissions: %w", err)
		}
	}
	if err := s.insertToken(ctx, by, user, row, t); err != nil {
		return PersonalToken{}, secret.Text{}, fmt.Errorf("create token: %w", err)
	}
	made, err := row.token(t.ProjectName)
	return made, secret.New(value), err
}

func (t PersonalToken) problems(now time.Time) problem.List {
	var l problem.List
	if msg := problem.Name(t.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if unknown := t.Scope.Permissions.unknown(append(AllPermissions(), ViewSystem, ManageSystem)); len(unknown) > 0 {
		l.Add("permissions", "There is no permission %s.", truncated(strings.Join(unknown, ", "), maxSearch))
	} else if t.Scope.Permissions != nil && len(t.Scope.Permissions) == 0 {
		l.Add("permissions", "Choose at least one permission, or all that you have.")
	}
	if t.ExpiresAt != nil && !t.ExpiresAt.After(now) {
		l.Add("expiresAt", "Choose a moment that is still to come.")
	}
	return l
}

// tokenProject is the name of the project that a token is for. One that the user
// is not in does not exist for them.
func (s *Store) tokenProject(ctx context.Context, l *problem.List, user userRow, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	p, err := s.projectByID(ctx, s.db, id)
	if err == nil && user.Role == RoleMember {
		var here Permissions
		if here, err = s.PermissionsIn(ctx, user.ID, p.Name); err == nil && len(here) == 0 {
			err = ErrNotFound
		}
	}
	if isNotFound(err) {
		l.Add("project", "Choose one of your projects.")
		return "", nil
	}
	return p.Name, err
}

func (s *Store) insertToken(ctx context.Context, by Actor, user userRow, row personalTokenRow, t PersonalToken) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		n, err := from[personalTokenRow](tx).Where("user_id = ? and kind = ? and revoked_at is null", user.ID, tokenPersonal).Count(ctx, "*")
		if err != nil {
			return err
		}
		if n >= maxPersonalTokens {
			var l problem.List
			l.Add("name", "You have %d tokens. Revoke one that you do not need.", n)
			return l
		}
		if err := from[personalTokenRow](tx).Create(ctx, &row); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{
			action: ActionCreated, kind: KindPersonalToken, id: row.ID, name: row.Name, project: t.ProjectName,
			after: personalTokenRecord{user.Name, t.Name, t.Scope.Permissions, t.ProjectName, row.ExpiresAt},
		})
	})
	if violated(err) == personalTokensByName {
		return problem.List{{Field: "name", Message: "You have a token of this name; choose another one.", Taken: true}}
	}
	return err
}

// PersonalTokens lists the tokens of a user that were not revoked, the newest
// first, those among them that have expired.
func (s *Store) PersonalTokens(ctx context.Context, userID string) ([]PersonalToken, error) {
	if !isID(userID) {
		return nil, nil
	}
	type line struct {
		Row     personalTokenRow `gorm:"embedded"`
		Project string
	}
	lines, err := query[line](ctx, s.db, `select t.*, coalesce(p.name, '') as project from personal_tokens t left join projects p on p.id = t.project_id
		where t.user_id = ? and t.kind = ? and t.revoked_at is null order by t.created_at desc, t.id`, userID, tokenPersonal)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list := make([]PersonalToken, len(lines))
	for i, l := range lines {
		if list[i], err = l.Row.token(l.Project); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// RevokePersonalToken ends a token of a user at once. One of somebody else, or that
// was revoked, is ErrNotFound.
func (s *Store) RevokePersonalToken(ctx context.Context, by Actor, userID, id string) error {
	if !isID(userID) || !isID(id) {
		return fmt.Errorf("revoke token: %w", ErrNotFound)
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		user, err := userByID(ctx, tx, userID)
		if err != nil {
			return err
		}
		row, err := found(from[personalTokenRow](tx).Where("id = ? and user_id = ? and kind = ? and revoked_at is null", id, userID, tokenPersonal).Take(ctx))
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, "update personal_tokens set revoked_at = ? where id = ?", s.now(), id); err != nil {
			return err
		}
		t, err := row.token("")
		if err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{
			action: ActionRevoked, kind: KindPersonalToken, id: id, name: row.Name,
			before: personalTokenRecord{user.Name, t.Name, t.Scope.Permissions, "", t.ExpiresAt},
		})
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// RedeemPersonalToken finds whose token a value is, and what it was made for.
// Unknown, revoked and expired ones are ErrNotFound, and those of somebody who is
// locked, gone from the directory or has to choose a password first. It is one query, and a write once a
// minute.
func (s *Store) RedeemPersonalToken(ctx context.Context, value secret.Text) (User, TokenScope, error) {
	text := value.Reveal()
	if !strings.HasPrefix(text, personalPrefix) && !strings.HasPrefix(text, signInPrefix) {
		return User{}, TokenScope{}, fmt.Errorf("redeem token: %w", ErrNotFound)
	}
	type line struct {
		Row         userRow `gorm:"embedded"`
		TokenID     string
		Permissions document
		ProjectID   *string
		UsedAt      *time.Time
	}
	at := s.now()
	lines, err := query[line](ctx, s.db, `select u.*, t.id as token_id, t.permissions, t.project_id, t.last_used_at as used_at
		from personal_tokens t join users u on u.id = t.user_id
		where t.token_hash = ? and t.revoked_at is null and (t.expires_at is null or t.expires_at > ?) and not u.locked and not u.must_change_password and (u.absent_since is null or u.login_type <> 'LDAP')`,
		hashToken(text), at)
	if err == nil && len(lines) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return User{}, TokenScope{}, fmt.Errorf("redeem token: %w", err)
	}
	l := lines[0]
	scope, err := scopeOf(l.Permissions, l.ProjectID)
	if err != nil {
		return User{}, TokenScope{}, err
	}
	if l.UsedAt == nil || at.Sub(*l.UsedAt) >= lastUsedEvery {
		if _, err := exec(ctx, s.db, "update personal_tokens set last_used_at = ? where id = ? and (last_used_at is null or last_used_at < ?)", at, l.TokenID, at); err != nil {
			return User{}, TokenScope{}, fmt.Errorf("note use of token: %w", err)
		}
	}
	return l.Row.user(), scope, nil
}

// GivenForPassword tells whether the value of a token is one of IssueAPIToken.
func GivenForPassword(value secret.Text) bool { return strings.HasPrefix(value.Reveal(), signInPrefix) }

// IssueAPIToken gives a user who has just proved the password a token for an hour.
// It ends with the password, and when the user is locked or deleted. Somebody who
// must choose a password first gets none: ErrForbidden.
func (s *Store) IssueAPIToken(ctx context.Context, user User) (secret.Text, time.Time, error) {
	value, at := signInPrefix+secret.Generate(tokenBytes), s.now()
	expires := at.Add(APITokenLife)
	n, err := exec(ctx, s.db, `insert into personal_tokens (id, user_id, kind, name, token_hash, created_at, expires_at)
		select ?, id, ?, 'sign-in', ?, ?, ? from users where id = ? and version = ? and not locked and not must_change_password`,
		newID(), tokenSignIn, hashToken(value), at, expires, user.ID, user.Version)
	if err == nil && n == 0 {
		err = ErrForbidden
	}
	if err != nil {
		return secret.Text{}, time.Time{}, fmt.Errorf("issue token: %w", err)
	}
	if _, err := exec(ctx, s.db, `delete from personal_tokens where id in
		(select id from personal_tokens where kind = ? and expires_at < ? order by expires_at limit ? for update skip locked)`, tokenSignIn, at, expiredAtOnce); err != nil {
		return secret.Text{}, time.Time{}, fmt.Errorf("remove expired tokens: %w", err)
	}
	return secret.New(value), expires, nil
}
