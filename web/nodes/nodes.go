// Package nodes owns the page of all gateway nodes.
package nodes

import (
	"fmt"
	"time"

	"github.com/gatewright/gatewright/web/ui"
)

// Page is the page of all nodes.
type Page struct {
	Now   time.Time
	Nodes []Node
	// Unwell are the addresses that are not well, as many as are shown, and
	// More how many are not.
	Unwell []Address
	More   int
	// Environments leads to those that nodes can serve.
	Environments string
}

// Node is a node and one environment that it serves.
type Node struct {
	Name, Version     string
	Environment, Href string
	// Running is the generation that it runs, Newest the environment's.
	Running, Newest int64
	Tone            ui.Tone
	State           string
	Message         string // why it does not run what it should; "" when it does
	Alive           bool
	StartedAt, At   time.Time
	// Addresses and NotWell are how many addresses of APIs it watches, and how many
	// of them are not well.
	Addresses, NotWell int
}

func (n Node) addresses() string {
	switch {
	case n.Addresses == 0:
		return ""
	case !n.Alive:
		return "Not known"
	case n.NotWell == 0:
		return fmt.Sprintf("%d well", n.Addresses)
	}
	return fmt.Sprintf("%d of %d not well", n.NotWell, n.Addresses)
}

func (n Node) runs() string {
	switch {
	case n.Running == 0:
		return fmt.Sprintf("Nothing yet of %d", n.Newest)
	case n.Running == n.Newest:
		return fmt.Sprintf("%d, the newest", n.Running)
	}
	return fmt.Sprintf("%d of %d", n.Running, n.Newest)
}
