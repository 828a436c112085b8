package guess

import (
	"hash/maphash"
	"sync/atomic"
)

// knownPlaces is a power of two; they take half a megabyte.
const knownPlaces = 1 << 16

// Known remembers texts by keyed hashes, each in the one place that it falls on.
// It forgets what another has fallen on since, and never knows a text that it was
// not told of: nobody outside can tell where a text falls. It is safe for
// concurrent use and takes no lock.
type Known struct {
	seed maphash.Seed
	// places are made at the first text.
	places atomic.Pointer[[knownPlaces]atomic.Uint64]
}

// NewKnown knows nothing.
func NewKnown() *Known { return &Known{seed: maphash.MakeSeed()} }

// Add remembers a text.
func (k *Known) Add(text string) {
	places := k.places.Load()
	if places == nil {
		k.places.CompareAndSwap(nil, new([knownPlaces]atomic.Uint64))
		places = k.places.Load()
	}
	sum := k.sum(text)
	places[sum%knownPlaces].Store(sum)
}

// Has tells whether a text is remembered.
func (k *Known) Has(text string) bool {
	places := k.places.Load()
	if places == nil {
		return false
	}
	sum := k.sum(text)
	return places[sum%knownPlaces].Load() == sum
}

// sum is never 0, which is what an empty place holds.
func (k *Known) sum(text string) uint64 { return maphash.String(k.seed, text) | 1<<63 }
