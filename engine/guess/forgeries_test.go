package guess_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
)

var (
	one   = netip.MustParseAddr("192.0.2.7")
	other = netip.MustParseAddr("192.0.2.8")
)

// forge sends so many forged texts and tells how many were looked at.
func forge(f *guess.Forgeries, from netip.Addr, n int) (seen int) {
	for i := range n {
		if _, ok := f.Admit(from, fmt.Sprint("forged-", i)); ok {
			f.Forged(from)
			seen++
		}
	}
	return seen
}

func TestAForgerIsSlowedAndNobodyElse(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := guess.NewForgeries(20, c.now)
	f.Right("known")
	if n := forge(f, one, 100); n != 20 {
		t.Errorf("%d forged texts were looked at, want 20", n)
	}
	if wait, ok := f.Admit(one, "new"); ok || wait != time.Second {
		t.Errorf("a new text: %v, %v", wait, ok)
	}
	if _, ok := f.Admit(one, "known"); !ok {
		t.Error("a text that was right is turned away")
	}
	if _, ok := f.Admit(other, "new"); !ok {
		t.Error("another network is turned away")
	}
	c.advance(time.Second)
	if n := forge(f, one, 100); n != 2 {
		t.Errorf("a second later %d were looked at, want 2", n)
	}
	if forged, refused := f.Counts(); forged != 22 || refused != 80+1+98 {
		t.Errorf("counts %d, %d", forged, refused)
	}
	c.advance(time.Minute)
	for range 1000 { // right ones are free
		if _, ok := f.Admit(one, "new"); !ok {
			t.Fatal("a network without forgeries is turned away")
		}
	}
}

func TestAClockSetBackSlowsNobodyForLonger(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := guess.NewForgeries(20, c.now)
	forge(f, one, 100)
	c.advance(-24 * time.Hour)
	f.Admit(one, "new")
	f.Forged(one) // the clock of its account is set back too
	c.advance(time.Second)
	if _, ok := f.Admit(one, "new"); !ok {
		t.Error("a clock that was set back shuts a network out")
	}
}

// ATTACK: every forged text comes from another address of the attacker's own IPv6
// network, or from so many networks that the account of one is forgotten.
func TestAttackAForgerOfManyAddressesIsOne(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := guess.NewForgeries(20, c.now)
	seen := 0
	for i := range 1000 {
		seen += forge(f, netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:1", i)), 1)
	}
	if seen != 20 {
		t.Errorf("%d forged texts of one network were looked at, want 20", seen)
	}
	forge(f, one, 20)
	for i := range 70_000 {
		forge(f, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
	}
	if _, ok := f.Admit(one, "new"); ok {
		t.Error("a flood from elsewhere made it forget who forges")
	}
}

func TestNobodyIsSlowedWithoutALimit(t *testing.T) {
	t.Parallel()
	var f *guess.Forgeries
	f.Right("known")
	if n := forge(f, one, 1000); n != 1000 {
		t.Errorf("%d looked at", n)
	}
}

func TestKnownKnowsWhatItWasToldAndNothingElse(t *testing.T) {
	t.Parallel()
	k := guess.NewKnown()
	if k.Has("") || k.Has("a") {
		t.Error("an empty one knows a text")
	}
	for i := range 100_000 { // more than there are places
		k.Add(fmt.Sprint("right-", i))
	}
	if !k.Has("right-99999") {
		t.Error("the last text is forgotten")
	}
	for i := range 100_000 {
		if k.Has(fmt.Sprint("forged-", i)) {
			t.Fatal("it knows a text that it was not told of")
		}
	}
}

// What is asked of every token that is seen for the first time, with and without
// a flood, and from one network by all processors at once.
func BenchmarkForgeries(b *testing.B) {
	for name, forged := range map[string]int{"quiet": 0, "flooded": 1000} {
		f := guess.NewForgeries(200, time.Now)
		forge(f, one, forged)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					f.Admit(one, "new")
				}
			})
		})
	}
}
