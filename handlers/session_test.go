package handlers

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/gatewright/gatewright/models"
)

// Whoever reads the table of sessions must not be able to take one over.
func TestTheStoreNeverSeesTheTokenOfTheCookie(t *testing.T) {
	t.Parallel()
	m := newSessions(new(models.Store), false, slog.New(slog.DiscardHandler), func(http.ResponseWriter, *http.Request) {})
	kept := memstore.NewWithCleanupInterval(0)
	m.Store = kept
	answer := httptest.NewRecorder()
	m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), models.SessionUserKey, "somebody")
	})).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	cookies := answer.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Value == "" {
		t.Fatalf("cookies %v, want one", cookies)
	}
	if _, found, err := kept.Find(cookies[0].Value); found || err != nil {
		t.Errorf("the store knows the token itself (%v, %v)", found, err)
	}
	if all, err := kept.All(); len(all) != 1 || err != nil {
		t.Errorf("the store has %d sessions (%v), want one", len(all), err)
	}
}
