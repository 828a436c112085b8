package ldap

import "time"

// SetClock lets a test move the time by which servers are remembered as down and
// connections grow old.
func (s *Source) SetClock(now func() time.Time) { s.now = now }

// Idle is the number of connections that are kept.
func (s *Source) Idle() int {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return len(s.pool.idle)
}

// BindName is what a name becomes with a pattern.
func BindName(text, name string) (string, bool) { return patternOf(text).bindName(name) }

// LoginFilter is the filter that finds a name.
func (c *Config) LoginFilter(name string) string { return c.loginFilter(name) }

// GroupFilterFor is the filter that finds the groups of a member.
func (c *Config) GroupFilterFor(dn, login string) string { return c.groupFilter(dn, login) }

// Fit tells whether a name is worth a question.
func Fit(name string) bool { return fit(name) }
