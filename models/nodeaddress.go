package models

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// MaxNamedAddresses bounds how many addresses a report tells of one by one: there
// may be ten thousand proxies of several, and nodes report every few seconds.
const MaxNamedAddresses = 200

// maxAddressText bounds each text of one.
const maxAddressText = 500

// NodeAddresses is what a node knows of the addresses of APIs that have several, or
// whose one is watched. Each node judges for itself.
type NodeAddresses struct {
	Well    int `json:"well,omitempty"`
	Resting int `json:"resting,omitempty"`
	Down    int `json:"down,omitempty"`
	// Calls are under way at all of them.
	Calls int64 `json:"calls,omitempty"`
	// Named are the first MaxNamedAddresses: those that are not well, then those
	// with the most calls. Store.Nodes and Store.NodesOf leave them out.
	Named []NodeAddress `json:"named,omitempty"`
}

// NodeAddress is what a node knows of one address.
type NodeAddress struct {
	ProxyID string        `json:"proxyId"`
	Project string        `json:"project"`
	Proxy   string        `json:"proxy"`
	Address string        `json:"address"`
	Health  AddressHealth `json:"health"`
	// Since is when that began, by the clock of the node, and Reason why: "" when it
	// is well.
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
	// Calls are under way at it.
	Calls int64 `json:"calls,omitempty"`
}

// AddressHealth is what an address is like, as engine/balance has it.
type AddressHealth string

// The kinds of health: called, not called for a while after failures, not called
// while its health check fails.
const (
	AddressWell    AddressHealth = "WELL"
	AddressResting AddressHealth = "RESTING"
	AddressDown    AddressHealth = "DOWN"
)

// Add counts an address, and names it for now.
func (a *NodeAddresses) Add(one NodeAddress) {
	switch one.Health {
	case AddressDown:
		a.Down++
	case AddressResting:
		a.Resting++
	default:
		a.Well++
	}
	a.Calls += one.Calls
	a.Named = append(a.Named, one)
}

// All is how many there are.
func (a NodeAddresses) All() int { return a.Well + a.NotWell() }

// NotWell is how many are not called.
func (a NodeAddresses) NotWell() int { return a.Resting + a.Down }

// Tells whether all that are not well are named: who is not is well.
func (a NodeAddresses) Tells() bool { return a.NotWell() <= MaxNamedAddresses }

// bounded is what is kept of it.
func (a NodeAddresses) bounded() (document, error) {
	rank := map[AddressHealth]int{AddressDown: 0, AddressResting: 1, AddressWell: 2}
	a.Named = slices.Clone(a.Named)
	slices.SortFunc(a.Named, func(x, y NodeAddress) int {
		return cmp.Or(cmp.Compare(rank[x.Health], rank[y.Health]), cmp.Compare(y.Calls, x.Calls),
			cmp.Compare(x.Project, y.Project), cmp.Compare(x.Proxy, y.Proxy), cmp.Compare(x.Address, y.Address))
	})
	a.Named = a.Named[:min(MaxNamedAddresses, len(a.Named))]
	for i := range a.Named {
		n := &a.Named[i]
		n.Address, n.Reason = truncated(n.Address, maxAddressText), truncated(n.Reason, maxAddressText)
	}
	raw, err := json.Marshal(a)
	return document(raw), err
}

// NodesWithAddresses lists what Nodes does, with the addresses that each report
// names.
func (s *Store) NodesWithAddresses(ctx context.Context) ([]NodeReport, error) {
	return nodes(ctx, s.db, nodeQuery{age: nodeKept, named: "n.addresses"})
}

// NodesOfProxy lists what Nodes does, with those addresses of one proxy that each
// report names.
func (s *Store) NodesOfProxy(ctx context.Context, proxyID string) ([]NodeReport, error) {
	return nodes(ctx, s.db, nodeQuery{age: nodeKept, args: []any{proxyID}, named: `n.addresses || jsonb_build_object('named',
		(select jsonb_agg(a) from jsonb_array_elements(n.addresses -> 'named') a where a ->> 'proxyId' = ?))`})
}
