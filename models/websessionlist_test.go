package models_test

import (
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	s := modelstest.New(t)
	ada, bob := modelstest.User(t, s, "ada", models.RoleAuditor, password), modelstest.User(t, s, "bob", models.RoleAuditor, password)
	m := scs.New()
	m.Store, m.HashTokenInStore = s.SessionStore(), true
	ctx, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	m.Put(ctx, models.SessionUserKey, ada.ID)
	m.Put(ctx, models.SessionClientKey, "192.0.2.7")
	m.Put(ctx, models.SessionAgentKey, "Firefox\x00")
	token, _, err := m.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, s.SessionStore(), "bobs", bob.ID)
	list, err := s.WebSessions(t.Context(), ada.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	got := list[0]
	if got.Client != "192.0.2.7" || got.UserAgent != "Firefox\uFFFD" || time.Since(got.SeenAt) > time.Minute || !got.Opens(token) || got.Opens("bobs") {
		t.Errorf("session %+v", got)
	}

	// Attack: another user's session, ended by its id or by what is stored of its token.
	for _, id := range []string{got.ID, "bobs", "", "x'"} {
		wantNotFound(t, s.EndWebSession(t.Context(), as(bob), bob.ID, id))
	}
	if list, err := s.WebSessions(t.Context(), ada.ID); err != nil || len(list) != 1 {
		t.Errorf("bob ended it: %v, %v", list, err)
	}
	if err := s.EndWebSession(t.Context(), as(ada), ada.ID, got.ID); err != nil {
		t.Fatal(err)
	}
	wantNotFound(t, s.EndWebSession(t.Context(), as(ada), ada.ID, got.ID))
	if ctx, err := m.Load(t.Context(), token); err != nil || m.GetString(ctx, models.SessionUserKey) != "" {
		t.Errorf("it lives on, %v", err)
	}
}
