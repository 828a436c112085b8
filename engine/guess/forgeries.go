package guess

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// How the networks that forge are spread, so that callers from two of them do not
// wait for one lock, and how many of them one part remembers: some megabytes in all.
const (
	forgeryParts   = 16
	networksOfPart = 1 << 12
)

// forgiveness is how long it takes until all that a network has forged is forgotten.
const forgiveness = 10 * time.Second

// Forgeries slows networks that send texts whose signature turns out to be wrong:
// each costs as much work as a right one. Nobody can tell the two apart without
// that work, so beyond its burst a network has so many unknown texts checked a
// second and the others turned away. A right text costs nothing of that, and one
// that was seen to be right is never turned away, whoever else forges behind the
// same address. It is safe for concurrent use; nil slows nobody.
type Forgeries struct {
	seed  maphash.Seed
	parts [forgeryParts]*Throttle[netip.Addr]
	known *Known

	forged, refused atomic.Int64
}

// NewForgeries lets a network forge burst texts at once, a tenth of them a second
// in the long run.
func NewForgeries(burst int, now func() time.Time) *Forgeries {
	f := &Forgeries{seed: maphash.MakeSeed(), known: NewKnown()}
	rate := Rate{Burst: float64(burst), Every: forgiveness / time.Duration(burst)}
	for i := range f.parts {
		f.parts[i] = NewThrottle[netip.Addr](rate, now)
		f.parts[i].most = networksOfPart
	}
	return f
}

// Admit is asked right before the work; when it refuses, it reports how long that
// lasts, in whole seconds.
func (f *Forgeries) Admit(from netip.Addr, text string) (wait time.Duration, ok bool) {
	if f == nil {
		return 0, true
	}
	if wait, ok = f.part(Network(from)).Peek(Network(from)); ok || f.known.Has(text) {
		return 0, true
	}
	f.refused.Add(1)
	return wait, false
}

// Forged counts a text whose signature is wrong.
func (f *Forgeries) Forged(from netip.Addr) {
	if f == nil {
		return
	}
	f.forged.Add(1)
	f.part(Network(from)).Take(Network(from)) // what went beyond meanwhile counts no further
}

// Right remembers a text whose signature is right.
func (f *Forgeries) Right(text string) {
	if f != nil {
		f.known.Add(text)
	}
}

// Counts are the forged texts that were found out, and those turned away unseen.
func (f *Forgeries) Counts() (forged, refused int64) {
	if f == nil {
		return 0, 0
	}
	return f.forged.Load(), f.refused.Load()
}

func (f *Forgeries) part(network netip.Addr) *Throttle[netip.Addr] {
	return f.parts[maphash.Comparable(f.seed, network)%forgeryParts]
}
