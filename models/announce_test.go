package models_test

import (
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Whoever watches from outside hears of what a person does in the console, once
// it is done, and not of what was refused or of what he told himself.
func TestSecurityEventsOfWritesAreAnnouncedOnceTheyAreCommitted(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var heard []event.Security
	s := modelstest.Open(t, modelstest.Database(t), func(o *models.Options) {
		o.OnSecurity = func(e event.Security) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, e)
		}
	})
	modelstest.Environment(t, s, "production")
	entry := revoke.Entry{Kind: revoke.User, Key: "mia", Before: time.Now()}
	if _, err := s.Revoke(t.Context(), by, "nowhere", entry, "laptop lost"); err == nil {
		t.Fatal("revoked in no environment")
	}
	if _, err := s.Revoke(t.Context(), by, "production", entry, "laptop lost"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSecurityEvents(t.Context(), []event.Security{{Time: time.Now(), Kind: event.ForgedToken, Environment: "production"}}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || heard[0].Kind != event.TokensRevoked || heard[0].Subject != "mia" || heard[0].Environment != "production" {
		t.Errorf("heard %+v", heard)
	}
	kept, found, err := s.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{})
	if err != nil || found.Total != 2 {
		t.Errorf("%d kept, %v: %+v", found.Total, err, kept)
	}
}
