package archive_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/models/archive"
)

// FuzzRead: whatever is uploaded ends in a refusal or in a package that can be
// written and comes back the same.
func FuzzRead(f *testing.F) {
	f.Add(written(f, sample()))
	f.Add(withoutManifest(f, written(f, sample())))
	for _, e := range unzipped(f, written(f, sample())) {
		f.Add([]byte(e.text))
	}
	for seed := range uint64(5) {
		f.Add(written(f, dice{rand.New(rand.NewPCG(seed, 2))}.archive()))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := archive.Read(raw)
		if err != nil {
			return
		}
		first := written(t, p)
		again := read(t, first)
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("what comes back is something else (-want +got):\n%s", diff)
		}
		if !bytes.Equal(first, written(t, again)) {
			t.Fatal("the second export has other bytes")
		}
	})
}
