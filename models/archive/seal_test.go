package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

const passphrase = "correct horse battery"

func sealed(t *testing.T, plain []byte, with string) []byte {
	t.Helper()
	raw, err := archive.Seal(t.Context(), plain, secret.New(with))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAPassphraseHidesEverythingAndGivesItBack(t *testing.T) {
	t.Parallel()
	plain := written(t, sample())
	raw := sealed(t, plain, passphrase)
	if !archive.Sealed(raw) || archive.Sealed(plain) {
		t.Error("Sealed does not tell which is which")
	}
	for _, part := range []string{"Orders", "orders", "manifest", "PK\x03\x04"} {
		if bytes.Contains(raw, []byte(part)) {
			t.Errorf("%q can be read in it", part)
		}
	}
	got, err := archive.Open(t.Context(), raw, secret.New(passphrase))
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("open: %d bytes, %v", len(got), err)
	}
	if bytes.Equal(raw, sealed(t, plain, passphrase)) {
		t.Error("salt and nonce are the same twice")
	}
}

func TestAnAccentedPassphraseIsTheSameFromEveryKeyboard(t *testing.T) {
	t.Parallel()
	raw := sealed(t, []byte("x"), "gr\u00f6\u00dfer als drei")
	if _, err := archive.Open(t.Context(), raw, secret.New("gro\u0308\u00dfer als drei")); err != nil {
		t.Error(err)
	}
}

// TestWrongPassphraseAndChangedFileAreOneError: nobody can tell which it was.
func TestWrongPassphraseAndChangedFileAreOneError(t *testing.T) {
	t.Parallel()
	raw := sealed(t, []byte("a package"), passphrase)
	for name, c := range map[string]struct {
		passphrase string
		change     func([]byte) []byte
	}{
		"another passphrase":       {passphrase: passphrase + "."},
		"another letter case":      {passphrase: strings.ToUpper(passphrase)},
		"a passphrase without end": {passphrase: strings.Repeat("x", 1<<20)},
		"a changed salt":           {change: func(b []byte) []byte { b[18] ^= 1; return b }},
		"a changed nonce":          {change: func(b []byte) []byte { b[34] ^= 1; return b }},
		"a changed byte":           {change: func(b []byte) []byte { b[50] ^= 1; return b }},
		"a changed tag":            {change: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		"other lanes, less work":   {change: func(b []byte) []byte { b[17] = 1; return b }},
		"fewer passes":             {change: func(b []byte) []byte { b[16] = 1; return b }},
		"a byte less":              {change: func(b []byte) []byte { return b[:len(b)-1] }},
		"a byte more":              {change: func(b []byte) []byte { return append(b, 0) }},
		"only the header":          {change: func(b []byte) []byte { return b[:34] }},
		"half a header":            {change: func(b []byte) []byte { return b[:12] }},
		"only the magic":           {change: func(b []byte) []byte { return b[:8] }},
		"four terabytes of memory": {change: func(b []byte) []byte { binary.BigEndian.PutUint32(b[9:], 1<<32-1); return b }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with, file := passphrase, bytes.Clone(raw)
			if c.passphrase != "" {
				with = c.passphrase
			}
			if c.change != nil {
				file = c.change(file)
			}
			got, err := archive.Open(t.Context(), file, secret.New(with))
			if want := "The passphrase is wrong, or the package was changed."; problem.Of(err).For("passphrase") != want || got != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestHeadersThatAskForTooMuchAreRefusedBeforeAnyWork: with a context that is
// over, only what needs no key is answered.
func TestHeadersThatAskForTooMuchAreRefusedBeforeAnyWork(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	raw := sealed(t, []byte("a package"), passphrase)
	for _, c := range []struct {
		name           string
		memory, passes uint32
		lanes          byte
		taken          bool
	}{
		{"what Seal asks for", 64 << 10, 3, 4, true},
		{"the most that is taken", 256 << 10, 6, 8, true},
		{"a KiB more", 256<<10 + 1, 6, 8, false},
		{"a pass more", 256 << 10, 7, 8, false},
		{"a lane more", 256 << 10, 6, 9, false},
		{"the least that is taken", 8, 1, 1, true},
		{"less memory than lanes need", 63, 1, 8, false},
		{"no pass", 64 << 10, 0, 4, false},
		{"no lane", 64 << 10, 3, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := bytes.Clone(raw)
			binary.BigEndian.PutUint32(file[9:], c.memory)
			binary.BigEndian.PutUint32(file[13:], c.passes)
			file[17] = c.lanes
			_, err := archive.Open(over, file, secret.New(passphrase))
			if taken := errors.Is(err, context.Canceled); taken != c.taken {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestPassphrasesThatProtectNothingAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ passphrase, want string }{
		"none":                            {"", "at least 12"},
		"eleven characters":               {"elevenchars", "at least 12"},
		"eleven characters of many bytes": {strings.Repeat("ö", 11), "at least 12"},
		"without end":                     {strings.Repeat("x", 2000), "1024 bytes"},
		"broken UTF-8":                    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := archive.Seal(t.Context(), []byte("x"), secret.New(c.passphrase))
			if msg := problem.Of(err).For("passphrase"); !strings.Contains(msg, c.want) || raw != nil {
				t.Errorf("%d bytes, %v", len(raw), err)
			}
		})
	}
	if raw := sealed(t, []byte("x"), "twelve chars"); raw == nil {
		t.Error("twelve characters are refused")
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	raw := sealed(t, []byte("x"), passphrase)
	later := bytes.Clone(raw)
	later[8] = 2
	for name, c := range map[string]struct {
		raw        []byte
		passphrase string
		want       string
	}{
		"no passphrase":   {raw, "", "Enter it."},
		"a later format":  {later, passphrase, "has format 2, and this version of Gatewright understands format 1"},
		"a plain package": {written(t, sample()), passphrase, "not protected"},
		"a huge file":     {append(bytes.Clone(raw), make([]byte, archive.MaxPackage+100)...), passphrase, "at most 64.0 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := archive.Open(t.Context(), c.raw, secret.New(c.passphrase)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestWhoIsGoneDoesNotWaitForItsTurn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.Seal(ctx, []byte("x"), secret.New(passphrase)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}
