package models

import (
	"bytes"
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/issue"
)

// What an audit record of the secret manager is about.
const (
	KindCredential = "CREDENTIAL"
	KindRole       = "CREDENTIAL_ROLE"
	KindAccess     = "CREDENTIAL_ACCESS"
)

// credentialRecord is a credential in the audit. Of secrets it only says
// whether they changed (D18).
type credentialRecord struct {
	Name            string           `json:"username"`
	Description     string           `json:"description"`
	FullName        string           `json:"fullName"`
	Email           string           `json:"email"`
	Enabled         bool             `json:"enabled"`
	Expires         *time.Time       `json:"expireDate"`
	SecretChangedAt time.Time        `json:"passwordChangedAt"`
	Networks        []string         `json:"ipList"`
	Roles           []string         `json:"roleNameList"`
	Metadata        []metadataRecord `json:"metadata"`
	Tokens          issue.Settings   `json:"tokenSettings"`
	Environments    []overrideRecord `json:"environments"`
	Version         int              `json:"version"`
}

// The words for a secret that must not be shown.
const (
	secretStored  = "stored"
	secretChanged = "changed"
)

type metadataRecord struct {
	Metadata
	SecretValue string `json:"secretValue,omitempty"`
}

type overrideRecord struct {
	Environment string   `json:"environment"`
	Secret      string   `json:"password,omitempty"`
	Networks    []string `json:"ipList,omitempty"`
	OwnNetworks bool     `json:"ownIpList"`
	Disabled    bool     `json:"disabled"`
}

// audited is a credential beside what it was before; for the earlier side both
// are the same.
func (b credentialState) audited(before credentialState) (credentialRecord, error) {
	c := b.credential
	r := credentialRecord{
		Name: c.Name, Description: c.Description, FullName: c.FullName, Email: c.Email, Enabled: c.Enabled, Expires: orNever(c.Expires),
		SecretChangedAt: c.SecretChangedAt, Networks: append([]string{}, c.Networks...), Roles: append([]string{}, c.Roles...),
		Metadata: []metadataRecord{}, Tokens: c.Tokens, Environments: []overrideRecord{}, Version: c.Version,
	}
	now, err := b.row.stored()
	if err != nil {
		return r, err
	}
	old, err := before.row.stored()
	if err != nil {
		return r, err
	}
	for _, m := range now {
		r.Metadata = append(r.Metadata, metadataRecord{Metadata: m.Metadata, SecretValue: secretWord(m, old)})
	}
	for _, o := range c.Environments {
		r.Environments = append(r.Environments, overrideRecord{
			Environment: o.Environment, Secret: overrideWord(o, b, before), Networks: o.Networks, OwnNetworks: o.OwnNetworks, Disabled: o.Disabled,
		})
	}
	return r, nil
}

func secretWord(m storedMetadata, old []storedMetadata) string {
	if !m.Secret {
		return ""
	}
	for _, o := range old {
		if o.Key == m.Key && bytes.Equal(o.Sealed, m.Sealed) {
			return secretStored
		}
	}
	return secretChanged
}

func overrideWord(o CredentialOverride, now, before credentialState) string {
	if !o.OwnSecret {
		return ""
	}
	is, was := now.override(o.EnvironmentID), before.override(o.EnvironmentID)
	if was != nil && was.SecretHash != nil && is.SecretHash != nil && *was.SecretHash == *is.SecretHash {
		return secretStored
	}
	return secretChanged
}

func (s *Store) recordCredential(ctx context.Context, tx *gorm.DB, by Actor, project Project, action string, before, after credentialState) error {
	f := fact{action: action, kind: KindCredential, project: project.Name}
	for _, side := range []struct {
		state credentialState
		to    *any
	}{{before, &f.before}, {after, &f.after}} {
		if side.state.row.ID == "" {
			continue
		}
		record, err := side.state.audited(before)
		if err != nil {
			return err
		}
		f.id, f.name, *side.to = side.state.row.ID, side.state.row.Name, record
	}
	return s.record(ctx, tx, by, f)
}
