package main

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/guess"
)

// How many refused calls are recorded: of one network, so that nobody pushes out
// what is known of the others, and of all, so that many do not either and the
// database has other things to do.
var (
	refusalsOfNetwork = guess.Rate{Burst: 100, Every: time.Second / 5}
	refusalsOfAll     = guess.Rate{Burst: 1000, Every: time.Second / 200}
)

// maxRefusalText is how many bytes of a text wait in the buffer: thousands of
// calls with endless paths must not fill the memory.
const maxRefusalText = 2000

// refusalStore keeps refused calls; models.Store does.
type refusalStore interface {
	AddRefusals(context.Context, []event.Access) error
}

// refusals is the sink that records calls which were refused or failed, for the
// people who are asked why. It never makes a call wait, and leaves out and counts
// what comes too often.
type refusals struct {
	kept    *batcher[event.Access]
	network *guess.Throttle[netip.Addr]
	all     *guess.Throttle[struct{}]
	leftOut prometheus.Counter
}

func newRefusals(store refusalStore, logger *slog.Logger, r prometheus.Registerer, dropped *prometheus.CounterVec, now func() time.Time) *refusals {
	w := &refusals{
		kept:    newBatcher("refusals", store.AddRefusals, logger, dropped),
		network: guess.NewThrottle[netip.Addr](refusalsOfNetwork, now),
		all:     guess.NewThrottle[struct{}](refusalsOfAll, now),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewright_refusals_left_out_total",
			Help: "Refused calls that are not in the record of refusals, because too many came from one network or in all.",
		}),
	}
	r.MustRegister(w.leftOut)
	return w
}

// Access records a call that ended with a row of the catalogue. What the call
// was told for is put into words later, by who keeps it.
func (w *refusals) Access(a event.Access) {
	if a.Fault == "" {
		return
	}
	if !w.room(a.Client) {
		w.leftOut.Inc()
		return
	}
	for _, text := range []*string{&a.Path, &a.Method, &a.Reason} {
		// A clone: a part would keep all of the request's head in memory.
		*text = strings.Clone((*text)[:min(len(*text), maxRefusalText)])
	}
	w.kept.add(a)
}

// room asks the network first: who floods spends nothing of what is for all.
func (w *refusals) room(client netip.Addr) bool {
	if _, ok := w.network.Take(guess.Network(client)); !ok {
		return false
	}
	_, ok := w.all.Take(struct{}{})
	return ok
}

// Token is not recorded here: token requests have a log of their own.
func (*refusals) Token(event.Token) {}

// Security is not recorded here.
func (*refusals) Security(event.Security) {}

// Close writes what is buffered. The database must still be there.
func (w *refusals) Close() { w.kept.close() }
