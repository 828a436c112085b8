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
		projectRow{}, environmentRow{}, keyRow{}, keyScheduleRow{}, userRow{}, sessionRow{}, proxyRow{}, routeRow{}, endpointRow{},
		policyRow{}, policySourceRow{}, identitySourceRow{}, bindingRow{}, revisionRow{}, deploymentRow{}, nodeRow{}, auditRow{},
		roleRow{}, credentialRow{}, memberRow{}, overrideRow{}, accessRow{}, importRow{},
		familyRow{}, revocationRow{}, tokenRequestRow{}, securityEventRow{}, settingRow{},
	}
}

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
func NotPolling(s *Store) *Store {
	listening := *s
	listening.poll = 24 * time.Hour
	return &listening
}
