package main

import (
	"github.com/gatewright/gatewright/cmd/gatewright/tally"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// callKind is what the product tells calls apart by.
type callKind struct {
	environment, project, proxy string
	status                      int
	result                      event.Result
	fault                       fault.Type
	check                       event.TokenCheck
}

// metrics count each call as those of the product do.
type metrics struct {
	event.Discard
	tallies tally.Map[callKind]
}

// Access counts a call.
func (m *metrics) Access(a event.Access) {
	m.tallies.Of(callKind{a.Environment, a.Project, a.Proxy, a.Status, a.Result, a.Fault, a.TokenCheck}).Add(a.Duration, a.Upstream)
}
