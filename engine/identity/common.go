package identity

import (
	"time"

	"github.com/gatewright/gatewright/engine/problem"
)

// Defaults and limits of the common settings.
const (
	DefaultTimeout       = 5000  // milliseconds
	MaxTimeout           = 60000 // milliseconds
	DefaultCache         = 60    // seconds
	DefaultNegativeCache = 5     // seconds
	MaxCache             = 3600  // seconds
	DefaultConcurrent    = 16
	MaxConcurrent        = 1000
)

// Common is what every identity source has, whatever its kind.
type Common struct {
	// Kind is the name of the source's Kind.
	Kind KindName `json:"kind"`
	// Name addresses the source; unique in its project without regard to case.
	Name string `json:"name"`
	// Description is free text of at most 1000 characters.
	Description string `json:"description"`
	// TimeoutMillis bounds one login with all its steps. Default 5000, of the
	// kind API 10000.
	TimeoutMillis int `json:"timeoutMillis"`
	// CacheSeconds is how long a good login is remembered, by a keyed hash and
	// never by the password: so long a user whom the source has shut out can
	// still log in. Default 60; 0 remembers nothing.
	CacheSeconds int `json:"cacheSeconds"`
	// NegativeCacheSeconds is how long a wrong login is remembered. Default 5;
	// 0 remembers nothing.
	NegativeCacheSeconds int `json:"negativeCacheSeconds"`
	// MaxConcurrent bounds the calls under way, and the connections kept.
	// Default 16.
	MaxConcurrent int `json:"maxConcurrent"`
}

// NewCommon has the defaults.
func NewCommon(kind KindName) Common {
	return Common{
		Kind: kind, TimeoutMillis: DefaultTimeout, CacheSeconds: DefaultCache,
		NegativeCacheSeconds: DefaultNegativeCache, MaxConcurrent: DefaultConcurrent,
	}
}

// Timeout is TimeoutMillis as a duration.
func (c *Common) Timeout() time.Duration { return time.Duration(c.TimeoutMillis) * time.Millisecond }

// Validate reports what is wrong with the common part.
func (c *Common) Validate() problem.List {
	var l problem.List
	if msg := problem.Name(c.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if msg := problem.Description(c.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	between(&l, "timeoutMillis", c.TimeoutMillis, 100, MaxTimeout, "milliseconds")
	between(&l, "cacheSeconds", c.CacheSeconds, 0, MaxCache, "seconds")
	between(&l, "negativeCacheSeconds", c.NegativeCacheSeconds, 0, MaxCache, "seconds")
	between(&l, "maxConcurrent", c.MaxConcurrent, 1, MaxConcurrent, "calls")
	return l
}

func between(l *problem.List, field string, value, least, most int, unit string) {
	if value < least || value > most {
		l.Add(field, "Enter a number of %s from %d to %d.", unit, least, most)
	}
}
