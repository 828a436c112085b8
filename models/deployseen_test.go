package models_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

var errNotSeen = errors.New("not what was seen")

// ATTACK: somebody looks at an API and deploys it; while that waits for another
// deploy the API is changed. What nobody has looked at must not go live.
func TestAttackWhatWasNotSeenIsNotDeployed(t *testing.T) {
	t.Parallel()
	for name, deploy := range map[string]func(s *models.Store, p models.Owner, seen models.Seen) error{
		"a deploy": func(s *models.Store, p models.Owner, seen models.Seen) error {
			_, err := s.Deploy(context.Background(), by, p.ProjectID, p.ID, "production", "", seen)
			return err
		},
		"a rollback": func(s *models.Store, p models.Owner, seen models.Seen) error {
			_, err := s.Rollback(context.Background(), by, p.ProjectID, p.ID, "production", 1, "", seen)
			return err
		},
		"an undeploy": func(s *models.Store, p models.Owner, seen models.Seen) error {
			_, err := s.Undeploy(context.Background(), by, p.ProjectID, p.ID, "production", seen)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBench(t)
			p := modelstest.Proxy(t, s.Store, s.project, "orders")
			modelstest.Deploy(t, s.Store, p, "production")
			modelstest.Deploy(t, s.Store, p, "production")
			p = modelstest.Reload(t, s.Store, p)
			conn := connect(t, s.url)
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "update environments set generation = generation + 1"); err != nil {
				t.Fatal(err)
			}
			var versions []int
			ended := make(chan error, 1)
			go func() {
				ended <- deploy(s.Store, p, func(now models.Owner) error {
					if versions = append(versions, now.Version); now.Version != p.Version {
						return errNotSeen
					}
					return nil
				})
			}()
			other := connect(t, s.url)
			for scalar[int](t, other, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			changed := p
			changed.Upstream.URL = "http://changed.test"
			if _, _, err := s.SaveProxy(t.Context(), by, s.project, changed); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, errNotSeen) || slices.Max(versions) != p.Version+1 {
				t.Errorf("%v, it saw %v", err, versions)
			}
			if d := modelstest.Reload(t, s.Store, p).Deployments[0]; d.Revision != 2 {
				t.Errorf("revision %d runs", d.Revision)
			}
			// Without a race it goes through.
			if err := deploy(s.Store, p, func(models.Owner) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
}
