package models_test

import (
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

func TestConnectionsHaveTheSettingsOfPagesUnlessTheURLSaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ added, jit, cost string }{
		{"", "off", "10000"},
		{"&jit=on", "on", "10000"},
		{"&parallel_setup_cost=7", "off", "7"},
		{"&jit=on&parallel_setup_cost=7", "on", "7"},
	} {
		s := modelstest.Open(t, modelstest.Database(t)+c.added)
		for name, want := range map[string]string{"jit": c.jit, "parallel_setup_cost": c.cost} {
			if got, err := s.Setting(t.Context(), name); err != nil || got != want {
				t.Errorf("with %q %s is %q, want %q: %v", c.added, name, got, want, err)
			}
		}
	}
}
