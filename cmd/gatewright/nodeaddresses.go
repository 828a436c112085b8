package main

import (
	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/models"
)

var addressHealth = map[balance.Health]models.AddressHealth{
	balance.Well: models.AddressWell, balance.Resting: models.AddressResting, balance.Down: models.AddressDown,
}

// addressesOf is what a node reports of the addresses that its gateway calls.
func addressesOf(gateway *engine.Gateway) (all models.NodeAddresses) {
	for _, u := range gateway.Upstreams() {
		for _, a := range u.Addresses {
			all.Add(models.NodeAddress{
				ProxyID: u.ID, Project: u.Project, Proxy: u.Proxy, Address: a.Address,
				Health: addressHealth[a.Health], Since: a.Since.UTC(), Reason: a.Reason, Calls: a.Calls,
			})
		}
	}
	return all
}
