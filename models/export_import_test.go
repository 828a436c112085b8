package models

import "context"

// ApplyImport is an import from its preview to its end, with the error that
// ended it and the plan as it is then.
func (s *Store) ApplyImport(ctx context.Context, by Actor, projectID string, file []byte, o ImportOptions, digest string) (ImportPlan, error) {
	id, err := s.KeepImport(ctx, by, projectID, file, o)
	if err != nil {
		return ImportPlan{}, err
	}
	r, err := s.importRun(ctx, by, projectID, id, digest)
	if err != nil {
		plan, _ := s.PlanImport(ctx, projectID, file, o)
		return plan, err
	}
	if _, err := r.claim(ctx); err != nil {
		return r.plan, err
	}
	err = r.work(ctx)
	r.end(err)
	return r.plan, credentialRace(err)
}

// Rest waits until nothing goes on in the background.
func (s *Store) Rest() { s.background.running.Wait() }
