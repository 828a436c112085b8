package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/models/modelstest"
)

// server is what a client learns from the metadata of RFC 8414 alone.
type server struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	JWKSURI       string   `json:"jwks_uri"`
	GrantTypes    []string `json:"grant_types_supported"`
}

// discover makes the first node's address the environment's own, as an operator
// does, and reads the metadata there as soon as the node says the same.
func (e *estate) discover(t *testing.T) server {
	t.Helper()
	address := e.nodes[0].URL
	now, err := e.store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.store.SetPublicURL(t.Context(), modelstest.By(), now.Name, now.Version, address); err != nil {
		t.Fatal(err)
	}
	var found server
	for node := range e.nodes {
		until(t, "the node has the new issuer", func() bool {
			found = e.metadata(t, node)
			return found.Issuer == address
		})
	}
	return found
}

func (e *estate) metadata(t *testing.T, node int) server {
	t.Helper()
	resp, err := http.Get(e.nodes[node].URL + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	var found server
	if err := json.Unmarshal([]byte(read(t, resp).body), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// fetched is what the API answers to a client of x/oauth2, which sends the token
// and renews it on its own.
func (e *estate) fetched(t *testing.T, client *http.Client, node int) outcome {
	t.Helper()
	resp, err := client.Get(e.nodes[node].URL + "/api/x")
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

// refusedWith wants the error member as x/oauth2 reads it (RFC 6749 section 5.2).
func refusedWith(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		t.Fatalf("no answer of the token endpoint: %v", err)
	}
	if refused.ErrorCode != code || refused.Response.StatusCode != status || refused.ErrorDescription == "" {
		t.Errorf("%d %s (%s), want %d %s", refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription, status, code)
	}
}

func machines(c *jwtauth.Config) { c.GrantType = issue.ClientCredentials }

var authStyles = map[string]oauth2.AuthStyle{
	"by Basic": oauth2.AuthStyleInHeader, "by the form": oauth2.AuthStyleInParams, "as the library finds out": oauth2.AuthStyleAutoDetect,
}

// golang.org/x/oauth2 gets tokens for a program, whichever way it shows the secret.
func TestGoOAuth2GetsClientCredentials(t *testing.T) {
	t.Parallel()
	e := newEstate(t, machines)
	at := e.discover(t)
	for name, style := range authStyles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := clientcredentials.Config{ClientID: e.proxy.ClientID, ClientSecret: e.pair.Reveal(), TokenURL: at.TokenEndpoint, AuthStyle: style}
			token, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			life := time.Until(token.Expiry).Round(time.Minute)
			if token.Type() != "Bearer" || life != 15*time.Minute || token.RefreshToken != "" {
				t.Errorf("token of type %s for %s, refresh token %q", token.Type(), life, token.RefreshToken)
			}
			e.fetched(t, config.Client(t.Context()), 1).wants(t, 200, "")
			config.ClientSecret = "wrong"
			_, err = config.Token(t.Context())
			refusedWith(t, err, http.StatusUnauthorized, "invalid_client")
		})
	}
}

// oauth2 is the library set up for the proxy's users.
func (e *estate) oauth2(at server) oauth2.Config {
	return oauth2.Config{
		ClientID: e.proxy.ClientID, ClientSecret: e.pair.Reveal(),
		Endpoint: oauth2.Endpoint{TokenURL: at.TokenEndpoint},
	}
}

// expired is the same login an hour after its access token has ended, as far as
// the library can tell.
func expired(token *oauth2.Token) *oauth2.Token {
	old := *token
	old.Expiry = time.Now().Add(-time.Hour)
	return &old
}

// golang.org/x/oauth2 logs a user in and keeps the login alive by itself until
// its refreshes are used up.
func TestGoOAuth2LogsAUserInAndRefreshes(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	e.grant(t, e.user(t, "mia", nil))
	config := e.oauth2(e.discover(t))
	until(t, "mia may log in", func() bool { return e.login(t, "mia").status == 200 })
	_, err := config.PasswordCredentialsToken(t.Context(), "mia", "wrong")
	refusedWith(t, err, http.StatusBadRequest, "invalid_grant")
	in, err := config.PasswordCredentialsToken(t.Context(), "mia", userPassword)
	if err != nil {
		t.Fatal(err)
	}
	if o := e.fetched(t, config.Client(t.Context(), in), 1); o.body != "mia|audit,ops|" {
		t.Errorf("the API saw %d %q", o.status, o.body)
	}
	last := e.renewed(t, config, e.renewed(t, config, in))
	_, err = config.TokenSource(t.Context(), expired(last)).Token() // two refreshes were allowed
	refusedWith(t, err, http.StatusBadRequest, "invalid_grant")
}

// renewed is what the library has after an access token ran out: another pair,
// which works.
func (e *estate) renewed(t *testing.T, config oauth2.Config, token *oauth2.Token) *oauth2.Token {
	t.Helper()
	source := oauth2.ReuseTokenSource(nil, config.TokenSource(t.Context(), expired(token)))
	next, err := source.Token()
	if err != nil {
		t.Fatal(err)
	}
	if next.AccessToken == token.AccessToken || next.RefreshToken == token.RefreshToken || !next.Valid() {
		t.Error("the refresh gave no new pair")
	}
	e.fetched(t, oauth2.NewClient(t.Context(), source), 1).wants(t, 200, "")
	return next
}

// A client whose first answer was lost asks again, and gets the same successor
// (D7).
func TestGoOAuth2RetriesARefreshWithinTheGraceWindow(t *testing.T) {
	t.Parallel()
	e := newEstate(t, passwords)
	e.grant(t, e.user(t, "mia", nil))
	config := e.oauth2(e.discover(t))
	until(t, "mia may log in", func() bool { return e.login(t, "mia").status == 200 })
	in, err := config.PasswordCredentialsToken(t.Context(), "mia", userPassword)
	if err != nil {
		t.Fatal(err)
	}
	if first, again := e.renewed(t, config, in), e.renewed(t, config, in); first.RefreshToken != again.RefreshToken {
		t.Error("a retry got another successor")
	}
}

// verified is a reader of tokens that knows of the server only its issuer, as an
// API that trusts the gateway's tokens would be.
func verified(ctx context.Context, at server, audience, text string) (jwt.Token, error) {
	set, err := jwk.Fetch(ctx, at.JWKSURI)
	if err != nil {
		return nil, err
	}
	return jwt.ParseString(text, jwt.WithKeySet(set), jwt.WithIssuer(at.Issuer), jwt.WithAudience(audience),
		jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("jti"), jwt.WithRequiredClaim("client_id"))
}

// lestrrat-go/jwx verifies tokens by the JWKS, and refuses what is not meant for it.
func TestJWXVerifiesTokensByTheJWKS(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []keys.Algorithm{keys.RS256, keys.PS384, keys.ES256, keys.ES512, keys.EdDSA} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, func(c *jwtauth.Config) { machines(c); c.JWTSignatureAlgorithm = algorithm })
			at := e.discover(t)
			config := clientcredentials.Config{ClientID: e.proxy.ClientID, ClientSecret: e.pair.Reveal(), TokenURL: at.TokenEndpoint}
			token, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkVerified(t, at, e.proxy.ClientID, token.AccessToken)
			checkHeader(t, algorithm, token.AccessToken)
			checkRefused(t, at, e.proxy.ClientID, token.AccessToken)
		})
	}
}

func checkVerified(t *testing.T, at server, client, text string) {
	t.Helper()
	token, err := verified(t.Context(), at, client, text)
	if err != nil {
		t.Fatal(err)
	}
	if subject, _ := token.Subject(); subject != client {
		t.Errorf("the subject is %q", subject)
	}
}

// checkHeader wants the media type of RFC 9068 section 2.1 and an algorithm that
// the policy names.
func checkHeader(t *testing.T, algorithm keys.Algorithm, text string) {
	t.Helper()
	message, err := jws.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	header := message.Signatures()[0].ProtectedHeaders()
	kind, _ := header.Type()
	alg, _ := header.Algorithm()
	if kid, _ := header.KeyID(); kind != "at+jwt" || alg.String() != string(algorithm) || kid == "" {
		t.Errorf("header with typ %q, alg %s, kid %q", kind, alg, kid)
	}
}

// checkRefused wants each refusal for its own reason.
func checkRefused(t *testing.T, at server, client, text string) {
	t.Helper()
	elsewhere := at
	elsewhere.Issuer = "http://elsewhere.test"
	for name, refused := range map[string]struct {
		at             server
		audience, text string
		want           error
	}{
		"another audience":    {at, "somebody-else", text, jwt.InvalidAudienceError()},
		"another issuer":      {elsewhere, client, text, jwt.InvalidIssuerError()},
		"a changed signature": {at, client, changed(text), jws.VerificationError()},
	} {
		if _, err := verified(t.Context(), refused.at, refused.audience, refused.text); !errors.Is(err, refused.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// changed has another signature. Its last character stays, as that may hold
// unused bits.
func changed(token string) string {
	at, other := len(token)-20, "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}
