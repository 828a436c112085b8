package secret_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
)

const place = "credentials/42/secret"

func newMaster(t testing.TB) []byte {
	t.Helper()
	master := make([]byte, secret.MinMasterKey)
	_, _ = rand.Read(master)
	return master
}

func newSealer(t testing.TB, master []byte) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(master)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t testing.TB, s *secret.Sealer, plain []byte, context string) []byte {
	t.Helper()
	sealed, err := s.Seal(plain, context)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealedValueOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	s := newSealer(t, newMaster(t))
	plain := []byte("value")
	sealed := seal(t, s, plain, place)
	if got, err := s.Open(sealed, place); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	for _, other := range []string{"", "credentials/43/secret", "credentials/42/secre", "credentials/42/secrett", "users/42/secret"} {
		if _, err := s.Open(sealed, other); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("opened in %q: %v", other, err)
		}
	}
}

func TestSealedValueThatWasChangedDoesNotOpen(t *testing.T) {
	t.Parallel()
	s := newSealer(t, newMaster(t))
	sealed := seal(t, s, []byte("value"), place)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := s.Open(bad, place); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
	for n := range sealed {
		if _, err := s.Open(sealed[:n], place); err == nil {
			t.Errorf("opened with %d bytes", n)
		}
	}
	if _, err := s.Open(append(bytes.Clone(sealed), 0), place); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("opened with a byte more: %v", err)
	}
}

func TestSealedValueOfAnotherMasterKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	sealed := seal(t, newSealer(t, newMaster(t)), []byte("value"), place)
	if _, err := newSealer(t, newMaster(t)).Open(sealed, place); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("err = %v, want ErrSealed", err)
	}
}

func TestSealedValueNamesItsFormat(t *testing.T) {
	t.Parallel()
	s := newSealer(t, newMaster(t))
	sealed := seal(t, s, nil, place)
	if sealed[0] != 1 {
		t.Errorf("the first byte is %d, want 1", sealed[0])
	}
	sealed[0] = 9
	if _, err := s.Open(sealed, place); err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("err = %v, want one that names format 9", err)
	}
}

func TestSealingTwiceGivesDifferentText(t *testing.T) {
	t.Parallel()
	s := newSealer(t, newMaster(t))
	a, b := seal(t, s, []byte("value"), place), seal(t, s, []byte("value"), place)
	if bytes.Equal(a, b) || bytes.Contains(a, []byte("value")) {
		t.Error("the sealed text shows that or what was sealed")
	}
	if got, err := s.Open(seal(t, s, nil, place), place); err != nil || len(got) != 0 {
		t.Errorf("the empty value came back as %q, %v", got, err)
	}
}

func TestSealNeedsAContext(t *testing.T) {
	t.Parallel()
	if _, err := newSealer(t, newMaster(t)).Seal([]byte("x"), ""); err == nil {
		t.Error("sealed without one")
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	master := newMaster(t)
	s := newSealer(t, master)
	a := s.Derive("refresh", 32)
	switch {
	case len(a) != 32 || len(s.Derive("refresh", 64)) != 64:
		t.Error("the length is another one")
	case !bytes.Equal(a, newSealer(t, master).Derive("refresh", 32)):
		t.Error("the same purpose gives another key")
	case bytes.Equal(a, s.Derive("refresh2", 32)), bytes.Equal(a, newSealer(t, newMaster(t)).Derive("refresh", 32)), bytes.Equal(a, master):
		t.Error("another purpose or master gives the same key")
	}
}

func TestNewSealerRefusesShortKeys(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31} {
		if _, err := secret.NewSealer(make([]byte, n)); err == nil || !strings.Contains(err.Error(), "at least 32") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestSealerKeepsItsOwnCopyOfTheKey(t *testing.T) {
	t.Parallel()
	master := newMaster(t)
	s := newSealer(t, master)
	want := s.Derive("x", 16)
	clear(master)
	if !bytes.Equal(want, s.Derive("x", 16)) {
		t.Error("clearing the caller's bytes changed the sealer")
	}
}
