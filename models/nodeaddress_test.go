package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/models"
)

func TestANodeTellsFirstOfTheAddressesThatAreNotWell(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var all models.NodeAddresses
	for i := range models.MaxNamedAddresses + 50 {
		all.Add(models.NodeAddress{ProxyID: "p", Project: "Shop", Proxy: "orders", Address: fmt.Sprintf("http://h%03d.test", i), Health: models.AddressWell, Calls: int64(i)})
	}
	resting := models.NodeAddress{ProxyID: "p", Project: "Shop", Proxy: "orders", Address: "http://z.test", Health: models.AddressResting, Since: began, Reason: "5 calls in a row failed."}
	down := models.NodeAddress{
		ProxyID: "q", Project: "Shop", Proxy: "stock", Address: "http://" + strings.Repeat("y", 3000), Health: models.AddressDown, Since: began, Reason: "It answered \x00\xff.", Calls: 2,
	}
	all.Add(resting)
	all.Add(down)
	report := func(node string, a models.NodeAddresses) {
		t.Helper()
		if err := s.ReportNode(t.Context(), models.NodeReport{Node: node, Environment: "production", OK: true, Addresses: a}); err != nil {
			t.Fatal(err)
		}
	}
	report("a", all)
	report("b", models.NodeAddresses{})
	list, err := s.NodesWithAddresses(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	got := list[0].Addresses
	if got.Well != models.MaxNamedAddresses+50 || got.Resting != 1 || got.Down != 1 || got.NotWell() != 2 || got.All() != 252 || got.Calls != 249*250/2+2 || len(got.Named) != models.MaxNamedAddresses {
		t.Errorf("%d, %d, %d, %d calls, %d named", got.Well, got.Resting, got.Down, got.Calls, len(got.Named))
	}
	down.Address, down.Reason = down.Address[:500], "It answered \uFFFD\uFFFD."
	if diff := cmp.Diff([]models.NodeAddress{down, resting}, got.Named[:2]); diff != "" || got.Named[2].Calls != 249 {
		t.Errorf("(-want +got):\n%s then %+v", diff, got.Named[2])
	}
	if diff := cmp.Diff(models.NodeAddresses{}, list[1].Addresses); diff != "" {
		t.Errorf("of none: %s", diff)
	}
	// Where the counts are enough, and where it is about one proxy.
	counts, err := s.Nodes(t.Context())
	if err != nil || len(counts) != 2 || counts[0].Addresses.Named != nil || counts[0].Addresses.All() != 252 {
		t.Errorf("%+v, %v", counts, err)
	}
	of, err := s.NodesOfProxy(t.Context(), "q")
	if err != nil || len(of) != 2 || of[0].Addresses.Resting != 1 || len(of[1].Addresses.Named) != 0 {
		t.Fatalf("%+v, %v", of, err)
	}
	if diff := cmp.Diff([]models.NodeAddress{down}, of[0].Addresses.Named); diff != "" {
		t.Errorf("of one proxy (-want +got):\n%s", diff)
	}
	// The next report takes the place of the last one.
	report("a", models.NodeAddresses{})
	if list, err := s.NodesWithAddresses(t.Context()); err != nil || list[0].Addresses.All() != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWhoIsNotNamedIsWellWhileAllThatAreNotAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a    models.NodeAddresses
		want bool
	}{
		{models.NodeAddresses{Well: 10_000}, true},
		{models.NodeAddresses{Well: 1, Down: 150, Resting: 50}, true},
		{models.NodeAddresses{Down: 150, Resting: 51}, false},
	} {
		if got := tt.a.Tells(); got != tt.want {
			t.Errorf("%+v: %v", tt.a, got)
		}
	}
}
