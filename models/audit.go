package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// What an audit record says was done.
const (
	ActionCreated         = "CREATED"
	ActionUpdated         = "UPDATED"
	ActionDeleted         = "DELETED"
	ActionDeployed        = "DEPLOYED"
	ActionUndeployed      = "UNDEPLOYED"
	ActionSignedIn        = "SIGNED_IN"
	ActionSignInFailed    = "SIGN_IN_FAILED"
	ActionSignedOut       = "SIGNED_OUT"
	ActionPasswordChanged = "PASSWORD_CHANGED"
	ActionSecretRotated   = "SECRET_ROTATED"
)

// What an audit record can be about.
const (
	KindProject        = "PROJECT"
	KindEnvironment    = "ENVIRONMENT"
	KindKey            = "ENVIRONMENT_KEY"
	KindUser           = "USER"
	KindPolicy         = "POLICY"
	KindIdentitySource = "IDENTITY_SOURCE"
	KindProxy          = engine.KindProxy
	KindProxyGroup     = engine.KindProxyGroup
	KindPolicyGroup    = engine.KindPolicyGroup
	KindRevision       = "REVISION"
)

// AuditActions are all actions, for filters.
func AuditActions() []string {
	return []string{
		ActionCreated, ActionUpdated, ActionDeleted, ActionDeployed, ActionUndeployed, ActionSignedIn,
		ActionSignInFailed, ActionSignedOut, ActionPasswordChanged, ActionSecretRotated, ActionRotated, ActionRetired, ActionRevoked,
	}
}

// AuditKinds are all kinds of object, for filters.
func AuditKinds() []string {
	return []string{KindProject, KindEnvironment, KindKey, KindKeySchedule, KindUser, KindIdentitySource, KindPolicy, KindProxy, KindProxyGroup, KindPolicyGroup, KindRevision, KindSettings, KindTokens, KindCredential, KindRole, KindAccess, KindVariable, KindEnvironmentVariable, KindErrorMessage, KindProjectRole, KindProjectMember, KindPersonalToken, KindWebSession}
}

// AuditRecord is one change or one sign-in. It is written in the transaction
// of the change and can neither be altered nor removed.
type AuditRecord struct {
	ID int64
	At time.Time
	// Actor is a name; for a failed sign-in, the name that was tried.
	Actor, Client, CorrelationID string
	Action, Kind                 string
	ObjectID, ObjectName         string
	// Project is the name of the object's project, empty when it has none.
	Project string
	// Before and After are the object as JSON, without secrets; nil when there
	// was none or nothing to show.
	Before, After json.RawMessage
	// BackTo is the record whose version came back with this change, 0 for any
	// other change.
	BackTo int64
}

// AuditFilter narrows the list of records. Zero members do not narrow.
type AuditFilter struct {
	// Keyword is looked for in the names of object and actor, the ids, the
	// address and in what stood before and after.
	Keyword string
	// Object is an id, or a part of a name.
	Object                       string
	Action, Kind, Actor, Project string
	// From is the first moment that is in, To the first that is not.
	From, To time.Time
	// Before, After and PerPage are as in TokenRequestFilter.
	Before, After Cursor
	PerPage       int
}

type auditRow struct {
	ID            int64 `gorm:"primaryKey"`
	At            time.Time
	ActorID       *string
	Actor         string
	Client        string
	CorrelationID string
	Action        string
	Kind          string
	ObjectID      string
	ObjectName    string
	Project       string
	Before        document
	After         document
	BackTo        *int64
}

// TableName implements gorm's schema.Tabler.
func (auditRow) TableName() string { return "audit_records" }

// fact is what happened, as the code that did it says.
type fact struct {
	action, kind, id, name, project string
	// before and after are views without secrets, or nil.
	before, after any
}

// maxAuditText bounds what callers of the sign-in page can make us keep.
const maxAuditText = 255

// record writes the audit record of a change into its transaction.
func (s *Store) record(ctx context.Context, tx *gorm.DB, by Actor, f fact) error {
	row := auditRow{
		At: s.now(), ActorID: orNil(by.UserID), Actor: truncated(by.Name, maxAuditText),
		CorrelationID: truncated(by.CorrelationID, maxAuditText),
		Action:        f.action, Kind: f.kind, ObjectID: f.id, ObjectName: truncated(f.name, maxAuditText), Project: f.project,
	}
	if a := aftermathOf(tx); a != nil && a.backTo != 0 {
		row.BackTo = &a.backTo
	}
	if by.Client.IsValid() {
		row.Client = by.Client.String()
	}
	var err error
	if row.Before, err = auditJSON(f.before); err != nil {
		return err
	}
	if row.After, err = auditJSON(f.after); err != nil {
		return err
	}
	if err := from[auditRow](tx).Create(ctx, &row); err != nil {
		return fmt.Errorf("write audit record: %w", err)
	}
	return nil
}

func auditJSON(v any) (document, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write audit record: %w", err)
	}
	return raw, nil
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Audit lists a page of the records, newest first, and what it is out of.
func (s *Store) Audit(ctx context.Context, in Scope, f AuditFilter) ([]AuditRecord, Found, error) {
	l, err := s.auditSearch(ctx, in, f)
	if err != nil {
		return nil, Found{}, err
	}
	rows, found, err := listed[auditRow](ctx, s, l)
	if err != nil {
		return nil, found, fmt.Errorf("list audit records: %w", err)
	}
	list := make([]AuditRecord, len(rows))
	for i, row := range rows {
		list[i] = row.record()
	}
	return list, found, nil
}

// EachAuditRecord hands over the matching records, whole, newest first and at
// most limit, without holding them all. Before and After are not asked.
func (s *Store) EachAuditRecord(ctx context.Context, in Scope, f AuditFilter, limit int, each func(AuditRecord) error) error {
	l, err := s.auditSearch(ctx, in, f)
	if err == nil {
		err = streamed(ctx, s.db, l, limit, func(r auditRow) error { return each(r.record()) })
	}
	if err != nil {
		return fmt.Errorf("read audit records: %w", err)
	}
	return nil
}

// AuditActors are those who have done something in the scope, for filters.
func (s *Store) AuditActors(ctx context.Context, in Scope) ([]string, error) {
	var w where
	w.in("project", in)
	list, err := query[string](ctx, s.db, "select actor from (select actor from audit_records where "+w.sql()+
		" order by at desc, id desc limit ?) last group by actor order by lower(actor) limit 200", append(w.args, askedRows)...)
	if err != nil {
		return nil, fmt.Errorf("list actors: %w", err)
	}
	return list, nil
}

// auditSearch lets the object or the actor lead, which have indexes.
func (s *Store) auditSearch(ctx context.Context, in Scope, f AuditFilter) (logSearch, error) {
	l := logSearch{from: "audit_records", most: askedRows, before: f.Before, after: f.After, perPage: f.PerPage}
	id, err := s.isIn(ctx, f.Object, "exists (select from audit_records where object_id = $1)")
	if err != nil {
		return l, err
	}
	l.indexed.between(f.From, f.To)
	switch {
	case id:
		l.narrow(func(w *where) { w.equal("object_id", whole(f.Object)) })
	case f.Object != "":
		l.asked.and("object_name ilike ?", containing(f.Object))
	}
	l.narrow(func(w *where) {
		if f.Actor != "" {
			w.and("lower(actor) = lower(?)", truncated(f.Actor, maxAuditText))
		}
	})
	l.narrow(func(w *where) { w.equal("project", f.Project) })
	l.indexed.in("project", in) // never asked of other rows: how far a search went tells of them
	l.asked.equal("action", f.Action)
	l.asked.equal("kind", f.Kind)
	if f.Keyword != "" {
		l.most = askedTexts
		l.asked.and("(concat_ws(E'\\n', object_name, actor, client, object_id, correlation_id, before::text, after::text) ilike ?)", containing(f.Keyword))
	}
	return l, nil
}

// AuditRecord is one record, whole.
func (s *Store) AuditRecord(ctx context.Context, in Scope, id int64) (AuditRecord, error) {
	row, err := found(from[auditRow](s.db).Where("id = ?", id).Take(ctx))
	if err == nil && !in.Has(row.Project) {
		err = ErrNotFound
	}
	if err != nil {
		return AuditRecord{}, fmt.Errorf("read audit record: %w", err)
	}
	return row.record(), nil
}

func (r auditRow) record() AuditRecord {
	back := int64(0)
	if r.BackTo != nil {
		back = *r.BackTo
	}
	return AuditRecord{
		ID: r.ID, At: r.At.UTC(), Actor: r.Actor, Client: r.Client, CorrelationID: r.CorrelationID,
		Action: r.Action, Kind: r.Kind, ObjectID: r.ObjectID, ObjectName: r.ObjectName, Project: r.Project,
		Before: json.RawMessage(r.Before), After: json.RawMessage(r.After), BackTo: back,
	}
}

// missing is the answer to a write on something that is not there: when the
// audit says that somebody deleted it, the writer learns who, else not found.
func (s *Store) missing(ctx context.Context, kind, id string) error {
	return s.gone(ctx, id, kind)
}

// missingOwner is missing for an owner of any kind.
func (s *Store) missingOwner(ctx context.Context, id string) error {
	return s.gone(ctx, id, KindProxy, KindProxyGroup, KindPolicyGroup)
}

func (s *Store) gone(ctx context.Context, id string, kinds ...string) error {
	row, err := found(from[auditRow](s.db).Omit("before", "after").
		Where("object_id = ? and kind in ? and action = ?", id, kinds, ActionDeleted).Order("id desc").Limit(1).Take(ctx))
	if err != nil {
		return err
	}
	return &StaleError{Kind: row.Kind, Name: row.ObjectName, By: row.Actor, At: row.At.UTC(), Deleted: true}
}
