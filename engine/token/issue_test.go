package token

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golang "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

func TestTheAnswerIsThatOfRFC6749(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.login(t, clientID, clientSecret)
	var got map[string]any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	text := r.token(t)
	want := map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": 900.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	checkHeaders(t, r)
}

func TestClaimsAreThoseOfD15(t *testing.T) {
	t.Parallel()
	for name, life := range map[string]time.Duration{"with an expiry": 15 * time.Minute, "without": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.edit(func(o *Owner) { setLife(o, life) })
			r := w.login(t, clientID, clientSecret)
			v := jwt.Verifier{
				Algorithm: keys.ES256, Keys: keySet(), Issuer: "https://gateway.example", Audience: clientID,
				RequireExpiry: life > 0, Now: w.clock,
			}
			got, err := v.Verify(r.token(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.ID) != 22 {
				t.Errorf("jti %q is not 128 bits", got.ID)
			}
			want := jwt.Claims{
				Issuer: "https://gateway.example", Subject: clientID, Audience: []string{clientID}, ID: got.ID, ClientID: clientID,
				GrantType: "client_credentials", IssuedAt: start.Unix(), KeyID: keySet().Signing(keys.ES256).ID, Payload: got.Payload,
			}
			if life > 0 {
				want.Expires = start.Unix() + 900
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if r.member(t, "expires_in") != life.Seconds() {
				t.Errorf("expires_in = %v", r.member(t, "expires_in"))
			}
			if strings.Contains(got.Payload, `"exp"`) != (life > 0) {
				t.Errorf("payload %s", got.Payload)
			}
		})
	}
}

func TestEveryTokenHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for range 100 {
		u, err := jwt.Parse(w.login(t, clientID, clientSecret).token(t))
		if err != nil || seen[u.Claims.ID] {
			t.Fatalf("jti %q again, or %v", u.Claims.ID, err)
		}
		seen[u.Claims.ID] = true
	}
}

// issueWith gets a token signed with alg.
func issueWith(t *testing.T, w *world, alg keys.Algorithm) string {
	t.Helper()
	w.edit(func(o *Owner) { o.Settings.Issue.JWTSignatureAlgorithm = alg })
	return w.login(t, clientID, clientSecret).token(t)
}

func get(t *testing.T, w *world, path string, header http.Header) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return do(t, req)
}

func publicKeys(t *testing.T, w *world) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(get(t, w, "/.well-known/jwks.json", nil).body), &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestOtherLibrariesVerifyOurTokensByJWKS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := publicKeys(t, w)
	for _, alg := range keys.Algorithms() {
		if alg.Symmetric() {
			continue
		}
		text := issueWith(t, w, alg)
		if err := withGolangJWT(set, alg, text); err != nil {
			t.Errorf("golang-jwt, %s: %v", alg, err)
		}
		if err := withGoJOSE(set, alg, text); err != nil {
			t.Errorf("go-jose, %s: %v", alg, err)
		}
		spoiled := strings.Replace(text, ".", ".e", 1)
		if withGolangJWT(set, alg, spoiled) == nil || withGoJOSE(set, alg, spoiled) == nil {
			t.Errorf("%s: a spoiled token passes, so this test proves nothing", alg)
		}
	}
}

func withGolangJWT(set jose.JSONWebKeySet, alg keys.Algorithm, text string) error {
	parsed, err := golang.Parse(text, func(t *golang.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		found := set.Key(kid)
		if len(found) != 1 {
			return nil, fmt.Errorf("%d keys for kid %s", len(found), kid)
		}
		return found[0].Key, nil
	}, golang.WithValidMethods([]string{string(alg)}), golang.WithIssuer("https://gateway.example"), golang.WithAudience(clientID),
		golang.WithSubject(clientID), golang.WithExpirationRequired(), golang.WithIssuedAt(), golang.WithTimeFunc(func() time.Time { return start }))
	if err == nil && parsed.Header["typ"] != "at+jwt" {
		return fmt.Errorf("typ is %v", parsed.Header["typ"])
	}
	return err
}

func withGoJOSE(set jose.JSONWebKeySet, alg keys.Algorithm, text string) error {
	parsed, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return err
	}
	var claims josejwt.Claims
	if err := parsed.Claims(set, &claims); err != nil {
		return err
	}
	return claims.ValidateWithLeeway(josejwt.Expected{Issuer: "https://gateway.example", Subject: clientID, AnyAudience: []string{clientID}, Time: start}, 0)
}

func TestHMACTokensAreVerifiedByTheGatewayOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	published := publicKeys(t, w)
	for _, alg := range []keys.Algorithm{keys.HS256, keys.HS384, keys.HS512} {
		text := issueWith(t, w, alg)
		v := jwt.Verifier{Algorithm: alg, Keys: keySet(), Issuer: "https://gateway.example", Audience: clientID, RequireExpiry: true, Now: w.clock}
		if _, err := v.Verify(text); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if u, _ := jwt.Parse(text); len(published.Key(u.KeyID)) != 0 {
			t.Errorf("%s: the shared secret is published", alg)
		}
	}
}

func TestJWKSShowsPublicHalvesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/.well-known/jwks.json", "/auth/.well-known/jwks.json"} {
		r := get(t, w, path, nil)
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if err := json.Unmarshal([]byte(r.body), &set); err != nil {
			t.Fatal(err)
		}
		if len(set.Keys) != 10 {
			t.Errorf("%s: %d keys, want those of the ten asymmetric algorithms", path, len(set.Keys))
		}
		allowed := []string{"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}
		for _, k := range set.Keys {
			for member := range k {
				if !slices.Contains(allowed, member) {
					t.Errorf("%s: key %v has the member %s", path, k["kid"], member)
				}
			}
			if k["kty"] == "oct" || k["use"] != "sig" || k["kid"] == "" || k["alg"] == "" {
				t.Errorf("%s: key %v", path, k)
			}
		}
		if r.status != 200 || r.header.Get("Cache-Control") != "public, max-age=300" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
}

func TestDiscoveryIsThatOfRFC8414(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, below := range map[string]string{
		"/.well-known/oauth-authorization-server":            "https://gateway.example/auth",
		"/auth/.well-known/oauth-authorization-server":       "https://gateway.example/auth",
		"/credential/.well-known/oauth-authorization-server": "https://gateway.example/credential",
	} {
		secrets := []any{"client_secret_basic", "client_secret_post"}
		methods := secrets
		if below != "https://gateway.example/credential" {
			methods = append(methods[:2:2], "none")
		}
		r := get(t, w, path, http.Header{"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"ftp"}})
		var got map[string]any
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"issuer":                                "https://gateway.example",
			"token_endpoint":                        below + "/jwt",
			"introspection_endpoint":                below + "/introspect",
			"revocation_endpoint":                   below + "/revoke",
			"jwks_uri":                              "https://gateway.example/.well-known/jwks.json",
			"response_types_supported":              []any{},
			"grant_types_supported":                 []any{"client_credentials", "password", "refresh_token"},
			"token_endpoint_auth_methods_supported": methods,

			"introspection_endpoint_auth_methods_supported": secrets,
			"revocation_endpoint_auth_methods_supported":    methods,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestPublicDocumentsAnswerGETAndHEADAndKnowTheirVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/oauth-authorization-server"} {
		first := get(t, w, path, nil)
		req, _ := http.NewRequest(http.MethodHead, w.URL+path, nil)
		if r := do(t, req); r.status != 200 || r.body != "" || r.header.Get("Content-Length") != fmt.Sprint(len(first.body)) {
			t.Errorf("HEAD %s: %d %q %v", path, r.status, r.body, r.header)
		}
		tag := first.header.Get("ETag")
		if r := get(t, w, path, http.Header{"If-None-Match": {tag}}); tag == "" || r.status != 304 || r.body != "" {
			t.Errorf("%s with its ETag %s: %d %q", path, tag, r.status, r.body)
		}
		req, _ = http.NewRequest(http.MethodPost, w.URL+path, nil)
		if r := do(t, req); r.status != 405 || r.header.Get("Allow") != "GET, HEAD" || r.member(t, "statusCode") != 405.0 {
			t.Errorf("POST %s: %d, Allow %q, %s", path, r.status, r.header.Get("Allow"), r.body)
		}
	}
	before := get(t, w, "/.well-known/jwks.json", nil).header.Get("ETag")
	rotated, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if w.keys, err = keys.NewSet([]keys.Entry{{Key: rotated, State: keys.Active}}); err != nil {
		t.Fatal(err)
	}
	if r := get(t, w, "/.well-known/jwks.json", http.Header{"If-None-Match": {before}}); r.status != 200 {
		t.Errorf("after a change of keys: %d", r.status)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cheap()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				if r := w.login(t, clientID, clientSecret); r.status != 200 {
					t.Errorf("%d %s", r.status, r.body)
				}
				w.login(t, clientID, fmt.Sprint("wrong", i))
				get(t, w, "/.well-known/jwks.json", nil)
			}
		})
	}
	group.Wait()
}

// BenchmarkIssue shows what the token service adds to a bare signature: the
// pipeline without the network, for a client that is known.
func BenchmarkIssue(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256, keys.EdDSA} {
		w := newWorld(b)
		w.Service.sink, w.Service.now = event.Discard{}, time.Now
		w.edit(func(o *Owner) { o.Settings.Issue.JWTSignatureAlgorithm = alg })
		w.login(b, clientID, clientSecret)
		b.Run(string(alg)+"/issued", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				issueOnce(b, w)
			}
		})
		key, input := keySet().Signing(alg), make([]byte, 450)
		b.Run(string(alg)+"/signature", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := key.Sign(nil, input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// statusOnly is a ResponseWriter that keeps the status only.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

func issueOnce(b *testing.B, w *world) {
	const body = "grant_type=client_credentials&client_id=" + clientID + "&client_secret=" + clientSecret
	r, err := http.NewRequest(http.MethodPost, "/auth/jwt", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", formType)
	answer := statusOnly{header: http.Header{}}
	w.serve(&answer, r)
	if answer.status != http.StatusOK {
		b.Fatal(answer.status)
	}
}

func setLife(o *Owner, life time.Duration) {
	o.Settings.Issue.TokenNeverExpires = life == 0
	o.Settings.Issue.TokenExpiresInAmount, o.Settings.Issue.TokenExpiresInUnit = int64(life/time.Second), issue.Seconds
}
