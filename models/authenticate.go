package models

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/secret"
)

// Authenticate checks a name and a password, with the directory for whom it
// knows. A wrong one is false and not an error, whatever part of it was wrong or
// if the user is locked, and takes as long as a right one. A directory that cannot
// be asked is ErrDirectory, for every name that is not let in, so that none can be
// told from another. Every outcome is audited.
func (s *Store) Authenticate(ctx context.Context, name string, password secret.Text, client netip.Addr, correlationID string) (User, bool, error) {
	directory, err := s.openDirectory(ctx)
	if err != nil {
		return User{}, false, err
	}
	began := time.Now()
	by := Actor{Client: client, CorrelationID: correlationID}
	row, err := s.whoSignsIn(ctx, by, directory, name, password)
	if err != nil || row.ID == "" || row.Locked || !row.accepted {
		if directory != nil {
			directory.settle(ctx, began)
		}
		return User{}, false, s.recordSignInFailure(ctx, by, row, name, err)
	}
	by.UserID, by.Name = row.ID, row.Name
	return s.signIn(ctx, by, row.userRow, password)
}

// candidate is the user of a name, if there is one, and whether the password is
// that user's.
type candidate struct {
	userRow
	accepted bool
}

// whoSignsIn asks whoever knows the password. An unknown name costs as much as a
// known one.
func (s *Store) whoSignsIn(ctx context.Context, by Actor, directory *openDirectory, name string, password secret.Text) (candidate, error) {
	row, err := userNamed(ctx, s.db, name)
	if err != nil && !isNotFound(err) {
		return candidate{}, err
	}
	hash := row.PasswordHash
	if hash == "" {
		hash = secret.DummyHash()
	}
	ok, err := secret.VerifyContext(ctx, hash, password.Reveal())
	if err != nil {
		return candidate{row, false}, fmt.Errorf("check password: %w", err)
	}
	local := row.LoginType == LoginLocal
	switch {
	case directory == nil || local && ok:
		return candidate{row, ok && local}, nil
	case local:
		return candidate{row, false}, s.askInVain(ctx, directory)
	}
	return s.askDirectory(ctx, by, directory, row, name, password)
}

// recordSignInFailure gives cause back.
func (s *Store) recordSignInFailure(ctx context.Context, by Actor, row candidate, name string, cause error) error {
	by.Name = row.Name
	if row.ID == "" {
		by.Name = abridged(name)
	}
	if err := s.record(ctx, s.db, by, fact{action: ActionSignInFailed, kind: KindUser, id: row.ID, name: by.Name}); err != nil && cause == nil {
		return err
	}
	return cause
}

func (s *Store) signIn(ctx context.Context, by Actor, row userRow, password secret.Text) (User, bool, error) {
	hash := row.PasswordHash
	if row.LoginType == LoginLocal && secret.NeedsRehash(hash) {
		var err error
		if hash, err = secret.HashContext(ctx, password.Reveal()); err != nil {
			return User{}, false, fmt.Errorf("sign in %s: %w", row.Name, err)
		}
	}
	at := s.now()
	err := s.write(ctx, func(tx *gorm.DB) error {
		// Not a change that an editor could collide with, so no new version; but what
		// was checked must still be what counts.
		n, err := exec(ctx, tx, "update users set last_sign_in_at = ?, password_hash = ?, absent_since = null, checked_at = null where id = ? and password_hash = ? and not locked", at, hash, row.ID, row.PasswordHash)
		if err != nil {
			return err
		}
		if n == 0 {
			return s.staleUser(ctx, tx, row.ID)
		}
		return s.record(ctx, tx, by, fact{action: ActionSignedIn, kind: KindUser, id: row.ID, name: row.Name})
	})
	if err != nil {
		return User{}, false, fmt.Errorf("sign in %s: %w", row.Name, err)
	}
	row.LastSignInAt = &at
	return row.user(), true, nil
}

// RecordSignOut audits that somebody signed out.
func (s *Store) RecordSignOut(ctx context.Context, by Actor) error {
	return s.record(ctx, s.db, by, fact{action: ActionSignedOut, kind: KindUser, id: by.UserID, name: by.Name})
}
