package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatewright/gatewright/engine/identity"
)

// difference is what takes prev to a bundle: the places of the lines that are no
// more, and those of the owners that are new or not as they were.
type difference struct {
	gone, come []int
}

// deploy makes the owners of the bundle run. From prev it goes on where all that
// owners have in common is as it was, so that a deploy of one among ten thousand
// costs little more than the one.
func (s *Snapshot) deploy(ctx context.Context, e *environment, prev *Snapshot, d Deps) error {
	if prev != nil && prev.environment == s.environment && prev.issuer == s.issuer && prev.jwksVersion == s.jwksVersion {
		diff := prev.difference(e)
		if !prev.regroups(e, diff) && s.change(ctx, e, prev, diff, prev, d) == nil {
			return nil
		}
		// What is wrong is told as if there had been nothing before.
	}
	whole := difference{come: make([]int, len(e.Owners))}
	for i := range whole.come {
		whole.come[i] = i
	}
	return s.change(ctx, e, &Snapshot{}, whole, prev, d)
}

// difference compares place by place. Where owners came or went, all between the
// first and the last place that differs counts as new.
func (s *Snapshot) difference(e *environment) (diff difference) {
	old, now := s.lines, e.Owners
	if len(old) == len(now) {
		for i, o := range old {
			if !o.as(e, &now[i]) {
				diff.gone, diff.come = append(diff.gone, i), append(diff.come, i)
			}
		}
		return diff
	}
	from := 0
	for from < min(len(old), len(now)) && old[from].as(e, &now[from]) {
		from++
	}
	to := 0
	for to < min(len(old), len(now))-from && old[len(old)-1-to].as(e, &now[len(now)-1-to]) {
		to++
	}
	for i := from; i < len(old)-to; i++ {
		diff.gone = append(diff.gone, i)
	}
	for i := from; i < len(now)-to; i++ {
		diff.come = append(diff.come, i)
	}
	return diff
}

// as tells whether an owner is deployed as it runs.
func (d *deployed) as(e *environment, o *Owner) bool {
	return d.id == o.ID && d.revision == o.Revision && d.client == o.Client && o.Digest != "" && d.origin.digest == o.Digest && d.kind == o.kind() &&
		(len(d.embedded) == 0 || d.origin.others == e.clientsOf(d.embedded))
}

// regroups tells whether proxy groups differ: they say something of proxies that
// do not.
func (s *Snapshot) regroups(e *environment, diff difference) bool {
	return slices.ContainsFunc(diff.gone, func(i int) bool { return s.lines[i].kind == KindProxyGroup }) ||
		slices.ContainsFunc(diff.come, func(i int) bool { return e.Owners[i].Kind == KindProxyGroup })
}

// change makes s of base, which is prev or has nothing yet.
func (s *Snapshot) change(ctx context.Context, e *environment, base *Snapshot, diff difference, prev *Snapshot, d Deps) error {
	ready, faults := compileAll(ctx, e, diff.come, prev, d)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("compile environment %s: %w", e.Environment, err)
	}
	c := &changing{base.owners.edit(len(diff.come)), base.clients.edit(len(diff.come)), base.router.edit(len(diff.come))}
	for _, i := range diff.gone {
		c.remove(base.lines[i])
	}
	fresh := make([]*deployed, 0, len(diff.come))
	for i, at := range diff.come {
		if faults[i] != nil {
			continue
		}
		o := &e.Owners[at]
		one := &deployed{compiled: ready[i], id: o.ID, revision: o.Revision, client: o.Client, membership: base.members[o.ID]}
		if fresh, faults[i] = append(fresh, one), c.add(one); faults[i] != nil {
			continue
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	s.owners, s.clients, s.router = c.owners.done(), c.clients.done(), c.routes.done()
	s.lines = lined(base.lines, diff, fresh)
	if s.members = base.members; base != prev { // all anew
		s.relate()
	}
	s.tellOf(prev)
	return nil
}

// lined are the lines of before with the fresh ones in their places.
func lined(before []*deployed, diff difference, fresh []*deployed) []*deployed {
	if len(diff.come) == len(diff.gone) && slices.Equal(diff.come, diff.gone) {
		list := slices.Clone(before)
		for i, at := range diff.come {
			list[at] = fresh[i]
		}
		return list
	}
	list := make([]*deployed, 0, len(before)-len(diff.gone)+len(fresh))
	from, to := 0, 0 // a run of those that went, or nothing where some only came
	switch {
	case len(diff.gone) > 0:
		from, to = diff.gone[0], diff.gone[len(diff.gone)-1]+1
	case len(diff.come) > 0:
		from, to = diff.come[0], diff.come[0]
	}
	list = append(append(list, before[:from]...), fresh...)
	return append(list, before[to:]...)
}

// tellOf notes what runs and did not in prev, and the other way round.
func (s *Snapshot) tellOf(prev *Snapshot) {
	if prev == nil {
		s.come = compiledOf(s.lines)
		return
	}
	if len(prev.lines) != len(s.lines) {
		s.come, s.gone = compiledOf(s.lines), compiledOf(prev.lines)
		return
	}
	for i, o := range s.lines {
		if was := prev.lines[i]; was.compiled != o.compiled {
			s.come, s.gone = append(s.come, o.compiled), append(s.gone, was.compiled)
		}
	}
}

func compiledOf(lines []*deployed) []*compiled {
	list := make([]*compiled, len(lines))
	for i, o := range lines {
		list[i] = o.compiled
	}
	return list
}

// changing is what finds owners, while it is changed.
type changing struct {
	owners, clients *edit[*deployed]
	routes          *routes
}

func (c *changing) remove(o *deployed) {
	c.owners.remove(o.id)
	if o.client.ID != "" {
		c.clients.remove(o.client.ID)
	}
	if o.kind != KindPolicyGroup {
		c.routes.remove(o)
	}
}

func (c *changing) add(o *deployed) error {
	if other, there := c.owners.get(o.id); there {
		return fmt.Errorf("%s and %s have one id, %s", other.label(), o.label(), o.id)
	}
	c.owners.set(o.id, o)
	if o.kind != KindPolicyGroup { // which has no address
		if other := c.routes.add(o); other != nil {
			return fmt.Errorf("%s and %s both claim the path %s%s; give one another base path or other hosts",
				other.label(), o.label(), o.route.BasePath, onHosts(o.route.Hosts))
		}
	}
	if o.client.ID == "" {
		return nil
	}
	if other, there := c.clients.get(o.client.ID); there {
		return fmt.Errorf("%s and %s have one client id, %s", other.label(), o.label(), o.client.ID)
	}
	c.clients.set(o.client.ID, o)
	return nil
}

// compileTogether is from how many owners on several processors compile them.
const compileTogether = 32

// compileAll gives each owner at the places what runs, from prev where it is the
// same, or what is wrong with it. It stops when ctx ends.
func compileAll(ctx context.Context, e *environment, places []int, prev *Snapshot, d Deps) ([]*compiled, []error) {
	ready, faults := make([]*compiled, len(places)), make([]error, len(places))
	one := func(i int) {
		o := e.Owners[places[i]]
		if prev != nil {
			if was, there := prev.owners.get(o.ID); there && was.same(e, &o) {
				ready[i] = was.compiled
				return
			}
		}
		ready[i], faults[i] = compileOwner(e, o, d)
	}
	workers := 1
	if len(places) >= compileTogether {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(places) {
				return
			}
			one(i)
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return ready, faults
}

// relate tells every proxy which groups it is in.
func (s *Snapshot) relate() {
	s.members = map[string]membership{}
	for _, group := range s.lines {
		if group.kind != KindProxyGroup {
			continue
		}
		for _, id := range group.compiled.members {
			m := s.members[id]
			s.members[id] = membership{append(m.groups, group.id), m.blocked || group.blocks}
		}
	}
	for id, m := range s.members {
		if o, there := s.owners.get(id); there {
			o.membership = m
		}
	}
}

// enlist takes the credentials, with all that prev has of them.
func (s *Snapshot) enlist(list []*identity.Credential, prev *Snapshot) {
	if prev == nil {
		prev = &Snapshot{}
	}
	old, now := prev.people, list
	for len(old) > 0 && len(now) > 0 && old[0] == now[0] {
		old, now = old[1:], now[1:]
	}
	for len(old) > 0 && len(now) > 0 && old[len(old)-1] == now[len(now)-1] {
		old, now = old[:len(old)-1], now[:len(now)-1]
	}
	if len(old) == 0 && len(now) == 0 {
		s.people, s.credentials = prev.people, prev.credentials
		return
	}
	names := prev.credentials.edit(len(now))
	for _, c := range old {
		names.remove(c.Name)
	}
	for _, c := range now {
		names.set(c.Name, c)
	}
	s.people, s.credentials = slices.Clone(list), names.done()
}
