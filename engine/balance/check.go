package balance

import (
	"context"
	"math/rand/v2"
	"time"
)

// Start begins to check the addresses; Close ends it.
func (p *Pool) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.o.Check == nil || p.stop != nil {
		return
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	for i := range p.addresses {
		p.checking.Go(func() { p.watch(ctx, i) })
	}
}

// Close ends the checks and waits for them. Calls may still use the pool.
func (p *Pool) Close() {
	p.mu.Lock()
	stop := p.stop
	p.mu.Unlock()
	if stop != nil {
		stop()
		p.checking.Wait()
	}
}

// watch checks one address. The first check comes at a moment of its own, so that
// thousands of pools that start together do not check together.
func (p *Pool) watch(ctx context.Context, i int) {
	timer := time.NewTimer(rand.N(min(p.o.Check.Interval, time.Second)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := p.probe(ctx, i)
		if ctx.Err() != nil {
			return // which is what the probe failed of
		}
		p.checked(p.addresses[i], err)
		timer.Reset(p.o.Check.Interval)
	}
}

func (p *Pool) probe(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, p.o.Check.Timeout)
	defer cancel()
	return p.o.Check.Probe(ctx, i)
}

// checked counts the result of a check.
func (p *Pool) checked(a *address, err error) {
	p.change(a, func() string {
		if err == nil {
			a.good, a.bad = a.good+1, 0
			if a.down && a.good >= p.o.Check.Healthy {
				a.down, a.resting = false, false // a rest of before says nothing of one that has come back
				a.failures.Store(0)
			}
			return ""
		}
		a.good, a.bad = 0, a.bad+1
		a.down = a.down || a.bad >= p.o.Check.Unhealthy
		return "The health check failed: " + err.Error() + "."
	})
}
