package jwtauth

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

func (u TimeUnit) valid() bool { return slices.Contains(TimeUnits(), u) }

// plural accepts the singular that some clients of the management API send.
func (u TimeUnit) plural() TimeUnit {
	if p := u + "S"; u != "" && p.valid() {
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

// seconds is amount units in whole seconds, rounded up: the times of a JWT
// are whole seconds, and a token of half a second would be expired at birth.
// The unit and the amount must be valid.
func (u TimeUnit) seconds(amount int64) int64 {
	if u == Milliseconds {
		return (amount + 999) / 1000
	}
	return amount * unitSeconds[u]
}

// problem says what is wrong with amount units as a lifetime, or "".
func (u TimeUnit) problem(amount int64) string {
	most := int64(maxLifetime) * 1000
	if n := unitSeconds[u]; n > 0 {
		most = maxLifetime / n
	}
	switch {
	case amount < 1:
		return "Enter how long a token lives, 1 or more, or let tokens never expire."
	case u == Milliseconds && amount < 1000:
		return "Enter at least 1000 milliseconds: the times of a JWT are whole seconds."
	case amount > most:
		return fmt.Sprintf("Enter at most %d %s, which is a hundred years.", most, u.Label())
	}
	return ""
}

// Lifetime is how long an access token of a valid policy lives; zero means
// for ever.
func (c *Config) Lifetime() time.Duration {
	if c.TokenNeverExpires {
		return 0
	}
	return time.Duration(c.TokenExpiresInUnit.seconds(c.TokenExpiresInAmount)) * time.Second
}
