package password

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/gatewright/gatewright/engine/secret"
)

// hashing holds the places to hash, for all sources together: more hashes
// at once would not be faster, only take their memory each. Half of the processors
// are left to the proxied calls.
var hashing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// Verifier checks passwords of one source. An unknown user costs what the last
// known one did: the cost of a foreign hash cannot be known before one was seen, so
// that until then a usual cost of the encoding stands in. Where rows differ in
// encoding or cost, how long an answer takes tells the rows apart.
type Verifier struct {
	format Format
	last   atomic.Pointer[check]
}

// NewVerifier checks passwords in a format.
func NewVerifier(f Format) *Verifier {
	v := &Verifier{format: f}
	if h, err := f.Read(usual(f.Encoding), ""); err == nil {
		v.learn(h)
	}
	return v
}

func (v *Verifier) learn(h Hash) {
	blank := h.blank()
	v.last.Store(&blank)
}

// Format is how the verifier reads what is stored.
func (v *Verifier) Format() Format { return v.format }

// Verify tells whether password is the one that was stored. What is stored may be
// unreadable, which no password meets. The error is that of ctx.
func (v *Verifier) Verify(ctx context.Context, stored, salt string, password secret.Text) (bool, error) {
	h, err := v.format.Read(stored, salt)
	if err != nil {
		return false, v.Pretend(ctx, password)
	}
	v.learn(h)
	return run(ctx, h, password)
}

// Pretend takes as long as Verify, for users that there are not.
func (v *Verifier) Pretend(ctx context.Context, password secret.Text) error {
	if last := v.last.Load(); last != nil {
		_, err := run(ctx, *last, password)
		return err
	}
	return nil
}

// run checks in turn with others. A hash once begun runs to its end.
func run(ctx context.Context, c check, password secret.Text) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	if Unfit(password) {
		return false, nil
	}
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return false, fmt.Errorf("wait to check password: %w", ctx.Err())
	}
	return c.matches([]byte(password.Reveal())), nil
}

// usual is a hash of each encoding at the cost that most software starts with. The
// sums are all zero: no password meets them.
func usual(e Encoding) string {
	const zeros22, zeros43 = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	switch e {
	case Argon2:
		return "$argon2id$v=19$m=65536,t=3,p=4$" + zeros22 + "$" + zeros43
	case Scrypt:
		return "$scrypt$ln=16,r=8,p=1$" + zeros22 + "$" + zeros43
	case PBKDF2:
		return "$pbkdf2-sha256$600000$" + zeros22 + "$" + zeros43
	case SHA2Crypt:
		return "$6$................$" + dots(86)
	case SaltedSHA2:
		return "{SSHA256}" + zeros43 + zeros22 + "A"
	case SHA256:
		return zeros(64)
	case SHA512:
		return zeros(128)
	case Plain:
		return "plain"
	}
	return "$2a$10$" + dots(53)
}

func dots(n int) string  { return strings.Repeat(".", n) }
func zeros(n int) string { return strings.Repeat("0", n) }

// Unfit tells passwords that are refused unseen: empty ones, ones longer than any
// person's, which only cost time, and ones with NUL, at which other software stops
// reading.
func Unfit(password secret.Text) bool {
	p := password.Reveal()
	return p == "" || len(p) > secret.MaxPassword || strings.ContainsRune(p, 0)
}
