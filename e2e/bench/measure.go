package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// target is one row of the table.
type target struct {
	name string
	// order is the load, without connections and turn.
	order order
	// unseen makes every token new to the gateway.
	unseen bool
	// straight leaves the gateway out.
	straight bool
	turns    []turn
}

// turn is what one turn of a target showed.
type turn struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the gateway, per request
	allocs    float64       // of the gateway, per request
}

// bench is what a run needs.
type bench struct {
	load    *child
	subject *subject
	conns   int
}

func measure(rounds int, length time.Duration, conns int) ([]target, error) {
	upstream, err := start("upstream")
	if err != nil {
		return nil, err
	}
	defer upstream.stop()
	var address string
	if err := upstream.dec.Decode(&address); err != nil {
		return nil, fmt.Errorf("start upstream: %w", err)
	}
	s, err := newSubject(address)
	if err != nil {
		return nil, fmt.Errorf("start gateway: %w", err)
	}
	load, err := start("load")
	if err != nil {
		return nil, err
	}
	defer load.stop()
	b := &bench{load, s, conns}
	return b.rounds(s.targets(address), rounds, length)
}

func (s *subject) targets(upstream string) []target {
	list := []target{
		{name: "straight to the upstream", order: order{Address: upstream, Path: "/pets/7"}, straight: true},
		{name: "gateway, no policy", order: order{Address: s.address, Path: openPath + "/pets/7"}},
	}
	for _, alg := range algorithms {
		path := "/" + string(alg) + "/pets/7"
		list = append(list,
			target{name: "JWT " + string(alg) + ", repeated token", order: order{Address: s.address, Path: path, Tokens: s.tokens[alg][:repeated]}},
			target{name: "JWT " + string(alg) + ", first sight", order: order{Address: s.address, Path: path, Tokens: s.tokens[alg]}, unseen: true},
		)
	}
	return list
}

// rounds gives every target its turn in each round, after one that warms up
// and does not count.
func (b *bench) rounds(targets []target, rounds int, length time.Duration) ([]target, error) {
	for round := range rounds + 1 {
		for i := range targets {
			t := &targets[i]
			one := length
			if round == 0 {
				one = length / 4
			}
			result, err := b.turn(t, one)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			if round > 0 {
				t.turns = append(t.turns, result)
			}
		}
	}
	return targets, nil
}

// turn sends load for that long: in one order, or in as many as it takes when
// the gateway has to forget in between.
func (b *bench) turn(t *target, length time.Duration) (turn, error) {
	o := t.order
	o.Conns = b.conns
	if !t.unseen {
		o.Turn = length
	}
	var sum outcome
	var spent usage
	for sum.Elapsed < length {
		if t.unseen {
			if err := b.subject.forget(); err != nil {
				return turn{}, err
			}
		}
		before := used()
		one, err := b.send(o)
		if err != nil {
			return turn{}, err
		}
		spent = spent.plus(used().minus(before))
		sum.Requests += one.Requests
		sum.Elapsed += one.Elapsed
		sum.P50 += one.P50 * time.Duration(one.Requests) // weighed by their requests
		sum.P99 += one.P99 * time.Duration(one.Requests)
	}
	n := float64(sum.Requests)
	result := turn{perSecond: n / sum.Elapsed.Seconds(), p50: sum.P50 / time.Duration(sum.Requests), p99: sum.P99 / time.Duration(sum.Requests)}
	if !t.straight {
		result.cpu, result.allocs = time.Duration(float64(spent.cpu)/n), float64(spent.allocs)/n
	}
	return result, nil
}

func (b *bench) send(o order) (outcome, error) {
	if err := b.load.enc.Encode(o); err != nil {
		return outcome{}, fmt.Errorf("give order: %w", err)
	}
	var result outcome
	if err := b.load.dec.Decode(&result); err != nil {
		return outcome{}, fmt.Errorf("read outcome: %w", err)
	}
	if result.Failure != "" {
		return outcome{}, errors.New(result.Failure)
	}
	return result, nil
}

// usage is what this process, the gateway's, has used.
type usage struct {
	cpu    time.Duration
	allocs uint64
}

func used() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil { // it cannot fail for oneself
		panic(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.Mallocs}
}

func (u usage) minus(v usage) usage { return usage{u.cpu - v.cpu, u.allocs - v.allocs} }
func (u usage) plus(v usage) usage  { return usage{u.cpu + v.cpu, u.allocs + v.allocs} }

// median of one figure over the turns of a target.
func (t *target) median(figure func(turn) float64) float64 {
	values := make([]float64, len(t.turns))
	for i, one := range t.turns {
		values[i] = figure(one)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
