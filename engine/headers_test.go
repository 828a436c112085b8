package engine

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/wire"
)

func TestNamesABackendReadsAlikeAreOne(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-User-Id", "x-user-id", "X_User_Id", "X-USER_ID", "x.user.id", "X-User_Id", "X!User~Id"} {
		if !sameField(name, "X-User-Id") || !sameField("X-User-Id", name) {
			t.Errorf("%q is not read as X-User-Id", name)
		}
	}
	for _, name := range []string{"X-User", "XUserId", "X-User-Idd", "X-User-1d", "Y-User-Id"} {
		if sameField(name, "X-User-Id") {
			t.Errorf("%q is read as X-User-Id", name)
		}
	}
}

func TestCleanFieldsLeavesWhatIsTheCallers(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	keep := []string{
		"Accept", "Authorization", "Content-Type", "Content-Length", "Cookie", "Te", "Transfer-Encoding", "User-Agent", "Api_key",
		"X-Request-Id", "X-Forward", "X-Real", "Traceparent", "X-Very-Long-Name-Of-Somebodys-Own-Making", "Origin", "Via",
	}
	drop := []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded",
		"X_forwarded_for", "X.forwarded.For", "Forwarded", "X-Real-Ip", "X_real_ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
		"X-Http-Method-Override", "X_http_method_override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url",
		"X_original_url", "Http2-Settings", "Proxy", "Content_length", "Transfer_encoding", "X-Correlation-Id",
		"X_correlation_id", "X-User", "X_user", "x-user",
	}
	for _, n := range append(slices.Clone(keep), drop...) {
		h[n] = []string{"1"}
	}
	f := fieldsOf(h)
	cleanFields(f, []string{"X-User"})
	got := slices.Sorted(maps.Keys(f.Header()))
	slices.Sort(keep)
	if diff := cmp.Diff(keep, got); diff != "" {
		t.Errorf("fields left (-want +got):\n%s", diff)
	}
}

func TestOwnedFieldsFitTheComparison(t *testing.T) {
	t.Parallel()
	for name := range ownedFields {
		if len(name) > longestOwned || !owned(name) {
			t.Errorf("%s (%d characters) is not recognized", name, len(name))
		}
	}
}

// What cleanFields does not look at may say nothing that is the gateway's.
func TestAttackNoCommonFieldIsOwned(t *testing.T) {
	t.Parallel()
	for name := range ownedFields {
		for _, spelled := range []string{textproto.CanonicalMIMEHeaderKey(name), textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "-", "_"))} {
			if f := fieldsOf(http.Header{spelled: {"1"}}); f.Common(0) {
				t.Errorf("%s passes", spelled)
			}
		}
	}
	for name := range framedFields {
		if f := fieldsOf(http.Header{textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "-", "_")): {"1"}}); f.Common(0) && strings.Contains(name, "-") {
			t.Errorf("%s passes", name)
		}
	}
}

func fieldsOf(h http.Header) *wire.Fields {
	var f wire.Fields
	f.SetHeader(h)
	return &f
}

func TestOwnFieldsReplaceTheOnesBefore(t *testing.T) {
	t.Parallel()
	var f wire.Fields
	f.Add("X_A", "0")
	f.Add("X_A", "more")
	setOwn(&f, []policy.Field{{Name: "X-A", Value: "1"}, {Name: "X_A", Value: "2"}, {Name: "X-B", Value: "3"}})
	if diff := cmp.Diff(http.Header{"X_A": {"2"}, "X-B": {"3"}}, f.Header()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
