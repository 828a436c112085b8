package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// bench is a run with everything that it started.
type bench struct {
	settings
	ctx        context.Context
	dir        string
	proxyCores cores
	otherCores cores
	load       *child
	gateway    *child
	signer     *child // these two are nil without a product
	visitors   *child
	used       bool // all pages were opened before
	product    *product
	forgotten  int // how often the gateway was made to forget
	wallet     *wallet
	upstream   endpoint
	own, bare  endpoint
	sizes      map[int]endpoint // other gateways, by their number of proxies
	peers      []*peer
	works      []*work
	stops      []func()
	complaints []string
}

// endpoint is a process that answers on an address.
type endpoint struct {
	address, secure string
	process         *process
}

func prepare(ctx context.Context, s settings) (*bench, error) {
	b := &bench{settings: s, ctx: ctx}
	b.proxyCores, b.otherCores = divide(ctx)
	for _, step := range []func() error{b.makeDir, b.startOwn, b.startSizes, b.startPeers, b.startProduct} {
		if err := step(); err != nil {
			b.stop()
			return nil, err
		}
	}
	b.choose()
	if len(b.works) == 0 {
		b.stop()
		return nil, fmt.Errorf("-rows matches no work")
	}
	return b, nil
}

// stop undoes prepare, the last first.
func (b *bench) stop() {
	for _, stop := range slices.Backward(b.stops) {
		stop()
	}
}

func (b *bench) makeDir() (err error) {
	if b.dir, err = os.MkdirTemp("", "gatewright-bench-"); err != nil {
		return err
	}
	b.stops = append(b.stops, func() { _ = os.RemoveAll(b.dir) })
	return nil
}

func (b *bench) startOwn() (err error) {
	if b.wallet, err = newWallet(b.tokens); err != nil {
		return fmt.Errorf("make tokens: %w", err)
	}
	if _, b.upstream, err = b.serve("upstream", b.otherCores, nil); err != nil {
		return err
	}
	if b.gateway, b.own, err = b.serveGateway(proxies, b.profile); err != nil {
		return err
	}
	with, err := newSetup(b.upstream.address, "", b.wallet)
	if err != nil {
		return err
	}
	if _, b.bare, err = b.serve("proxy", b.proxyCores, with); err != nil {
		return err
	}
	b.load, err = b.child("load", b.otherCores)
	return err
}

func (b *bench) serveGateway(proxies int, profile string) (*child, endpoint, error) {
	with, err := newSetup(b.upstream.address, profile, b.wallet)
	if err != nil {
		return nil, endpoint{}, err
	}
	with.Proxies = proxies
	return b.serve("gateway", b.proxyCores, with)
}

// startSizes starts a gateway for each number of proxies that is compared.
func (b *bench) startSizes() (err error) {
	b.sizes = map[int]endpoint{proxies: b.own}
	if !b.rows.MatchString(flatProxies) {
		return nil
	}
	for _, n := range sizes {
		if _, ok := b.sizes[n]; ok {
			continue
		}
		if _, b.sizes[n], err = b.serveGateway(n, ""); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) child(part string, on cores) (*child, error) {
	c, err := start(b.ctx, part, on)
	if err == nil {
		b.stops = append(b.stops, c.stop)
	}
	return c, err
}

// serve starts a child that tells its address.
func (b *bench) serve(part string, on cores, with any) (*child, endpoint, error) {
	c, err := b.child(part, on)
	if err != nil {
		return nil, endpoint{}, err
	}
	var at addresses
	if err := c.ask(with, &at); err != nil {
		return nil, endpoint{}, fmt.Errorf("start %s: %w", part, err)
	}
	return c, endpoint{at.Plain, at.Secure, processOf(c.cmd.Process.Pid)}, nil
}

// startPeers runs what the machine has. What does not run is left out, and said.
func (b *bench) startPeers() error {
	if program := find("haproxy"); program != "" {
		p, err := startHAProxy(b.ctx, program, b.dir, b.proxyCores, b.upstream.address, b.wallet)
		b.take("HAProxy", p, err)
	}
	if program := find("nginx"); program != "" {
		p, err := startNginx(b.ctx, program, b.dir, b.proxyCores, b.upstream.address, b.wallet)
		b.take("nginx", p, err)
	}
	return b.ctx.Err()
}

func (b *bench) take(name string, p *peer, err error) {
	if err != nil {
		b.complaints = append(b.complaints, name+" does not run and is left out: "+err.Error())
		return
	}
	b.peers = append(b.peers, p)
	b.stops = append(b.stops, p.stop)
}
