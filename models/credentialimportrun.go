package models

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// ErrImportRunning means that the same person has another import under way.
var ErrImportRunning = errors.New("another import of the same person is under way")

// errTakenOver means that a run lost its import: it was taken for dead and
// begun anew, or forgotten.
var errTakenOver = errors.New("the import is somebody else's by now")

// importsRunning is the unique index by which a person has one run at a time.
const importsRunning = "credential_imports_running"

const (
	importBeat = time.Second
	// importAlive is how long a run counts as alive that is not heard of, and
	// importWriting how long its transaction may take, during which its row
	// cannot be touched.
	importAlive   = 15 * time.Second
	importWriting = 2 * time.Minute
	// importEnding bounds the last word of a run while the process stops.
	importEnding = 5 * time.Second
)

// StartImport begins to do what the plan with that digest said, and returns
// while that goes on: hashing a thousand secrets takes most of a minute. Import
// tells how far it is. An import that is under way or done already is left to
// itself, so confirming twice imports once.
//
// When it would do anything else by now it is not begun, and the error is
// ErrPlanChanged; lines in error are a problem.List. One person has one run at
// a time, else ErrImportRunning.
func (s *Store) StartImport(ctx context.Context, by Actor, projectID, id, digest string) error {
	i, err := s.Import(ctx, by, projectID, id)
	if err != nil || i.State == ImportRunning || i.State == ImportDone {
		return err
	}
	r, err := s.importRun(ctx, by, projectID, id, digest)
	if err != nil {
		return err
	}
	mine, err := r.claim(ctx)
	if violated(err) == importsRunning {
		return ErrImportRunning
	}
	if err != nil {
		return fmt.Errorf("start import: %w", err)
	}
	if mine && !s.background.start(r.do) {
		r.end(context.Canceled)
	}
	return nil
}

// importRun is one attempt at an import, from its start in one process.
type importRun struct {
	s       *Store
	by      Actor
	project Project
	kept    Import
	records []importRecord
	plan    ImportPlan
	number  int // of the attempt
}

func (s *Store) importRun(ctx context.Context, by Actor, projectID, id, digest string) (*importRun, error) {
	kept, file, err := s.keptFile(ctx, by, projectID, id)
	if err != nil {
		return nil, err
	}
	r := &importRun{s: s, by: by, kept: kept}
	if r.project, err = s.projectByID(ctx, s.db, projectID); err != nil {
		return nil, err
	}
	if r.records, err = readImport(file); err != nil {
		return nil, err
	}
	if r.plan, err = s.PlanImport(ctx, projectID, file, kept.Options); err != nil {
		return nil, err
	}
	if r.plan.Digest != digest {
		return nil, ErrPlanChanged
	}
	if n := r.plan.Count(ImportError); n > 0 {
		return nil, fileProblem("Correct the lines in error first: %d of %d.", n, len(r.plan.Lines))
	}
	return r, nil
}

// claim makes the import this run's, unless it is under way or done by now.
func (r *importRun) claim(ctx context.Context) (bool, error) {
	var runs []int
	err := r.s.write(ctx, func(tx *gorm.DB) error {
		// Runs of nodes that are gone must not be in the way of the index.
		if _, err := exec(ctx, tx, "update credential_imports set state = 'INTERRUPTED' where created_by = ? and state = 'RUNNING' and alive_until < now()", r.by.Name); err != nil {
			return err
		}
		var err error
		runs, err = query[int](ctx, tx, `update credential_imports set state = 'RUNNING', run = run + 1, digest = ?, hashed = 0, to_hash = ?,
				creates = ?, updates = ?, skips = ?, reason = '', alive_until = now() + make_interval(secs => ?)
			where id = ? and state not in ('RUNNING', 'DONE') returning run`,
			r.plan.Digest, len(toHash(r.plan.Lines)), r.plan.Count(ImportCreate), r.plan.Count(ImportUpdate), r.plan.Count(ImportSkip), importAlive.Seconds(), r.kept.ID)
		return err
	})
	if err != nil || len(runs) == 0 {
		return false, err
	}
	r.number = runs[0]
	return true, nil
}

// do runs to the end, whatever that is, and says so.
func (r *importRun) do(ctx context.Context) {
	defer func() {
		// Nobody else would: this is no request, and a panic would end the process.
		if v := recover(); v != nil {
			r.end(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	err := r.work(ctx)
	if ctx.Err() != nil && err != nil {
		err = context.Canceled // whatever it became on its way
	}
	r.end(err)
}

func (r *importRun) work(ctx context.Context) error {
	hashes, err := r.hash(ctx)
	if err != nil {
		return err
	}
	// From here on no beat: the transaction writes the row last, and would lose
	// to anybody who wrote it meanwhile.
	if err := r.alive(ctx, len(hashes), importWriting); err != nil {
		return err
	}
	// One that takes longer gives up before others may take it for dead.
	ctx, cancel := context.WithTimeout(ctx, importWriting-importAlive)
	defer cancel()
	return r.s.writeCredentials(ctx, r.by, func(tx *gorm.DB) ([]string, error) { return r.write(ctx, tx, hashes) })
}

// write does what the plan said, in one transaction or not at all. That the
// import is done is part of it.
func (r *importRun) write(ctx context.Context, tx *gorm.DB, hashes map[int]string) ([]string, error) {
	now, err := r.s.plan(ctx, tx, r.project, r.records, r.kept.Options)
	if err == nil && now.Digest != r.plan.Digest {
		err = ErrPlanChanged
	}
	if err != nil {
		return nil, err
	}
	ids, err := r.applyLines(ctx, tx, now.Lines, hashes)
	if err != nil {
		return nil, err
	}
	return ids, r.update(ctx, tx, "state = 'DONE', content = '', alive_until = now()")
}

// applyLines returns the ids of what it wrote.
func (r *importRun) applyLines(ctx context.Context, tx *gorm.DB, lines []ImportLine, hashes map[int]string) ([]string, error) {
	var ids []string
	for _, l := range lines {
		if !l.writes() {
			continue
		}
		w := credentialWrite{s: r.s, by: r.by, project: r.project, draft: l.draft, hash: hashes[l.Number]}
		c, err := w.write(ctx, tx, l.existing.ID, l.existing.Version)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.Number, err)
		}
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// update changes the row of the import while it is this run's.
func (r *importRun) update(ctx context.Context, tx *gorm.DB, set string, args ...any) error {
	n, err := exec(ctx, tx, "update credential_imports set "+set+" where id = ? and run = ? and state = 'RUNNING'", append(args, r.kept.ID, r.number)...)
	if err == nil && n == 0 {
		err = errTakenOver
	}
	return err
}

func (r *importRun) alive(ctx context.Context, hashed int, longer time.Duration) error {
	return r.update(ctx, r.s.db, "hashed = ?, alive_until = now() + make_interval(secs => ?)", hashed, longer.Seconds())
}

// end keeps what became of a run for whoever asks. A database that cannot be
// told leaves it silent, and so interrupted.
func (r *importRun) end(err error) {
	ctx, cancel := context.WithTimeout(context.Background(), importEnding)
	defer cancel()
	state, reason := r.outcome(err)
	if state == "" {
		return
	}
	if err := r.update(ctx, r.s.db, "state = ?, reason = ?, alive_until = now()", state, reason); err != nil && !errors.Is(err, errTakenOver) {
		r.s.logger.Error("end of an import not recorded", "import", r.kept.ID, "error", err)
	}
}

// outcome is the state after err, "" when there is nothing to say.
func (r *importRun) outcome(err error) (state ImportState, reason string) {
	switch {
	case err == nil, errors.Is(err, errTakenOver):
		return "", ""
	case errors.Is(err, ErrPlanChanged):
		return ImportChanged, ""
	case errors.Is(err, context.Canceled):
		return ImportInterrupted, ""
	}
	if err = credentialRace(err); len(problem.Of(err)) > 0 {
		return ImportFailed, truncated(err.Error(), 1000)
	}
	r.s.logger.Error("import failed", "import", r.kept.ID, "error", err, "correlationId", r.by.CorrelationID)
	return ImportFailed, "The database did not take it. The operator finds the cause in the log under " + r.by.CorrelationID + "."
}

// importing leaves a processor to those who sign in meanwhile, however many
// imports are under way in this process.
var importing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// toHash are the lines with a secret that is written, by index.
func toHash(lines []ImportLine) []int {
	var list []int
	for i, l := range lines {
		if l.writes() && !l.draft.Secret.IsZero() {
			list = append(list, i)
		}
	}
	return list
}

// hash hashes the secrets that are written, by line, and says once a second how
// far it is.
func (r *importRun) hash(ctx context.Context) (map[int]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var done atomic.Int64
	var beating sync.WaitGroup
	beating.Go(func() { r.beat(ctx, cancel, &done) })
	hashes, err := r.hashAll(ctx, &done)
	cancel(err)
	beating.Wait()
	if err != nil {
		return nil, context.Cause(ctx)
	}
	return hashes, nil
}

func (r *importRun) beat(ctx context.Context, cancel context.CancelCauseFunc, done *atomic.Int64) {
	ticker := time.NewTicker(importBeat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		// Any other error may pass; if it does not, the write will meet it.
		if err := r.alive(ctx, int(done.Load()), importAlive); errors.Is(err, errTakenOver) {
			cancel(err)
		}
	}
}

func (r *importRun) hashAll(ctx context.Context, done *atomic.Int64) (map[int]string, error) {
	lines := toHash(r.plan.Lines)
	out := make([]string, len(lines))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(importing))
	for i, at := range lines {
		g.Go(func() (err error) {
			select {
			case importing <- struct{}{}:
				defer func() { <-importing }()
			case <-ctx.Done():
				return ctx.Err()
			}
			out[i], err = secret.HashContext(ctx, r.plan.Lines[at].draft.Secret.Reveal())
			done.Add(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	hashes := make(map[int]string, len(lines))
	for i, at := range lines {
		hashes[r.plan.Lines[at].Number] = out[i]
	}
	return hashes, nil
}
