package nodes

import (
	"time"

	"github.com/gatewright/gatewright/web/ui"
)

// Address is what a node knows of an address of an API.
type Address struct {
	// Address is empty for all that the node does not name.
	Address string
	Tone    ui.Tone
	State   string
	Reason  string
	Since   time.Time // zero when that is not known
	Calls   string    // under way
	// Proxy is left out on the page of the proxy.
	Proxy, ProxyHref  string
	Environment, Node string
	// Silent tells that the node has not reported lately, last At: it may be
	// otherwise by now.
	Silent bool
	At     time.Time
}

func addressColumns(proxies bool) []ui.Column {
	list := []ui.Column{{Label: "Address"}, {Label: "State", Tight: true}}
	if proxies {
		list = append(list, ui.Column{Label: "API proxy"})
	}
	return append(list, ui.Column{Label: "Environment"}, ui.Column{Label: "Node"}, ui.Column{Label: "Since"}, ui.Column{Label: "Calls under way", Number: true})
}
