package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loadKept starts the gateways from what this node kept on disk, as the database
// does not answer. What does not open is left out with a line that says why; an
// error means that there was nothing for any of them.
func (n *node) loadKept(ctx context.Context) error {
	if n.files == nil {
		return errors.New("no last good configuration is kept (--last-good-dir)")
	}
	ready := 0
	var why error
	for environment := range n.gateways {
		err := n.startKept(ctx, environment)
		if err == nil {
			ready++
			continue
		}
		n.logger.Error("no start from the last good configuration on disk", "environment", environment, "error", err)
		why = errors.Join(why, fmt.Errorf("%s: %w", environment, err))
	}
	if ready == 0 {
		return fmt.Errorf("the last good configuration on disk is of no use: %w", why)
	}
	return nil
}

// startKept puts the revocations in force before the first call can pass.
func (n *node) startKept(ctx context.Context, environment string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	bundle, about, revoked, err := n.files.read(environment)
	if err != nil {
		return err
	}
	n.revoke(environment, revoked.Entries)
	if err := n.gateways[environment].Apply(ctx, bundle); err != nil {
		return err
	}
	n.kept[environment] = true
	n.metrics.snapshot.WithLabelValues(environment).Set(float64(bundle.Generation))
	n.logger.Warn("started from the last good configuration on disk; what was deployed, changed or revoked since is not known until the database is back",
		"environment", environment, "generation", bundle.Generation, "age", time.Since(about.At).Round(time.Second), "writtenBy", about.Version)
	return nil
}
