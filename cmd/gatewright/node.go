package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/models"
)

const (
	// heartbeat is how often a node reports what it runs when nothing changes.
	heartbeat = 5 * time.Second
	// verifyEvery is how often everything is read anew beside what was kept up to
	// date, in case a change was missed.
	verifyEvery = 10 * time.Minute
	// bundleTimeout is many times what reading ten thousand owners takes.
	bundleTimeout = time.Minute
)

// node keeps the gateways of this process at the newest generation of their
// environments and reports what each really runs.
type node struct {
	name     string
	started  time.Time
	store    *models.Store
	reach    *reach
	logger   *slog.Logger
	metrics  *metrics
	gateways map[string]*engine.Gateway // by environment
	files    *keptFiles                 // nil: nothing is kept on disk
	keepers  map[string]*keeper

	mu      sync.Mutex // one refresh of an environment at a time
	readers map[string]*models.BundleReader
	kept    map[string]bool // environments that run what was on disk
}

// newNode does not ask the store for anything. The gateways are added to it.
func newNode(name string, store *models.Store, files *keptFiles, logger *slog.Logger, m *metrics) *node {
	return &node{
		name: name, started: time.Now(), store: store, reach: newReach(logger), logger: logger, metrics: m, files: files,
		gateways: map[string]*engine.Gateway{}, keepers: map[string]*keeper{}, readers: map[string]*models.BundleReader{}, kept: map[string]bool{},
	}
}

func (n *node) add(environment string, gateway *engine.Gateway) {
	n.gateways[environment], n.readers[environment] = gateway, n.store.BundleReader(environment)
	if n.files != nil {
		n.keepers[environment] = newKeeper(n.files, environment, n.logger)
	}
}

// nodeName tells this process from every other one. Host and process are for
// people; in containers that share the network of their host both are the same,
// and a node that hides behind another would not be waited for.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "gateway"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), strings.ToLower(rand.Text()[:4]))
}

// load brings every gateway up before the first request is answered. One whose
// configuration does not compile answers 503 until that is put right, for which
// the console must be there.
func (n *node) load(ctx context.Context) error {
	for environment := range n.gateways {
		// What is revoked comes first: no call may pass before it is known.
		entries, err := n.store.Revocations(ctx, environment, 0)
		if err != nil {
			return err
		}
		n.revoke(environment, entries)
		err = n.refresh(ctx, environment)
		if errors.Is(err, models.ErrNotFound) {
			if err := n.end(ctx, environment); err != nil {
				return err
			}
			return fmt.Errorf("--gateway: there is no environment %s; \"gatewright serve\" creates those that it serves", environment)
		}
		if errors.As(err, new(*engine.ApplyError)) {
			n.logger.Error("configuration not taken over", "environment", environment, "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// revoke puts revocations in force, here and in what a start without the database
// knows.
func (n *node) revoke(environment string, entries []revoke.Entry) {
	n.gateways[environment].Revoke(entries...)
	n.keepers[environment].revoke(entries)
}

// follow applies changes until ctx ends. A refresh that fails is logged and
// reported; the gateway keeps its last good snapshot.
func (n *node) follow(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { n.beat(ctx) })
	environments := slices.Sorted(maps.Keys(n.gateways))
	wg.Go(func() { n.followRevocations(ctx, environments) })
	for _, k := range n.keepers {
		wg.Go(func() { k.run(ctx) })
	}
	wg.Go(func() { n.verify(ctx, environments) })
	return n.store.Watch(ctx, environments, func(environment string) error {
		err := n.refresh(ctx, environment)
		if err != nil && ctx.Err() == nil {
			n.logger.Error("configuration not taken over", "environment", environment, "error", err)
		}
		if errors.As(err, new(*engine.ApplyError)) {
			return nil // nor would it the next time
		}
		return err
	})
}

// followRevocations applies revocations until ctx ends. They travel apart from
// the configuration, so that each acts within a second however many there are.
func (n *node) followRevocations(ctx context.Context, environments []string) {
	err := n.store.WatchRevocations(ctx, environments, n.revoke)
	if err != nil && ctx.Err() == nil {
		n.logger.Error("revocations are not followed any more", "error", err)
	}
}

// verify looks now and then whether what is kept up to date is all that there is,
// until ctx ends.
func (n *node) verify(ctx context.Context, environments []string) {
	for wait(ctx, verifyEvery) {
		for _, environment := range environments {
			if err := n.verifyOne(ctx, environment); err != nil && ctx.Err() == nil {
				n.logger.Warn("configuration not compared with the database", "environment", environment, "error", err)
			}
		}
	}
}

// verifyOne takes over what it reads when a change was missed.
func (n *node) verifyOne(ctx context.Context, environment string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	reading, cancel := context.WithTimeout(ctx, bundleTimeout)
	defer cancel()
	bundle, missed, err := n.readers[environment].Verify(reading)
	if err != nil || !missed {
		return err
	}
	n.logger.Error("a change of the configuration was missed; all of it is taken over anew", "environment", environment, "generation", bundle.Generation)
	return n.take(ctx, environment, bundle)
}

// refresh reads the environment's bundle and swaps it in.
func (n *node) refresh(ctx context.Context, environment string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	bundle, err := n.read(ctx, environment)
	if err != nil {
		return fmt.Errorf("read what is deployed in %s: %w", environment, err)
	}
	return n.take(ctx, environment, bundle)
}

// take swaps a bundle in and reports how that ended.
func (n *node) take(ctx context.Context, environment string, bundle engine.Bundle) error {
	gateway := n.gateways[environment]
	n.metrics.heard(true)
	applied := gateway.Apply(ctx, bundle)
	if applied == nil {
		n.keepers[environment].good(bundle)
		n.metrics.keep(environment, gateway.Served())
		n.kept[environment] = false
		n.metrics.snapshot.WithLabelValues(environment).Set(float64(bundle.Generation))
		n.logger.Debug("configuration taken over", "environment", environment, "generation", bundle.Generation, "owners", len(bundle.Owners))
	}
	return errors.Join(applied, n.report(ctx, environment, bundle.Generation, applied))
}

// read gives up on a server that hangs: the next look tries anew, on another
// connection.
func (n *node) read(ctx context.Context, environment string) (engine.Bundle, error) {
	ctx, cancel := context.WithTimeout(ctx, bundleTimeout)
	defer cancel()
	return n.readers[environment].Read(ctx)
}

// report tells the store which generation was handled, and how that ended.
func (n *node) report(ctx context.Context, environment string, generation int64, failure error) error {
	r := models.NodeReport{
		Node: n.name, Environment: environment, Version: buildVersion(), StartedAt: n.started,
		Generation: generation, Running: n.gateways[environment].Status().Generation, Kept: n.kept[environment],
		OK: failure == nil, Message: "Running", Addresses: addressesOf(n.gateways[environment]),
	}
	if failure != nil {
		r.Message = failure.Error()
	}
	return n.store.ReportNode(ctx, r)
}

// beat repeats the last report, so that the store knows which nodes live.
func (n *node) beat(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !n.reach.away() {
			n.tell(ctx)
		}
	}
}

// tell reports every environment once. One that is not there any more is
// emptied.
func (n *node) tell(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	late := n.metrics.tallies.HasFresh() // maybe of a call that outlived its API
	for environment, gateway := range n.gateways {
		if late {
			n.metrics.keep(environment, gateway.Served())
		}
		running := gateway.Status()
		generation, failure := running.Generation, error(nil)
		if running.Failure != nil {
			generation, failure = running.Failure.Generation, running.Failure
		}
		err := n.report(ctx, environment, generation, failure)
		if errors.Is(err, models.ErrNotFound) {
			err = n.empty(ctx, environment)
		}
		if ctx.Err() != nil {
			return
		}
		n.metrics.heard(err == nil)
		if err != nil {
			n.logger.Warn("node report not stored", "environment", environment, "error", err)
		}
	}
}

// end is empty for an environment that was not there when it was looked for.
func (n *node) end(ctx context.Context, environment string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keepers[environment].gone()
	return n.empty(ctx, environment)
}

// empty ends what runs of an environment that was deleted while this node could
// not be seen: its tokens and APIs must not live on here. Should there be one of
// the same name again, that is followed.
func (n *node) empty(ctx context.Context, environment string) error {
	gateway := n.gateways[environment]
	if running := gateway.Status(); running.Generation == 0 && running.Failure == nil {
		return nil
	}
	n.logger.Warn("the environment was deleted; nothing of it is served any more", "environment", environment)
	n.keepers[environment].gone()
	n.kept[environment] = false
	none, err := keys.NewSet(nil)
	if err != nil {
		return err
	}
	err = gateway.Apply(ctx, engine.Bundle{Environment: environment, Keys: none})
	n.metrics.keep(environment, gateway.Served())
	return err
}
