package models_test

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestASessionThatDidNotChangeIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(context.Context) context.Context{
		"read again": func(ctx context.Context) context.Context { return ctx }, "kept by the request": models.WithSession,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writtenOnceAMinute(t, request)
		})
	}
}

func writtenOnceAMinute(t *testing.T, request func(context.Context) context.Context) {
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
		ctx := request(t.Context())
		if _, _, err := sessions.FindCtx(ctx, "token"); err != nil {
			t.Fatal(err)
		}
		if err := sessions.CommitCtx(ctx, "token", data, now.Add(time.Hour)); err != nil {
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

// What a request keeps is of its own session, and brings back none that has been ended.
func TestAKeptSessionThatWasEndedStaysEnded(t *testing.T) {
	t.Parallel()
	sessions := modelstest.Open(t, modelstest.Database(t)).SessionStore()
	data, err := scs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{"some": "value"})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(ctx context.Context, token string) {
		t.Helper()
		if err := sessions.CommitCtx(ctx, token, data, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	there := func(ctx context.Context, token string) bool {
		t.Helper()
		_, there, err := sessions.FindCtx(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		return there
	}
	commit(t.Context(), "token")
	request := models.WithSession(t.Context())
	if !there(request, "token") {
		t.Fatal("no session")
	}
	if err := sessions.DeleteCtx(t.Context(), "token"); err != nil {
		t.Fatal(err)
	}
	commit(request, "token")
	if there(t.Context(), "token") {
		t.Error("it is back")
	}
	if commit(request, "renewed"); !there(t.Context(), "renewed") {
		t.Error("a session of the same values was taken for the one that was kept")
	}
}
