package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// locksmith is a site whose production signs with ES256, and its administrator.
type locksmith struct {
	site *handlerstest.Site
	v    *handlerstest.Visitor
}

func newLocksmith(t *testing.T, changes ...func(*jwtauth.Config)) locksmith {
	t.Helper()
	site := handlerstest.New(t)
	p := modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), modelstest.Policy(t, site.Store, site.Project.ID, "standard", changes...))
	modelstest.Deploy(t, site.Store, p, "production")
	return locksmith{site, site.SignIn(t, handlerstest.Administrator)}
}

// key is the only key of a state.
func (l locksmith) key(t *testing.T, state models.KeyState) models.Key {
	t.Helper()
	list, err := l.site.Store.Keys(context.Background(), "production")
	if err != nil {
		t.Fatal(err)
	}
	var found []models.Key
	for _, k := range list {
		if k.State == state {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d keys are %s: %+v", len(found), state, list)
	}
	return found[0]
}

func TestKeysPageSaysWhatEachKeyIsFor(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	active := l.key(t, models.KeyActive)
	p := l.v.Get(t, link.Keys("production"))
	wantStatus(t, p, http.StatusOK)
	htmlcheck.Sound(t, p.Node)
	row := p.One(t, "tbody tr")
	for _, want := range []string{"ES256", "256 bits, Generated", "Active", "standard on orders", "Not while it signs", active.Kid[:16]} {
		wantText(t, row, want)
	}
	wantText(t, p.One(t, "aside"), "http://production.test/.well-known/jwks.json")
	wantText(t, p.One(t, "aside"), "Still verifies the tokens that it signed")
	if !p.Has(`nav a[href="` + link.Keys("production") + `"]`) {
		t.Error("the menu does not lead here")
	}

	only := l.site.SignIn(t, handlerstest.Auditor).Get(t, link.Keys("production"))
	wantStatus(t, only, http.StatusOK)
	for _, forbidden := range []string{"Revoke in an emergency", "Add key", "Prepare next key", "Change schedule"} {
		if strings.Contains(only.One(t, "main").Text(), forbidden) {
			t.Errorf("the auditor is offered %q", forbidden)
		}
	}
	empty := handlerstest.New(t)
	wantText(t, empty.SignIn(t, handlerstest.Administrator).Get(t, link.Keys("production")).One(t, "main"), "The environment makes its keys by itself")
	wantStatus(t, l.v.Get(t, link.Keys("moon")), http.StatusNotFound)
}

func TestAKeyIsPreparedAndRotatedByHand(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	active := l.key(t, models.KeyActive)
	form := l.v.Get(t, link.NewKey("production")+"?algorithm=ES256")
	htmlcheck.Sound(t, form.Node)
	wantStatus(t, l.v.Submit(t, form, "form#key-form", nil), http.StatusSeeOther)
	next := l.key(t, models.KeyNext)
	if l.v.Get(t, link.Keys("production")).Has(`a[href="` + link.KeyStart("production", next.ID) + `"]`) {
		t.Error("it can be started beside the key that signs")
	}
	again := l.v.Submit(t, form, "form#key-form", nil)
	wantStatus(t, again, http.StatusUnprocessableEntity)
	wantText(t, again.One(t, "form#key-form"), "There is a next key for ES256 in production already")

	ask := l.v.Get(t, link.KeyRotate("production", active.ID))
	wantText(t, ask.One(t, "form.Confirm"), "The next key signs: "+next.Kid)
	wantText(t, ask.One(t, "form.Confirm"), "in about 15 minutes")
	done := l.v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, done, http.StatusSeeOther)
	wantText(t, l.v.Follow(t, done).One(t, "body"), "The key "+next.Kid+" signs for ES256 in production from now on.")
	if l.key(t, models.KeyActive).Kid != next.Kid || l.key(t, models.KeyRetiring).Kid != active.Kid {
		t.Error("not rotated")
	}
	wantStatus(t, l.v.Get(t, link.KeyRotate("production", active.ID)), http.StatusNotFound) // it signs no more
	wantStatus(t, l.v.Get(t, link.KeyRetire("production", next.ID)), http.StatusNotFound)   // it signs
	wantStatus(t, l.v.Submit(t, ask, "form.Confirm", nil), http.StatusConflict)             // sent twice
}

func TestTheFirstKeyOfASlotIsStartedByHand(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]url.Values{
		"the environment's own": {"algorithm": {"EdDSA"}, "when": {"next"}},
		"a key store's":         {"algorithm": {"EdDSA"}, "when": {"next"}, "project": {"Default"}, "name": {"partner"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLocksmith(t)
			active := l.key(t, models.KeyActive) // of ES256
			added := l.v.Submit(t, l.v.Get(t, link.NewKey("production")), "form#key-form", place)
			wantStatus(t, added, http.StatusSeeOther)
			wantText(t, l.v.Follow(t, added).One(t, "body"), "No key signs there yet: it does when you start it.")
			next := l.key(t, models.KeyNext)
			start := link.KeyStart("production", next.ID)
			for _, page := range []string{link.Keys("production"), link.Key("production", next.ID)} {
				p := l.v.Get(t, page)
				htmlcheck.Sound(t, p.Node)
				if !p.Has(`a[href="` + start + `"]`) {
					t.Errorf("%s does not offer to start it", page)
				}
			}
			auditor := l.site.SignIn(t, handlerstest.Auditor)
			wantStatus(t, auditor.Get(t, start), http.StatusForbidden)
			wantStatus(t, auditor.Post(t, start, nil), http.StatusForbidden)
			wantStatus(t, l.v.Get(t, link.KeyStart("production", active.ID)), http.StatusNotFound)

			ask := l.v.Get(t, start)
			htmlcheck.Sound(t, ask.Node)
			for _, want := range []string{next.Kid, "Nothing signs for " + next.KeySlot.String() + " yet", "as soon as every gateway node knows it", "keep a copy of the published keys for five minutes"} {
				wantText(t, ask.One(t, "form.Confirm"), want)
			}
			lagging := models.NodeReport{Node: "gw-1", Environment: "production", Version: "test", Generation: 1 << 40, Message: "Broken"}
			if err := l.site.Store.ReportNode(t.Context(), lagging); err != nil {
				t.Fatal(err)
			}
			refused := l.v.Submit(t, ask, "form.Confirm", nil)
			wantStatus(t, refused, http.StatusUnprocessableEntity)
			wantText(t, refused.One(t, "form.Confirm"), "gw-1")
			lagging.OK = true
			if err := l.site.Store.ReportNode(t.Context(), lagging); err != nil {
				t.Fatal(err)
			}
			done := l.v.Submit(t, ask, "form.Confirm", nil)
			wantStatus(t, done, http.StatusSeeOther)
			wantText(t, l.v.Follow(t, done).One(t, "body"), "The key "+next.Kid+" signs for "+next.KeySlot.String()+" from now on.")
			wantStatus(t, l.v.Submit(t, ask, "form.Confirm", nil), http.StatusConflict) // sent twice
			wantStatus(t, l.v.Get(t, start), http.StatusNotFound)
			if got, err := l.site.Store.Key(t.Context(), "production", next.ID); err != nil || got.State != models.KeyActive {
				t.Errorf("it is %s, %v", got.State, err)
			}
		})
	}
}

func TestAnUploadedKeyNeverReturnsToTheBrowser(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	const jwk = `{"kty":"oct","kid":"theirs","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	form := l.v.Get(t, link.NewKey("production"))
	upload := url.Values{"algorithm": {"HS256"}, "how": {"upload"}, "when": {"next"}, "key": {jwk}}
	wrong := url.Values{"algorithm": {"HS256"}, "how": {"upload"}, "when": {"next"}, "key": {jwk}, "kid": {"a b"}}
	p := l.v.Submit(t, form, "form#key-form", wrong)
	wantStatus(t, p, http.StatusUnprocessableEntity)
	wantText(t, p.One(t, "form#key-form"), "Use only printable ASCII characters")
	if strings.Contains(p.Body, "AyM1SysP") {
		t.Error("the refused form holds the secret")
	}
	wantStatus(t, l.v.Submit(t, form, "form#key-form", upload), http.StatusSeeOther)
	k := l.key(t, models.KeyNext)
	for _, page := range []string{link.Keys("production"), link.Key("production", k.ID)} {
		if strings.Contains(l.v.Get(t, page).Body, "AyM1SysP") {
			t.Errorf("%s shows the secret", page)
		}
	}
	wantText(t, l.v.Get(t, link.Key("production", k.ID)).One(t, "main"), "whoever can verify with it can sign")
	wantStatus(t, l.v.Get(t, link.KeyJWK("production", k.ID)), http.StatusNotFound)
}

func TestOnlyThePublicHalfIsDownloaded(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	k := l.key(t, models.KeyActive)
	auditor := l.site.SignIn(t, handlerstest.Auditor)
	for address, want := range map[string]string{link.KeyJWK("production", k.ID): `"kid": "` + k.Kid, link.KeyPEM("production", k.ID): "-----BEGIN PUBLIC KEY-----"} {
		p := auditor.Get(t, address)
		wantStatus(t, p, http.StatusOK)
		if !strings.Contains(p.Body, want) || strings.Contains(p.Body, "PRIVATE") || strings.Contains(p.Body, `"d"`) || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s gives %s", address, p.Body)
		}
	}
	page := auditor.Get(t, link.Key("production", k.ID))
	htmlcheck.Sound(t, page.Node)
	wantText(t, page.One(t, "main"), "BEGIN PUBLIC KEY")
}

func TestRevokingAsksForTheKeyIdAndReplacesTheKey(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	k := l.key(t, models.KeyActive)
	ask := l.v.Get(t, link.KeyRevoke("production", k.ID))
	for _, want := range []string{k.Kid, "somebody else may have the private half", "Another key for ES256 in production signs"} {
		wantText(t, ask.One(t, "form.Confirm"), want)
	}
	refused := l.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"yes"}})
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	if l.key(t, models.KeyActive).Kid != k.Kid {
		t.Fatal("revoked all the same")
	}
	wantStatus(t, l.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {k.Kid}}), http.StatusSeeOther)
	if l.key(t, models.KeyRevoked).Kid != k.Kid || l.key(t, models.KeyActive).Kid == k.Kid {
		t.Error("not replaced")
	}
	wantStatus(t, l.v.Get(t, link.KeyRevoke("production", k.ID)), http.StatusNotFound)
}

func TestAPinnedKeySaysSo(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t, func(c *jwtauth.Config) {
		c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
	})
	k := l.key(t, models.KeyActive)
	wantText(t, l.v.Get(t, link.Keys("production")).One(t, "tbody tr"), "Never: its tokens never expire")
	wantText(t, l.v.Get(t, link.Key("production", k.ID)).One(t, "aside"), "Pinned for ever")
	wantText(t, l.v.Get(t, link.KeyRotate("production", k.ID)).One(t, "form.Confirm"), "kept for ever")
}

func TestTheKeyStoreOfAProject(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	form := l.v.Get(t, link.NewKey("production"))
	named := url.Values{"project": {"Default"}, "name": {"partner"}, "algorithm": {"EdDSA"}, "when": {"atOnce"}}
	wantStatus(t, l.v.Submit(t, form, "form#key-form", url.Values{"project": {"Default"}, "algorithm": {"EdDSA"}}), http.StatusUnprocessableEntity)
	wantStatus(t, l.v.Submit(t, form, "form#key-form", named), http.StatusSeeOther)
	list := l.v.Get(t, link.Keys("production"))
	wantText(t, list.One(t, "main"), "partner (EdDSA)")
	all, err := l.site.Store.Keys(context.Background(), "production")
	if err != nil {
		t.Fatal(err)
	}
	k := all[len(all)-1]
	if k.Name != "partner" || k.State != models.KeyActive || k.Project != "Default" {
		t.Fatalf("stored as %+v", k)
	}
	modelstest.Policy(t, l.site.Store, l.site.Project.ID, "special", func(c *jwtauth.Config) { c.SigningKeyName, c.JWTSignatureAlgorithm = "partner", keys.EdDSA })
	ask := l.v.Get(t, link.KeyDelete("production", k.ID))
	refused := l.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"partner"}})
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, "form.Confirm"), `The policy "special" signs with it`)
	wantStatus(t, l.v.Get(t, link.KeyDelete("production", all[0].ID)), http.StatusNotFound) // the environment's own
}

func TestTheScheduleIsSaved(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	ask := l.v.Get(t, link.KeySchedule("production"))
	for _, wrong := range []url.Values{{"rotateEvery": {"soon"}}, {"rotateEvery": {"-1"}}, {"rotateEvery": {"30"}, "publishAhead": {"0"}}, {"rotateEvery": {"1"}, "publishAhead": {"24"}}} {
		p := l.v.Submit(t, ask, "form.Confirm", wrong)
		wantStatus(t, p, http.StatusUnprocessableEntity)
		if !p.Has(".Field-error") {
			t.Errorf("%v is not explained", wrong)
		}
	}
	wantStatus(t, l.v.Submit(t, ask, "form.Confirm", url.Values{"rotateEvery": {"90"}, "publishAhead": {"48"}}), http.StatusSeeOther)
	wantText(t, l.v.Get(t, link.Keys("production")).One(t, "aside"), "A generated key is replaced after 90 days. Its successor is published 48 hours before it signs.")
	wantStatus(t, l.v.Submit(t, ask, "form.Confirm", url.Values{"rotateEvery": {"1"}}), http.StatusUnprocessableEntity)
	wantStatus(t, l.v.Submit(t, ask, "form.Confirm", url.Values{"rotateEvery": {"7"}}), http.StatusConflict) // read before the save
}
