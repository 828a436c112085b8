package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// UsageIn are the figures of a line of a report in one environment.
type UsageIn struct {
	Environment string
	State       DeployState
	// Revision is the number of the one that runs, 0 when none does.
	Revision int
	// Calls are those of the last day, by the name under which the owner runs there,
	// which after a rename is the old one until the next deploy: those of the hour
	// that runs and of the 23 before it. A call through a proxy group counts for
	// both.
	Calls int64
	// Tokens are the access tokens that live, as CountLiveTokens counts them, among as
	// many of the owner as MostLiveTokens. Capped tells that the owner has as many
	// there, so that there may be more.
	Tokens int
	Capped bool
	// RunsAs is the name under which the owner runs there, "" when it does not.
	RunsAs string
}

// MostLiveTokens is how many live tokens of an owner in an environment a report
// looks at.
const MostLiveTokens = 1000

// StateFilter narrows a report to a state and says which page of it is wanted.
type StateFilter struct {
	// Environment is the only one to show; "" for all.
	Environment string
	// State is that in the environment, or else in any: NotDeployed for what does
	// not run there, Live or RedeployRequired.
	State DeployState
	// Page counts from 1. Where the state is one that only a comparison of digests
	// can tell, From is the number of lines to pass over instead.
	Page, From, PerPage int
}

// Compared tells that the state is known only after what is edited was compared
// with what runs (D5): that is too dear for all owners at once.
func (f StateFilter) Compared() bool { return f.State == Live || f.State == RedeployRequired }

// standing names, for narrow, the owners of a project that decide who may be in the
// state: nothing where all are.
func (f StateFilter) standing(projectID string) where {
	of := f.environments()
	switch f.State {
	case "":
		return where{}
	case RedeployRequired:
		of = changedSince(projectID, of)
	default:
		of = statement("select owner_id from deployments where revision_id is not null and environment_id in (select id "+of.sql()+")", of.args...)
	}
	return statement("standing as materialized ("+of.sql()+")", of.args...)
}

// narrow leaves the owners that may be in the state; whether those that are Compared
// are in it, their digests tell.
func (f StateFilter) narrow(w *where, owner string) {
	switch f.State {
	case "":
	case Live, RedeployRequired:
		w.and("(" + owner + " in (select owner_id from standing)) is true") // which is asked of each place in turn, and not joined
	default:
		w.and(owner + " not in (select owner_id from standing)")
	}
}

// with begins a statement with named queries, if there are any.
func with(named ...where) string {
	var parts []string
	for _, w := range named {
		parts = append(parts, w.parts...)
	}
	if len(parts) == 0 {
		return ""
	}
	return "with " + strings.Join(parts, ", ") + " "
}

func (f StateFilter) keeps(in []UsageIn) bool {
	return !f.Compared() || slices.ContainsFunc(in, func(i UsageIn) bool { return i.State == f.State })
}

// Scan is where a page of a report stands.
type Scan struct {
	// Total is how many lines match, counted up to CountCap. It is of what had to be
	// looked through where the filter has a state that is Compared.
	Total int
	// Next is how many lines the next page passes over, 0 when there is none.
	Next int
	// Stopped tells that the page is not full because as much was looked through as
	// one answer may.
	Stopped bool
}

const (
	// scanMost is how many lines are compared for one answer.
	scanMost = 100
	// eachBatch is how many lines a download reads at once, and settledBatch how many
	// when each time all of their figures have to be summed up for the order.
	eachBatch    = 500
	settledBatch = 10_000
)

// subject is what a line is about, and where its figures go.
type subject struct {
	owner, kind, name, policy string
	// byPolicy counts the tokens of the policy only.
	byPolicy bool
	in       *[]UsageIn
}

// report reads lines with their figures.
type report[T any] struct {
	s       *Store
	tx      *gorm.DB
	project Project
	count   func(context.Context) (int, error)
	// read may tell by the way how many lines there are.
	read    func(ctx context.Context, limit, offset int) (lines[T], error)
	subject func(*T) subject
	batch   int // how many lines a download reads at once
}

// lines are some of a report, and how many there are in all: 0 when that is not known.
type lines[T any] struct {
	list  []T
	total int
}

// total counts the lines of the report unless some that were read tell, or their end
// does.
func (r report[T]) total(ctx context.Context, l lines[T], limit, offset int) (int, error) {
	switch n := len(l.list); {
	case l.total > 0:
		return min(l.total, CountCap), nil
	case n < limit && (n > 0 || offset == 0):
		return min(offset+n, CountCap), nil
	}
	return r.count(ctx)
}

// page is what a page of the report shows. The number of queries does not depend on
// the number of lines.
func (r report[T]) page(ctx context.Context, f StateFilter) ([]T, Scan, error) {
	limit, offset := page(f.Page, f.PerPage)
	if f.Compared() {
		return r.scan(ctx, f, limit)
	}
	list, at, err := r.some(ctx, limit, offset)
	if err != nil {
		return nil, at, err
	}
	if err := r.stand(ctx, f, list); err != nil {
		return nil, at, err
	}
	return list, at, r.measure(ctx, list)
}

// some are lines, and what follows them.
func (r report[T]) some(ctx context.Context, limit, offset int) ([]T, Scan, error) {
	var at Scan
	l, err := r.read(ctx, limit+1, offset) // one more tells whether there are others
	if err != nil {
		return nil, at, err
	}
	at.Total, err = r.total(ctx, l, limit+1, offset)
	if len(l.list) > limit {
		l.list, at.Next = l.list[:limit], offset+limit
	}
	return l.list, at, err
}

// scan compares line after line until the page is full or it was enough for one
// answer: first as many as fill it when all are in the state, as after a change of
// what all have, then each time as many as before.
func (r report[T]) scan(ctx context.Context, f StateFilter, limit int) ([]T, Scan, error) {
	begin := max(f.From, 0)
	list, at, err := r.some(ctx, scanMost, begin)
	if err != nil {
		return nil, at, err
	}
	var kept []T
	for looked := 0; looked < len(list); {
		some := list[looked:min(max(2*looked, limit), len(list))]
		if err := r.stand(ctx, f, some); err != nil {
			return nil, at, err
		}
		for i := range some {
			looked++
			if f.keeps(*r.subject(&some[i]).in) {
				kept = append(kept, some[i])
			}
			if len(kept) == limit && (at.Next > 0 || looked < len(list)) {
				at.Next = begin + looked
				return kept, at, r.measure(ctx, kept)
			}
		}
	}
	at.Stopped = at.Next > 0
	return kept, at, r.measure(ctx, kept)
}

// each hands over all lines. It asks for some at a time, so that a slow reader keeps
// no transaction open.
func (r report[T]) each(ctx context.Context, f StateFilter, do func(T) error) error {
	for at := 0; ; at += r.batch {
		l, err := r.read(ctx, r.batch, at)
		list := l.list
		if err != nil || len(list) == 0 {
			return err
		}
		if err := r.stand(ctx, f, list); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(line T) bool { return !f.keeps(*r.subject(&line).in) })
		if err := r.measure(ctx, list); err != nil {
			return err
		}
		for _, line := range list {
			if err := do(line); err != nil {
				return err
			}
		}
	}
}

// download hands over all lines of a report. Where their order is that of figures,
// which change meanwhile, it is read at one moment, before the first line is.
func download[T any](ctx context.Context, s *Store, sort string, begin func(*gorm.DB) (report[T], error), f StateFilter, do func(T) error) error {
	if !slices.Contains([]string{"deployed", "calls", "tokens"}, sort) {
		r, err := begin(s.db)
		if err != nil {
			return err
		}
		r.batch = eachBatch
		return r.each(ctx, f, do)
	}
	var all []T
	err := s.look(ctx, func(tx *gorm.DB) error {
		r, err := begin(tx)
		if err != nil {
			return err
		}
		all, r.batch = nil, settledBatch
		return r.each(ctx, f, func(line T) error { all = append(all, line); return nil })
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = do(all[i])
	}
	return err
}

// stand adds states to lines.
func (r report[T]) stand(ctx context.Context, f StateFilter, list []T) error {
	if len(list) == 0 {
		return nil
	}
	var ids []string
	for i := range list {
		ids = append(ids, r.subject(&list[i]).owner)
	}
	states, err := r.s.statesOf(ctx, r.tx, r.project, ids)
	if err != nil {
		return err
	}
	for i := range list {
		subject := r.subject(&list[i])
		for _, d := range states[subject.owner] {
			if f.Environment == "" || strings.EqualFold(f.Environment, d.Environment) {
				*subject.in = append(*subject.in, UsageIn{Environment: d.Environment, State: d.State, Revision: d.Revision, RunsAs: d.RunsAs})
			}
		}
	}
	return nil
}

// statesOf are the deployments of owners of a project by their ids.
func (s *Store) statesOf(ctx context.Context, tx *gorm.DB, project Project, ids []string) (map[string][]Deployment, error) {
	slices.Sort(ids)
	rows, err := from[ownerRow](tx).Where("id in ?", slices.Compact(ids)).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	list, err := s.owners(ctx, tx, project.Name, rows)
	if err != nil {
		return nil, err
	}
	states := make(map[string][]Deployment, len(list))
	for _, o := range list {
		states[o.ID] = o.Deployments
	}
	return states, nil
}

// measure adds calls and tokens to lines.
func (r report[T]) measure(ctx context.Context, list []T) error {
	if len(list) == 0 {
		return nil
	}
	names := map[string][]string{}
	for i := range list {
		s := r.subject(&list[i])
		for _, in := range *s.in {
			names[s.kind] = append(names[s.kind], in.name(s))
		}
	}
	calls, err := r.s.callsOf(ctx, r.tx, r.project.Name, names)
	if err != nil {
		return err
	}
	tokens, err := tokensLive(ctx, r.tx, r.project.Name, names)
	if err != nil {
		return err
	}
	for i := range list {
		s := r.subject(&list[i])
		for j := range *s.in {
			in := &(*s.in)[j]
			name := in.name(s)
			in.Calls = calls[[3]string{s.kind, name, in.Environment}]
			looked := 0
			for policy, n := range tokens[[2]string{name, in.Environment}] {
				if looked += n; !s.byPolicy || policy == s.policy {
					in.Tokens += n
				}
			}
			in.Capped = looked >= MostLiveTokens
		}
	}
	return nil
}

// name is that by which the figures go.
func (in UsageIn) name(s subject) string { return cmp.Or(in.RunsAs, s.name) }

// callsOf are the calls of the last day by kind, name and environment.
func (s *Store) callsOf(ctx context.Context, tx *gorm.DB, project string, names map[string][]string) (map[[3]string]int64, error) {
	calls, last := map[[3]string]int64{}, s.lastDay()
	for kind, column := range map[string]string{engine.KindProxy: "proxy", engine.KindProxyGroup: "proxy_group"} {
		if len(names[kind]) == 0 {
			continue
		}
		type line struct {
			Name, Environment string
			Calls             int64
		}
		lines, err := query[line](ctx, tx, "select "+column+" as name, environment, sum("+last.calls()+")::bigint as calls from call_days where project = ? and "+column+
			" in ? and "+column+" <> '' and "+last.days()+" group by 1, 2", project, names[kind])
		if err != nil {
			return nil, fmt.Errorf("count calls: %w", err)
		}
		for _, l := range lines {
			calls[[3]string{kind, l.Name, l.Environment}] = l.Calls
		}
	}
	return calls, nil
}

// tokensLive counts live tokens by owner, environment and policy. It asks for each
// owner and environment apart, so that one with many cannot make it slow.
func tokensLive(ctx context.Context, tx *gorm.DB, project string, names map[string][]string) (map[[2]string]map[string]int, error) {
	var owners []string
	for _, list := range names {
		owners = append(owners, list...)
	}
	slices.Sort(owners)
	asked, err := json.Marshal(slices.Compact(owners))
	if err != nil {
		return nil, fmt.Errorf("count live tokens: %w", err)
	}
	type line struct {
		Owner, Environment, Policy string
		Tokens                     int
	}
	lines, err := query[line](ctx, tx, `select o.name as owner, n.name as environment, live.policy, count(*) as tokens
		from jsonb_array_elements_text(?::jsonb) o (name) cross join environments n cross join lateral (
			select t.policy from token_requests t where t.owner = o.name and t.environment = n.name and `+tokenEnds+` > now() and t.project = ?
				and t.operation in ('ISSUE', 'REFRESH', 'REGENERATE') and not `+revokedToken+` limit ?) live
		group by 1, 2, 3`, string(asked), project, MostLiveTokens)
	if err != nil {
		return nil, fmt.Errorf("count live tokens: %w", err)
	}
	tokens := map[[2]string]map[string]int{}
	for _, l := range lines {
		at := [2]string{l.Owner, l.Environment}
		if tokens[at] == nil {
			tokens[at] = map[string]int{}
		}
		tokens[at][l.Policy] = l.Tokens
	}
	return tokens, nil
}
