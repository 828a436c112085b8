package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

const (
	// bulkAlive is how long a run counts as alive that is not heard of, and
	// bulkOwnerTime how long the deploy of one owner may take: less, so that it gives
	// up before others may take it for dead.
	bulkAlive     = time.Minute
	bulkOwnerTime = 45 * time.Second
	// bulkEnding bounds the last word of a run while the process stops.
	bulkEnding = 5 * time.Second
	// bulkKept is for how many days a bulk deploy is remembered.
	bulkKept = 90
)

// errBulkTakenOver means that a run lost its bulk deploy, or an owner of it, to
// another one.
var errBulkTakenOver = errors.New("the bulk deploy is somebody else's by now")

// StartBulkDeploy begins to deploy all owners of a choice, one after the other and
// each in a transaction of its own, and returns the id by which BulkDeploy tells
// how far it is. Problems are of the fields kinds, filter and note, or of no field
// when there is nothing to deploy. Where it matters what was seen of the subject, each
// owner is deployed only while that is still so; a bulk deploy that is gone on with
// takes it as it is then.
func (s *Store) StartBulkDeploy(ctx context.Context, by Actor, projectID string, c BulkChoice, note string, seen ...SeenSubject) (string, error) {
	l := c.validate()
	if msg := descriptionProblem(note); msg != "" {
		l.Add("note", "%s", msg)
	}
	if err := l.Err(); err != nil {
		return "", err
	}
	r := &bulkRun{s: s, by: by, id: newID(), number: 1, filter: c.Filter}
	err := s.write(ctx, func(tx *gorm.DB) error { return r.keep(ctx, tx, projectID, c, note, seen) })
	if err != nil {
		return "", fmt.Errorf("start bulk deploy: %w", err)
	}
	r.begin()
	return r.id, nil
}

// ResumeBulkDeploy goes on with a bulk deploy that ended: with the owners that still
// wait, and once more with those that failed. One that is under way is left to
// itself.
func (s *Store) ResumeBulkDeploy(ctx context.Context, by Actor, projectID, id string) error {
	b, err := s.BulkDeploy(ctx, projectID, id)
	if err != nil || b.State == BulkRunning || b.Waiting+b.Failed == 0 {
		return err
	}
	r := &bulkRun{s: s, by: by, id: b.ID, environment: b.Environment, note: b.Note, filter: b.Filter}
	if r.project, err = s.projectByID(ctx, s.db, projectID); err != nil {
		return err
	}
	mine, err := r.claim(ctx)
	if err != nil {
		return fmt.Errorf("resume bulk deploy: %w", err)
	}
	if mine {
		r.begin()
	}
	return nil
}

// CancelBulkDeploy makes a bulk deploy end before its next owner. What is deployed
// stays.
func (s *Store) CancelBulkDeploy(ctx context.Context, by Actor, projectID, id string) error {
	if _, err := s.BulkDeploy(ctx, projectID, id); err != nil {
		return err
	}
	if _, err := exec(ctx, s.db, "update bulk_deploys set cancelled_by = ? where id = ? and state = 'RUNNING' and cancelled_by = ''", by.Name, id); err != nil {
		return fmt.Errorf("cancel bulk deploy: %w", err)
	}
	return nil
}

// bulkRun is one attempt at a bulk deploy, from its start in one process.
type bulkRun struct {
	s           *Store
	by          Actor
	project     Project
	environment string
	note        string
	filter      BulkFilter
	id          string
	number      int // of the attempt
	// subject is what was seen of it, at these versions; nil where that is all the same.
	subject  BulkSubject
	versions []int
}

// keep writes the bulk deploy with the owners that it goes through.
func (r *bulkRun) keep(ctx context.Context, tx *gorm.DB, projectID string, c BulkChoice, note string, seen []SeenSubject) (err error) {
	if r.project, err = r.s.projectByID(ctx, tx, projectID); err != nil {
		return err
	}
	e, err := environmentNamed(ctx, tx, c.Environment)
	if err != nil {
		return err
	}
	if c.Subject, err = r.s.bulkSubject(ctx, tx, r.project, c.Subject); err != nil {
		return err
	}
	if err := r.judge(ctx, tx, c.Subject, seen); err != nil {
		return err
	}
	all, err := bulkCandidates(ctx, tx, r.project.ID, e.ID, c, everyCandidate)
	if err != nil {
		return err
	}
	if len(all.first) == 0 {
		return problem.List{{Message: "There is nothing to deploy with this choice."}}
	}
	r.environment, r.note = e.Name, cmp.Or(note, fmt.Sprintf("Bulk deploy of %s", c.Subject.Name))
	_, err = exec(ctx, tx, `insert into bulk_deploys (id, project_id, environment_id, subject, subject_id, policy_type, name, filter, note, state, created_at, created_by, alive_until)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'RUNNING', ?, ?, now() + make_interval(secs => ?))`,
		r.id, r.project.ID, e.ID, c.Subject.Kind, c.Subject.ID, c.Subject.Type, c.Subject.Name, string(c.Filter), r.note, r.s.now(), r.by.Name, bulkAlive.Seconds())
	if err != nil {
		return err
	}
	rows := make([]bulkOwnerRow, len(all.first))
	for i, t := range all.first {
		rows[i] = bulkOwnerRow{BulkDeployID: r.id, Position: i + 1, OwnerID: t.ID, Kind: t.Kind, Name: t.Name, State: BulkWaiting}
	}
	return from[bulkOwnerRow](tx).CreateInBatches(ctx, &rows, 1000)
}

// bulkSubject is the subject with its name, when it is one of the project's.
func (s *Store) bulkSubject(ctx context.Context, tx *gorm.DB, project Project, b BulkSubject) (BulkSubject, error) {
	if b.Kind == engine.KindPolicyGroup {
		row, err := ownerByID(ctx, tx, project.ID, b.ID)
		if err == nil && row.Kind != engine.KindPolicyGroup {
			err = ErrNotFound
		}
		b.Type, b.Name = "", row.Name
		return b, err
	}
	row, err := policyByID(ctx, tx, project.ID, b.ID)
	if err == nil && (!row.global() || b.Kind != SubjectPolicy) {
		err = ErrNotFound
	}
	b.Type, b.Name = row.Type, row.Name
	return b, err
}

// judge asks what was seen, and keeps it for the deploys: they are made when nobody
// can be asked any more.
func (r *bulkRun) judge(ctx context.Context, tx *gorm.DB, b BulkSubject, seen []SeenSubject) (err error) {
	if len(seen) == 0 {
		return nil
	}
	r.subject = b
	if r.versions, err = r.s.subjectVersions(ctx, tx, r.project, b); err != nil {
		return err
	}
	for _, s := range seen {
		if err := s(r.versions...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) subjectVersions(ctx context.Context, tx *gorm.DB, project Project, b BulkSubject) ([]int, error) {
	if b.Kind == engine.KindPolicyGroup {
		_, g, err := s.ownerToDeploy(ctx, tx, order{project: project, ownerID: b.ID})
		return g.FlowVersions(), err
	}
	row, err := policyByID(ctx, tx, project.ID, b.ID)
	return []int{row.Stamp.Version}, err
}

// asSeen refuses to deploy when the subject is not what was seen of it.
func (r *bulkRun) asSeen(ctx context.Context, tx *gorm.DB) error {
	if r.versions == nil {
		return nil
	}
	now, err := r.s.subjectVersions(ctx, tx, r.project, r.subject)
	if err == nil && !slices.Equal(now, r.versions) {
		err = problem.List{{Message: fmt.Sprintf("%s was changed after the bulk deploy began. Look at it, and try again.", r.subject.Name)}}
	}
	return err
}

// claim makes a bulk deploy this run's, unless it is under way by now.
func (r *bulkRun) claim(ctx context.Context) (bool, error) {
	var runs []int
	err := r.s.write(ctx, func(tx *gorm.DB) (err error) {
		runs, err = query[int](ctx, tx, `update bulk_deploys set state = 'RUNNING', run = run + 1, cancelled_by = '', ended_at = null,
				alive_until = now() + make_interval(secs => ?)
			where id = ? and (state <> 'RUNNING' or alive_until < now()) returning run`, bulkAlive.Seconds(), r.id)
		if err != nil || len(runs) == 0 {
			return err
		}
		_, err = exec(ctx, tx, "update bulk_deploy_owners set state = 'WAITING', detail = '', ended_at = null where bulk_deploy_id = ? and state = 'FAILED'", r.id)
		return err
	})
	if err != nil || len(runs) == 0 {
		return false, err
	}
	r.number = runs[0]
	return true, nil
}

func (r *bulkRun) begin() {
	if !r.s.background.start(r.do) {
		r.end(BulkInterrupted)
	}
}

// do runs to the end, whatever that is, and says so.
func (r *bulkRun) do(ctx context.Context) {
	defer func() {
		// Nobody else would: this is no request, and a panic would end the process.
		if v := recover(); v != nil {
			r.s.logger.Error("bulk deploy failed", "bulkDeploy", r.id, "error", fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			r.end(BulkInterrupted)
		}
	}()
	state, err := r.work(ctx)
	switch {
	case errors.Is(err, errBulkTakenOver):
		return
	case err != nil && ctx.Err() == nil:
		r.s.logger.Error("bulk deploy interrupted", "bulkDeploy", r.id, "error", err, "correlationId", r.by.CorrelationID)
	}
	r.end(state)
}

// work deploys one owner after the other. That one cannot be deployed is a result;
// an error is what keeps the run from going on.
func (r *bulkRun) work(ctx context.Context) (BulkState, error) {
	for {
		if ctx.Err() != nil {
			return BulkInterrupted, ctx.Err()
		}
		cancelled, err := r.beat(ctx)
		if err != nil {
			return BulkInterrupted, err
		}
		if cancelled {
			return BulkCancelled, nil
		}
		next, err := query[bulkOwnerRow](ctx, r.s.db, "select * from bulk_deploy_owners where bulk_deploy_id = ? and state = 'WAITING' order by position limit 1", r.id)
		if err != nil {
			return BulkInterrupted, err
		}
		if len(next) == 0 {
			return BulkDone, nil
		}
		if err := r.one(ctx, next[0]); err != nil {
			return BulkInterrupted, err
		}
	}
}

// beat says that the run is at it, and hears whether it is to stop.
func (r *bulkRun) beat(ctx context.Context) (cancelled bool, err error) {
	rows, err := query[string](ctx, r.s.db, `update bulk_deploys set alive_until = now() + make_interval(secs => ?)
		where id = ? and run = ? and state = 'RUNNING' returning cancelled_by`, bulkAlive.Seconds(), r.id, r.number)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 {
		return false, errBulkTakenOver
	}
	return rows[0] != "", nil
}

// one deploys an owner, when it is in the state that the filter asks for.
func (r *bulkRun) one(ctx context.Context, t bulkOwnerRow) error {
	bounded, cancel := context.WithTimeout(ctx, bulkOwnerTime)
	defer cancel()
	err := r.s.writeWithKeys(bounded, func(tx *gorm.DB, made newKeys) error { return r.deploy(bounded, tx, t, made) })
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errBulkTakenOver) {
		return nil // the next beat tells whether it was the owner or all
	}
	t.State, t.Detail = BulkFailed, r.reason(err)
	if err := r.mark(ctx, r.s.db, t); err != nil && !errors.Is(err, errBulkTakenOver) {
		return err
	}
	return nil
}

// deploy writes the result together with the deploy: whatever happens to the
// process, neither is ever without the other.
func (r *bulkRun) deploy(ctx context.Context, tx *gorm.DB, t bulkOwnerRow, made newKeys) error {
	if r.filter != BulkAll {
		states, err := r.s.statesOf(ctx, tx, r.project, []string{t.OwnerID})
		if err != nil {
			return err
		}
		now := BulkTarget{State: NotDeployed}
		now.stand(states[t.OwnerID], r.environment)
		if !r.filter.takes(now.State) {
			t.State, t.Detail = BulkLeftOut, leftOutBecause(now)
			return r.mark(ctx, tx, t)
		}
	}
	as := func(Owner) error { return r.asSeen(ctx, tx) }
	result, err := r.s.deploy(ctx, tx, r.by, order{project: r.project, ownerID: t.OwnerID, environment: r.environment, note: r.note, seen: []Seen{as}}, made)
	if err != nil {
		return err
	}
	t.State, t.Revision, t.Generation = BulkDeployed, result.Revision, result.Generation
	return r.mark(ctx, tx, t)
}

func leftOutBecause(t BulkTarget) string {
	switch t.State {
	case Live:
		return fmt.Sprintf("Revision %d already runs what is edited.", t.Revision)
	case RedeployRequired:
		return "It has other changes that are not deployed."
	}
	return "It does not run there."
}

// mark keeps the result of an owner that still waits.
func (r *bulkRun) mark(ctx context.Context, tx *gorm.DB, t bulkOwnerRow) error {
	n, err := exec(ctx, tx, `update bulk_deploy_owners set state = ?, revision = ?, generation = ?, detail = ?, ended_at = now()
		where bulk_deploy_id = ? and position = ? and state = 'WAITING' and exists (select from bulk_deploys where id = ? and run = ? and state = 'RUNNING')`,
		t.State, t.Revision, t.Generation, truncated(t.Detail, 1000), r.id, t.Position, r.id, r.number)
	if err == nil && n == 0 {
		err = errBulkTakenOver
	}
	return err
}

// reason says for people why an owner was not deployed.
func (r *bulkRun) reason(err error) string {
	var stale *StaleError
	switch l := problem.Of(err); {
	case len(l) > 0:
		return l.Error()
	case errors.Is(err, ErrNotFound), errors.As(err, &stale):
		return "It does not exist any more."
	case errors.Is(err, context.DeadlineExceeded):
		return "It took too long; other deploys were in the way. Try it again."
	}
	r.s.logger.Error("owner not deployed", "bulkDeploy", r.id, "error", err, "correlationId", r.by.CorrelationID)
	return "The database did not take it. The operator finds the cause in the log under " + r.by.CorrelationID + "."
}

// end keeps how a run ended for whoever asks. A database that cannot be told leaves
// it silent, and so interrupted.
func (r *bulkRun) end(state BulkState) {
	ctx, cancel := context.WithTimeout(context.Background(), bulkEnding)
	defer cancel()
	_, err := exec(ctx, r.s.db, "update bulk_deploys set state = ?, ended_at = now(), alive_until = now() where id = ? and run = ? and state = 'RUNNING'",
		string(state), r.id, r.number)
	if err != nil {
		r.s.logger.Error("end of a bulk deploy not recorded", "bulkDeploy", r.id, "error", err)
	}
}

// forgetBulkDeploys removes those that ended long ago.
func (s *Store) forgetBulkDeploys(ctx context.Context) error {
	if _, err := exec(ctx, s.db, "delete from bulk_deploys where alive_until < now() - make_interval(days => ?)", bulkKept); err != nil {
		return fmt.Errorf("forget bulk deploys: %w", err)
	}
	return nil
}
