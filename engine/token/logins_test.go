package token

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
)

func TestUnknownClientsAndWrongSecretsLookAndCostTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var hashes []string
	verify := w.logins.verify
	w.logins.verify = func(ctx context.Context, hash, password string) (bool, error) {
		w.mu.Lock()
		hashes = append(hashes, hash)
		w.mu.Unlock()
		return verify(ctx, hash, password)
	}
	wrong, unknown := w.login(t, clientID, "guess"), w.login(t, "nobody", "guess")
	wrong.header.Del("Date")
	unknown.header.Del("Date")
	if wrong.status != unknown.status || wrong.body != unknown.body || fmt.Sprint(wrong.header) != fmt.Sprint(unknown.header) {
		t.Errorf("wrong secret: %+v\nunknown client: %+v", wrong, unknown)
	}
	if len(hashes) != 2 || hashes[0] != secretHash() || hashes[1] != w.logins.dummy {
		t.Fatalf("checked against %q, want the client's hash and the dummy", hashes)
	}
	// The dummy costs the same only with the same parameters.
	if got, want := w.logins.dummy[:len("$argon2id$v=19$m=19456,t=2,p=1$")], secretHash()[:len("$argon2id$v=19$m=19456,t=2,p=1$")]; got != want {
		t.Errorf("the dummy hash has the parameters %s, real ones have %s", got, want)
	}
}

func TestNoSecretOpensAnUnknownClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logins.verify = func(context.Context, string, string) (bool, error) { return true, nil } // even if the dummy hash were met
	if r := w.login(t, "nobody", "anything"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAGoodSecretIsHashedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 50 {
		w.login(t, clientID, clientSecret).token(t)
		w.loginBasic(t, clientID, clientSecret).token(t)
	}
	if n := w.hashed(); n != 1 {
		t.Errorf("%d hashes for one secret", n)
	}
}

func TestAChangedSecretActsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	w.login(t, clientID, clientSecret).token(t)
	w.edit(func(o *Owner) { o.SecretHash = "hash of another" })
	if r := w.login(t, clientID, clientSecret); r.status != 401 {
		t.Errorf("the old secret: %d %s", r.status, r.body)
	}
	w.login(t, clientID, "another").token(t)
	w.edit(func(o *Owner) { o.SecretHash = "hash of " + clientSecret })
	w.login(t, clientID, clientSecret).token(t)
}

func TestAnUndeployedOwnerGetsNoTokenAlthoughItsSecretIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	w.login(t, clientID, clientSecret).token(t)
	w.mu.Lock()
	delete(w.owners, clientID)
	w.mu.Unlock()
	if r := w.login(t, clientID, clientSecret); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAVerdictIsGoodForItsIDSecretAndHashOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	w.mu.Lock()
	twin := w.owners[clientID]
	twin.ClientID, twin.SecretHash = clientID+"s", "hash of other"
	w.owners[twin.ClientID] = twin
	w.mu.Unlock()
	w.login(t, clientID, "s"+clientSecret)
	w.login(t, clientID, clientSecret).token(t)
	// The same letters, cut at another place.
	if r := w.login(t, clientID+"s", clientSecret[1:]); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestNamesOfVerdictsDependOnWhereTheirPartsEnd(t *testing.T) {
	t.Parallel()
	c := newLogins(time.Now)
	if c.mac("a", "bc") == c.mac("ab", "c") || c.mac("a") == c.mac("a", "") {
		t.Error("two lists of parts have one name, so one client's verdict can become another's")
	}
	if c.mac("a", "b") == newLogins(time.Now).mac("a", "b") {
		t.Error("another process gives the same names")
	}
}

func TestGuessingAtOneClientIsSlowed(t *testing.T) {
	t.Parallel()
	for _, id := range []string{clientID, "nobody"} {
		w := newWorld(t)
		w.cheap()
		got := map[int]int{}
		for i := range 100 {
			w.comeFrom(fmt.Sprintf("198.51.100.%d", i)) // an attacker with many addresses
			got[w.login(t, id, fmt.Sprint("guess", i)).status]++
		}
		if got[401] != 10 || got[429] != 90 || w.hashed() != 10 {
			t.Errorf("%s: answers %v and %d hashes, want 10 guesses and no more", id, got, w.hashed())
		}
		r := w.login(t, id, "guess again")
		if r.status != 429 || r.header.Get("Retry-After") != "6" || r.member(t, "error") != "temporarily_unavailable" {
			t.Errorf("%s: %d, Retry-After %q, %s", id, r.status, r.header.Get("Retry-After"), r.body)
		}
		w.move(6 * time.Second)
		if r := w.login(t, id, "guess once more"); r.status != 401 {
			t.Errorf("%s: after Retry-After: %d", id, r.status)
		}
		if r := w.login(t, id, "guess twice more"); r.status != 429 {
			t.Errorf("%s: a second guess after Retry-After: %d", id, r.status)
		}
	}
}

func TestGuessingFromOneAddressIsSlowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	got := map[int]int{}
	for i := range 100 {
		got[w.login(t, fmt.Sprint("client", i), "guess").status]++
	}
	if got[401] != 60 || got[429] != 40 {
		t.Errorf("answers %v, want 60 guesses", got)
	}
	w.comeFrom("192.0.2.2")
	if r := w.login(t, clientID, clientSecret); r.status != 200 {
		t.Errorf("from another address: %d", r.status)
	}
}

func TestGuessesSentAtOnceDoNotSlipThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() { w.login(t, clientID, fmt.Sprint("guess", i)) })
	}
	group.Wait()
	if n := w.hashed(); n > 10 {
		t.Errorf("%d guesses were checked, want at most 10", n)
	}
}

func TestAClientThatLoggedInBeforeIsNotLockedOutByGuessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	w.login(t, clientID, clientSecret).token(t)
	for i := range 100 { // the worst case: from the client's own address
		w.login(t, clientID, fmt.Sprint("guess", i))
	}
	if r := w.login(t, clientID, "guess"); r.status != 429 {
		t.Fatalf("the attack is not slowed: %d", r.status)
	}
	w.login(t, clientID, clientSecret).token(t)
}

func TestAWrongSecretThatComesAgainLocksOutNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	for i := range 100 { // Basic in a wrong form, then the body, at each login
		if r := w.loginBasic(t, clientID, "wrong-form"); r.status != 401 {
			t.Fatalf("login %d by header: %d", i, r.status)
		}
		if i >= 90 { // also for a client whose good secret comes late
			w.login(t, clientID, clientSecret).token(t)
		}
	}
	if n := w.hashed(); n != 2 {
		t.Errorf("%d hashes for two secrets", n)
	}
}

func TestGoodLoginsUseUpNoAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logins.verify = func(context.Context, string, string) (bool, error) { return true, nil }
	for i := range 200 { // two hundred clients behind one address, after a restart
		w.mu.Lock()
		o := w.owners[clientID]
		o.ClientID = fmt.Sprint("client", i)
		w.owners[o.ClientID] = o
		w.mu.Unlock()
		w.login(t, o.ClientID, clientSecret).token(t)
	}
}

func TestWhenTooManyWaitTheRestIsTurnedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logins.hashing = guess.NewLane(1, 1)
	hashing, release := make(chan struct{}, 2), make(chan struct{})
	w.logins.verify = func(context.Context, string, string) (bool, error) {
		hashing <- struct{}{}
		<-release
		return true, nil
	}
	var group sync.WaitGroup
	group.Go(func() { w.login(t, clientID, "one") })
	<-hashing
	group.Go(func() { w.login(t, clientID, "two") })
	for w.logins.hashing.Waiting() == 0 {
		time.Sleep(time.Millisecond) // until it stands in the queue
	}
	r := w.login(t, clientID, "three")
	if r.status != 503 || r.header.Get("Retry-After") != "1" || r.member(t, "error") != "temporarily_unavailable" {
		t.Errorf("%d, Retry-After %q, %s", r.status, r.header.Get("Retry-After"), r.body)
	}
	checkHeaders(t, r)
	close(release)
	group.Wait()
}

func TestWhoeverWaitedBehindTheSameSecretNeedsNoHashOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, password := range []string{clientSecret, "wrong"} {
		w := newWorld(t)
		w.cheap()
		w.logins.hashing = guess.NewLane(1, 50)
		enter(t, w.logins.hashing) // until all stand in the queue
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { w.login(t, clientID, password) })
		}
		for w.logins.hashing.Waiting() < 20 {
			time.Sleep(time.Millisecond)
		}
		w.logins.hashing.Leave()
		group.Wait()
		if n := w.hashed(); n != 1 {
			t.Errorf("%q: %d hashes for twenty logins at once", password, n)
		}
	}
}

func TestThrottledGuessesTakeNoPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	for i := range 10 {
		w.login(t, clientID, fmt.Sprint("guess", i))
	}
	w.logins.hashing = guess.NewLane(1, 0)
	enter(t, w.logins.hashing) // full
	if r := w.login(t, clientID, "guess"); r.status != 429 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestSigningIsBoundedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	w.signing = guess.NewLane(1, 0)
	enter(t, w.signing)
	if r := w.login(t, clientID, clientSecret); r.status != 503 {
		t.Errorf("%d %s", r.status, r.body)
	}
	w.signing.Leave()
	w.login(t, clientID, clientSecret).token(t)
}

func TestAFailedCheckUsesUpNoAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logins.verify = func(context.Context, string, string) (bool, error) { return false, context.DeadlineExceeded }
	for range 50 {
		if r := w.login(t, clientID, clientSecret); r.status != 503 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	w.cheap()
	w.login(t, clientID, clientSecret).token(t)
}

func TestMemoriesAreBounded(t *testing.T) {
	t.Parallel()
	v := newVerdicts()
	for i := range 3 * maxRemembered {
		v.add([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(v.set) != maxRemembered {
		t.Errorf("%d verdicts, want %d", len(v.set), maxRemembered)
	}
	last := 3*maxRemembered - 1
	if !v.has([32]byte{byte(last), byte(last >> 8), byte(last >> 16)}) {
		t.Error("the newest verdict was dropped")
	}
}

// enter takes a place in a lane.
func enter(t *testing.T, l *guess.Lane) {
	t.Helper()
	if err := l.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
}
