package main

import "github.com/gatewright/gatewright/engine/keys"

// The names of works that others refer to.
const (
	noCheck = "no check"
	overTLS = "no check, TLS"
	dueWork = "RS256 at a fixed rate"
)

// The names of targets that others are compared with.
const (
	direct       = "direct"
	haproxy      = "HAProxy"
	reverseProxy = "ReverseProxy"
)

// work is what several targets do in turn.
type work struct {
	name    string
	targets []*target
	// due tells that requests are sent at a fixed rate, for their latency.
	due bool
	// flat tells that all targets are the gateway, whose cost should stay that of the
	// first.
	flat bool
	// kind is that of a work of the product, which has a table of its own.
	kind kind
}

// kind is what the product is asked for.
type kind int

const (
	calling  kind = iota // no work of the product alone
	signing              // tokens
	visiting             // pages of the console
)

// target is whoever does a work.
type target struct {
	name string
	// order is the load, without connections and turn.
	order order
	// process is nil for one that cannot be watched.
	process *process
	// ours tells that it is the gateway, which counts its allocations.
	ours bool
	// load sends the order; nil for the load of all others.
	load *child
	// beside is what others do meanwhile: people in the console, or who wants tokens.
	beside *order
	// once sends each token once, and the gateway forgets it before the next time.
	once  bool
	turns []turn
	// warmed tells how often the gateway had forgotten when all tokens were last
	// sent, plus one; 0 for never.
	warmed int
}

// choose makes the works that -rows wants.
func (b *bench) choose() {
	list := []*work{b.plain(noCheck, "/pets/7"), b.plain("no check, 64 KiB answers", largePath), b.plain("no check, chunked answers", chunkedPath), b.secure()}
	for _, alg := range algorithms {
		list = append(list, b.guarded(string(alg), alg, b.wallet.valid[alg], "200"))
	}
	fresh := b.guarded("RS256, every token new", keys.RS256, b.wallet.valid[keys.RS256], "200")
	for _, t := range fresh.targets {
		t.once = true
	}
	due := b.guarded(dueWork, keys.RS256, b.wallet.valid[keys.RS256], "200")
	due.due, due.targets = true, append([]*target{b.direct()}, due.targets...)
	list = append(list, fresh,
		b.guarded("RS256, forged", keys.RS256, b.wallet.forged, "401"),
		b.guarded("RS256, malformed", keys.RS256, b.wallet.malformed, "401"),
		b.guarded("RS256, expired", keys.RS256, b.wallet.expired, "401"),
		b.guarded("RS256, wrong algorithm", keys.RS256, b.wallet.valid[keys.HS256], "401"),
		due)
	list = append(list, b.flat()...)
	list = append(list, b.products()...)
	for _, w := range list {
		b.join(w)
		if b.rows.MatchString(w.name) {
			b.works = append(b.works, w)
		}
	}
}

func (b *bench) direct() *target {
	return &target{name: direct, order: order{Address: b.upstream.address, Path: "/pets/7"}}
}

func (b *bench) plain(name, path string) *work {
	w := &work{name: name, targets: []*target{
		{name: direct, order: order{Address: b.upstream.address, Path: path}},
		{name: "gateway", ours: true, process: b.own.process, order: order{Address: b.own.address, Path: "/open" + path}},
		{name: reverseProxy, process: b.bare.process, order: order{Address: b.bare.address, Path: path}},
	}}
	b.addPeers(w, noCheck, path, nil)
	return w
}

// secure is over TLS, on connections that are kept.
func (b *bench) secure() *work {
	w := &work{name: overTLS, targets: []*target{
		{name: "gateway", ours: true, process: b.own.process, order: order{Address: b.own.secure, Path: "/open/pets/7", TLS: true}},
		{name: reverseProxy, process: b.bare.process, order: order{Address: b.bare.secure, Path: "/pets/7", TLS: true}},
	}}
	b.addPeers(w, overTLS, "/pets/7", nil)
	return w
}

func (b *bench) guarded(name string, alg keys.Algorithm, tokens []string, status string) *work {
	o := order{Address: b.own.address, Path: "/" + string(alg) + "/pets/7", Tokens: tokens, Status: status}
	w := &work{name: name, targets: []*target{{name: "gateway", ours: true, process: b.own.process, order: o}}}
	b.addPeers(w, string(alg), "/pets/7", tokens)
	return w
}

// addPeers adds those that have an address for such work.
func (b *bench) addPeers(w *work, kind, path string, tokens []string) {
	like := w.targets[len(w.targets)-1].order
	for _, p := range b.peers {
		if address, can := p.addresses[kind]; can {
			w.targets = append(w.targets, &target{
				name: p.name, process: processOf(p.cmd.Process.Pid),
				order: order{Address: address, Path: path, Tokens: tokens, Status: like.Status, TLS: like.TLS},
			})
		}
	}
}

// join adds the gateways of others.
func (b *bench) join(w *work) {
	for i := range b.others {
		if b.others[i].work() == w.name {
			w.targets = append(w.targets, b.others[i].target())
		}
	}
}
