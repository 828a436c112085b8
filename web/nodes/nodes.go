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
