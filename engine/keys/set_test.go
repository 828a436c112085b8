package keys_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/keys"
	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestSet(t *testing.T) {
	t.Parallel()
	es, rs, hs, spare := generate(t, keys.ES256), generate(t, keys.RS256), generate(t, keys.HS256), generate(t, keys.RS256)
	entries := []keys.Entry{{Key: hs, State: keys.Active}, {Key: es, State: keys.Active}, {Key: spare, State: keys.Next}, {Key: rs, State: keys.Active}}
	set, err := keys.NewSet(entries)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("signs with the active key of the algorithm", func(t *testing.T) {
		t.Parallel()
		if set.Signing(keys.RS256) != rs || set.Signing(keys.HS256) != hs || set.Signing(keys.EdDSA) != nil {
			t.Error("another key signs")
		}
	})
	t.Run("verifies with every key by its id", func(t *testing.T) {
		t.Parallel()
		for _, k := range []*keys.Key{es, rs, hs, spare} {
			if set.Verifying(k.ID) != k || set.VerifyingBytes([]byte(k.ID)) != k {
				t.Errorf("%s is not found", k.ID)
			}
		}
		for _, kid := range []string{"", "other", es.ID + " ", strings.ToLower(es.ID) + "x"} {
			if set.Verifying(kid) != nil {
				t.Errorf("%q is found", kid)
			}
		}
	})
	t.Run("publishes public halves only, in a fixed order", func(t *testing.T) {
		t.Parallel()
		var got struct{ Keys []map[string]string }
		if err := json.Unmarshal(set.JWKS(), &got); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range got.Keys {
			ids = append(ids, k["kid"])
			if k["use"] != "sig" || k["alg"] == "" || k["kty"] == "" || k["kty"] == "oct" {
				t.Errorf("published %v", k)
			}
			for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
				if _, there := k[secret]; there {
					t.Errorf("the private member %s is published", secret)
				}
			}
		}
		if diff := cmp.Diff([]string{rs.ID, spare.ID, es.ID}, ids); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(string(set.JWKS()), hs.ID) {
			t.Error("the shared secret is named")
		}
	})
	t.Run("is read by go-jose", func(t *testing.T) {
		t.Parallel()
		var theirs jose.JSONWebKeySet
		if err := json.Unmarshal(set.JWKS(), &theirs); err != nil {
			t.Fatal(err)
		}
		found := theirs.Key(rs.ID)
		if len(found) != 1 || !found[0].Valid() || !found[0].IsPublic() {
			t.Errorf("go-jose reads %v", found)
		}
	})
	t.Run("has the same digest and JWKS in whatever order it is made", func(t *testing.T) {
		t.Parallel()
		again, err := keys.NewSet([]keys.Entry{entries[3], entries[1], entries[0], entries[2]})
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest() != set.Digest() || string(again.JWKS()) != string(set.JWKS()) {
			t.Error("they differ")
		}
		changed, err := keys.NewSet([]keys.Entry{entries[0], entries[1], entries[3], {Key: spare, State: keys.Retiring}})
		if err != nil {
			t.Fatal(err)
		}
		if changed.Digest() == set.Digest() {
			t.Error("a change of state does not show")
		}
	})
	t.Run("that is nil or empty has no keys and an empty JWKS", func(t *testing.T) {
		t.Parallel()
		empty, err := keys.NewSet(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*keys.Set{nil, empty} {
			if s.Signing(keys.RS256) != nil || s.Verifying("") != nil || s.VerifyingBytes(nil) != nil || string(s.JWKS()) != `{"keys":[]}` || s.Digest() != empty.Digest() {
				t.Error("it is not empty")
			}
		}
	})
}

func TestNewSetRefuses(t *testing.T) {
	t.Parallel()
	a, b := generate(t, keys.ES256), generate(t, keys.ES256)
	public, err := keys.Parse(keys.ES256, "public", publicDER(t, a))
	if err != nil {
		t.Fatal(err)
	}
	twin := *b
	twin.ID = a.ID
	for _, c := range []struct {
		name    string
		entries []keys.Entry
		part    string
	}{
		{"no key", []keys.Entry{{State: keys.Active}}, "no key"},
		{"an unknown state", []keys.Entry{{Key: a, State: "on"}}, "state"},
		{"a repeated id", []keys.Entry{{Key: a, State: keys.Active}, {Key: &twin, State: keys.Next}}, "twice"},
		{"two active keys of one algorithm", []keys.Entry{{Key: a, State: keys.Active}, {Key: b, State: keys.Active}}, "both active"},
		{"an active key without a private half", []keys.Entry{{Key: public, State: keys.Active}}, "cannot sign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := keys.NewSet(c.entries); err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("err = %v, want %q in it", err, c.part)
			}
		})
	}
}

func TestSetFindsWithoutAllocating(t *testing.T) {
	key := generate(t, keys.EdDSA)
	set, err := keys.NewSet([]keys.Entry{{Key: key, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	kid := []byte(key.ID)
	if n := testing.AllocsPerRun(100, func() { set.VerifyingBytes(kid) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
