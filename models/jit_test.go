package models_test

import (
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

func TestPostgreSQLDoesNotCompileStatementsUnlessTheURLSaysSo(t *testing.T) {
	t.Parallel()
	for added, want := range map[string]string{"": "off", "&jit=on": "on"} {
		url := modelstest.Database(t) + added
		jit, err := modelstest.Open(t, url).Setting(t.Context(), "jit")
		if err != nil || jit != want {
			t.Errorf("with %q it is %q, want %q: %v", added, jit, want, err)
		}
	}
}
