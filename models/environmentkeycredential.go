package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/issue"
)

// credentialSigners are the token settings of the credentials that may use
// APIs, each once. The condition is on the environment e, the API x, the
// access a and the credential c; also those count that are disabled or have
// expired, because what they signed before lives on.
func credentialSigners(ctx context.Context, tx *gorm.DB, environmentID, condition string, args ...any) ([]signer, error) {
	type line struct{ Tokens document }
	lines, err := query[line](ctx, tx, `select distinct c.tokens from credentials c
		join credential_access a on a.credential_id = c.id join owners x on x.id = a.owner_id
		cross join environments e where e.id = ? and `+condition, append([]any{environmentID}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list token settings of credentials: %w", err)
	}
	var list []signer
	for _, l := range lines {
		c := signer{Active: true, Settings: issue.Defaults()}
		if err := json.Unmarshal(l.Tokens, &c.Settings); err != nil {
			return nil, fmt.Errorf("read token settings of a credential: %w", err)
		}
		if c.signs() {
			list = append(list, c)
		}
	}
	return list, nil
}

// leavesToCredentials is the SQL condition that an environment e runs the proxy
// or proxy group x, by itself or as a member, with a policy that leaves token
// settings to credentials.
const leavesToCredentials = `exists (select from deployments d join revisions r on r.id = d.revision_id join owners o on o.id = d.owner_id
	cross join lateral definition_policies(o.kind, r.definition) p (policy)
	where d.environment_id = e.id and (d.owner_id = x.id
			or exists (select from json_array_elements(r.definition -> 'members') m where m ->> 'id' = x.id::text))
		and (p.policy ->> 'active')::boolean and not (p.policy ->> 'managedFromThisPolicy')::boolean)`

// ensureCredentialKeys is ensureKeys for credentials whose token settings or
// whose access to APIs have changed: it stores the keys that an environment
// needs to sign their tokens, and notes for how long these live. It belongs into
// the transaction of the change, after the change and after raise.
func (s *Store) ensureCredentialKeys(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, credentialIDs []string, made newKeys) error {
	if len(credentialIDs) == 0 {
		return nil
	}
	needs, err := credentialSigners(ctx, tx, e.ID, "c.id in ? and "+leavesToCredentials, credentialIDs)
	if err != nil || len(needs) == 0 {
		return err
	}
	_, err = s.ensureSigners(ctx, tx, by, e, "", needs, made)
	return err
}
