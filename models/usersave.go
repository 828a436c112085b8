package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

const (
	lastAdministrator = "%s is the last administrator who can sign in with a password of this installation. Make another one first."
	nobodySelf        = "Nobody can do that to their own account; another administrator can."
)

// SaveUser writes what an administrator can change of a user, as it was read at
// version: full name, email, role, login type and whether the user is locked. The
// name stays, as records name people by it. Somebody who becomes LOCAL has no
// password that anybody knows until ResetPassword gives one. A user who is locked,
// or signs in in another way from now on, is signed out everywhere. Errors are a
// problem.List, a *StaleError and ErrNotFound.
func (s *Store) SaveUser(ctx context.Context, by Actor, u User) (User, error) {
	before, err := userByID(ctx, s.db, u.ID)
	if isNotFound(err) {
		return User{}, s.missing(ctx, KindUser, u.ID)
	}
	if err != nil {
		return User{}, err
	}
	if before.Stamp.Version != u.Version {
		return User{}, s.staleUser(ctx, s.db, u.ID)
	}
	u.Name, u.Theme = before.Name, before.Theme
	l := u.validate()
	if u.Locked && !before.Locked && by.UserID == u.ID {
		l.Add("locked", nobodySelf)
	}
	if err := l.Err(); err != nil {
		return User{}, err
	}
	after := before
	after.FullName, after.Email, after.Role, after.LoginType, after.Locked = u.FullName, u.Email, u.Role, u.LoginType, u.Locked
	if err := anotherPassword(ctx, before, &after); err != nil {
		return User{}, fmt.Errorf("save user: %w", err)
	}
	if err := s.updateUser(ctx, by, ActionUpdated, before, after,
		"full_name", "email", "role", "login_type", "locked", "password_hash", "must_change_password"); err != nil {
		return User{}, err
	}
	return s.User(ctx, u.ID)
}

// anotherPassword forgets the password of whom the directory knows from now on,
// and gives one that nobody knows the other way round.
func anotherPassword(ctx context.Context, before userRow, after *userRow) (err error) {
	if before.LoginType == after.LoginType {
		return nil
	}
	after.PasswordHash, after.MustChangePassword = "", false
	if after.LoginType == LoginLocal {
		after.MustChangePassword = true
		after.PasswordHash, err = secret.HashContext(ctx, secret.Generate(generatedPasswordBytes))
	}
	return err
}

// opensAlways tells whom a directory that is down does not shut out.
func (r userRow) opensAlways() bool {
	return r.Role == RoleAdministrator && !r.Locked && r.LoginType == LoginLocal
}

// keepsAdministrator refuses to take away the last administrator who can always
// sign in. The lock makes two who take away each other try one after the other.
func keepsAdministrator(ctx context.Context, tx *gorm.DB, leaving userRow, field string) error {
	ids, err := query[string](ctx, tx, `select id from users where role = ? and not locked and login_type = ? order by id for update`, RoleAdministrator, LoginLocal)
	if err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	if len(ids) == 1 && ids[0] == leaving.ID {
		var l problem.List
		l.Add(field, lastAdministrator, leaving.Name)
		return l
	}
	return nil
}

// administratorField is the member that took the last administrator away.
func administratorField(after userRow) string {
	switch {
	case after.Locked:
		return "locked"
	case after.Role != RoleAdministrator:
		return "role"
	}
	return "loginType"
}

// DeleteUser removes a user, as read at version, with memberships, tokens and
// sessions. What the user did stays in the audit under the name.
func (s *Store) DeleteUser(ctx context.Context, by Actor, id string, version int) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		row, err := userByID(ctx, tx, id)
		switch {
		case isNotFound(err):
			return s.missing(ctx, KindUser, id)
		case err != nil:
			return err
		case row.Stamp.Version != version:
			return s.staleUser(ctx, tx, id)
		case by.UserID == id:
			return problem.List{{Field: "name", Message: nobodySelf}}
		}
		if row.opensAlways() {
			if err := keepsAdministrator(ctx, tx, row, "name"); err != nil {
				return err
			}
		}
		if _, err := from[userRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{action: ActionDeleted, kind: KindUser, id: id, name: row.Name, before: row.audited()})
	})
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// endSignIns ends what a user has opened with a password: the sessions, and the
// tokens that were given for it.
func (s *Store) endSignIns(ctx context.Context, tx *gorm.DB, userID string) error {
	if err := endSessions(ctx, tx, s.now(), userID, ""); err != nil {
		return err
	}
	if _, err := exec(ctx, tx, "delete from personal_tokens where user_id = ? and kind = ?", userID, tokenSignIn); err != nil {
		return fmt.Errorf("end tokens: %w", err)
	}
	return nil
}
