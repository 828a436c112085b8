package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/nodes"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// addressesShown bounds a table of addresses.
const addressesShown = 100

// addressRow is what a node knows of an address.
func addressRow(r models.NodeReport, a models.NodeAddress) nodes.Address {
	row := nodes.Address{
		Address: a.Address, Tone: ui.ToneSuccess, State: "Well", Reason: a.Reason, Since: a.Since, Calls: strconv.FormatInt(a.Calls, 10),
		Proxy: a.Proxy, ProxyHref: linkTo(a.Project, engine.KindProxy, a.Proxy),
	}
	switch a.Health {
	case models.AddressDown:
		row.Tone, row.State = ui.ToneDanger, "Down"
	case models.AddressResting:
		row.Tone, row.State = ui.ToneWarning, "Resting"
	case models.AddressWell:
	}
	if a.Since.After(r.At) { // its clock is ahead
		row.Since = r.At
	}
	return reportedBy(r, row)
}

// reportedBy says whose word it is. What a silent node said is no news.
func reportedBy(r models.NodeReport, row nodes.Address) nodes.Address {
	row.Environment, row.Node, row.Silent, row.At = r.Environment, r.Node, !r.Alive, r.At
	if row.Silent {
		row.Tone, row.State, row.Calls = ui.ToneNeutral, "Was "+strings.ToLower(row.State), "–"
	}
	return row
}

// unwell are the addresses that are not well, and how many more there are than
// are listed.
func unwell(reports []models.NodeReport) (list []nodes.Address, more int) {
	for _, r := range reports {
		if !r.Alive {
			continue // its row says that it is silent
		}
		for _, a := range r.Addresses.Named {
			if a.Health != models.AddressWell && len(list) < addressesShown {
				list = append(list, addressRow(r, a))
			}
		}
		more += r.Addresses.NotWell()
	}
	return list, more - len(list)
}

// watched is what nodes know of the addresses of the proxy; nil when it is called
// whatever becomes of that.
func (d *ownerDesk) watched() (*proxies.Watched, error) {
	reports, err := d.c.store.NodesOfProxy(d.g.Request.Context(), d.owner.ID)
	if err != nil {
		return nil, err
	}
	w, live := &proxies.Watched{}, liveIn(d.owner)
	serving := 0
	for _, r := range reports {
		named := r.Addresses.Named
		for _, a := range named {
			w.Addresses = append(w.Addresses, addressRow(r, a))
		}
		if !slices.Contains(live, r.Environment) {
			continue
		}
		serving++
		if len(named) == 0 && !d.owner.Upstream.Plain() {
			w.Addresses = append(w.Addresses, unnamed(r))
		}
	}
	if d.owner.Upstream.Plain() && len(w.Addresses) == 0 {
		return nil, nil
	}
	if n := len(w.Addresses) - addressesShown; n > 0 {
		w.Addresses = worstFirst(w.Addresses)[:addressesShown]
		w.Text = fmt.Sprintf("%d more are not shown. ", n)
	}
	w.Text += watchedText(len(live) > 0, serving > 0)
	return w, nil
}

// unnamed is what can be said of addresses that a report does not name.
func unnamed(r models.NodeReport) nodes.Address {
	row := nodes.Address{Tone: ui.ToneNeutral, State: "Not known", Calls: "–"}
	switch {
	case r.Addresses.All() <= models.MaxNamedAddresses:
		row.Reason = "The node names none of them: it has not taken over the revision that has several, or that checks them"
	case r.Addresses.Tells():
		row.Tone, row.State, row.Reason = ui.ToneSuccess, "Well", "The node watches more addresses than it names one by one, and names all that are not well"
	default:
		row.Reason = fmt.Sprintf("%d addresses are not well on this node, more than it names; the metric gatewright_upstream_up tells of each", r.Addresses.NotWell())
	}
	if row = reportedBy(r, row); row.Silent {
		row.State = "Not known"
	}
	return row
}

func worstFirst(list []nodes.Address) []nodes.Address {
	rank := map[ui.Tone]int{ui.ToneDanger: 0, ui.ToneWarning: 1}
	of := func(a nodes.Address) int {
		if n, ok := rank[a.Tone]; ok {
			return n
		}
		return len(rank)
	}
	slices.SortStableFunc(list, func(x, y nodes.Address) int { return of(x) - of(y) })
	return list
}

func watchedText(live, served bool) string {
	switch {
	case !live:
		return "It is not deployed: nodes watch its addresses once it is."
	case !served:
		return "No node that serves it has reported in the last day, so nothing is known of its addresses."
	}
	return "Each node judges for itself and reports every few seconds. An address that rests is tried again after its rest; one that is down, once its health check succeeds."
}
