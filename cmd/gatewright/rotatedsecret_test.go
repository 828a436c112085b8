package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Whoever has stolen a secret logs in all the time while it is taken away. The
// node learns of the revocation and of the new secret apart from each other, and
// a login may be under way meanwhile.
func TestAttackLoginsDuringTheRotationOfASecretLeaveNoTokenBehind(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	pair := d.rotate(t)
	d.settle(t)
	for range 4 {
		tokens, thieves := d.steal(t, pair)
		next := d.rotate(t)
		thieves.Wait()
		for d.accepts(t, tokens.list[0]) { // until the node knows of the revocation
		}
		alive := 0
		for _, token := range tokens.list {
			if d.accepts(t, token) {
				alive++
			}
		}
		if alive > 0 {
			t.Errorf("%d of %d tokens of the old secret are still good", alive, len(tokens.list))
		}
		if !d.accepts(t, d.issue(t, next)) {
			t.Error("a token of the new secret is refused")
		}
		pair = next
	}
}

func (d *deployed) rotate(t *testing.T) secret.Text {
	t.Helper()
	p := modelstest.Reload(t, d.store, d.proxy)
	pair, err := d.store.RotateOwnerSecret(t.Context(), modelstest.By(), p.ProjectID, p.ID, p.Version)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// settle waits for the node to run what is stored.
func (d *deployed) settle(t *testing.T) {
	t.Helper()
	generation, err := d.store.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.AwaitNodes(t.Context(), "production", generation); err != nil {
		t.Fatal(err)
	}
}

// loot is what thieves got.
type loot struct {
	mu   sync.Mutex
	list []string
}

// steal logs in all the time until the secret is refused. It returns when every
// thief has a token.
func (d *deployed) steal(t *testing.T, pair secret.Text) (*loot, *sync.WaitGroup) {
	t.Helper()
	var tokens loot
	var first, thieves sync.WaitGroup
	for range 8 {
		first.Add(1)
		thieves.Go(func() {
			done := sync.OnceFunc(first.Done)
			defer done()
			for d.login(t, pair, &tokens) {
				done()
			}
		})
	}
	first.Wait()
	return &tokens, &thieves
}

// login is false once the secret is refused.
func (d *deployed) login(t *testing.T, pair secret.Text, tokens *loot) bool {
	resp, err := http.PostForm(d.gateway.URL+"/auth/jwt", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {d.proxy.ClientID}, "client_secret": {pair.Reveal()},
	})
	if err != nil {
		t.Error(err)
		return false
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	if answer.AccessToken != "" {
		tokens.mu.Lock()
		defer tokens.mu.Unlock()
		tokens.list = append(tokens.list, answer.AccessToken)
	}
	return resp.StatusCode != http.StatusUnauthorized
}

func (d *deployed) accepts(t *testing.T, token string) bool {
	t.Helper()
	one := *d
	one.token = token
	_, err := one.call(t, http.DefaultClient)
	return err == nil
}
