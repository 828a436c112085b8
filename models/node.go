package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
)

const (
	// nodeAlive is how recent a report must be for its node to count; nodes
	// report more often than that.
	nodeAlive = 15 * time.Second
	// nodeKept is after what time a node that is gone is forgotten.
	nodeKept = 24 * time.Hour
	// awaitPoll bounds how late AwaitNodes sees that a node has gone silent.
	awaitPoll   = time.Second
	maxNodeText = 1000
)

// NodeReport is what a gateway node says it runs of an environment, or why it
// runs something older.
type NodeReport struct {
	Node, Environment string
	// Version is the node's program version.
	Version string
	// Generation is the one that it was asked to run last, Running the one that it
	// runs: they differ when it could not take the last one over.
	Generation, Running int64
	// Kept tells that what it runs is its last good bundle, off its own disk: it
	// started without the database and has taken nothing over since.
	Kept bool
	// StartedAt is when its process began, by its own clock.
	StartedAt time.Time
	// OK is false when the node could not compile that and keeps what it had;
	// Message says why.
	OK      bool
	Message string
	// Addresses is what it knows of the addresses of APIs.
	Addresses NodeAddresses
	// At is set by the database, whose clock all nodes share.
	At time.Time
	// Alive tells that the report is recent: nodes repeat it every few seconds.
	// One that is not may have ended without a word, or have lost the database
	// and serve what it had.
	Alive bool
}

type nodeRow struct {
	Node          string `gorm:"primaryKey"`
	EnvironmentID string `gorm:"primaryKey"`
	Version       string
	Generation    int64
	Running       int64
	Kept          bool
	OK            bool
	Message       string
	Addresses     document
	StartedAt     time.Time
	ReportedAt    time.Time
}

// TableName implements gorm's schema.Tabler.
func (nodeRow) TableName() string { return "nodes" }

// ReportNode keeps a node's last report, which also says that the node is
// alive; nodes repeat it every few seconds. At is ignored.
func (s *Store) ReportNode(ctx context.Context, r NodeReport) error {
	e, err := environmentNamed(ctx, s.db, r.Environment)
	if err != nil {
		return fmt.Errorf("report node: %w", err)
	}
	addresses, err := r.Addresses.bounded()
	if err != nil {
		return fmt.Errorf("report node: %w", err)
	}
	_, err = exec(ctx, s.db, `with old as (delete from nodes where reported_at < now() - make_interval(secs => ?) and node <> ?),
		kept as (insert into nodes (node, environment_id, version, generation, running, kept, ok, message, addresses, started_at, reported_at)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, now()), now())
			on conflict (node, environment_id) do update set version = excluded.version, generation = excluded.generation,
				running = excluded.running, kept = excluded.kept,
				ok = excluded.ok, message = excluded.message, addresses = excluded.addresses, reported_at = excluded.reported_at
			returning 1)
		select pg_notify(?, ?) from kept`,
		nodeKept.Seconds(), r.Node, truncated(r.Node, maxNodeText), e.ID, truncated(r.Version, maxNodeText), r.Generation, r.Running, r.Kept, r.OK,
		truncated(r.Message, maxNodeText), addresses, orNever(r.StartedAt), reportsChannel, e.Name)
	if err != nil {
		return fmt.Errorf("report node: %w", err)
	}
	return nil
}

// ForgetNode takes back all reports of a node that stops, so that no deploy
// waits for it.
func (s *Store) ForgetNode(ctx context.Context, node string) error {
	if _, err := from[nodeRow](s.db).Where("node = ?", node).Delete(ctx); err != nil {
		return fmt.Errorf("forget node: %w", err)
	}
	return nil
}

// Nodes lists the last report of every node of the last day.
func (s *Store) Nodes(ctx context.Context) ([]NodeReport, error) {
	return nodes(ctx, s.db, nodeQuery{age: nodeKept})
}

// NodesOf lists the last report of every node of the last day about one
// environment.
func (s *Store) NodesOf(ctx context.Context, environment string) ([]NodeReport, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	return nodes(ctx, s.db, nodeQuery{age: nodeKept, environmentID: e.ID})
}

// nodeQuery says which reports are asked for: those that are at most so old, of one
// environment or of all.
type nodeQuery struct {
	age           time.Duration
	environmentID string
	// named is what is read of their addresses, in SQL with args; "" for the counts.
	named string
	args  []any
}

func nodes(ctx context.Context, db *gorm.DB, q nodeQuery) ([]NodeReport, error) {
	type line struct {
		Node, Environment, Version, Message string
		Generation, Running                 int64
		OK, Kept, Alive                     bool
		Addresses                           document
		StartedAt, ReportedAt               time.Time
	}
	sql := `select n.node, n.version, n.generation, n.running, n.kept, n.ok, n.message, n.started_at, n.reported_at, e.name as environment,
			` + cmp.Or(q.named, "n.addresses - 'named'") + ` as addresses, n.reported_at >= now() - make_interval(secs => ?) as alive
		from nodes n join environments e on e.id = n.environment_id where n.reported_at >= now() - make_interval(secs => ?)`
	args := append(slices.Clone(q.args), nodeAlive.Seconds(), q.age.Seconds())
	if q.environmentID != "" {
		sql, args = sql+" and n.environment_id = ?", append(args, q.environmentID)
	}
	lines, err := query[line](ctx, db, sql+" order by lower(e.name), n.node", args...)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	list := make([]NodeReport, len(lines))
	for i, l := range lines {
		list[i] = NodeReport{
			Node: l.Node, Environment: l.Environment, Version: l.Version, Generation: l.Generation,
			Running: l.Running, Kept: l.Kept, StartedAt: l.StartedAt.UTC(), OK: l.OK, Message: l.Message, At: l.ReportedAt.UTC(), Alive: l.Alive,
		}
		if err := json.Unmarshal(l.Addresses, &list[i].Addresses); err != nil {
			return nil, fmt.Errorf("read addresses of node %s: %w", l.Node, err)
		}
	}
	return list, nil
}

// AwaitNodes waits until every node of the environment that was alive in the
// last 15 seconds has reported the generation or a newer one, and returns the
// reports. When ctx ends first it returns what it knows then; that is no
// error.
func (s *Store) AwaitNodes(ctx context.Context, environment string, generation int64) ([]NodeReport, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	var reports []NodeReport
	err = s.listen(ctx, reportsChannel, func(conn *pgx.Conn) error {
		for {
			list, err := nodes(ctx, s.db, nodeQuery{age: nodeAlive, environmentID: e.ID})
			if err != nil {
				return err
			}
			if reports = list; allReached(list, generation) {
				return nil
			}
			if err := awaitReport(ctx, conn); err != nil {
				return err
			}
		}
	})
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("await nodes of %s: %w", e.Name, err)
	}
	return reports, nil
}

func allReached(reports []NodeReport, generation int64) bool {
	for _, r := range reports {
		if r.Generation < generation {
			return false
		}
	}
	return true
}

// awaitReport waits for any node's report, or until it is time to look whether
// a node has gone silent.
func awaitReport(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, awaitPoll)
	defer cancel()
	if _, err := conn.WaitForNotification(waiting); err != nil && (ctx.Err() != nil || !timedOut(err)) {
		return fmt.Errorf("wait for a report: %w", err)
	}
	return nil
}
