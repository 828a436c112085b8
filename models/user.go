package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// The roles of the console (D22).
const (
	// RoleAdministrator may do everything, RoleProjectManager everything in every
	// project, RoleAuditor look at everything; RoleMember may do what the roles of
	// a project say.
	RoleAdministrator  = "ADMINISTRATOR"
	RoleProjectManager = "PROJECT_MANAGER"
	RoleAuditor        = "AUDITOR"
	RoleMember         = "MEMBER"
)

// Who knows a user's password.
const (
	LoginLocal = "LOCAL"
	LoginLDAP  = "LDAP"
)

// The themes of the console.
const (
	ThemeSystem = "system"
	ThemeLight  = "light"
	ThemeDark   = "dark"
)

// AdministratorName is the account that the first start creates.
const AdministratorName = "admin"

const usersByName = "users_name" // the unique index

// User is who may use the console.
type User struct {
	ID, Name, FullName string
	Email              string
	// Role is ADMINISTRATOR, PROJECT_MANAGER, AUDITOR or MEMBER.
	Role string
	// LoginType says who knows the password, LOCAL (the default) or LDAP.
	LoginType string
	// Locked keeps the user from signing in and ends what is open.
	Locked bool
	// Theme is system (the default), light or dark.
	Theme string
	// MustChangePassword is set while a generated password is in use.
	MustChangePassword bool
	// LastSignInAt is nil until the first one.
	LastSignInAt *time.Time
	// AbsentSince is when the directory said that it does not have the user any
	// more; nil while it does.
	AbsentSince *time.Time
	Stamp
}

type userRow struct {
	ID                 string `gorm:"primaryKey"`
	Name               string
	FullName           string
	Email              string
	Role               string
	LoginType          string
	Locked             bool
	Theme              string
	PasswordHash       string
	MustChangePassword bool
	LastSignInAt       *time.Time
	AbsentSince        *time.Time
	CheckedAt          *time.Time
	Stamp              stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (userRow) TableName() string { return "users" }

func (r userRow) user() User {
	u := User{
		ID: r.ID, Name: r.Name, FullName: r.FullName, Email: r.Email, Role: r.Role, LoginType: r.LoginType, Locked: r.Locked, Theme: r.Theme,
		MustChangePassword: r.MustChangePassword, Stamp: r.Stamp.stamp(),
	}
	u.LastSignInAt = inUTC(r.LastSignInAt)
	if r.LoginType == LoginLDAP {
		u.AbsentSince = inUTC(r.AbsentSince)
	}
	return u
}

// userRecord is a user in the audit.
type userRecord struct {
	Name               string `json:"name"`
	FullName           string `json:"fullName"`
	Email              string `json:"email"`
	Role               string `json:"role"`
	LoginType          string `json:"loginType"`
	Locked             bool   `json:"locked"`
	Theme              string `json:"theme"`
	MustChangePassword bool   `json:"mustChangePassword"`
	Absent             bool   `json:"absent,omitempty"`
}

func (r userRow) audited() userRecord {
	return userRecord{Name: r.Name, FullName: r.FullName, Email: r.Email, Role: r.Role, LoginType: r.LoginType, Locked: r.Locked, Theme: r.Theme, MustChangePassword: r.MustChangePassword, Absent: r.AbsentSince != nil}
}

// EnsureAdministrator makes sure that somebody can sign in: when there is no
// administrator yet it creates one called admin, with the given password or,
// when that is empty, with a generated one that is returned this once and has
// to be changed at the first sign-in (D22). A weak password is a problem of
// the field "password".
func (s *Store) EnsureAdministrator(ctx context.Context, password secret.Text) (u User, generated secret.Text, created bool, err error) {
	if row, err := s.administrator(ctx); err == nil {
		return row.user(), secret.Text{}, false, nil
	} else if !isNotFound(err) {
		return User{}, secret.Text{}, false, fmt.Errorf("look for an administrator: %w", err)
	}
	if password.IsZero() {
		generated = NewPassword()
		password = generated
	}
	u = User{Name: AdministratorName, FullName: "Administrator", Role: RoleAdministrator, MustChangePassword: !generated.IsZero()}
	u, err = s.CreateUser(ctx, Actor{Name: "system"}, u, password)
	if problem.Of(err).For("name") != "" { // another process was first
		row, err := s.administrator(ctx)
		return row.user(), secret.Text{}, false, err
	}
	if err != nil {
		return User{}, secret.Text{}, false, err
	}
	return u, generated, true, nil
}

func (s *Store) administrator(ctx context.Context) (userRow, error) {
	return found(from[userRow](s.db).Where("role = ?", RoleAdministrator).Order("created_at").Limit(1).Take(ctx))
}

// CreateUser adds a user. An empty theme means system, an empty login type
// LOCAL; one of LDAP takes no password. Problems are of the fields name, fullName,
// email, role, loginType, theme and password.
func (s *Store) CreateUser(ctx context.Context, by Actor, u User, password secret.Text) (User, error) {
	u.Theme, u.LoginType = cmp.Or(u.Theme, ThemeSystem), cmp.Or(u.LoginType, LoginLocal)
	l := u.validate()
	if msg := newPasswordProblem(u, password); msg != "" {
		l.Add("password", "%s", msg)
	}
	if err := l.Err(); err != nil {
		return User{}, err
	}
	row := userRow{
		ID: newID(), Name: u.Name, FullName: u.FullName, Email: u.Email, Role: u.Role, LoginType: u.LoginType, Locked: u.Locked, Theme: u.Theme,
		MustChangePassword: u.MustChangePassword && u.LoginType == LoginLocal, Stamp: born(by, s.now()),
	}
	if u.LoginType == LoginLocal {
		var err error
		if row.PasswordHash, err = secret.HashContext(ctx, password.Reveal()); err != nil {
			return User{}, fmt.Errorf("create user: %w", err)
		}
	}
	return s.insertUser(ctx, by, row)
}

// newPasswordProblem says what is wrong with the password of a new user.
func newPasswordProblem(u User, password secret.Text) string {
	switch {
	case u.LoginType != LoginLDAP:
		return passwordProblem(password, u.Name)
	case !password.IsZero():
		return "Leave the password empty: the directory knows it."
	}
	return ""
}

func (s *Store) insertUser(ctx context.Context, by Actor, row userRow) (User, error) {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := from[userRow](tx).Create(ctx, &row); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{action: ActionCreated, kind: KindUser, id: row.ID, name: row.Name, after: row.audited()})
	})
	if violated(err) == usersByName {
		return User{}, problem.List{{Field: "name", Message: "The name is taken; choose another one.", Taken: true}}
	}
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	return row.user(), nil
}

func (u User) validate() problem.List {
	var l problem.List
	if msg := problem.Name(u.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if u.FullName != "" {
		if msg := problem.Name(u.FullName); msg != "" {
			l.Add("fullName", "%s", msg)
		}
	}
	if msg := emailProblem(u.Email); msg != "" {
		l.Add("email", "%s", msg)
	}
	if u.LoginType != LoginLocal && u.LoginType != LoginLDAP {
		l.Add("loginType", "Choose %s or %s.", LoginLocal, LoginLDAP)
	}
	if !slices.Contains(UserRoles(), u.Role) {
		l.Add("role", "Choose %s.", strings.Join(UserRoles(), ", "))
	}
	if msg := themeProblem(u.Theme); msg != "" {
		l.Add("theme", "%s", msg)
	}
	return l
}

// UserRoles are the roles that hold in the whole installation.
func UserRoles() []string {
	return []string{RoleAdministrator, RoleProjectManager, RoleAuditor, RoleMember}
}

func themeProblem(theme string) string {
	if !slices.Contains([]string{ThemeSystem, ThemeLight, ThemeDark}, theme) {
		return "Choose system, light or dark."
	}
	return ""
}

// Users lists all users by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := from[userRow](s.db).Order("lower(name)").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	list := make([]User, len(rows))
	for i, row := range rows {
		list[i] = row.user()
	}
	return list, nil
}

// User finds a user by id.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	row, err := userByID(ctx, s.db, id)
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

// UserByName finds a user by name, compared without case.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	row, err := userNamed(ctx, s.db, name)
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

func userByID(ctx context.Context, db *gorm.DB, id string) (userRow, error) {
	if !isID(id) {
		return userRow{}, fmt.Errorf("read user: %w", ErrNotFound)
	}
	row, err := found(from[userRow](db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read user: %w", err)
	}
	return row, nil
}

func userNamed(ctx context.Context, db *gorm.DB, name string) (userRow, error) {
	if !storable(name) {
		return userRow{}, fmt.Errorf("read user: %w", ErrNotFound)
	}
	row, err := found(from[userRow](db).Where("lower(name) = lower(?)", name).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read user: %w", err)
	}
	return row, nil
}

// SetTheme keeps a user's own choice of theme.
func (s *Store) SetTheme(ctx context.Context, userID, theme string) error {
	if msg := themeProblem(theme); msg != "" {
		return problem.List{{Field: "theme", Message: msg}}
	}
	row, err := userByID(ctx, s.db, userID)
	if err != nil || row.Theme == theme {
		return err
	}
	after := row
	after.Theme = theme
	return s.updateUser(ctx, Actor{UserID: row.ID, Name: row.Name}, ActionUpdated, row, after, "theme")
}

// updateUser writes the named columns of after, which was made from before,
// and the record of it.
func (s *Store) updateUser(ctx context.Context, by Actor, action string, before, after userRow, columns ...any) error {
	after.Stamp = before.Stamp.next(by, s.now())
	err := s.write(ctx, func(tx *gorm.DB) error {
		if before.opensAlways() && !after.opensAlways() {
			if err := keepsAdministrator(ctx, tx, before, administratorField(after)); err != nil {
				return err
			}
		}
		n, err := from[userRow](tx).Where("id = ? and version = ?", before.ID, before.Stamp.Version).
			Select("version", append([]any{"updated_at", "updated_by"}, columns...)...).Updates(ctx, after)
		if err != nil {
			return err
		}
		if n == 0 {
			return s.staleUser(ctx, tx, before.ID)
		}
		if action == ActionPasswordChanged || after.Locked && !before.Locked || after.LoginType != before.LoginType {
			if err := s.endSignIns(ctx, tx, before.ID); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, by, fact{
			action: action, kind: KindUser, id: before.ID, name: before.Name,
			before: before.audited(), after: after.audited(),
		})
	})
	if err != nil {
		return fmt.Errorf("update user %s: %w", before.Name, err)
	}
	return nil
}

func (s *Store) staleUser(ctx context.Context, tx *gorm.DB, id string) error {
	row, err := userByID(ctx, tx, id)
	if err != nil {
		return err
	}
	return &StaleError{
		Kind: KindUser, Name: row.Name, Version: row.Stamp.Version,
		Current: row.user(), By: row.Stamp.UpdatedBy, At: row.Stamp.UpdatedAt.UTC(),
	}
}
