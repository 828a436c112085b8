package models

import (
	"context"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Rows are all row types, for the comparison with the migrated columns.
func Rows() []any {
	return []any{
		projectRow{}, environmentRow{}, keyRow{}, keyScheduleRow{}, userRow{}, sessionRow{}, ownerRow{}, routeRow{}, endpointRow{}, groupMemberRow{},
		policyRow{}, policySourceRow{}, identitySourceRow{}, bindingRow{}, revisionRow{}, pinRow{}, deploymentRow{}, nodeRow{}, auditRow{},
		roleRow{}, credentialRow{}, memberRow{}, overrideRow{}, accessRow{}, importRow{}, keptPackageRow{}, variableRow{}, environmentVariableRow{},
		familyRow{}, revocationRow{}, tokenRequestRow{}, securityEventRow{}, refusalRow{}, settingRow{}, errorMessageRow{},
		clientName{}, change{}, answerRow{}, signerRow{}, requestHour{}, refusalHour{}, callDay{}, bulkRow{}, bulkOwnerRow{}, projectRoleRow{}, projectMemberRow{}, projectMemberRole{}, personalTokenRow{}, followerRow{},
		clientName{}, answerRow{}, signerRow{}, requestHour{}, refusalHour{}, callDay{}, bulkRow{}, bulkOwnerRow{}, projectRoleRow{}, projectMemberRow{}, projectMemberRole{}, personalTokenRow{}, followerRow{}, ownerChange{},
	}
}

// change is a row that only triggers write.
type change struct {
	Xid  int64
	Kind string
	ID   string
	At   time.Time
}

// PolicyUsage lists where a policy is bound, by owner and in running order.
func (s *Store) PolicyUsage(ctx context.Context, policyID string) ([]Usage, error) {
	return usage(ctx, s.db, policyID, 0)
}

// Setting is one of the database's for the store's connections.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	list, err := query[string](ctx, s.db, "select current_setting(?)", name)
	return first(list), err
}

// clientName is a row that only triggers write.
type clientName struct{ Name, Kind, Owner string }

// TableName implements gorm's schema.Tabler.
func (clientName) TableName() string { return "client_names" }

// ownerChange is one, too.
type ownerChange struct {
	OwnerID, ProjectID string
	At                 time.Time
}

// TableName implements gorm's schema.Tabler.
func (ownerChange) TableName() string { return "owner_changes" }

// answerRow is written by statements only.
type answerRow struct {
	UserID, Key         string
	Fingerprint, Answer []byte
	Status              int
	CreatedAt           time.Time
}

// TableName implements gorm's schema.Tabler.
func (answerRow) TableName() string { return "api_answers" }

// projectMemberRole is written by statements only.
type projectMemberRole struct{ ProjectID, UserID, RoleID string }

// TableName implements gorm's schema.Tabler.
func (projectMemberRole) TableName() string { return "project_member_roles" }

// signerRow is one, too.
type signerRow struct {
	OwnerID, EnvironmentID     string
	Position                   int
	ProjectID                  string
	Policy, KeyName, Algorithm string
	Settings                   settingsLine `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (signerRow) TableName() string { return "signers" }

// requestHour is one, too.
type requestHour struct {
	Hour                                           time.Time
	Project, Environment, GrantType, Source, Error string
	Requests                                       int64
}

// TableName implements gorm's schema.Tabler.
func (requestHour) TableName() string { return "token_request_hours" }

// refusalHour is one, too.
type refusalHour struct {
	Hour                        time.Time
	Project, Environment, Fault string
	Refusals                    int64
}

// TableName implements gorm's schema.Tabler.
func (refusalHour) TableName() string { return "refusal_hours" }

// followerRow is read and written by hand.
type followerRow struct {
	Name    string
	AuditID int64
}

// TableName implements gorm's schema.Tabler.
func (followerRow) TableName() string { return "audit_followers" }

// OwnerRace tells what a broken index means to who saves an owner.
var OwnerRace = ownerRace

// Moments is the array of times.
type Moments = moments

// Document is the JSON column type.
type Document = document

// Counting is a view of a store that counts its statements.
func Counting(s *Store) (*Store, *atomic.Int64) {
	counted := *s
	n := new(atomic.Int64)
	counted.db = s.db.Session(&gorm.Session{Logger: counter{queryLogger{s.logger}, n}})
	return &counted, n
}

type counter struct {
	queryLogger
	n *atomic.Int64
}

func (c counter) LogMode(logger.LogLevel) logger.Interface { return c }

func (c counter) Trace(context.Context, time.Time, func() (string, int64), error) { c.n.Add(1) }

// NotPolling is a view of a store whose Watch only listens.
func NotPolling(s *Store) *Store { return PollingEvery(s, 24*time.Hour) }

// PollingEvery is a view of a store whose Watch polls so often.
func PollingEvery(s *Store, poll time.Duration) *Store {
	polling := *s
	polling.poll = poll
	return &polling
}

// TrimRefusals keeps so many of the record, PurgeCrowds so many of each network.
func TrimRefusals(ctx context.Context, s *Store, most int) (int, error) {
	return s.trimRefusals(ctx, most)
}

// PurgeCrowds is as TrimRefusals.
func PurgeCrowds(ctx context.Context, s *Store, most int) (int, error) {
	return s.purgeCrowds(ctx, most)
}

// Multiply copies a proxy with its bindings and local policies n times, past
// every rule.
func Multiply(ctx context.Context, s *Store, ownerID string, n int) error {
	_, err := exec(ctx, s.db, `with copies as (select gen_random_uuid() as id, i from generate_series(1, ?) i),
		made as (insert into owners (id, kind, project_id, name, description, client_id, client_secret_hash, base_path, methods, upstream_url, connect_timeout, response_timeout, version, created_at, created_by, updated_at, updated_by)
			select c.id, kind, project_id, name || c.i, description, gen_random_uuid(), client_secret_hash, base_path || c.i, methods, upstream_url, connect_timeout, response_timeout, version, created_at, created_by, updated_at, updated_by
			from owners o, copies c where o.id = ?),
		routed as (insert into owner_routes (owner_id, host, base_path) select c.id, '', r.base_path || c.i from owner_routes r, copies c where r.owner_id = ?),
		local as (insert into policies (id, project_id, owner_id, type, name, description, active, config, version, created_at, created_by, updated_at, updated_by)
			select gen_random_uuid(), project_id, c.id, type, name, description, active, config, version, created_at, created_by, updated_at, updated_by
			from policies p, copies c where p.owner_id = ? returning id, owner_id)
		insert into policy_bindings (id, owner_id, scope, pipeline, position, policy_id)
			select gen_random_uuid(), c.id, b.scope, b.pipeline, b.position, coalesce(l.id, b.policy_id)
			from policy_bindings b join copies c on true left join policies p on p.id = b.policy_id and p.owner_id is not null
				left join local l on p.id is not null and l.owner_id = c.id where b.owner_id = ?`, n, ownerID, ownerID, ownerID, ownerID)
	return err
}
