package issue

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TimeUnit is a unit of a lifetime, as the management API spells it.
type TimeUnit string

// The units. A month is 30 days and a year 365, so that a lifetime is one
// number of seconds whenever the token is issued.
const (
	Milliseconds TimeUnit = "MILLI_SECONDS"
	Seconds      TimeUnit = "SECONDS"
	Minutes      TimeUnit = "MINUTES"
	Hours        TimeUnit = "HOURS"
	Days         TimeUnit = "DAYS"
	Weeks        TimeUnit = "WEEKS"
	Months       TimeUnit = "MONTHS"
	Years        TimeUnit = "YEARS"
)

// TimeUnits are all units, shortest first.
func TimeUnits() []TimeUnit {
	return []TimeUnit{Milliseconds, Seconds, Minutes, Hours, Days, Weeks, Months, Years}
}

const maxLifetime = 100 * 365 * 24 * 60 * 60 // seconds

var unitSeconds = map[TimeUnit]int64{
	Seconds: 1, Minutes: 60, Hours: 3600, Days: 86400, Weeks: 7 * 86400, Months: 30 * 86400, Years: 365 * 86400,
}

// Valid tells whether u is one of TimeUnits, spelled exactly so.
func (u TimeUnit) Valid() bool { return slices.Contains(TimeUnits(), u) }

// plural accepts the singular that some clients of the management API send.
func (u TimeUnit) plural() TimeUnit {
	if p := u + "S"; u != "" && p.Valid() {
		return p
	}
	return u
}

// Label is the unit in words, for people.
func (u TimeUnit) Label() string {
	if u == Milliseconds {
		return "milliseconds"
	}
	return strings.ToLower(string(u))
}

// Duration is amount units in whole seconds, rounded up: the times of a JWT
// are whole seconds, and a token of half a second would be expired at birth.
// The unit and the amount must be valid.
func (u TimeUnit) Duration(amount int64) time.Duration {
	seconds := amount * unitSeconds[u]
	if u == Milliseconds {
		seconds = (amount + 999) / 1000
	}
	return time.Duration(seconds) * time.Second
}

// Problem says what is wrong with amount units as a lifetime of what, such as
// "a token", or "".
func (u TimeUnit) Problem(amount int64, what string) string {
	most := int64(maxLifetime) * 1000
	if n := unitSeconds[u]; n > 0 {
		most = maxLifetime / n
	}
	switch {
	case amount < 1:
		return "Enter how long " + what + " lives, 1 or more."
	case u == Milliseconds && amount < 1000:
		return "Enter at least 1000 milliseconds: the times of a JWT are whole seconds."
	case amount > most:
		return fmt.Sprintf("Enter at most %d %s, which is a hundred years.", most, u.Label())
	}
	return ""
}
