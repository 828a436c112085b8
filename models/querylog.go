package models

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm/logger"
)

// queryLogger tells of slow queries and of nothing else: an error is returned
// to whoever asked, and logging it here too would show it twice.
type queryLogger struct{ log *slog.Logger }

// LogMode implements logger.Interface; the level is slog's business.
func (l queryLogger) LogMode(logger.LogLevel) logger.Interface { return l }

// Info implements logger.Interface.
func (l queryLogger) Info(ctx context.Context, format string, args ...any) {
	l.log.InfoContext(ctx, fmt.Sprintf(format, args...))
}

// Warn implements logger.Interface.
func (l queryLogger) Warn(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(format, args...))
}

// Error implements logger.Interface.
func (l queryLogger) Error(ctx context.Context, format string, args ...any) {
	l.log.ErrorContext(ctx, fmt.Sprintf(format, args...))
}

// Trace implements logger.Interface.
func (l queryLogger) Trace(ctx context.Context, begin time.Time, query func() (string, int64), _ error) {
	if took := time.Since(begin); took > slowQuery {
		text, rows := query()
		l.log.WarnContext(ctx, "slow query", "took", took, "rows", rows, "sql", text)
	}
}

// ParamsFilter keeps values out of the log: among them are password hashes and
// sealed keys (D18).
func (l queryLogger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}
