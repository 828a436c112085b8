package jwt_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

func TestARefusalKnowsWhatWasFoundAndKeepsLittleOfIt(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	long := strings.Repeat("a", 1000)
	claims := goodClaims()
	claims.Audience = []string{long, "b", "c", "d"}
	_, err := v.Verify(sign(t, key, claims))
	var other *jwt.MismatchError
	if !errors.As(err, &other) {
		t.Fatalf("err = %v", err)
	}
	if diff := cmp.Diff([]string{long[:300], "b", "c"}, other.Got); diff != "" || other.Want != v.Audience || err.Error() != jwt.ErrAudience.Error() {
		t.Errorf("want %q, %q (-want +got):\n%s", other.Want, err, diff)
	}
	claims = goodClaims()
	claims.Expires = v.Now().Unix() - 100
	v.Leeway = 30 * time.Second
	_, err = v.Verify(sign(t, key, claims))
	var late *jwt.TimeError
	if !errors.As(err, &late) || late.Now-late.Claim != 100 || late.Leeway != v.Leeway || err.Error() != jwt.ErrExpired.Error() {
		t.Errorf("err = %v, %+v", err, late)
	}
}
