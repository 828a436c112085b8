package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/gatewright/gatewright/engine/wire"
)

// fronts are the listeners of a gateway that answer calls themselves.
type fronts struct {
	mu  sync.Mutex
	all []*wire.Front
}

func (f *fronts) add(one *wire.Front) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, one)
}

// drain waits for the calls under way, and cuts them off when ctx ends. The listeners
// must be closed.
func (f *fronts) drain(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var failed error
	for _, one := range f.all {
		failed = errors.Join(failed, one.Drain(ctx))
	}
	f.all = nil
	return failed
}
