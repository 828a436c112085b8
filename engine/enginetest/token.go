package enginetest

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

// Claims are those of a token that the token service would issue now to the
// client of a proxy that Proxy made, good for an hour.
func Claims(proxy string, now time.Time) jwt.ClaimSet {
	client := proxy + "-client"
	return jwt.ClaimSet{
		Issuer: PublicURL, Subject: client, Audience: []string{client}, ClientID: client,
		GrantType: "client_credentials", ID: strconv.FormatInt(serial.Add(1), 10),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	}
}

// serial makes every token another one.
var serial atomic.Int64

// Token signs claims with the key of Keys for alg.
func Token(t testing.TB, alg keys.Algorithm, claims jwt.ClaimSet) string {
	t.Helper()
	text, err := jwt.Sign(Keys().Signing(alg), "", claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
