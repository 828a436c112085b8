package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhatSomebodyAskedForIsDoneAlsoWhenTheBrowserHasGone(t *testing.T) {
	t.Parallel()
	for method, goesOn := range map[string]bool{"POST": true, "GET": false, "HEAD": false} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			gone, leave := context.WithCancel(t.Context())
			leave()
			var ctx context.Context
			var err error
			withFinishedWrites(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx, err = r.Context(), r.Context().Err() })).
				ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, method, "/", nil))
			if (err == nil) != goesOn {
				t.Errorf("the request's context ends with %v, want it to go on: %v", err, goesOn)
			}
			if _, bounded := ctx.Deadline(); bounded != goesOn {
				t.Errorf("bounded in time: %v, want %v", bounded, goesOn)
			}
		})
	}
}
