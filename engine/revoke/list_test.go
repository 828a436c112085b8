package revoke_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

// ann is a token of a user, with everything that an entry can ask about.
func ann() revoke.Facts {
	return revoke.Facts{
		ID: "jti-1", Family: "sid-1", Subject: "ann", User: true, ClientID: "shop-client",
		Project: "Shop", Policy: "mobile", IssuedAt: noon.Unix(),
	}
}

// machine is a token of a client.
func machine() revoke.Facts {
	f := ann()
	f.Subject, f.User, f.ClientID, f.Family = "batch", false, "batch", ""
	return f
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Minute)
	tests := []struct {
		name  string
		entry revoke.Entry
		facts revoke.Facts
		want  bool
	}{
		{"a token by its id, for good", revoke.Entry{Kind: revoke.Token, Key: "jti-1"}, ann(), true},
		{"no token of another id", revoke.Entry{Kind: revoke.Token, Key: "jti-2"}, ann(), false},
		{"no token without an id", revoke.Entry{Kind: revoke.Token, Key: ""}, revoke.Facts{Subject: "ann"}, false},
		{"a family by its id, for good", revoke.Entry{Kind: revoke.Family, Key: "sid-1"}, ann(), true},
		{"no token without a family", revoke.Entry{Kind: revoke.Family, Key: ""}, machine(), false},
		{"a family's id is no token's id", revoke.Entry{Kind: revoke.Family, Key: "jti-1"}, ann(), false},
		{"a user's older tokens", revoke.Entry{Kind: revoke.User, Key: "ann", Before: later}, ann(), true},
		{"no token of a user issued at the moment", revoke.Entry{Kind: revoke.User, Key: "ann", Before: noon}, ann(), false},
		{"a user's tokens in the named project", revoke.Entry{Kind: revoke.User, Project: "Shop", Key: "ann", Before: later}, ann(), true},
		{"no token of a user in another project", revoke.Entry{Kind: revoke.User, Project: "Other", Key: "ann", Before: later}, ann(), false},
		{"no client's token for a user of that name", revoke.Entry{Kind: revoke.User, Key: "batch", Before: later}, machine(), false},
		{"user names exactly", revoke.Entry{Kind: revoke.User, Key: "Ann", Before: later}, ann(), false},
		{"what a client got for itself", revoke.Entry{Kind: revoke.Client, Key: "batch", Before: later}, machine(), true},
		{"what users got through a client", revoke.Entry{Kind: revoke.Client, Key: "shop-client", Before: later}, ann(), true},
		{"a client that is only the subject", revoke.Entry{Kind: revoke.Client, Key: "batch", Before: later},
			revoke.Facts{Subject: "batch", ClientID: "other", IssuedAt: noon.Unix()}, true},
		{"no user's token for a client of that name", revoke.Entry{Kind: revoke.Client, Key: "ann", Before: later}, ann(), false},
		{"a policy's older tokens", revoke.Entry{Kind: revoke.Policy, Key: "mobile", Before: later}, ann(), true},
		{"a policy's tokens in its project", revoke.Entry{Kind: revoke.Policy, Project: "Shop", Key: "mobile", Before: later}, ann(), true},
		{"no policy of that name in another project", revoke.Entry{Kind: revoke.Policy, Project: "Other", Key: "mobile", Before: later}, ann(), false},
		{"everything older", revoke.Entry{Kind: revoke.All, Before: later}, machine(), true},
		{"nothing that is younger than everything", revoke.Entry{Kind: revoke.All, Before: noon.Add(-time.Second)}, machine(), false},
		{"a token of the same second as the moment", revoke.Entry{Kind: revoke.All, Before: noon.Add(time.Millisecond)}, machine(), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := revoke.NewList(at(noon))
			if l.Refuses(tt.facts) {
				t.Fatal("the empty list refuses")
			}
			l.Add(tt.entry)
			if got := l.Refuses(tt.facts); got != tt.want {
				t.Errorf("Refuses = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAPolicyCanBeAskedForApart(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]revoke.Entry{
		"in all projects": {Kind: revoke.Policy, Key: "mobile", Before: noon.Add(time.Minute)},
		"in its project":  {Kind: revoke.Policy, Project: "Shop", Key: "mobile", Before: noon.Add(time.Minute)},
		"of another name": {Kind: revoke.Policy, Project: "Shop", Key: "web", Before: noon.Add(time.Minute)},
		"in another":      {Kind: revoke.Policy, Project: "Other", Key: "mobile", Before: noon.Add(time.Minute)},
		"the user":        {Kind: revoke.User, Key: "ann", Before: noon.Add(time.Minute)},
		"none, it seems":  {Kind: revoke.Policy, Before: noon.Add(time.Minute)},
	} {
		l := revoke.NewList(at(noon))
		l.Add(e)
		f := ann()
		f.Policy = ""
		if got, want := l.Refuses(f) || f.IssuedAt < l.Policy("Shop", "mobile"), l.Refuses(ann()); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestTheNilListRefusesNothing(t *testing.T) {
	t.Parallel()
	var l *revoke.List
	l.Purge()
	if l.Refuses(ann()) || l.Policy("Shop", "mobile") != 0 || l.Epoch() != 0 || l.Len() != 0 || !l.IssueAfter(ann()).IsZero() {
		t.Error("the nil list has an opinion")
	}
}

func TestAnEarlierEntryNeverNarrowsALaterOne(t *testing.T) {
	t.Parallel()
	l := revoke.NewList(at(noon))
	l.Add(revoke.Entry{Kind: revoke.User, Key: "ann", Before: noon.Add(time.Minute), Expires: noon.Add(time.Hour)})
	l.Add(revoke.Entry{Kind: revoke.User, Key: "ann", Before: noon.Add(-time.Minute), Expires: noon.Add(time.Minute)})
	if !l.Refuses(ann()) {
		t.Error("the later moment was lost")
	}
	if l.Len() != 1 {
		t.Errorf("Len = %d, want the two as one", l.Len())
	}
}

func TestEpochGrowsAfterTheEntriesAreInForce(t *testing.T) {
	t.Parallel()
	l := revoke.NewList(at(noon))
	before := l.Epoch()
	l.Add()
	if l.Epoch() != before {
		t.Error("adding nothing changed the epoch")
	}
	l.Add(revoke.Entry{Kind: revoke.Token, Key: "jti-1"})
	if l.Epoch() <= before {
		t.Error("the epoch did not grow")
	}
}

func TestIssueAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before time.Time
		want   time.Time
	}{
		{"nothing to wait for when the revocation is past", noon.Add(-time.Second), time.Time{}},
		{"nothing to wait for at its own second", noon, time.Time{}},
		{"the next second when it was within this one", noon.Add(300 * time.Millisecond), noon.Add(time.Second)},
		{"the moment itself when clocks differ", noon.Add(3 * time.Second), noon.Add(3 * time.Second)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := revoke.NewList(at(noon.Add(500 * time.Millisecond)))
			l.Add(revoke.Entry{Kind: revoke.User, Key: "ann", Before: tt.before})
			got := l.IssueAfter(ann())
			if !got.Equal(tt.want) {
				t.Fatalf("IssueAfter = %v, want %v", got, tt.want)
			}
			fresh := ann()
			fresh.IssuedAt = max(noon.Unix(), got.Unix())
			if l.Refuses(fresh) {
				t.Error("a token of that moment is refused")
			}
		})
	}
}

func TestExpiredEntriesAreForgotten(t *testing.T) {
	t.Parallel()
	now := noon
	l := revoke.NewList(func() time.Time { return now })
	l.Add(
		revoke.Entry{Kind: revoke.Token, Key: "jti-1", Expires: noon.Add(time.Minute)},
		revoke.Entry{Kind: revoke.Token, Key: "jti-2", Expires: noon.Add(time.Hour)},
		revoke.Entry{Kind: revoke.Family, Key: "sid-1"},
	)
	now = noon.Add(2 * time.Minute)
	l.Purge()
	if l.Len() != 3 {
		t.Errorf("Len = %d: an entry was forgotten while clocks may differ", l.Len())
	}
	now = noon.Add(20 * time.Minute)
	l.Purge()
	if l.Len() != 2 {
		t.Errorf("Len = %d after Purge, want 2", l.Len())
	}
	if !l.Refuses(revoke.Facts{ID: "jti-2"}) || !l.Refuses(revoke.Facts{Family: "sid-1"}) {
		t.Error("an entry that has not expired was forgotten")
	}
	now = noon.Add(2 * time.Hour)
	l.Add(revoke.Entry{Kind: revoke.Token, Key: "jti-3", Expires: noon})
	if l.Refuses(revoke.Facts{ID: "jti-3"}) {
		t.Error("an entry was taken up long after it had expired")
	}
}

func TestAddingForgetsWhatHasExpired(t *testing.T) {
	t.Parallel()
	now := noon
	l := revoke.NewList(func() time.Time { return now })
	for i := range 100_000 {
		now = now.Add(time.Second)
		l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-", i), Expires: now.Add(time.Minute)})
	}
	if l.Len() > 4000 {
		t.Errorf("Len = %d: expired entries pile up", l.Len())
	}
}

func TestManyEntriesAddedOneByOneAreAllInForce(t *testing.T) {
	t.Parallel()
	l := revoke.NewList(at(noon))
	const many = 50_000
	for i := range many {
		l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-", i)})
	}
	for i := range many {
		if !l.Refuses(revoke.Facts{ID: fmt.Sprint("jti-", i)}) {
			t.Fatalf("entry %d is not in force", i)
		}
	}
	if l.Refuses(revoke.Facts{ID: fmt.Sprint("jti-", many)}) {
		t.Error("an entry that was never added is in force")
	}
}

// An entry is in force from the moment that Add returns, whatever tables are
// exchanged meanwhile.
func TestReadersSeeEveryEntryThatWasAdded(t *testing.T) {
	t.Parallel()
	l := revoke.NewList(at(noon))
	var added atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := added.Load(); n < 5000; n = added.Load() {
				if n > 0 && !l.Refuses(revoke.Facts{ID: fmt.Sprint("jti-", n-1)}) {
					t.Errorf("entry %d is not in force", n-1)
					return
				}
			}
		})
	}
	for i := range int64(5000) {
		l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-", i)})
		added.Store(i + 1)
		if i%500 == 0 {
			l.Purge()
		}
	}
	wg.Wait()
}

func TestAskingAllocatesNothing(t *testing.T) {
	l := revoke.NewList(at(noon))
	for i := range 1000 {
		l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-x", i)},
			revoke.Entry{Kind: revoke.User, Project: "Shop", Key: fmt.Sprint("user-", i), Before: noon})
	}
	f := ann()
	if n := testing.AllocsPerRun(100, func() { l.Refuses(f) }); n != 0 {
		t.Errorf("asking allocates %v times", n)
	}
}

func BenchmarkRefuses(b *testing.B) {
	for _, n := range []int{0, 10, 100_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			l := revoke.NewList(at(noon))
			for i := range n {
				l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-x", i)},
					revoke.Entry{Kind: revoke.User, Key: fmt.Sprint("user-", i), Before: noon})
			}
			f := ann()
			b.ReportAllocs()
			for b.Loop() {
				if l.Refuses(f) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	l := revoke.NewList(at(noon))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Add(revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint("jti-", i)})
	}
}
