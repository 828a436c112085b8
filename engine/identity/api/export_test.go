package api

import (
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/outgoing"
)

// OpenWith opens a source with a dialer of the test's own.
func (c *Config) OpenWith(deps identity.Deps, dialer outgoing.Dialer) (identity.Source, error) {
	return c.open(deps, dialer)
}
