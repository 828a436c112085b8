package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// turn is what one turn of a target showed. What could not be read is zero.
type turn struct {
	perSecond float64 // requests
	p50, p99  time.Duration
	perCPU    float64 // requests a second of processor time
	allocs    float64 // a request
	memory    float64 // MiB
	pages     []time.Duration
}

// measure gives every target its turn in each round, work by work, after a round
// that warms up and does not count.
func (b *bench) measure() error {
	for round := range b.rounds + 1 {
		for _, w := range b.works {
			for _, t := range w.targets {
				if err := b.turnOf(w, t, round > 0); err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, t.name, err)
				}
			}
		}
	}
	return nil
}

func (b *bench) turnOf(w *work, t *target, counts bool) error {
	length := b.turn
	if !counts {
		length /= 4
	}
	result, err := b.oneTurn(w, t, length)
	if err == nil && counts {
		t.turns = append(t.turns, result)
	}
	return err
}

// oneTurn sends load for that long: in one order, or in as many as it takes when
// the gateway has to forget in between.
func (b *bench) oneTurn(w *work, t *target, length time.Duration) (turn, error) {
	o := t.order
	o.Conns = b.conns
	if o.Status == "" {
		o.Status = "200"
	}
	if w.due && o.Rate == 0 {
		o.Rate = b.rate
	}
	if !t.once {
		o.Turn = length
	}
	if err := b.warm(t, o); err != nil {
		return turn{}, err
	}
	var sum outcome
	var spent usage
	for sum.Elapsed < length {
		one, used, err := b.send(t, o)
		if err != nil {
			return turn{}, err
		}
		sum.add(one)
		spent.add(used)
	}
	return t.result(sum, spent), nil
}

// warm sends all tokens once where they shall be known.
func (b *bench) warm(t *target, o order) error {
	if err := b.warmConsole(t); err != nil {
		return err
	}
	if t.once || len(o.Tokens) == 0 || t.warmed > b.forgotten {
		return nil
	}
	t.warmed = b.forgotten + 1
	o.Turn, o.Rate = 0, 0
	_, _, err := b.send(t, o)
	return err
}

// warmConsole lets people open all their pages before the first that count. PostgreSQL
// plans a statement anew the first five times that a connection sends it, and a console
// in use is past that.
func (b *bench) warmConsole(t *target) error {
	o := t.order
	if t.beside != nil {
		o = *t.beside
	}
	if len(o.Visits) == 0 || b.used {
		return nil
	}
	b.used = true
	for range 6 {
		var came outcome
		if err := b.visitors.ask(o, &came); err != nil {
			return fmt.Errorf("ask for pages: %w", err)
		}
		if came.Failure != "" {
			return errors.New(came.Failure)
		}
	}
	return nil
}

// add leaves sums in P50 and P99 too, weighed by the requests.
func (o *outcome) add(one outcome) {
	o.Requests += one.Requests
	o.Elapsed += one.Elapsed
	o.P50 += one.P50 * time.Duration(one.Requests)
	o.P99 += one.P99 * time.Duration(one.Requests)
	o.Times = append(o.Times, one.Times...)
}

func (t *target) result(sum outcome, spent usage) turn {
	n := time.Duration(max(1, sum.Requests))
	result := turn{
		perSecond: float64(sum.Requests) / sum.Elapsed.Seconds(), p50: sum.P50 / n, p99: sum.P99 / n,
		allocs: float64(spent.allocs) / float64(n), memory: t.process.memory(),
		pages: sum.Times,
	}
	if spent.cpu > 0 {
		result.perCPU = float64(sum.Requests) / spent.cpu.Seconds()
	}
	return result
}

// usage is what a target used for an order.
type usage struct {
	cpu    time.Duration
	allocs uint64
}

func (u *usage) add(v usage) { u.cpu += v.cpu; u.allocs += v.allocs }

func (b *bench) send(t *target, o order) (outcome, usage, error) {
	allocs, err := b.askGateway(t, question{Forget: t.once})
	if err != nil {
		return outcome{}, usage{}, err
	}
	cpu, _ := t.process.cpu()
	result, err := b.ask(t, o)
	if err != nil {
		return outcome{}, usage{}, fmt.Errorf("ask for load: %w", err)
	}
	if result.Failure != "" {
		return outcome{}, usage{}, errors.New(result.Failure)
	}
	after, _ := t.process.cpu()
	allocsAfter, err := b.askGateway(t, question{})
	return result, usage{after - cpu, allocsAfter - allocs}, err
}

// ask sends an order, and lets others do what they do meanwhile.
func (b *bench) ask(t *target, o order) (result outcome, err error) {
	if t.beside == nil || o.Turn == 0 {
		return result, cmp.Or(t.load, b.load).ask(o, &result)
	}
	var pages outcome
	var came error
	var others sync.WaitGroup
	beside := *t.beside
	beside.Turn = o.Turn
	others.Go(func() { came = b.visitors.ask(beside, &pages) })
	err = b.load.ask(o, &result)
	others.Wait()
	result.Times, result.Failure = pages.Times, cmp.Or(result.Failure, pages.Failure)
	return result, errors.Join(err, came)
}

// askGateway tells its allocations so far if the target is the gateway.
func (b *bench) askGateway(t *target, q question) (uint64, error) {
	if !t.ours {
		return 0, nil
	}
	if q.Forget {
		b.forgotten++
	}
	var s state
	if err := b.gateway.ask(q, &s); err != nil {
		return 0, fmt.Errorf("ask the gateway: %w", err)
	}
	return s.Allocs, nil
}

// median of one figure over the turns of a target; 0 for one that does not run.
func (t *target) median(figure func(turn) float64) float64 {
	if t == nil {
		return 0
	}
	values := make([]float64, len(t.turns))
	for i, one := range t.turns {
		values[i] = figure(one)
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
