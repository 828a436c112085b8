package steady

import (
	"testing"
	"time"
)

func TestAClockIsFollowedBackAtOnceAndAheadAsTimePasses(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	wall, elapsed := start, time.Duration(0)
	c := newClock(func() time.Time { return wall }, func() time.Duration { return elapsed })
	for _, step := range []struct {
		name         string
		jump, passes time.Duration
		want         time.Duration // after the start
	}{
		{"time passes", 0, time.Hour, time.Hour},
		{"a little ahead", time.Minute, 0, time.Hour + time.Minute},
		{"a year ahead", 365 * 24 * time.Hour, 0, time.Hour + time.Minute},
		{"and an hour later", 0, time.Hour, 2*time.Hour + time.Minute},
		{"set right again", -365 * 24 * time.Hour, 0, 2*time.Hour + time.Minute},
		{"a day back", -24 * time.Hour, 0, -22*time.Hour + time.Minute},
		{"time passes again", 0, time.Hour, -21*time.Hour + time.Minute},
		{"ahead, as after a sleep", 48 * time.Hour, 0, -21*time.Hour + time.Minute},
		{"still for a while", 0, 23 * time.Hour, 2*time.Hour + time.Minute},
		{"for good", 0, time.Hour, 51*time.Hour + time.Minute},
		{"from then on as ever", 0, time.Hour, 52*time.Hour + time.Minute},
	} {
		wall, elapsed = wall.Add(step.jump+step.passes), elapsed+step.passes
		if got := c.Now().Sub(start); got != step.want {
			t.Errorf("%s: %v after the start, want %v", step.name, got, step.want)
		}
	}
}

func TestTheClockOfTheProcessRuns(t *testing.T) {
	t.Parallel()
	if d := time.Since(Now()); d < 0 || d > tolerance {
		t.Errorf("it is %v late", d)
	}
}
