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
	floodWork     = "calls while tokens are issued"
	bareSignature = "bare signature"
	gatewayAlone  = "gateway alone"
)

func productWorks() []string {
	list := []string{refreshWork, consoleWork, floodWork}
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
	return append(list, b.signing(refreshWork, keys.ES256, order{Forms: b.product.forms.refresh, Renew: b.product.forms.renew}), b.console(), b.flood())
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
	calls := b.product.calls()
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

// flood is calls at a fixed rate without and with as many tokens as can be issued.
func (b *bench) flood() *work {
	issuing := order{
		Address: b.product.addresses[productGateway], Path: tokenPath, Forms: b.product.forms.issue[keys.RS256], Conns: b.conns, Status: "200",
	}
	calls, of := b.product.calls(), b.product.process()
	calls.Rate = max(1, b.rate/8) // few enough that the processor has time for tokens
	return &work{name: floodWork, due: true, targets: []*target{
		{name: gatewayAlone, process: of, order: calls},
		{name: "gateway that issues", process: of, order: calls, beside: &issuing},
	}}
}

// calls are those of an API behind tokens that are known.
func (p *product) calls() order {
	return order{Address: p.addresses[productGateway], Path: "/" + issuePrefix + string(keys.RS256) + "/pets/7", Tokens: p.tokens}
}

func (p *product) process() *process { return processOf(p.cmd.Process.Pid) }
