package models_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestANewPublicURLReachesNodesAndAudit(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	before, err := s.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.SetPublicURL(t.Context(), modelstest.By(), "PRODUCTION", before.Version, "https://api.example.com/v1/")
	if err != nil {
		t.Fatal(err)
	}
	if after.PublicURL != "https://api.example.com/v1" || after.Version != before.Version+1 || after.Generation != before.Generation+1 {
		t.Errorf("saved as %+v, read as %+v", after, before)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil || b.PublicURL != after.PublicURL || b.Generation != after.Generation {
		t.Errorf("the nodes get %q of generation %d, %v", b.PublicURL, b.Generation, err)
	}
	records, _, err := s.Audit(t.Context(), models.AuditFilter{Kind: models.KindEnvironment, Action: models.ActionUpdated})
	if err != nil || len(records) != 1 || records[0].ObjectName != "production" {
		t.Fatalf("audited as %+v, %v", records, err)
	}
	record, err := s.AuditRecord(t.Context(), records[0].ID)
	if err != nil || string(record.Before) == string(record.After) {
		t.Errorf("before %s, after %s, %v", record.Before, record.After, err)
	}

	var stale *models.StaleError
	_, err = s.SetPublicURL(t.Context(), modelstest.By(), "production", before.Version, "https://late.example.com")
	if !errors.As(err, &stale) || stale.Version != after.Version {
		t.Errorf("a late save gives %v", err)
	}
}

func TestAPublicURLThatCannotBeAnIssuerIsRefused(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	e, err := s.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "api.example.com", "ftp://api.example.com", "https://", "https://u:p@api.example.com", "https://api.example.com?x=1", "https://api.example.com#a"} {
		_, err := s.SetPublicURL(t.Context(), modelstest.By(), "production", e.Version, address)
		if problem.Of(err).For("publicUrl") == "" {
			t.Errorf("%q gives %v", address, err)
		}
	}
	if _, err := s.SetPublicURL(t.Context(), modelstest.By(), "nowhere", 1, "https://api.example.com"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("an unknown environment gives %v", err)
	}
	now, err := s.Environment(t.Context(), "production")
	if diff := cmp.Diff(e, now); err != nil || diff != "" {
		t.Errorf("something was written (%v):\n%s", err, diff)
	}
}
