package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/secret"
)

// GuardOptions are the parts of the world that a Guard uses. Only Now is
// needed. The functions must not block.
type GuardOptions struct {
	Now func() time.Time
	// OnFailing is called once when the source is given up for a while, with
	// the last error; OnRecovered once when it answers again.
	OnFailing   func(error)
	OnRecovered func()
	// OnThrottled is called when guesses at a name or from an address are
	// slowed, at most once a minute for each name and address.
	OnThrottled func(name string, from netip.Addr)
}

// Guard wraps a source in what all sources need, whatever their kind: memory,
// one call for many equal logins, a bound on calls under way, a circuit breaker,
// and the slowing of guesses. It is a Guarded, safe for concurrent use.
//
// Identities come from a shared memory: callers read them and do not change
// what they hold.
type Guard struct {
	config  Config
	source  Source
	options GuardOptions
	key     [32]byte // of this process, so that the memory means nothing elsewhere

	good    *memory[Identity]          // pairs of name and password that are right
	wrong   *memory[struct{}]          // pairs that are wrong
	found   *memory[lookup]            // who was looked up by name
	calls   *flights[[32]byte, lookup] // questions under way
	limit   *limits                    // of guesses
	brake   *breaker                   // for a source that fails
	lane    *guess.Lane                // bounds what is asked at once
	stats   counters                   // for a metrics line
	told    *guess.Throttle[[32]byte]  // bounds OnThrottled
	closing sync.Once
}

// lookup is what a source said: who it is, if anybody.
type lookup struct {
	who   Identity
	known bool
}

// queuePerSlot is how many may wait for each call under way.
const queuePerSlot = 4

// NewGuard wraps a source that was opened from c.
func NewGuard(c Config, s Source, o GuardOptions) *Guard {
	base := c.Base()
	g := &Guard{
		config: c, source: s, options: o,
		good: newMemory[Identity](o.Now, maxAnswers), wrong: newMemory[struct{}](o.Now, maxAnswers), found: newMemory[lookup](o.Now, maxAnswers),
		calls: newFlights[[32]byte, lookup](),
		brake: newBreaker(o.Now, o.OnFailing, o.OnRecovered),
		lane:  guess.NewLane(base.MaxConcurrent, queuePerSlot*base.MaxConcurrent),
		told:  guess.NewThrottle[[32]byte](guess.Rate{Burst: 1, Every: time.Minute}, o.Now),
	}
	g.limit = newLimits(o.Now)
	_, _ = rand.Read(g.key[:]) // never fails: the runtime ends the process instead
	return g
}

// Config is what the source was made of.
func (g *Guard) Config() Config { return g.config }

// Close closes the source. Whoever asks afterwards finds it broken.
func (g *Guard) Close() {
	g.closing.Do(func() {
		g.brake.shut()
		g.source.Close()
	})
}

// Login implements Guarded. The order is what keeps the password of a user
// from being searched for, and the user from being shut out meanwhile:
//
//   - A pair that is known to be wrong costs nothing and is no new guess.
//   - A name that is locked is locked for right passwords too, even remembered
//     ones; otherwise the memory would tell them from wrong ones, without end.
//   - But whoever logs in from a network from which the name logged in before
//     is locked by the failures of that network alone.
//   - An address that is slowed can still use what is remembered: many users
//     share one behind a gateway of their own.
func (g *Guard) Login(ctx context.Context, name string, password secret.Text, from netip.Addr) (Identity, Outcome, error) {
	if name == "" || password.IsZero() {
		g.stats.refused.Add(1)
		return Identity{}, Outcome{Verdict: Refused}, nil
	}
	a := g.attempt(name, password, from)
	if _, ok := g.wrong.get(a.pair); ok {
		g.stats.hits.Add(1)
		return g.answer(lookup{}, nil)
	}
	if wait, ok := g.limit.name(a); !ok {
		return g.throttled(a, wait)
	}
	if who, ok := g.good.get(a.pair); ok {
		g.stats.hits.Add(1)
		g.limit.right(a)
		return g.answer(lookup{who: who, known: true}, nil)
	}
	if wait, ok := g.limit.address(a); !ok {
		return g.throttled(a, wait)
	}
	l, err := g.calls.do(ctx, a.pair, func(ctx context.Context) (lookup, error) { return g.ask(ctx, a) })
	if l.known { // also who joined a question whose conclusions were drawn already
		g.limit.right(a)
	}
	return g.answer(l, err)
}

// attempt is one login. The password stays in it, no longer than the login.
type attempt struct {
	name     string
	password secret.Text
	from     netip.Addr
	pair     [32]byte   // name and password
	account  [32]byte   // the name, as lenient sources compare it
	network  netip.Addr // of from
}

func (g *Guard) attempt(name string, password secret.Text, from netip.Addr) attempt {
	return attempt{
		name: name, password: password, from: from, network: guess.Network(from),
		pair: g.mac("login", name, password.Reveal()), account: g.mac("account", fold(name)),
	}
}

// fold makes the spellings alike that directories and databases take for one
// name, so that spelling a name differently gives no further guesses. OpenLDAP
// lets in ⓐyse and ａｙｓｅ as ayse (RFC 4518 section 2.3); others compare
// without accents.
func fold(name string) string {
	visible := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, norm.NFKD.String(name))
	return strings.Join(strings.Fields(visible), " ")
}

// mac joins its parts so that no two lists of parts are the same text.
func (g *Guard) mac(parts ...string) (sum [32]byte) {
	h := hmac.New(sha256.New, g.key[:])
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p)))) // a hash never fails
		_, _ = h.Write([]byte(p))
	}
	h.Sum(sum[:0])
	return sum
}

// ask puts a login to the source and draws the conclusions, once for all who
// wait for it.
func (g *Guard) ask(ctx context.Context, a attempt) (lookup, error) {
	hold := blur()
	answer, err := g.call(ctx, a.password, func(ctx context.Context) (lookup, error) {
		who, ok, err := g.source.Authenticate(ctx, a.name, a.password)
		return lookup{who: who, known: ok}, err
	})
	switch {
	case err != nil:
		g.limit.unknown(a)
	case answer.known:
		g.good.put(a.pair, answer.who, g.config.Base().remember())
		g.limit.right(a)
	default:
		hold() // before the memory, which answers at once
		g.wrong.put(a.pair, struct{}{}, g.config.Base().rememberWrong())
	}
	return answer, err
}

// answer turns what a source said into the answer of Login.
func (g *Guard) answer(l lookup, err error) (Identity, Outcome, error) {
	switch {
	case err != nil:
		g.stats.broken.Add(1)
		return Identity{}, Outcome{Verdict: Broken}, err
	case !l.known:
		g.stats.refused.Add(1)
		return Identity{}, Outcome{Verdict: Refused}, nil
	}
	g.stats.accepted.Add(1)
	return l.who, Outcome{Verdict: Accepted}, nil
}

func (g *Guard) throttled(a attempt, wait time.Duration) (Identity, Outcome, error) {
	g.stats.throttled.Add(1)
	if g.options.OnThrottled != nil {
		if _, ok := g.told.Take(g.mac("told", fold(a.name), a.network.String())); ok {
			g.options.OnThrottled(a.name, a.from)
		}
	}
	return Identity{}, Outcome{Verdict: Throttled, Wait: wait}, nil
}

// Find implements Guarded.
func (g *Guard) Find(ctx context.Context, name string) (Identity, bool, error) {
	if name == "" {
		return Identity{}, false, nil
	}
	key := g.mac("find", name)
	if l, ok := g.found.get(key); ok {
		g.stats.hits.Add(1)
		return l.who, l.known, nil
	}
	l, err := g.calls.do(ctx, key, func(ctx context.Context) (lookup, error) { return g.find(ctx, key, name) })
	return l.who, l.known, err
}

func (g *Guard) find(ctx context.Context, key [32]byte, name string) (lookup, error) {
	l, err := g.call(ctx, secret.Text{}, func(ctx context.Context) (lookup, error) {
		who, ok, err := g.source.Lookup(ctx, name)
		return lookup{who: who, known: ok}, err
	})
	if err != nil {
		return lookup{}, err
	}
	keep := g.config.Base().remember()
	if !l.known {
		keep = g.config.Base().rememberWrong()
	}
	g.found.put(key, l, keep)
	return l, nil
}

// Regenerate implements Guarded. Nothing of it is remembered: a refresh asks
// what holds now.
func (g *Guard) Regenerate(ctx context.Context, of Identity) (Identity, bool, error) {
	r, ok := g.source.(Regenerator)
	if !ok {
		return Identity{}, false, ErrNoRegenerate
	}
	ask := func(ctx context.Context) (lookup, error) {
		return g.call(ctx, secret.Text{}, func(ctx context.Context) (lookup, error) {
			who, ok, err := r.Regenerate(ctx, of)
			return lookup{who: who, known: ok}, err
		})
	}
	l, err := alone(ctx, ask)
	return l.who, l.known, err
}

func (c *Common) remember() time.Duration { return time.Duration(c.CacheSeconds) * time.Second }

func (c *Common) rememberWrong() time.Duration {
	return time.Duration(c.NegativeCacheSeconds) * time.Second
}
