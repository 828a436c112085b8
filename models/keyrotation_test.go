package models_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// keyVault is a bench whose clock is moved by hand, with ES256 of production as
// the slot that most tests turn.
type keyVault struct {
	bench
	slot models.KeySlot
	now  *atomic.Int64
}

func newKeyVault(t *testing.T) keyVault {
	t.Helper()
	b := newBench(t)
	now := new(atomic.Int64)
	now.Store(time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC).Unix())
	b.Store = modelstest.Open(t, b.url, func(o *models.Options) {
		o.Now = func() time.Time { return time.Unix(now.Load(), 0).UTC() }
		o.Steady = o.Now
	})
	return keyVault{b, models.KeySlot{Environment: "production", Algorithm: keys.ES256}, now}
}

func (v keyVault) advance(d time.Duration) { v.now.Add(int64(d / time.Second)) }

func (v keyVault) clock() time.Time { return time.Unix(v.now.Load(), 0).UTC() }

// deploy runs a proxy with one policy.
func (v keyVault) deploy(t *testing.T, name string, change func(*jwtauth.Config)) models.Owner {
	t.Helper()
	p := modelstest.Bind(t, v.Store, modelstest.Proxy(t, v.Store, v.project, name), modelstest.Policy(t, v.Store, v.project, name, change))
	modelstest.Deploy(t, v.Store, p, "production")
	return p
}

func lasting(amount int64, unit issue.TimeUnit) func(*jwtauth.Config) {
	return func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = amount, unit }
}

// states are the keys of the slot as "STATE kid", in the order of the list.
func (v keyVault) states(t *testing.T, slot models.KeySlot) map[models.KeyState][]models.Key {
	t.Helper()
	list, err := v.Keys(t.Context(), slot.Environment)
	if err != nil {
		t.Fatal(err)
	}
	by := map[models.KeyState][]models.Key{}
	for _, k := range list {
		if k.KeySlot == slot {
			by[k.State] = append(by[k.State], k)
		}
	}
	return by
}

func (v keyVault) active(t *testing.T, slot models.KeySlot) models.Key {
	t.Helper()
	list := v.states(t, slot)[models.KeyActive]
	if len(list) != 1 {
		t.Fatalf("%d active keys of %s", len(list), slot)
	}
	return list[0]
}

func (v keyVault) rotate(t *testing.T, slot models.KeySlot) models.KeyRotation {
	t.Helper()
	r, err := v.RotateKey(t.Context(), by, slot, v.active(t, slot).Kid)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (v keyVault) bundle(t *testing.T) engine.Bundle {
	t.Helper()
	b, err := v.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAKeyLivesThroughItsStates(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(2, issue.Hours))
	first := v.active(t, v.slot)
	if first.Source != models.KeyGenerated || first.Bits != 256 || !first.ActivatedAt.Equal(v.clock()) || first.MaxToken != 2*time.Hour || first.Unending {
		t.Errorf("the key of the deploy is %+v", first)
	}

	next, err := v.PrepareNextKey(t.Context(), by, v.slot)
	if err != nil {
		t.Fatal(err)
	}
	b := v.bundle(t)
	if b.Keys.Signing(keys.ES256).ID != first.Kid || b.Keys.Verifying(next.Kid) == nil || !strings.Contains(string(b.Keys.JWKS()), next.Kid) {
		t.Error("the next key is not published beside the one that signs")
	}
	if next.Generation != b.Generation {
		t.Errorf("the next key is of generation %d, published in %d", next.Generation, b.Generation)
	}
	_, err = v.PrepareNextKey(t.Context(), by, v.slot)
	wantProblem(t, err, "algorithm")

	v.advance(24 * time.Hour)
	r := v.rotate(t, v.slot)
	if r.New.Kid != next.Kid || r.Old.Kid != first.Kid || r.New.MaxToken != 2*time.Hour || !r.New.ActivatedAt.Equal(v.clock()) {
		t.Errorf("rotated to %+v", r)
	}
	retireAt := v.clock().Add(2*time.Hour + 10*time.Minute)
	if old := v.states(t, v.slot)[models.KeyRetiring][0]; !old.RetireAt.Equal(retireAt) || !old.RetiringAt.Equal(v.clock()) {
		t.Errorf("the old key retires at %v, want %v", old.RetireAt, retireAt)
	}
	if b = v.bundle(t); b.Keys.Signing(keys.ES256).ID != next.Kid || b.Keys.Verifying(first.Kid) == nil {
		t.Error("the old key does not verify any more, or signs")
	}

	v.advance(2*time.Hour + 10*time.Minute - time.Second)
	v.tend(t)
	if len(v.states(t, v.slot)[models.KeyRetiring]) != 1 {
		t.Error("retired before its last token had expired")
	}
	v.advance(time.Second)
	v.tend(t)
	if got := v.states(t, v.slot); len(got[models.KeyRetiring]) != 0 || len(got[models.KeyRetired]) != 1 || !got[models.KeyRetired][0].EndedAt.Equal(v.clock()) {
		t.Errorf("after the last token: %+v", got)
	}
	if v.bundle(t).Keys.Verifying(first.Kid) != nil {
		t.Error("a retired key verifies")
	}
}

func (v keyVault) tend(t *testing.T) {
	t.Helper()
	if err := v.TendKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAKeyOutlivesTheLongestTokenThatItMayHaveSigned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*testing.T, keyVault)
		want   time.Duration // 0 is for ever
	}{
		{"one policy", func(*testing.T, keyVault) {}, time.Hour},
		{"a longer one beside it", func(t *testing.T, v keyVault) { v.deploy(t, "long", lasting(3, issue.Days)) }, 72 * time.Hour},
		{"a longer one that was undeployed", func(t *testing.T, v keyVault) {
			p := v.deploy(t, "long", lasting(3, issue.Days))
			if _, err := v.Undeploy(t.Context(), by, v.project, p.ID, "production"); err != nil {
				t.Fatal(err)
			}
		}, 72 * time.Hour},
		{"a longer one of another algorithm", func(t *testing.T, v keyVault) {
			v.deploy(t, "long", func(c *jwtauth.Config) { lasting(3, issue.Days)(c); c.JWTSignatureAlgorithm = keys.EdDSA })
		}, time.Hour},
		{"one that never expires", func(t *testing.T, v keyVault) {
			v.deploy(t, "ever", func(c *jwtauth.Config) {
				c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
			})
		}, 0},
		{"a passive one that never expires", func(t *testing.T, v keyVault) {
			v.deploy(t, "ever", func(c *jwtauth.Config) {
				c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.Active = true, 0, "", false
			})
		}, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newKeyVault(t)
			v.deploy(t, "base", lasting(60, issue.Minutes))
			c.change(t, v)
			old := v.rotate(t, v.slot).Old
			if c.want == 0 {
				if !old.Unending || !old.RetireAt.IsZero() {
					t.Errorf("not pinned: %+v", old)
				}
				return
			}
			if old.Unending || old.MaxToken != c.want || !old.RetireAt.Equal(v.clock().Add(c.want+10*time.Minute)) {
				t.Errorf("longest token %s, retires at %s; want %s", old.MaxToken, old.RetireAt, c.want)
			}
		})
	}
}

func TestAPinnedKeyIsNeverRetiredByItselfAndDoesNotPinItsSuccessor(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	p := v.deploy(t, "ever", func(c *jwtauth.Config) {
		c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
	})
	pinned := v.active(t, v.slot)
	if _, err := v.Undeploy(t.Context(), by, v.project, p.ID, "production"); err != nil {
		t.Fatal(err)
	}
	if r := v.rotate(t, v.slot); r.New.Unending {
		t.Error("what was undeployed pins the new key too")
	}
	v.advance(200 * 365 * 24 * time.Hour)
	v.tend(t)
	if k, err := v.Key(t.Context(), "production", pinned.ID); err != nil || k.State != models.KeyRetiring {
		t.Errorf("after two centuries it is %s, %v", k.State, err)
	}
	if _, err := v.RetireKey(t.Context(), by, "production", pinned.ID); err != nil {
		t.Errorf("by hand: %v", err)
	}
}

func TestACredentialsTokensPinKeysToo(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "base", lasting(1, issue.Hours))
	p := v.deploy(t, "door", func(c *jwtauth.Config) { c.ManagedFromThisPolicy = false })
	save := func(id string, version int, amount int64) models.Credential {
		t.Helper()
		d := models.CredentialDraft{Name: "mobile", Enabled: true, GenerateSecret: id == "", Tokens: issue.Starting()}
		d.Tokens.JWTSignatureAlgorithm, d.Tokens.TokenExpiresInAmount, d.Tokens.TokenExpiresInUnit = keys.ES256, amount, issue.Hours
		c, _, err := v.SaveCredential(t.Context(), by, v.project, id, version, d)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := save("", 0, 5)
	if got := v.active(t, v.slot).MaxToken; got != time.Hour {
		t.Errorf("without access its tokens count: %s", got)
	}
	if _, err := v.GrantAccess(t.Context(), by, v.project, models.NewGrants{Credentials: []string{"mobile"}, Proxies: []string{p.Name}}); err != nil {
		t.Fatal(err)
	}
	if got := v.active(t, v.slot).MaxToken; got != 5*time.Hour {
		t.Errorf("after access was granted the longest token is %s", got)
	}
	c = save(c.ID, c.Version, 9)
	save(c.ID, c.Version, 2)
	r := v.rotate(t, v.slot)
	if r.Old.MaxToken != 9*time.Hour || r.New.MaxToken != 2*time.Hour {
		t.Errorf("the old key outlives tokens of %s, the new one of %s", r.Old.MaxToken, r.New.MaxToken)
	}
}

func TestOfRotationsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	first := v.active(t, v.slot)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			_, err := v.RotateKey(t.Context(), by, v.slot, first.Kid)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, models.ErrStale):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 4 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
	got := v.states(t, v.slot)
	if len(got[models.KeyActive]) != 1 || len(got[models.KeyRetiring]) != 1 || len(got[models.KeyNext]) != 0 {
		t.Errorf("keys %+v", got)
	}
}

func TestTheDatabaseAllowsOneActiveKeyOfASlot(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	for _, state := range []string{"ACTIVE", "NEXT"} {
		if state == "NEXT" {
			if _, err := v.PrepareNextKey(t.Context(), by, v.slot); err != nil {
				t.Fatal(err)
			}
		}
		_, err := connect(t, v.url).Exec(t.Context(), `insert into environment_keys (id, environment_id, project_id, name, kid, algorithm, state, source, bits,
				fingerprint, material, generation, max_token_seconds, unending, created_at, created_by)
			select gen_random_uuid(), environment_id, project_id, name, 'twin', algorithm, state, source, bits, 'x', material, generation, 0, false, now(), 'x'
			from environment_keys where state = $1`, state)
		if err == nil || !strings.Contains(err.Error(), "environment_keys_"+strings.ToLower(state)) {
			t.Errorf("a second %s key: %v", state, err)
		}
	}
}

func TestANodeThatLagsKeepsTheNextKeyFromSigning(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	first := v.active(t, v.slot)
	report := func(generation int64, ok bool, message string) {
		t.Helper()
		r := models.NodeReport{Node: "gw-1", Environment: "production", Version: "test", Generation: generation, OK: ok, Message: message}
		if err := v.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	report(1<<40, false, "orders does not compile.")
	_, err := v.RotateKey(t.Context(), by, v.slot, first.Kid)
	if l := problem.Of(err); len(l) != 1 || !strings.Contains(l[0].Message, "gw-1") || !strings.Contains(l[0].Message, "orders does not compile") {
		t.Errorf("got %v", err)
	}
	if v.active(t, v.slot).Kid != first.Kid || len(v.states(t, v.slot)[models.KeyNext]) != 1 {
		t.Error("the next key signs, or is not published")
	}

	// The rotation waits for a node that has not heard yet.
	generation, err := v.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	report(generation-1, true, "Running")
	done := make(chan error, 1)
	go func() {
		_, err := v.RotateKey(context.Background(), by, v.slot, first.Kid)
		done <- err
	}()
	if v.active(t, v.slot).Kid != first.Kid {
		t.Error("the next key signs before the node knows it")
	}
	report(generation, true, "Running")
	if err := <-done; err != nil {
		t.Errorf("after the node has heard: %v", err)
	}
	if v.active(t, v.slot).Kid == first.Kid {
		t.Error("the old key still signs")
	}

	// Until it has taken over the rotation it may sign with the old key.
	v.advance(2 * time.Hour)
	v.tend(t)
	k, err := v.Key(t.Context(), "production", first.ID)
	if err != nil || k.State != models.KeyRetiring || !k.RetireAt.Equal(v.clock().Add(time.Hour+10*time.Minute)) {
		t.Errorf("the old key is %s and retires at %s, %v", k.State, k.RetireAt, err)
	}
	report(1<<40, true, "Running")
	v.advance(time.Hour + 10*time.Minute)
	v.tend(t)
	if k, err = v.Key(t.Context(), "production", first.ID); err != nil || k.State != models.KeyRetired {
		t.Errorf("after the node has taken over it is %s, %v", k.State, err)
	}
}

func TestRetiringByHand(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	active := v.active(t, v.slot)
	if _, err := v.RetireKey(t.Context(), by, "production", active.ID); len(problem.Of(err)) != 1 {
		t.Errorf("the active key: %v", err)
	}
	next, err := v.PrepareNextKey(t.Context(), by, v.slot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.RetireKey(t.Context(), by, "production", next.ID); err != nil {
		t.Errorf("the next key: %v", err)
	}
	if v.bundle(t).Keys.Verifying(next.Kid) != nil {
		t.Error("the thrown away next key is still published")
	}
	v.rotate(t, v.slot)
	v.issued(t, active.Kid, 3)
	live, err := v.RetireKey(t.Context(), by, "production", active.ID)
	if err != nil || live.Total != 3 {
		t.Errorf("%d live tokens, %v", live.Total, err)
	}
	if _, err := v.RetireKey(t.Context(), by, "production", active.ID); !errors.Is(err, models.ErrStale) {
		t.Errorf("a second time: %v", err)
	}
	for _, id := range []string{"x", v.project} {
		_, err := v.RetireKey(t.Context(), by, "production", id)
		wantNotFound(t, err)
	}
}

// issued logs live tokens of a key beside ones that do not count.
func (v keyVault) issued(t *testing.T, kid string, live int) {
	t.Helper()
	now := v.clock()
	token := event.Token{Time: now, Environment: "production", Project: "Shop", Owner: "orders", KeyID: kid, TokenID: "t", IssuedAt: now, ExpiresAt: now.Add(time.Hour), Status: 200, Operation: event.Issue}
	var list []event.Token
	for i := range live {
		token.ExpiresAt, token.NeverExpires = now.Add(time.Hour), i == 0
		if i == 0 {
			token.ExpiresAt = time.Time{}
		}
		list = append(list, token)
	}
	expired, refused, elsewhere, other, asked, revoked := token, token, token, token, token, token
	expired.ExpiresAt, refused.TokenID, elsewhere.Environment, other.KeyID = now.Add(-time.Second), "", "test", "other"
	asked.Operation, revoked.TokenID = event.Introspect, "revoked"
	if err := v.AddTokenRequests(t.Context(), append(list, expired, refused, elsewhere, other, asked, revoked)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Revoke(t.Context(), by, "production", revoke.Entry{Kind: revoke.Token, Key: "revoked"}, "test"); err != nil {
		t.Fatal(err)
	}
}

func TestLiveTokensAreCountedSoFarAndAQuestionDoesNotWaitForMillions(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	k := v.active(t, v.slot)
	v.issued(t, k.Kid, models.CountCap)
	live, err := v.LiveTokens(t.Context(), k)
	if err != nil || live.Total != models.CountCap || live.Capped {
		t.Errorf("%d, more: %t, %v", live.Total, live.Capped, err)
	}
	v.issued(t, k.Kid, 1)
	if live, err = v.LiveTokens(t.Context(), k); err != nil || live.Total != models.CountCap || !live.Capped {
		t.Errorf("one more: %d, more: %t, %v", live.Total, live.Capped, err)
	}
	done, err := v.RevokeKey(t.Context(), by, "production", k.ID)
	if err != nil || done.Live.Total != models.CountCap+1 || done.Live.Capped {
		t.Errorf("revoked with %d, more: %t, %v", done.Live.Total, done.Live.Capped, err)
	}
}

func TestAnEmergencyRevocationReplacesTheKeyAtOnce(t *testing.T) {
	t.Parallel()
	for _, prepared := range []bool{true, false} {
		t.Run(fmt.Sprintf("with a next key: %t", prepared), func(t *testing.T) {
			t.Parallel()
			v := newKeyVault(t)
			v.deploy(t, "orders", lasting(1, issue.Hours))
			active := v.active(t, v.slot)
			var next models.Key
			if prepared {
				var err error
				if next, err = v.PrepareNextKey(t.Context(), by, v.slot); err != nil {
					t.Fatal(err)
				}
			}
			v.issued(t, active.Kid, 2)
			before := v.bundle(t).Generation
			done, err := v.RevokeKey(t.Context(), by, "production", active.ID)
			if err != nil {
				t.Fatal(err)
			}
			if want := (models.LiveTokens{Total: 2, Owners: []models.OwnerTokens{{Project: "Shop", Owner: "orders", Tokens: 2}}}); !cmp.Equal(done.Live, want) {
				t.Errorf("live tokens %+v, want %+v", done.Live, want)
			}
			b := v.bundle(t)
			if b.Keys.Verifying(active.Kid) != nil || b.Keys.Signing(keys.ES256).ID != done.New.Kid || b.Generation != before+1 || done.Generation != b.Generation {
				t.Errorf("generation %d after %d signs with %v", b.Generation, before, b.Keys.Signing(keys.ES256))
			}
			if prepared && done.New.Kid != next.Kid {
				t.Error("the next key was passed over")
			}
			if done.New.MaxToken != time.Hour {
				t.Errorf("the new key does not know how long its tokens live: %s", done.New.MaxToken)
			}
			if _, err := v.RevokeKey(t.Context(), by, "production", active.ID); !errors.Is(err, models.ErrStale) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func TestRevokingAKeyThatDoesNotSignLeavesTheOneThatDoes(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	r := v.rotate(t, v.slot)
	done, err := v.RevokeKey(t.Context(), by, "production", r.Old.ID)
	if err != nil || done.New.ID != "" || v.active(t, v.slot).Kid != r.New.Kid {
		t.Errorf("got %+v, %v", done, err)
	}
}

// attack: a stolen database or its audit must not hold a key that signs.
func TestKeyMaterialIsSealedAndEndsWithTheKey(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	hs := models.KeySlot{Environment: "production", Algorithm: keys.HS256}
	const secretText = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC0xMjM0NTY"
	if _, err := v.UploadKey(t.Context(), by, hs, models.KeyUpload{Text: secret.New(`{"kty":"oct","kid":"shared","k":"` + secretText + `"}`)}); err != nil {
		t.Fatal(err)
	}
	v.deploy(t, "orders", lasting(1, issue.Hours))
	text, private := newPEM(t, keys.ES256)
	if _, err := v.UploadKey(t.Context(), by, v.slot, models.KeyUpload{Text: secret.New(text), AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	dump := scalar[string](t, connect(t, v.url), `select string_agg(k::text || encode(k.material, 'escape'), E'\n') from environment_keys k`) +
		scalar[string](t, connect(t, v.url), `select string_agg(a::text, E'\n') from audit_records a`)
	for _, part := range []string{secretText, "secret-secret", "PRIVATE KEY", string(private), strings.Split(text, "\n")[1]} {
		if strings.Contains(dump, part) {
			t.Errorf("the database holds %q", part)
		}
	}
	for _, list := range v.states(t, v.slot) {
		for _, k := range list {
			if _, err := v.RevokeKey(t.Context(), by, "production", k.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := scalar[int](t, connect(t, v.url), `select count(*) from environment_keys where state = 'REVOKED' and length(material) > 0`); n != 0 {
		t.Errorf("%d revoked keys still have their material", n)
	}
}

// newPEM is a private key as PEM, and a part of its bytes.
func newPEM(t *testing.T, alg keys.Algorithm) (string, []byte) {
	t.Helper()
	k, err := keys.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	material, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: material})), material[len(material)-20:]
}

func TestAnUploadedKeySigns(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	first := v.active(t, v.slot)
	text, _ := newPEM(t, keys.ES256)
	k, err := v.UploadKey(t.Context(), by, v.slot, models.KeyUpload{Text: secret.New(text), Kid: "ours-2030", AtOnce: true})
	if err != nil {
		t.Fatal(err)
	}
	if k.State != models.KeyActive || k.Source != models.KeyUploaded || k.Kid != "ours-2030" {
		t.Errorf("uploaded as %+v", k)
	}
	b := v.bundle(t)
	if b.Keys.Signing(keys.ES256).ID != "ours-2030" || b.Keys.Verifying(first.Kid) == nil {
		t.Error("it does not sign, or the old one is gone")
	}
	half, err := v.PublicHalf(t.Context(), "production", k.ID)
	if err != nil || !bytes.Contains(half.PEM, []byte("BEGIN PUBLIC KEY")) || !json.Valid(half.JWK) || bytes.Contains(half.JWK, []byte(`"d"`)) {
		t.Errorf("its public half is %s %s, %v", half.PEM, half.JWK, err)
	}
}

func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	es, _ := newPEM(t, keys.ES256)
	if _, err := v.UploadKey(t.Context(), by, v.slot, models.KeyUpload{Text: secret.New(es), Kid: "taken"}); err != nil {
		t.Fatal(err)
	}
	gone := v.states(t, v.slot)[models.KeyNext][0]
	if _, err := v.RevokeKey(t.Context(), by, "production", gone.ID); err != nil {
		t.Fatal(err)
	}
	es2, _ := newPEM(t, keys.ES256)
	ed, _ := newPEM(t, keys.EdDSA)
	const hs = `{"kty":"oct","kid":"s","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	other := models.KeySlot{Environment: "production", Algorithm: keys.HS512}
	if _, err := v.UploadKey(t.Context(), by, models.KeySlot{Environment: "production", Algorithm: keys.HS256}, models.KeyUpload{Text: secret.New(hs)}); err != nil {
		t.Fatal(err)
	}
	modelstest.Environment(t, v.Store, "staging")
	named := func(name string) models.KeySlot {
		return models.KeySlot{Environment: "production", ProjectID: v.project, Name: name, Algorithm: keys.ES256}
	}
	for _, c := range []struct {
		name      string
		slot      models.KeySlot
		text, kid string
		field     string
	}{
		{"nothing", v.slot, "", "", "key"},
		{"no key", v.slot, "hello", "", "key"},
		{"a public key", v.slot, publicPEM(t), "", "key"},
		{"a key of another kind", v.slot, ed, "", "key"},
		{"a key of another curve", models.KeySlot{Environment: "production", Algorithm: keys.ES384}, es2, "", "key"},
		{"a short secret", models.KeySlot{Environment: "production", Algorithm: keys.HS384}, `{"kty":"oct","k":"c2hvcnQ"}`, "", "key"},
		{"a secret that is no JWK", other, "0123456789abcdef0123456789abcdef", "", "key"},
		{"a JWK for encryption", v.slot, `{"kty":"EC","use":"enc"}`, "", "key"},
		{"a JWK of another algorithm", v.slot, `{"kty":"EC","alg":"RS256"}`, "", "algorithm"},
		{"an unknown algorithm", models.KeySlot{Environment: "production", Algorithm: "none"}, es2, "", "algorithm"},
		{"a blank in the id", v.slot, es2, "a b", "kid"},
		{"an id that the environment had", v.slot, es2, "taken", "kid"},
		{"a key that was revoked", v.slot, es, "fresh", "key"},
		{"a secret that is here for another algorithm", other, hs, "fresh", "key"},
		{"a key that another environment has", models.KeySlot{Environment: "staging", Algorithm: keys.HS256}, hs, "fresh", "key"},
		{"a name without a project", models.KeySlot{Environment: "production", Name: "partner", Algorithm: keys.ES256}, es2, "", "project"},
		{"a project without a name", named(""), es2, "", "name"},
		{"a name with a slash", named("a/b"), es2, "", "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := v.UploadKey(t.Context(), by, c.slot, models.KeyUpload{Text: secret.New(c.text), Kid: c.kid})
			wantProblem(t, err, c.field)
			if err != nil && strings.Contains(err.Error(), "c2hvcnQ") {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
	_, err := v.UploadKey(t.Context(), by, models.KeySlot{Environment: "nowhere", Algorithm: keys.ES256}, models.KeyUpload{Text: secret.New(es2)})
	wantNotFound(t, err)
	foreign := named("partner")
	foreign.ProjectID = "x"
	_, err = v.UploadKey(t.Context(), by, foreign, models.KeyUpload{Text: secret.New(es2)})
	wantNotFound(t, err)
}

func publicPEM(t *testing.T) string {
	t.Helper()
	k, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPolicySignsWithItsNamedKey(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	signs := func(c *jwtauth.Config) { c.SigningKeyName = "Partner" }
	_, err := v.SavePolicy(t.Context(), by, v.project, "", 0, modelstest.JWT("P", signs))
	wantProblem(t, err, "signingKeyName")

	modelstest.Environment(t, v.Store, "test")
	inTest := models.KeySlot{Environment: "test", ProjectID: v.project, Name: "partner", Algorithm: keys.ES256}
	if _, err := v.RotateKey(t.Context(), by, inTest, ""); err != nil {
		t.Fatal(err)
	}
	_, err = v.SavePolicy(t.Context(), by, v.project, "", 0, modelstest.JWT("P", signs, func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.EdDSA }))
	wantProblem(t, err, "signingKeyName")
	other := modelstest.Project(t, v.Store, "Other")
	_, err = v.SavePolicy(t.Context(), by, other.ID, "", 0, modelstest.JWT("P", signs))
	wantProblem(t, err, "signingKeyName")

	p := modelstest.Bind(t, v.Store, modelstest.Proxy(t, v.Store, v.project, "orders"), modelstest.Policy(t, v.Store, v.project, "P", signs))
	_, err = v.Deploy(t.Context(), by, v.project, p.ID, "production", "")
	wantProblem(t, err, "signingKeyName")

	slot := inTest
	slot.Environment = "production"
	r, err := v.RotateKey(t.Context(), by, slot, "")
	if err != nil || r.Old.ID != "" {
		t.Fatalf("the first key: %+v, %v", r, err)
	}
	modelstest.Deploy(t, v.Store, p, "production")
	b := v.bundle(t)
	set := b.NamedKeys[engine.KeyName{Project: "Shop", Name: "partner"}]
	if set.Signing(keys.ES256).ID != r.New.Kid || b.Keys.Signing(keys.ES256) != nil {
		t.Error("the environment's own key was made, or the named one is missing")
	}
	if got := v.active(t, slot).MaxToken; got != 15*time.Minute {
		t.Errorf("its longest token is %s", got)
	}
	uses, err := v.KeyUses(t.Context(), "production", 10)
	if err != nil || len(uses) != 1 || !uses[0].In(slot) || uses[0].In(v.slot) || uses[0].Proxy != "orders" {
		t.Errorf("uses %+v, %v", uses, err)
	}
	v.deleteNamed(t, p)
}

// deleteNamed goes on with the key that TestAPolicySignsWithItsNamedKey made.
func (v keyVault) deleteNamed(t *testing.T, p models.Owner) {
	remove := func() error {
		_, err := v.DeleteNamedKey(t.Context(), by, "production", v.project, "PARTNER")
		return err
	}
	if l := problem.Of(remove()); len(l) != 2 || !strings.Contains(l[0].Message, `"P"`) || !strings.Contains(l[1].Message, `"orders"`) {
		t.Errorf("named by a draft and a deployed policy: %v", l)
	}
	c := p.Bindings[0].Policy
	if _, err := v.SavePolicy(t.Context(), by, v.project, c.ID, c.Version, modelstest.JWT("P")); err != nil {
		t.Fatal(err)
	}
	if l := problem.Of(remove()); len(l) != 1 {
		t.Errorf("named by a deployed policy: %v", l)
	}
	modelstest.Deploy(t, v.Store, p, "production")
	if err := remove(); err != nil {
		t.Error(err)
	}
	wantNotFound(t, remove())
	if n := len(v.bundle(t).NamedKeys); n != 0 {
		t.Errorf("%d named keys are left in production", n)
	}
	if n := scalar[int](t, connect(t, v.url), "select count(*) from environment_keys where name <> ''"); n != 1 {
		t.Errorf("%d are left, want that of the other environment", n)
	}
}

func TestTheScheduleRotatesGeneratedKeys(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	uploaded := models.KeySlot{Environment: "production", Algorithm: keys.EdDSA}
	text, _ := newPEM(t, keys.EdDSA)
	if _, err := v.UploadKey(t.Context(), by, uploaded, models.KeyUpload{Text: secret.New(text), Kid: "theirs", AtOnce: true}); err != nil {
		t.Fatal(err)
	}
	first := v.active(t, v.slot).Kid
	v.advance(1000 * 24 * time.Hour)
	v.tend(t)
	if v.active(t, v.slot).Kid != first {
		t.Error("rotated without a schedule")
	}
	saved, err := v.SaveKeySchedule(t.Context(), by, "production", models.KeySchedule{RotateEvery: 30 * 24 * time.Hour, PublishAhead: 24 * time.Hour})
	if err != nil || saved.Version != 1 {
		t.Fatalf("%+v, %v", saved, err)
	}
	// Old as the key is, its successor is published for a day first.
	v.tend(t)
	next := v.states(t, v.slot)[models.KeyNext]
	if len(next) != 1 || v.active(t, v.slot).Kid != first {
		t.Fatalf("next keys %+v", next)
	}
	v.advance(24*time.Hour - time.Second)
	v.tend(t)
	if v.active(t, v.slot).Kid != first {
		t.Error("rotated before others could know the next key")
	}
	v.advance(time.Second)
	v.tend(t)
	if v.active(t, v.slot).Kid != next[0].Kid {
		t.Error("not rotated in time")
	}
	v.advance(29*24*time.Hour - time.Second)
	v.tend(t)
	if len(v.states(t, v.slot)[models.KeyNext]) != 0 {
		t.Error("the next key is published too early")
	}
	v.advance(time.Second)
	v.tend(t)
	v.advance(24 * time.Hour)
	v.tend(t)
	if k := v.active(t, v.slot); k.Kid == next[0].Kid || k.CreatedBy != "key schedule" {
		t.Errorf("after the second period %+v signs", k)
	}
	if v.active(t, uploaded).Kid != "theirs" {
		t.Error("an uploaded key was rotated away")
	}
}

// The clock of a process jumps ahead and is set right again: tokens that were good must
// be good then, so no key has gone meanwhile and none was made to sign.
func TestAClockThatJumpedAheadRetiresNoKey(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	if _, err := v.SaveKeySchedule(t.Context(), by, "production", models.KeySchedule{RotateEvery: 24 * time.Hour, PublishAhead: time.Hour}); err != nil {
		t.Fatal(err)
	}
	rotated := v.rotate(t, v.slot)
	ahead := modelstest.Open(t, v.url, func(o *models.Options) {
		o.Now = func() time.Time { return v.clock().Add(48 * time.Hour) }
		o.Steady = v.clock
	})
	for range 2 {
		if err := ahead.TendKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.states(t, v.slot); len(got[models.KeyRetiring]) != 1 || len(got[models.KeyNext]) != 0 || got[models.KeyActive][0].Kid != rotated.New.Kid {
		t.Errorf("the keys are %+v", got)
	}
}

// A key is rotated where the clock was set back; tokens of before are of later.
func TestAKeyOutlivesItsTokensWhicheverClockIsBehind(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	began := time.Now()
	behind := modelstest.Open(t, v.url, func(o *models.Options) {
		o.Now = func() time.Time { return began.Add(-2 * time.Hour) }
	})
	if _, err := behind.RotateKey(t.Context(), by, v.slot, v.active(t, v.slot).Kid); err != nil {
		t.Fatal(err)
	}
	if k := v.states(t, v.slot)[models.KeyRetiring][0]; k.RetireAt.Before(began.Add(time.Hour)) {
		t.Errorf("it goes at %v, and its last token ends at %v", k.RetireAt, began.Add(time.Hour))
	}
}

func TestOneProcessTendsKeysAtATime(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	if _, err := v.SaveKeySchedule(t.Context(), by, "production", models.KeySchedule{RotateEvery: 24 * time.Hour, PublishAhead: time.Hour}); err != nil {
		t.Fatal(err)
	}
	v.advance(24 * time.Hour)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := v.TendKeys(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	v.tend(t) // the lock is free again
	if n := len(v.states(t, v.slot)[models.KeyNext]); n != 1 {
		t.Errorf("%d next keys", n)
	}
}

func TestScheduleRefuses(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	const day = 24 * time.Hour
	for _, c := range []struct {
		every, ahead time.Duration
		field        string
	}{
		{-day, day, "rotateEvery"}, {20 * 365 * day, day, "rotateEvery"}, {30 * day, 5 * time.Minute, "publishAhead"}, {day, day, "publishAhead"}, {0, 0, "publishAhead"},
	} {
		_, err := v.SaveKeySchedule(t.Context(), by, "production", models.KeySchedule{RotateEvery: c.every, PublishAhead: c.ahead})
		wantProblem(t, err, c.field)
	}
	_, err := v.SaveKeySchedule(t.Context(), by, "nowhere", models.KeySchedule{PublishAhead: day})
	wantNotFound(t, err)
	k := models.KeySchedule{RotateEvery: 30 * day, PublishAhead: day}
	if _, err := v.SaveKeySchedule(t.Context(), by, "production", k); err != nil {
		t.Fatal(err)
	}
	if _, err := v.SaveKeySchedule(t.Context(), by, "production", k); !errors.Is(err, models.ErrStale) {
		t.Errorf("a late save: %v", err)
	}
	k.Version, k.RotateEvery = 1, 0
	if got, err := v.SaveKeySchedule(t.Context(), by, "production", k); err != nil || got.RotateEvery != 0 || got.Version != 2 {
		t.Errorf("switched off as %+v, %v", got, err)
	}
}

func TestEveryChangeOfKeysIsAudited(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	r := v.rotate(t, v.slot)
	if _, err := v.RetireKey(t.Context(), by, "production", r.Old.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := v.RevokeKey(t.Context(), by, "production", r.New.ID); err != nil {
		t.Fatal(err)
	}
	records, _, err := v.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindKey})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range records {
		got = append(got, a.Action)
	}
	want := []string{models.ActionRotated, models.ActionCreated, models.ActionRevoked, models.ActionRetired, models.ActionRotated, models.ActionCreated, models.ActionCreated}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	events, _, err := v.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{})
	if err != nil || len(events) != 2 || events[0].Kind != event.KeyRevoked || events[1].Kind != event.KeyRotated {
		t.Errorf("security events %+v, %v", events, err)
	}
}

// Every private key of Wycheproof's sets with an unsound one in it: weak RSA
// (ROCA among them), keys for encryption, wrong curves, secrets too short.
func TestUnsoundKeysOfWycheproofAreNotTakenOver(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	var file struct {
		TestGroups []struct {
			Comment string
			Private struct{ Keys []json.RawMessage }
			Tests   []struct{ Comment, Result string }
		}
	}
	raw, err := os.ReadFile("../engine/keys/testdata/wycheproof/json_web_key_test.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i, g := range file.TestGroups {
		if len(g.Private.Keys) != 1 || g.Tests[0].Result == "valid" || g.Tests[0].Comment == "rejectsModifiedSignature" {
			continue
		}
		for _, alg := range keys.Algorithms() {
			tried++
			u := models.KeyUpload{Text: secret.New(string(g.Private.Keys[0])), Kid: fmt.Sprintf("%d-%s", i, alg)}
			if _, err := v.UploadKey(t.Context(), by, models.KeySlot{Environment: "production", Algorithm: alg}, u); problem.Of(err) == nil {
				t.Errorf("%s (%s) for %s gives %v", g.Comment, g.Tests[0].Comment, alg, err)
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d were tried", tried)
	}
}

// A key that was added where none signs has nothing to rotate from.
func TestANextKeyIsStartedWhereNoKeySigns(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	own := models.KeySlot{Environment: "production", Algorithm: keys.EdDSA}
	named := models.KeySlot{Environment: "production", ProjectID: v.project, Name: "partner", Algorithm: keys.EdDSA}
	for _, slot := range []models.KeySlot{own, named} {
		text, _ := newPEM(t, keys.EdDSA)
		next, err := v.UploadKey(t.Context(), by, slot, models.KeyUpload{Text: secret.New(text)})
		if err != nil {
			t.Fatal(err)
		}
		v.advance(time.Hour)
		r, err := v.StartKey(t.Context(), by, "production", next.ID)
		if err != nil || r.New.Kid != next.Kid || r.New.State != models.KeyActive || r.Old.ID != "" || !r.New.ActivatedAt.Equal(v.clock()) {
			t.Fatalf("%s: started %+v, %v", slot, r, err)
		}
		if got := v.active(t, slot); got.Kid != next.Kid {
			t.Errorf("%s: %s signs", slot, got.Kid)
		}
		if _, err := v.StartKey(t.Context(), by, "production", next.ID); !errors.Is(err, models.ErrStale) {
			t.Errorf("%s: a second time: %v", slot, err)
		}
	}
	b := v.bundle(t)
	if b.Keys.Signing(keys.EdDSA) == nil || b.NamedKeys[engine.KeyName{Project: "Shop", Name: "partner"}].Signing(keys.EdDSA) == nil {
		t.Error("the nodes are not told")
	}
	records, _, err := v.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindKey, Action: models.ActionRotated})
	if err != nil || len(records) != 2 {
		t.Errorf("audited %+v, %v", records, err)
	}
	events, _, err := v.SecurityEvents(t.Context(), models.Everywhere, models.SecurityEventFilter{Kind: string(event.KeyRotated)})
	if err != nil || len(events) != 2 {
		t.Errorf("security events %+v, %v", events, err)
	}
	for _, id := range []string{"x", v.project} {
		_, err := v.StartKey(t.Context(), by, "production", id)
		wantNotFound(t, err)
	}
}

func TestOnlyTheNextKeyOfASlotWhereNoneSignsIsStarted(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	v.deploy(t, "orders", lasting(1, issue.Hours))
	next, err := v.PrepareNextKey(t.Context(), by, v.slot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.StartKey(t.Context(), by, "production", next.ID); !errors.Is(err, models.ErrStale) {
		t.Errorf("beside one that signs: %v", err)
	}
	other := models.KeySlot{Environment: "production", Algorithm: keys.EdDSA}
	thrown, err := v.PrepareNextKey(t.Context(), by, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.RetireKey(t.Context(), by, "production", thrown.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := v.StartKey(t.Context(), by, "production", thrown.ID); !errors.Is(err, models.ErrStale) {
		t.Errorf("thrown away: %v", err)
	}
	// Not the one that has come in its place either: that was not asked for.
	if _, err := v.PrepareNextKey(t.Context(), by, other); err != nil {
		t.Fatal(err)
	}
	if _, err := v.StartKey(t.Context(), by, "production", thrown.ID); !errors.Is(err, models.ErrStale) {
		t.Errorf("with another in its place: %v", err)
	}
	if got := v.states(t, other); len(got[models.KeyNext]) != 1 || len(got[models.KeyActive]) != 0 {
		t.Errorf("keys %+v", got)
	}
}

func TestOfTwoClicksThatStartAKeyOneWins(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	next, err := v.PrepareNextKey(t.Context(), by, v.slot)
	if err != nil {
		t.Fatal(err)
	}
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			_, err := v.StartKey(t.Context(), by, "production", next.ID)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, models.ErrStale):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 4 || v.active(t, v.slot).Kid != next.Kid {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestANodeThatLagsKeepsAKeyFromBeingStarted(t *testing.T) {
	t.Parallel()
	v := newKeyVault(t)
	next, err := v.PrepareNextKey(t.Context(), by, v.slot)
	if err != nil {
		t.Fatal(err)
	}
	r := models.NodeReport{Node: "gw-1", Environment: "production", Version: "test", Generation: 1 << 40, Message: "orders does not compile."}
	if err := v.ReportNode(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, err = v.StartKey(t.Context(), by, "production", next.ID)
	if l := problem.Of(err); len(l) != 1 || !strings.Contains(l[0].Message, "gw-1") {
		t.Errorf("got %v", err)
	}
	if len(v.states(t, v.slot)[models.KeyActive]) != 0 {
		t.Error("it signs")
	}
	r.OK, r.Message = true, "Running"
	if err := v.ReportNode(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := v.StartKey(t.Context(), by, "production", next.ID); err != nil {
		t.Errorf("after the node has heard: %v", err)
	}
}
