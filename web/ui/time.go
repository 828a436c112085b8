package ui

import (
	"fmt"
	"time"
)

// Absolute is how a moment is written out: to the second, with its zone.
func Absolute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Relative says how long ago t is from now, or how far ahead, the way one would say it; past a month it is a date.
func Relative(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return ahead(t, -d)
	}
	switch {
	case d < 45*time.Second:
		return "just now"
	case d > 30*24*time.Hour:
		return t.UTC().Format("2 Jan 2006")
	default:
		return span(d) + " ago"
	}
}

func ahead(t time.Time, d time.Duration) string {
	if d > 30*24*time.Hour {
		return t.UTC().Format("2 Jan 2006")
	}
	if d < 45*time.Second {
		return "now"
	}
	return "in " + span(d)
}

// span says a duration in its largest whole unit.
func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return plural(max(1, int(d.Minutes())), "minute", "minutes")
	case d < 24*time.Hour:
		return plural(int(d.Hours()), "hour", "hours")
	default:
		return plural(int(d.Hours()/24), "day", "days")
	}
}

// Took says how long something lasted, in milliseconds below one second.
func Took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
