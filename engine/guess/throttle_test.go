package guess

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var perClient = Rate{Burst: 10, Every: 6 * time.Second}

func TestWhoeverLeavesTheQueueFreesItsPlace(t *testing.T) {
	t.Parallel()
	l := NewLane(1, 1)
	if err := l.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if err := l.Enter(ctx); err != context.Canceled {
			t.Fatalf("enter = %v", err)
		}
	}
	l.Leave()
	if err := l.Enter(t.Context()); err != nil {
		t.Errorf("after leave: %v", err)
	}
}

func TestAFloodOfOtherKeysDoesNotFreeAnExhaustedOne(t *testing.T) {
	t.Parallel()
	now := start
	b := NewThrottle[int](perClient, func() time.Time { return now })
	for range 10 {
		b.Take(-1)
	}
	for i := range 2 * maxKeys {
		b.Take(i)
	}
	if _, ok := b.Take(-1); ok {
		t.Error("an attacker gets new guesses by filling the memory")
	}
}

func TestABucketThatIsFullAgainTakesNoMemory(t *testing.T) {
	t.Parallel()
	now := start
	b := NewThrottle[int](perClient, func() time.Time { return now })
	b.Take(1)
	b.GiveBack(1)
	if len(b.buckets) != 0 {
		t.Errorf("%d buckets", len(b.buckets))
	}
	b.Take(1)
	now = now.Add(-time.Hour) // a clock that is set back gives and takes nothing
	if _, ok := b.Take(1); !ok {
		t.Error("no attempt left after the clock went back")
	}
}

func TestAddressesOfOneSubscriberCountTogether(t *testing.T) {
	t.Parallel()
	same := [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"}, {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"}, {"fe80::1%eth0", "fe80::2%eth1"},
	}
	for _, pair := range same {
		if a, b := Network(netip.MustParseAddr(pair[0])), Network(netip.MustParseAddr(pair[1])); a != b {
			t.Errorf("%s and %s count apart: %s, %s", pair[0], pair[1], a, b)
		}
	}
	for _, pair := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8:0:1::1"}} {
		if Network(netip.MustParseAddr(pair[0])) == Network(netip.MustParseAddr(pair[1])) {
			t.Errorf("%s and %s count together", pair[0], pair[1])
		}
	}
	if Network(netip.Addr{}) != (netip.Addr{}) {
		t.Error("no address became one")
	}
}

func TestATimeWithoutFailuresIsNotSaved(t *testing.T) {
	t.Parallel()
	now := start
	b := NewThrottle[int](perClient, func() time.Time { return now })
	b.Take(1)
	now = now.Add(time.Hour)
	taken := 0
	for range 100 {
		if _, ok := b.Take(1); ok {
			taken++
		}
	}
	if taken != int(perClient.Burst) {
		t.Errorf("%d attempts after an hour, want %v", taken, perClient.Burst)
	}
}

func TestNetworksThatForgeAreBounded(t *testing.T) {
	t.Parallel()
	f := NewForgeries(20, func() time.Time { return start })
	for i := range 2 * forgeryParts * networksOfPart {
		f.Forged(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	for i, p := range f.parts {
		if len(p.buckets) != networksOfPart {
			t.Errorf("part %d remembers %d networks, want %d", i, len(p.buckets), networksOfPart)
		}
	}
}

func TestLocksAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	l := NewLock[int](Backoff{Free: 3, First: time.Second, Longest: time.Minute, Forget: time.Hour}, func() time.Time { return start })
	l.Take(-1)
	l.GiveBack(-1)
	if len(l.keys) != 0 {
		t.Errorf("%d keys without a failure are kept", len(l.keys))
	}
	for i := range maxKeys + 1000 {
		l.Take(i)
	}
	if len(l.keys) != maxKeys {
		t.Errorf("%d keys, want %d", len(l.keys), maxKeys)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	now := start
	b := NewThrottle[int](perClient, func() time.Time { return now })
	for i := range maxKeys + 1000 {
		b.Take(i)
	}
	if len(b.buckets) != maxKeys {
		t.Errorf("%d buckets, want %d", len(b.buckets), maxKeys)
	}
}
