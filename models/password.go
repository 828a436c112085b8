package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// MinPassword is the least length of a console password in characters. Length
// is what counts (NIST SP 800-63B section 3.1.1); no classes of characters are
// demanded.
const MinPassword = 12

// generatedPasswordBytes gives 24 characters.
const generatedPasswordBytes = 18

// passwordProblem says what is wrong with a new password, or "".
func passwordProblem(password secret.Text, name string) string {
	text := password.Reveal()
	switch {
	case text == "":
		return "Enter a password."
	case utf8.RuneCountInString(text) < MinPassword:
		return fmt.Sprintf("Use at least %d characters.", MinPassword)
	case len(text) > secret.MaxPassword:
		return fmt.Sprintf("Shorten the password to %d bytes.", secret.MaxPassword)
	case strings.EqualFold(text, name):
		return "Choose a password that is not the name."
	case strings.Count(text, text[:1]) == len(text):
		return "Choose a password of more than one character repeated."
	}
	return ""
}

// ChangePassword replaces a user's own password after checking the current
// one. Problems are of the fields currentPassword and newPassword. All web
// sessions of the user end, also the one that asks: its handler renews the
// session's token afterwards, which saves it again under a new one.
func (s *Store) ChangePassword(ctx context.Context, by Actor, userID string, current, next secret.Text) error {
	row, err := userByID(ctx, s.db, userID)
	if err != nil {
		return err
	}
	if row.LoginType == LoginLDAP {
		return problem.List{{Field: "currentPassword", Message: directoryKnows}}
	}
	ok, err := secret.VerifyContext(ctx, row.PasswordHash, current.Reveal())
	if err != nil {
		return fmt.Errorf("check password: %w", err)
	}
	if err := changeProblems(ok, row.Name, current, next).Err(); err != nil {
		return err
	}
	return s.setPassword(ctx, by, row, next, false)
}

const directoryKnows = "The password is the directory's; change it there."

func changeProblems(ok bool, name string, current, next secret.Text) problem.List {
	var l problem.List
	if !ok {
		l.Add("currentPassword", "This is not your current password.")
	}
	if msg := passwordProblem(next, name); msg != "" {
		l.Add("newPassword", "%s", msg)
	} else if ok && current.Equal(next) {
		l.Add("newPassword", "Choose a password that differs from the current one.")
	}
	return l
}

// NewPassword makes one up, for somebody who has to change it.
func NewPassword() secret.Text { return secret.New(secret.Generate(generatedPasswordBytes)) }

// ResetPassword gives a user a generated password that has to be changed at
// the next sign-in, and ends all of the user's sessions. It is returned this
// once. The password of somebody who signs in by the directory is a problem.
func (s *Store) ResetPassword(ctx context.Context, by Actor, name string) (secret.Text, error) {
	row, err := userNamed(ctx, s.db, name)
	if err != nil {
		return secret.Text{}, err
	}
	if row.LoginType == LoginLDAP {
		return secret.Text{}, problem.List{{Field: "password", Message: directoryKnows}}
	}
	password := NewPassword()
	if err := s.setPassword(ctx, by, row, password, true); err != nil {
		return secret.Text{}, err
	}
	return password, nil
}

func (s *Store) setPassword(ctx context.Context, by Actor, row userRow, password secret.Text, mustChange bool) error {
	hash, err := secret.HashContext(ctx, password.Reveal())
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	after := row
	after.PasswordHash, after.MustChangePassword = hash, mustChange
	return s.updateUser(ctx, by, ActionPasswordChanged, row, after, "password_hash", "must_change_password")
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
