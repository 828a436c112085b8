package models

import (
	"context"
	"fmt"
	"time"
)

// CallCount is how many calls an API had in an hour. Its names are those under
// which it was deployed.
type CallCount struct {
	// Hour is when the hour began.
	Hour                 time.Time
	Environment, Project string
	// Group is the proxy group through which the calls came, "" for none; Proxy is
	// "" where no proxy of the group answered.
	Group, Proxy string
	Calls        int64
}

// callHour is a row that only AddCalls writes.
type callHour struct {
	Hour                                    time.Time
	Environment, Project, ProxyGroup, Proxy string
	Calls                                   int64
}

// TableName implements gorm's schema.Tabler.
func (callHour) TableName() string { return "call_hours" }

// AddCalls adds to the counts of hours, all or none. Rows are written in one
// order, so that two nodes never wait for each other in a circle.
func (s *Store) AddCalls(ctx context.Context, list []CallCount) error {
	n := len(list)
	hours, calls := make([]time.Time, n), make([]int64, n)
	environments, projects, groups, proxies := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, c := range list {
		hours[i], calls[i] = c.Hour.UTC(), c.Calls
		environments[i], projects[i] = truncated(c.Environment, maxLogText), truncated(c.Project, maxLogText)
		groups[i], proxies[i] = truncated(c.Group, maxLogText), truncated(c.Proxy, maxLogText)
	}
	_, err := s.pool.Exec(ctx, `insert into call_hours as h (hour, environment, project, proxy_group, proxy, calls)
		select hour, environment, project, proxy_group, proxy, sum(calls)
		from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) c (hour, environment, project, proxy_group, proxy, calls)
		group by 1, 2, 3, 4, 5 order by project, proxy, hour, environment, proxy_group
		on conflict (project, proxy, hour, environment, proxy_group) do update set calls = h.calls + excluded.calls`,
		hours, environments, projects, groups, proxies, calls)
	if err != nil {
		return fmt.Errorf("add calls: %w", err)
	}
	return nil
}

// lastDay begins the hours that "calls in the last day" counts: the one that runs
// and the 23 before it, so never more than a day.
const lastDay = "(date_trunc('hour', now()) - interval '23 hours')"
