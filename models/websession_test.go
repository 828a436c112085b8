package models_test

import (
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestASessionThatDidNotChangeIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	begun := time.Now().UTC().Truncate(time.Microsecond)
	now := begun
	sessions := modelstest.Open(t, url, func(o *models.Options) { o.Now = func() time.Time { return now } }).SessionStore()
	conn := connect(t, url)
	for _, step := range []struct {
		after       time.Duration
		agent       string
		seen, until time.Duration
	}{
		{0, "a", 0, time.Hour},
		{59 * time.Second, "a", 0, time.Hour},
		{60 * time.Second, "a", time.Minute, time.Hour + time.Minute},
		{61 * time.Second, "b", 61 * time.Second, time.Hour + 61*time.Second},
		{30 * time.Second, "b", 30 * time.Second, time.Hour + 30*time.Second}, // the clock was set back
	} {
		now = begun.Add(step.after)
		data, err := scs.GobCodec{}.Encode(begun.Add(12*time.Hour), map[string]any{models.SessionAgentKey: step.agent, models.SessionClientKey: "192.0.2.7", "more": "of it"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sessions.CommitCtx(t.Context(), "token", data, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		seen := scalar[time.Time](t, conn, "select seen_at from web_sessions").Sub(begun)
		until := scalar[time.Time](t, conn, "select expires_at from web_sessions").Sub(begun)
		agent := scalar[string](t, conn, "select user_agent from web_sessions")
		if seen != step.seen || until != step.until || agent != step.agent {
			t.Errorf("after %v: %q seen after %v, until %v", step.after, agent, seen, until)
		}
	}
}
