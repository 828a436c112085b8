package models

import (
	"context"
	"fmt"
	"strings"
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

// callDay is a row that only AddCalls writes. Each hour has the calls of the day up
// to its end.
type callDay struct {
	Day                                                                                                          time.Time
	Environment, Project, ProxyGroup, Proxy                                                                      string
	C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15, C16, C17, C18, C19, C20, C21, C22, C23 int64
}

// TableName implements gorm's schema.Tabler.
func (callDay) TableName() string { return "call_days" }

// eachHour is a text for every hour of a day, %[1]d, with commas between.
func eachHour(format string) string {
	all := make([]string, 24)
	for hour := range all {
		all[hour] = fmt.Sprintf(format, hour)
	}
	return strings.Join(all, ", ")
}

var addCalls = `insert into call_days as d (day, environment, project, proxy_group, proxy, ` + eachHour("c%[1]d") + `)
	select day, environment, project, proxy_group, proxy, ` + eachHour("coalesce(sum(calls) filter (where hour <= %[1]d), 0)") + `
	from unnest($1::timestamptz[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) c (day, hour, environment, project, proxy_group, proxy, calls)
	group by 1, 2, 3, 4, 5 order by project, proxy, day, environment, proxy_group
	on conflict (project, proxy, day, environment, proxy_group) do update set ` + eachHour("c%[1]d = d.c%[1]d + excluded.c%[1]d")

// AddCalls adds to the counts of days, all or none. Rows are written in one
// order, so that two nodes never wait for each other in a circle.
func (s *Store) AddCalls(ctx context.Context, list []CallCount) error {
	n := len(list)
	days, hours, calls := make([]time.Time, n), make([]int, n), make([]int64, n)
	environments, projects, groups, proxies := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, c := range list {
		days[i], hours[i], calls[i] = c.Hour.UTC().Truncate(day), c.Hour.UTC().Hour(), c.Calls
		environments[i], projects[i] = truncated(c.Environment, maxLogText), truncated(c.Project, maxLogText)
		groups[i], proxies[i] = truncated(c.Group, maxLogText), truncated(c.Proxy, maxLogText)
	}
	if _, err := s.pool.Exec(ctx, addCalls, days, hours, environments, projects, groups, proxies, calls); err != nil {
		return fmt.Errorf("add calls: %w", err)
	}
	return nil
}

// lastDay is what "calls in the last day" counts: the hour that runs and the 23
// before it, so never more than a day.
type lastDay struct {
	today time.Time
	hour  int
}

func (s *Store) lastDay() lastDay {
	now := s.now()
	return lastDay{now.Truncate(day), now.Hour()}
}

// calls are those of a row for which days holds.
func (l lastDay) calls() string {
	return fmt.Sprintf("case when day = '%[2]s' then c%[1]d else c23 - c%[1]d end", l.hour, l.today.Format(time.RFC3339))
}

func (l lastDay) days() string {
	return fmt.Sprintf("day in ('%s', '%s')", l.today.Add(-day).Format(time.RFC3339), l.today.Format(time.RFC3339))
}
