package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// ownWay is everything that the gateway itself does for a call of a valid
// token, without net/http's two halves: they are its frame, not its cost.
type ownWay struct {
	g   *Gateway
	w   *httptest.ResponseRecorder
	in  *http.Request
	out *http.Request
	res *http.Response
}

func newOwnWay(t testing.TB, alg keys.Algorithm) *ownWay {
	t.Helper()
	set := oneKey(t, alg)
	p := Proxy{
		Project: "shop", Name: "petstore", Route: Route{BasePath: "/petstore"}, Upstream: Upstream{URL: "http://127.0.0.1:9/v1"},
		Policies: []Bound{{Scope: policy.All, Pipeline: policy.Request, Policy: tokenPolicy(t, alg)}},
	}
	raw, digest, err := Encode(&p)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Types: policy.Set{jwtauth.Type()}})
	b := Bundle{Environment: "production", PublicURL: "https://api.test", Keys: set, Owners: []Owner{{ID: "1", Digest: digest, Definition: raw, Client: Client{ID: "client"}}}}
	if err := g.Apply(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	in := httptest.NewRequest("GET", "/petstore/pets/7?size=large", nil)
	in.Header.Set("Authorization", "Bearer "+clientToken(t, set.Signing(alg)))
	in.Header.Set("User-Agent", "test")
	in.Header.Set("Accept", "*/*")
	return &ownWay{g: g, w: httptest.NewRecorder(), in: in, out: in.Clone(context.Background()), res: &http.Response{StatusCode: 200, Header: http.Header{}}}
}

func oneKey(t testing.TB, alg keys.Algorithm) *keys.Set {
	t.Helper()
	k, err := keys.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: k, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func tokenPolicy(t testing.TB, alg keys.Algorithm) []byte {
	t.Helper()
	c := jwtauth.NewForm()
	c.Name, c.JWTSignatureAlgorithm, c.AddUserToHeader, c.ClearAuth = "Standard", alg, true, true
	raw, err := policy.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func clientToken(t testing.TB, k *keys.Key) string {
	t.Helper()
	now := time.Now()
	text, err := jwt.Sign(k, "", jwt.ClaimSet{
		Issuer: "https://api.test", Subject: "client", Audience: []string{"client"}, ClientID: "client", GrantType: "client_credentials",
		ID: "1", IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// run does one call. The upstream is taken to have answered at once.
func (o *ownWay) run(t testing.TB) {
	c := o.g.calls.Get().(*call)
	c.begin(o.w, o.in)
	defer c.end()
	if err := c.normalize(); err != nil {
		t.Fatal(err)
	}
	if !c.find() {
		t.Fatal("no route")
	}
	if _, err := runSteps(c.route.operation.request, &c.x); err != nil {
		t.Fatal(err)
	}
	c.called = o.g.now()
	c.rewrite(&httputil.ProxyRequest{In: o.in, Out: o.out})
	if err := c.modifyResponse(o.res); err != nil {
		t.Fatal(err)
	}
	c.WriteHeader(o.res.StatusCode)
}

// told is what the upstream is told under a name in its author's spelling,
// which is not net/http's.
func (o *ownWay) told(name string) []string { return o.out.Header[name] }

// The bar is 5 allocations: the correlation id, its field, the values of the
// other fields and the upstream's path are 4.
func TestRepeatedTokenCostsFewAllocations(t *testing.T) {
	o := newOwnWay(t, keys.HS256)
	o.run(t)
	if got := o.told(jwtauth.DefaultUserHeader); len(got) != 1 || got[0] != "client" {
		t.Fatalf("the upstream is told %q", got)
	}
	if RaceEnabled {
		return // the race detector empties pools at random; the run without it counts
	}
	if n := testing.AllocsPerRun(200, func() { o.run(t) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOwnWay(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		b.Run(string(alg), func(b *testing.B) {
			o := newOwnWay(b, alg)
			b.ReportAllocs()
			for b.Loop() {
				o.run(b)
			}
		})
	}
}
