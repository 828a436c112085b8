package password_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/secret"
)

// long is longer than one block of every hash.
var long = strings.Repeat("we have a short salt string but not a short password, however long it may be it has to work", 2)

// vectors come from the specifications and from other implementations: OpenBSD's and
// libxcrypt's crypt, the reference argon2, RFC 7914, Python's hashlib and passlib.
var vectors = []struct {
	encoding               password.Encoding
	stored, salt, password string
	saltAfter              bool
}{
	{password.Bcrypt, "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkY8jIucDrjc8deX1s0.", "", "", false},
	{password.Bcrypt, "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "", "a", false},
	{password.Bcrypt, "$2b$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny", "", "pässwört", false},
	{password.Bcrypt, "$2y$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny", "", "pässwört", false},
	{password.Bcrypt, "{bcrypt}$2b$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny", "", "pässwört", false},
	{password.Bcrypt, "bcrypt$$2b$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny", "", "pässwört", false},
	{password.Bcrypt, "{CRYPT}$2b$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny    ", "", "pässwört", false},
	{password.Argon2, "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "", "password", false},
	{password.Argon2, "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "", "password", false},
	{password.Argon2, "argon2$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "", "password", false},
	{password.Scrypt, "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o.7qQT44.qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw", "", "pleaseletmein", false},
	{password.PBKDF2, "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=", "", "lètmein", false},
	{password.PBKDF2, "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44", "", "password", false},
	{password.PBKDF2, "$pbkdf2-sha512$1000$c2FsdHNhbHRzYWx0c2FsdA$2IVLzDcUS76iY9.wBooZzkS5Z0mI6ikZPfMieFfR1eV/GJiiRzyvvz4ne7tBn8OJ1hxZyCz95QPNeLP3ykzMiQ", "", "secret", false},
	{password.PBKDF2, "$pbkdf2-sha512$i=1000$c2FsdHNhbHRzYWx0c2FsdA$2IVLzDcUS76iY9+wBooZzkS5Z0mI6ikZPfMieFfR1eV/GJiiRzyvvz4ne7tBn8OJ1hxZyCz95QPNeLP3ykzMiQ", "", "secret", false},
	{password.SHA2Crypt, "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "", "Hello world!", false},
	{password.SHA2Crypt, "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "", "Hello world!", false},
	{password.SHA2Crypt, "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "", "Hello world!", false},
	{password.SHA2Crypt, "$6$rounds=1400$anotherlongsalts$aVD.6MvxSC9wew6xLt7StanntRcmBlKUmw.6yLhlYSXj/PT8YHHXISpI71LH4S6rYiCkXm2Ru5meEyeefdOqm1", "", long, false},
	{password.SHA2Crypt, "$5$rounds=1400$anotherlongsalts$86L6NOJtYOWD3stuB5WuL3LQKk1X1pSu2T4St7tW085", "", long, false},
	{password.SHA2Crypt, "{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "", "Hello world!", false},
	{password.SaltedSHA2, "{SSHA256}lXT7qF+fT7OVoVlwD0tMd02E1ak2dLDbk993wZxIM65zYWx0MTIzNA==", "", "secret", false},
	{password.SaltedSHA2, "{SSHA512}E491yrR9AdCoE7rbOPYS3EZgSuZpVE65AD9xko08s6floNesY/Zpe9zMVvLix4S2FiQSJ99RIkNvhHomNO9uL3NhbHQ=", "", "secret", false},
	{password.SaltedSHA2, "{SSHA384}BPdC1qPVnOtOWlZBhlNvMSsThLk7gG0moXRB2Ulg+UGkFToChXZ4jNzGfK5Uh3Otc2FsdA==", "", "secret", false},
	{password.SaltedSHA2, "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", "", "secret", false},
	{password.SHA256, "744A9101F7182A6AE0D978121ff74e33cac8d2832579c0637c1c37e9bbb6c065", "pepper", "secret", false},
	{password.SHA512, "cab785167199b6cbf3be56bc8bd136bdd818915fd6fdf7df588e7ca05fc1cfa80206283c2c572a4d4ea6615e07a7036002ae77ae8bba60639bb1f43e8a72b6f9", "pepper", "secret", true},
	{password.Plain, "secret ", "", "secret ", false},
}

func verify(t *testing.T, f password.Format, stored, salt, word string) bool {
	t.Helper()
	ok, err := password.NewVerifier(f).Verify(t.Context(), stored, salt, secret.New(word))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestEveryEncodingAcceptsItsPasswordAndNoOther(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(fmt.Sprintf("%s %.12s", v.encoding, v.stored), func(t *testing.T) {
			t.Parallel()
			formats := []password.Format{{Encoding: v.encoding, SaltAfter: v.saltAfter}}
			if v.encoding != password.Plain && !v.encoding.Salted() {
				formats = append(formats, password.Format{Encoding: password.Auto})
			}
			for _, f := range formats {
				h, err := f.Read(v.stored, v.salt)
				if err != nil || h.Encoding != v.encoding {
					t.Fatalf("Read as %s = %s, %v", f.Encoding, h.Encoding, err)
				}
				if got := verify(t, f, v.stored, v.salt, v.password); got != (v.password != "") {
					t.Errorf("%s says %v to the right password", f.Encoding, got)
				}
				for _, wrong := range []string{v.password + "x", strings.ToUpper(v.password) + " ", "x" + v.password, v.password + "\x00"} {
					if verify(t, f, v.stored, v.salt, wrong) {
						t.Errorf("%s accepts %q", f.Encoding, wrong)
					}
				}
			}
		})
	}
}

func TestAnEncodingTakesNoOther(t *testing.T) {
	t.Parallel()
	for _, e := range password.Encodings() {
		if e == password.Auto || e == password.Plain {
			continue
		}
		for _, v := range vectors {
			if v.encoding == e || v.encoding.Salted() && e.Salted() {
				continue
			}
			if _, err := (password.Format{Encoding: e}).Read(v.stored, ""); !errors.Is(err, password.ErrUnknown) {
				t.Errorf("%s reads %.20s: %v", e, v.stored, err)
			}
		}
	}
}

func TestAutoNeverGuesses(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{
		"", "secret", "!", "*", "x", strings.Repeat("0", 64), strings.Repeat("a", 2000), "$1$abc$def", "{SSHA}abc", "{SSHA256}", "{SSHA256}AAAA",
		"{SSHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", // no salt
		"$2x$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
		"$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfx!",
		"$2a$06$", "$argon2id$", "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$", // an empty sum would be met by every password
		"$argon2id$v=19$m=0,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
		"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$", "pbkdf2_sha256$1000$seasalt$", "pbkdf2_sha256$+1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=",
		"$6$saltstring$", "$6$rounds=10$saltstring$" + strings.Repeat("a", 86), "$5$saltstringthatistoolong$" + strings.Repeat("a", 43),
	} {
		if h, err := (password.Format{Encoding: password.Auto}).Read(stored, ""); !errors.Is(err, password.ErrUnknown) {
			t.Errorf("%q is read as %+v, %v", stored, h, err)
		}
	}
}

func TestAttackARowCannotAskForAllMemoryOrTime(t *testing.T) {
	t.Parallel()
	const sum = "$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"
	for _, stored := range []string{
		"$2a$16$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
		"$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
		"$argon2id$v=19$m=4294967295,t=1,p=1" + sum, "$argon2id$v=19$m=262145,t=1,p=1" + sum,
		"$argon2id$v=19$m=8,t=4294967295,p=1" + sum, "$argon2id$v=19$m=262144,t=5,p=1" + sum, "$argon2id$v=19$m=65536,t=1,p=255" + sum,
		"$scrypt$ln=63,r=8,p=1" + sum, "$scrypt$ln=19,r=8,p=1" + sum, "$scrypt$ln=4294967295,r=8,p=1" + sum, "$scrypt$ln=10,r=8,p=4294967295" + sum,
		"$pbkdf2-sha256$5000001" + sum, "$pbkdf2-sha256$1250001$c29tZXNhbHQ$" + strings.Repeat("A", 171), // of four blocks
		"pbkdf2_sha512$4294967295$salt$" + strings.Repeat("A", 86) + "==",
		"$6$rounds=999999999$saltstring$" + strings.Repeat("a", 86), "$5$rounds=2000001$saltstring$" + strings.Repeat("a", 43),
	} {
		if _, err := (password.Format{Encoding: password.Auto}).Read(stored, ""); !errors.Is(err, password.ErrCost) {
			t.Errorf("%s is read with %v", stored, err)
		}
	}
}

func TestAttackBcryptDoesNotCutPasswords(t *testing.T) {
	t.Parallel()
	// A row like any: the password is 72 times a.
	const stored = "$2a$05$/OK.fbVrR/bpIqNJ5ianF.Tyda.o6kz4y.pokQa990nfo3hdXc8Ai"
	f := password.Format{Encoding: password.Bcrypt}
	if !verify(t, f, stored, "", strings.Repeat("a", 72)) {
		t.Error("72 bytes are refused")
	}
	if verify(t, f, stored, "", strings.Repeat("a", 73)) {
		t.Error("73 bytes are cut")
	}
}

// ATTACK (CVE-2016-20013): the longest passwords make a stored one of many rounds
// take minutes.
func TestAttackALongPasswordCostsNoMinutes(t *testing.T) {
	t.Parallel()
	f := password.Format{Encoding: password.SHA2Crypt}
	if !verify(t, f, "$5$rounds=1000$saltstring$ejDsvgeyWmpUjRWeb/nhOpAqwJ0I9nXfMTCiDY837O5", "", strings.Repeat("a", 256)) {
		t.Error("256 bytes are refused")
	}
	if verify(t, f, "$5$rounds=1000$saltstring$5ONBq08B/S7NM3di4QZ0E6Vtt9BI/QuCemFAQxa.FR1", "", strings.Repeat("a", 257)) {
		t.Error("257 bytes are hashed")
	}
}

// Not beside the other tests of the package, which would slow now the one and now
// the other.
func TestAPretendedCheckCostsWhatTheLastRealOneDid(t *testing.T) {
	v := password.NewVerifier(password.Format{Encoding: password.Bcrypt})
	const costly = "$2a$12$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"
	// The least of a few, in turns: other work makes each longer, never shorter.
	real, unknown, garbage := time.Hour, time.Hour, time.Hour
	for range 4 {
		real = min(real, took(func() { _, _ = v.Verify(t.Context(), costly, "", secret.New("wrong")) }))
		unknown = min(unknown, took(func() { _ = v.Pretend(t.Context(), secret.New("wrong")) }))
		garbage = min(garbage, took(func() { _, _ = v.Verify(t.Context(), "!", "", secret.New("wrong")) }))
	}
	// Cost 12 takes four times as long as the cost that the verifier began with.
	for name, got := range map[string]time.Duration{"unknown": unknown, "garbage": garbage} {
		if got < real/2 {
			t.Errorf("%s took %s, a real one %s", name, got, real)
		}
	}
}

func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestAVerifierStopsWaitingWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := password.NewVerifier(password.Format{Encoding: password.Auto})
	if ok, err := v.Verify(ctx, vectors[1].stored, "", secret.New("a")); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("Verify = %v, %v", ok, err)
	}
}

func TestEveryEncodingHasSomethingToPretendWith(t *testing.T) {
	t.Parallel()
	for _, e := range password.Encodings() {
		if !password.NewVerifier(password.Format{Encoding: e}).Ready() {
			t.Errorf("%s has nothing to pretend with", e)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		for _, e := range password.Encodings() {
			_, _ = password.Format{Encoding: e}.Read(stored, "")
		}
	})
}
