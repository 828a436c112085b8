package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
)

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := secret.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashVerifiesItsPasswordOnly(t *testing.T) {
	t.Parallel()
	h := hash(t, hidden)
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s", h)
	}
	for password, want := range map[string]bool{hidden: true, hidden + " ": false, hidden[1:]: false, strings.ToUpper(hidden): false, "": false} {
		if got, err := secret.Verify(h, password); err != nil || got != want {
			t.Errorf("%q: %t, %v, want %t", password, got, err, want)
		}
	}
	if hash(t, hidden) == h {
		t.Error("two hashes of one password are equal: there is no salt")
	}
}

// A password is not cut: bcrypt would take these two for one.
func TestHashUsesEveryByteOfALongPassword(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	if ok, err := secret.Verify(hash(t, long+"a"), long+"b"); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	if _, err := secret.Hash(strings.Repeat("x", secret.MaxPassword+1)); err == nil || !strings.Contains(err.Error(), "1024") {
		t.Errorf("a longer password than allowed: %v", err)
	}
	if _, err := secret.Hash(""); err == nil {
		t.Error("the empty password was hashed")
	}
}

// The vector of the reference implementation's test suite (argon2id, v=19).
func TestVerifyKnowsTheReferenceImplementation(t *testing.T) {
	t.Parallel()
	const h = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := secret.Verify(h, "password"); err != nil || !ok {
		t.Errorf("%t, %v", ok, err)
	}
	if !secret.NeedsRehash(h) {
		t.Error("other parameters need no new hash")
	}
}

func TestVerifyRefusesUnusableHashes(t *testing.T) {
	t.Parallel()
	const salt, sum = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for name, h := range map[string]string{
		"nothing":            "",
		"bcrypt":             "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"plain text":         "password",
		"argon2i":            "$argon2i$v=19$m=65536,t=2,p=1$" + salt + "$" + sum,
		"an old version":     "$argon2id$v=16$m=65536,t=2,p=1$" + salt + "$" + sum,
		"no version":         "$argon2id$m=65536,t=2,p=1$" + salt + "$" + sum,
		"an empty sum":       "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$",
		"a short sum":        "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$AAAA",
		"an empty salt":      "$argon2id$v=19$m=65536,t=2,p=1$$" + sum,
		"padding":            "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "=$" + sum,
		"a part more":        "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + sum + "$",
		"too much memory":    "$argon2id$v=19$m=4194304,t=2,p=1$" + salt + "$" + sum,
		"too many passes":    "$argon2id$v=19$m=65536,t=100000,p=1$" + salt + "$" + sum,
		"too many lanes":     "$argon2id$v=19$m=65536,t=2,p=255$" + salt + "$" + sum,
		"more than 32 bits":  "$argon2id$v=19$m=4294967297,t=2,p=1$" + salt + "$" + sum,
		"no passes":          "$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + sum,
		"no lanes":           "$argon2id$v=19$m=65536,t=2,p=0$" + salt + "$" + sum,
		"a negative number":  "$argon2id$v=19$m=65536,t=-2,p=1$" + salt + "$" + sum,
		"a signed number":    "$argon2id$v=19$m=65536,t=+2,p=1$" + salt + "$" + sum,
		"a leading zero":     "$argon2id$v=19$m=065536,t=2,p=1$" + salt + "$" + sum,
		"another order":      "$argon2id$v=19$t=2,m=65536,p=1$" + salt + "$" + sum,
		"a parameter more":   "$argon2id$v=19$m=65536,t=2,p=1,x=1$" + salt + "$" + sum,
		"memory below lanes": "$argon2id$v=19$m=7,t=2,p=1$" + salt + "$" + sum,
		"a huge string":      "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + strings.Repeat("A", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if ok, err := secret.Verify(h, "password"); ok || !errors.Is(err, secret.ErrPasswordHash) {
				t.Errorf("%t, %v, want ErrPasswordHash", ok, err)
			}
			if !secret.NeedsRehash(h) {
				t.Error("needs no new hash")
			}
		})
	}
}

func TestDummyHashCostsAsMuchAndIsMetByNoPassword(t *testing.T) {
	t.Parallel()
	dummy := secret.DummyHash()
	if secret.NeedsRehash(dummy) {
		t.Error("it costs another amount than a real one")
	}
	if ok, err := secret.Verify(dummy, hidden); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	if secret.NeedsRehash(hash(t, hidden)) {
		t.Error("a fresh hash needs a new one")
	}
}

func TestHashingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := secret.VerifyContext(ctx, secret.DummyHash(), hidden); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v", err)
	}
	if _, err := secret.HashContext(ctx, hidden); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=,t=1,p=1$c29tZXNhbHQ$")
	f.Fuzz(func(t *testing.T, encoded string) {
		// NeedsRehash parses alone: hashing with what the fuzzer finds is slow.
		if !secret.NeedsRehash(encoded) && !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%q passes for a hash of ours", encoded)
		}
	})
}
