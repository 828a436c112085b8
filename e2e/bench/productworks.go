package main

import (
	"slices"

	"github.com/gatewright/gatewright/engine/keys"
)

// issued are the algorithms whose tokens are issued.
var issued = []keys.Algorithm{keys.RS256, keys.ES256}

// The names of works that the product does, and of targets in them.
const (
	issueWork     = "issue "
	refreshWork   = "refresh ES256"
	consoleWork   = "console in use"
	bareSignature = "bare signature"
	gatewayAlone  = "gateway alone"
)

func productWorks() []string {
	list := []string{refreshWork, consoleWork}
	for _, alg := range issued {
		list = append(list, issueWork+string(alg))
	}
	return list
}

// wantsProduct tells whether -rows asks for a work that takes the product.
func (b *bench) wantsProduct() bool { return slices.ContainsFunc(productWorks(), b.rows.MatchString) }

// products are the works of the product; none where there is none.
func (b *bench) products() []*work {
	if b.product == nil {
		return nil
	}
	var list []*work
	for _, alg := range issued {
		list = append(list, b.signing(issueWork+string(alg), alg, order{Forms: b.product.forms.issue[alg]}))
	}
	return append(list, b.signing(refreshWork, keys.ES256, order{Forms: b.product.forms.refresh, Renew: b.product.forms.renew}), b.console())
}

// signing is a work of the token endpoint, beside the signature alone.
func (b *bench) signing(name string, alg keys.Algorithm, o order) *work {
	o.Address, o.Path = b.product.addresses[productGateway], tokenPath
	return &work{name: name, kind: signing, targets: []*target{
		{name: bareSignature, load: b.signer, process: processOf(b.signer.cmd.Process.Pid), order: order{Algorithm: alg}},
		{name: "gateway", process: b.product.process(), order: o},
	}}
}

// console is the gateway at full load without and with people in the console, and
// these without calls.
func (b *bench) console() *work {
	calls := order{Address: b.product.addresses[productGateway], Path: "/" + issuePrefix + string(keys.RS256) + "/pets/7", Tokens: b.product.tokens}
	pages := order{Address: b.product.addresses[productConsole], Status: "200"}
	for _, session := range b.product.sessions {
		pages.Visits = append(pages.Visits, visits{session, opened})
	}
	of := b.product.process()
	return &work{name: consoleWork, kind: visiting, targets: []*target{
		{name: gatewayAlone, process: of, order: calls},
		{name: "gateway and console", process: of, order: calls, beside: &pages},
		{name: "console alone", process: of, order: pages, load: b.visitors},
	}}
}

func (p *product) process() *process { return processOf(p.cmd.Process.Pid) }
