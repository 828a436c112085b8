package tally_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/cmd/gatewright/tally"
)

func TestDurationsAreCountedUpToTheirBounds(t *testing.T) {
	t.Parallel()
	var m tally.Map[string]
	for _, d := range []time.Duration{-time.Second, 0, 500 * time.Microsecond, 500*time.Microsecond + 1, time.Second, time.Minute} {
		m.Of("calls").Add(d, 0)
	}
	s, _ := m.Of("calls").Read()
	want := [len(tally.Bounds) + 1]uint64{0: 3, 1: 1, 10: 1, 15: 1}
	if s.Counts != want || s.Sum != uint64(time.Minute+time.Second+time.Millisecond+1) {
		t.Errorf("%v, sum %d", s.Counts, s.Sum)
	}
}

func TestNoCallIsCountedTwiceOrLostWhileNewOnesAppear(t *testing.T) {
	t.Parallel()
	const each, kinds, callers = 200, 50, 8
	var m tally.Map[string]
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range each * kinds {
				m.Of(strconv.Itoa(i%kinds)).Add(time.Millisecond, 0)
			}
		})
	}
	wg.Wait()
	found := 0
	m.Each(func(key string, of *tally.Tally) {
		found++
		if whole, upstream := of.Read(); whole.Total() != each*callers || upstream.Total() != 0 {
			t.Errorf("%s: %d calls", key, whole.Total())
		}
	})
	if found != kinds {
		t.Errorf("%d kinds", found)
	}
}
