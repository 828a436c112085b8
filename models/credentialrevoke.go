package models

import (
	"context"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/revoke"
)

// standing is what the tokens of a credential hang on in one environment.
type standing struct {
	name, hash string
	enabled    bool
}

// standings are those of a credential in each environment, by id; none of a
// credential that is not there.
func (b credentialState) standings(all []environmentRow) map[string]standing {
	list := make(map[string]standing, len(all))
	if b.row.ID == "" {
		return list
	}
	for _, e := range all {
		at := standing{b.row.Name, b.row.SecretHash, b.row.Enabled}
		if o := b.override(e.ID); o != nil {
			at.enabled = at.enabled && !o.Disabled
			if o.SecretHash != nil {
				at.hash = *o.SecretHash
			}
		}
		list[e.ID] = at
	}
	return list
}

// revokeChanged makes the tokens of a credential worthless where it has gone,
// was shut out, or has another name or secret than the one they were asked for
// with. Before may be nothing, as of a new credential.
func (s *Store) revokeChanged(ctx context.Context, tx *gorm.DB, by Actor, project Project, before, after credentialState) error {
	all, err := environments(ctx, tx)
	if err != nil {
		return err
	}
	was, is := before.standings(all), after.standings(all)
	var ids []string
	reason := ""
	for _, e := range all {
		if why := worthless(was[e.ID], is[e.ID]); why != "" {
			ids, reason = append(ids, e.ID), why
		}
	}
	if len(ids) == len(all) {
		ids = []string{""} // everywhere, in one entry
	}
	for _, id := range ids {
		revokeCredential(tx, by, id, project.Name, before.row.Name, reason)
	}
	return nil
}

// worthless says why tokens of before are no longer good, or "".
func worthless(before, after standing) string {
	switch {
	case !before.enabled: // it had none, or they were revoked when it was disabled
		return ""
	case after.name == "":
		return "the credential was deleted"
	case !after.enabled:
		return "the credential was disabled"
	case after.name != before.name:
		return "the credential was renamed"
	case after.hash != before.hash:
		return "the secret of the credential was changed"
	}
	return ""
}

// revokeCredential makes what was issued to a name until now worthless in an
// environment, "" for all: to a client of that name, and to a user of it in the
// project, as who signs in with the secret of a credential is one.
func revokeCredential(tx *gorm.DB, by Actor, environmentID, project, name, reason string) {
	for _, e := range []revoke.Entry{{Kind: revoke.Client, Key: name}, {Kind: revoke.User, Project: project, Key: name}} {
		revokeInTx(tx, revocation{by, environmentID, e, reason})
	}
}
