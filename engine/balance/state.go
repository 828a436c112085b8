package balance

import "time"

// State is what an address does and has done.
type State struct {
	Address string
	Health  Health
	Calls   int64  // under way
	Rests   uint64 // how often it was laid to rest
	// Since is when its health began, Reason why: one sentence, "" of one that is
	// well.
	Since  time.Time
	Reason string
}

// States tells of every address, in the order of Options.
func (p *Pool) States() []State {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.since()
	list := make([]State, len(p.addresses))
	for i, a := range p.addresses {
		list[i] = State{a.Name, a.health(), a.calls.Load(), a.rests, a.since, a.reason}
		if !a.down && a.resting && a.until <= now && !p.view.Load().regardless {
			list[i].Reason += " Its rest is over: the next call tries it."
		}
	}
	return list
}

// CountRetry notes that a call is tried again.
func (p *Pool) CountRetry() { p.newest().retries.Add(1) }

// Retries is how often that happened.
func (p *Pool) Retries() uint64 { return p.retries.Load() }
