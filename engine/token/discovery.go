package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
)

// documentMaxAge is short: after an urgent change of keys, clients that
// verify by themselves should notice within minutes.
const documentMaxAge = "public, max-age=300"

// metadata is the authorization server metadata of RFC 8414. It names only
// what this server does.
type metadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	Introspection string   `json:"introspection_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	JWKSURI       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"` // required, though there is no authorization endpoint
	GrantTypes    []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`

	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
}

// serveMetadata takes every address from the issuer that the environment is
// configured with, never from the request's Host: a poisoned cache would
// otherwise send client secrets to somebody else.
func serveMetadata(w http.ResponseWriter, r *http.Request, issuer string, through door) {
	secrets := []string{"client_secret_basic", "client_secret_post"}
	withNone := secrets
	if through == authDoor { // a password or a refresh token may be shown without the client's secret
		withNone = append(secrets[:2:2], "none")
	}
	base := issuer + string(through)
	body, err := json.Marshal(metadata{
		Issuer:        issuer,
		TokenEndpoint: base + "/jwt",
		Introspection: base + "/introspect",
		Revocation:    base + "/revoke",
		JWKSURI:       issuer + "/.well-known/jwks.json",
		ResponseTypes: []string{},
		GrantTypes:    grantNames,
		AuthMethods:   withNone,

		IntrospectionAuthMethods: secrets,
		RevocationAuthMethods:    withNone,
	})
	if err != nil { // strings always marshal
		panic(err)
	}
	sum := sha256.Sum256(body)
	serveDocument(w, r, body, hex.EncodeToString(sum[:16]))
}

// serveDocument answers GET and HEAD with a public JSON document, or with 304
// when the caller has that version already.
func serveDocument(w http.ResponseWriter, r *http.Request, body []byte, version string) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", documentMaxAge)
	h.Set("ETag", `"`+version+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
