package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
)

func keptKeys(t *testing.T, algorithms ...keys.Algorithm) *keys.Set {
	t.Helper()
	states := []keys.State{keys.Active, keys.Next, keys.Retiring}
	var entries []keys.Entry
	for i, a := range algorithms {
		k, err := keys.Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, keys.Entry{Key: k, State: states[i%3]})
	}
	set, err := keys.NewSet(entries)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// wholeBundle has something in every member of it and of what it is made of.
func wholeBundle(t *testing.T) Bundle {
	t.Helper()
	management := issue.DefaultManagement()
	management.AccessTokenName = "token"
	settings := issue.Defaults()
	settings.JWTSignatureAlgorithm = keys.ES256
	off := false
	return Bundle{
		Environment: "production", PublicURL: "https://api.example.com", Generation: 1 << 40,
		Keys:      keptKeys(t, keys.RS256, keys.ES256, keys.HS256, keys.EdDSA),
		NamedKeys: map[KeyName]*keys.Set{{"Shop", "partner"}: keptKeys(t, keys.PS256)},
		Owners: []Owner{{
			ID: "o-1", Kind: KindProxyGroup, Revision: 7, Digest: "d", Definition: json.RawMessage(`{"name":"a"}`),
			Client: Client{ID: "client", SecretHash: "$argon2id$"},
		}, {ID: "o-2"}},
		Credentials: []*identity.Credential{{
			ID: "c-1", Name: "ada", FullName: "Ada L.", Email: "ada@example.com", SecretHash: "$argon2id$", Enabled: true, DisabledHere: true, Expires: time.Unix(1e9, 1).UTC(),
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}, Roles: []string{"ops"},
			Claims: map[string]any{"team": "a"}, Response: map[string]any{"note": "b"}, Tokens: settings,
			Access: map[string]identity.Access{"o-1": {Expires: time.Unix(2e9, 0).UTC(), DeniedMethods: []string{"PUT"}}, "o-2": {}},
		}, {ID: "c-2", Tokens: issue.Defaults()}},
		Sources: []Source{{
			ID: "s-1", Project: "Shop", Name: "Staff", Digest: "e", Definition: json.RawMessage(`{"kind":"LDAP"}`),
			Secrets: map[string]secret.Text{"bindPassword": secret.New("hunter2")},
		}},
		Tokens: &management,
		Messages: []fault.Message{{Type: fault.NotFound, Status: 410, Code: "GONE", Text: "Gone.", Rules: []fault.Rule{{
			Name: "first", Active: &off, Condition: condition.Condition{}, Text: "x", Status: 404, ContentType: "text/plain",
		}}}},
		Values: map[string]string{"HOST": "a"},
	}
}

func TestABundleComesBackAsItWasKept(t *testing.T) {
	t.Parallel()
	want := wholeBundle(t)
	v := reflect.ValueOf(want)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("the test shows nothing of %s", v.Type().Field(i).Name)
		}
	}
	got := keptAndBack(t, want)
	for name, set := range map[KeyName]*keys.Set{{}: want.Keys, {"Shop", "partner"}: want.NamedKeys[KeyName{"Shop", "partner"}]} {
		back := got.Keys
		if name != (KeyName{}) {
			back = got.NamedKeys[name]
		}
		if set.Digest() != back.Digest() || string(set.JWKS()) != string(back.JWKS()) {
			t.Errorf("the keys of %v are others", name)
		}
		for _, e := range set.Entries() {
			signed, err := back.Verifying(e.Key.ID).Sign(nil, []byte("x"))
			if err != nil || !e.Key.Verify([]byte("x"), signed) {
				t.Errorf("key %s signs otherwise: %v", e.Key.ID, err)
			}
		}
	}
	if secret := got.Sources[0].Secrets["bindPassword"].Reveal(); secret != "hunter2" {
		t.Errorf("the secret is %q", secret)
	}
	want.Keys, want.NamedKeys, got.Keys, got.NamedKeys = nil, nil, nil, nil
	if !reflect.DeepEqual(want, got) {
		t.Errorf("it came back as\n%+v, want\n%+v", got, want)
	}
}

func TestAnEmptyBundleComesBackToo(t *testing.T) {
	t.Parallel()
	got := keptAndBack(t, Bundle{Environment: "x", Keys: keptKeys(t)})
	if got.Keys == nil || got.Tokens != nil || got.Environment != "x" {
		t.Errorf("%+v", got)
	}
}

func TestABundleOfManyOwnersIsKeptWhole(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, partSize, partSize + 1, 3*partSize - 1} {
		b := Bundle{Environment: "x", Keys: keptKeys(t)}
		for i := range n {
			b.Owners = append(b.Owners, Owner{ID: fmt.Sprint(i), Definition: []byte(`{}`)})
		}
		if got := keptAndBack(t, b); !reflect.DeepEqual(got.Owners, b.Owners) {
			t.Errorf("%d owners came back as %d", n, len(got.Owners))
		}
	}
	b := Bundle{Environment: "x", Keys: keptKeys(t), Owners: make([]Owner, 2*partSize)}
	raw, err := encodeBundle(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeBundle(raw[:len(raw)*3/4]); err == nil {
		t.Error("one that lacks owners was read")
	}
}

func keptAndBack(t *testing.T, b Bundle) Bundle {
	t.Helper()
	raw, err := encodeBundle(&b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestABundleThatIsDamagedIsNotRead(t *testing.T) {
	t.Parallel()
	whole := wholeBundle(t)
	raw, err := encodeBundle(&whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(raw) / 2, len(raw) - 1} {
		if _, err := DecodeBundle(raw[:n]); err == nil {
			t.Errorf("the first %d bytes were read", n)
		}
	}
}

// What is kept by one version must not be read half by another one. This holds
// the members of all that is encoded against a list; whoever changes them raises
// BundleFormat and writes the list anew.
func TestTheFormatOfBundlesHasANumberOfItsOwn(t *testing.T) {
	t.Parallel()
	const file = "testdata/bundleformat.txt"
	now, seen := fmt.Sprintf("format %d\n", BundleFormat), map[reflect.Type]bool{}
	for _, part := range []reflect.Type{
		reflect.TypeFor[encodedBundle](), reflect.TypeFor[Owner](), reflect.TypeFor[issue.Management](), reflect.TypeFor[issue.Settings](), reflect.TypeFor[fault.Message](),
	} {
		now += part.String() + "\n" + members(part, "\t", seen)
	}
	known, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if now != string(known) {
		t.Errorf("what a bundle is kept as has changed: raise BundleFormat, and make %s\n%s", file, now)
	}
}

func members(of reflect.Type, at string, seen map[reflect.Type]bool) string {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return members(of.Elem(), at, seen)
	case reflect.Struct:
		if seen[of] || !strings.HasPrefix(of.PkgPath(), "github.com/gatewright/") {
			return ""
		}
		seen[of] = true
	default:
		return ""
	}
	var list strings.Builder
	for i := range of.NumField() {
		f := of.Field(i)
		fmt.Fprintf(&list, "%s%s %s\n", at, f.Name, f.Type)
		list.WriteString(members(f.Type, at+f.Name+".", seen))
	}
	return list.String()
}

// encodeBundle is what WriteBundle writes.
func encodeBundle(b *Bundle) ([]byte, error) {
	var out bytes.Buffer
	err := WriteBundle(&out, b)
	return out.Bytes(), err
}
