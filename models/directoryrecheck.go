package models

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
)

// recheckLock is the advisory lock of the re-check.
const recheckLock = 7_044_581_920_336_118_275

// recheckAtOnce bounds how many users a round asks for, one after the other; who
// waited longest comes first.
const recheckAtOnce = 500

// Where directories say that an account is switched off: Active Directory,
// OpenLDAP (draft-behera-ldap-password-policy-10 section 5.3.3) and 389 Directory
// Server. Who may not read the attribute sees nothing of it.
const (
	claimControl = "account_control"
	claimLocked  = "account_locked_time"
	claimLock    = "account_lock"

	controlDisabled = 0x2             // ADS_UF_ACCOUNTDISABLE
	lockedForEver   = "000001010000Z" // any other time passes: somebody typed wrong passwords
)

var switchedOff = []ldap.ClaimAttribute{
	{Attribute: "userAccountControl", Claim: claimControl},
	{Attribute: "pwdAccountLockedTime", Claim: claimLocked},
	{Attribute: "nsAccountLock", Claim: claimLock},
}

// offInDirectory tells that the directory has somebody whom it lets in nowhere.
func offInDirectory(who identity.Identity) bool {
	control, _ := strconv.ParseInt(textClaim(who, claimControl), 10, 64)
	return control&controlDisabled != 0 || textClaim(who, claimLocked) == lockedForEver || strings.EqualFold(textClaim(who, claimLock), "true")
}

// RecheckDirectory asks the directory about its users here who have a session or a
// token and were not asked about for as long as the settings say. Of those whom it
// does not have any more, or has switched off, the sessions end, and their tokens
// open nothing until it has them again. A directory that cannot tell ends nothing:
// the error says so and the rest waits for the next round. Gone is how many were
// not there any more.
func (s *Store) RecheckDirectory(ctx context.Context) (gone int, err error) {
	d, err := s.openDirectory(ctx)
	if err != nil || d == nil || d.RecheckMinutes == 0 {
		return 0, err
	}
	_, err = s.alone(ctx, recheckLock, func() error {
		gone, err = s.recheckAll(ctx, d)
		return err
	})
	if err != nil {
		err = fmt.Errorf("ask the sign-in directory again: %w", err)
	}
	return gone, err
}

func (s *Store) recheckAll(ctx context.Context, d *openDirectory) (gone int, err error) {
	due, err := query[userRow](ctx, s.db, `select u.* from users u where u.login_type = 'LDAP' and not u.locked
		and (u.checked_at is null or u.checked_at <= ?)
		and (exists (select from web_sessions w where w.user_id = u.id and w.ended_at is null and w.expires_at > ?)
			or exists (select from personal_tokens t where t.user_id = u.id and t.revoked_at is null and (t.expires_at is null or t.expires_at > ?)))
		order by u.checked_at nulls first limit ?`, s.now().Add(-time.Duration(d.RecheckMinutes)*time.Minute), s.now(), s.now(), recheckAtOnce)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	source, err := d.open(s, d.people())
	if err != nil {
		return 0, err
	}
	defer source.Close()
	for _, row := range due {
		who, there, err := source.Lookup(ctx, row.Name)
		if err != nil && !ofOneUser(err) {
			return gone, err
		}
		// What is wrong with one entry, such as two of a name, says nothing of the person.
		absent := err == nil && (!there || offInDirectory(who))
		if absent {
			gone++
		}
		if err := s.setAbsent(ctx, row, absent, err == nil); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// setAbsent notes what the directory said of a user, if it could tell.
func (s *Store) setAbsent(ctx context.Context, before userRow, absent, told bool) error {
	at, after := s.now(), before
	if told {
		after.AbsentSince = nil
		if absent {
			after.AbsentSince = &at
		}
	}
	changed := (before.AbsentSince == nil) != (after.AbsentSince == nil)
	return s.write(ctx, func(tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "update users set checked_at = ? where id = ?", at, before.ID); err != nil || !changed {
			return err
		}
		// Who has signed in meanwhile was let in by the directory after it was asked.
		n, err := exec(ctx, tx, "update users set absent_since = ? where id = ? and last_sign_in_at is not distinct from ?", after.AbsentSince, before.ID, before.LastSignInAt)
		if err != nil || n == 0 {
			return err
		}
		if absent {
			if err := s.endSignIns(ctx, tx, before.ID); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, Actor{Name: "directory"}, fact{
			action: ActionUpdated, kind: KindUser, id: before.ID, name: before.Name, before: before.audited(), after: after.audited(),
		})
	})
}
