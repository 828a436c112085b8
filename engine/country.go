package engine

import "github.com/gatewright/gatewright/engine/condition"

// findCountry is the caller's country: what a trusted proxy says, which may see
// more than the address, or else what the database knows. Anybody else's header
// is not looked at.
func (c *call) findCountry(r *condition.Request) string {
	if c.trusted && c.g.countryHeader != "" {
		if values := c.in.Values(c.g.countryHeader); len(values) == 1 && countryCode(values[0]) {
			return values[0]
		}
	}
	if c.g.country == nil || !r.Client.IsValid() {
		return ""
	}
	return c.g.country(r.Client)
}

// countryCode tells whether a text looks like an ISO 3166 code; proxies write
// other things for an unknown country.
func countryCode(text string) bool {
	return len(text) == 2 && 'A' <= text[0] && text[0] <= 'Z' && 'A' <= text[1] && text[1] <= 'Z' && text != "XX"
}
