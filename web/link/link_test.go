package link_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/web/link"
)

func TestANameIsOneSegmentWhateverItHolds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"new", "a b", "50%", "what?", "#1", "ölçüm", "a;b", `<script>`, "+"} {
		u, err := url.Parse(link.PolicyEdit("Default", "policy-auth-jwt", name))
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if want := "/projects/Default/policies/policy-auth-jwt/" + name + "/edit"; u.Path != want || u.RawQuery != "" {
			t.Errorf("%q: path %q, query %q; want path %q", name, u.Path, u.RawQuery, want)
		}
		if n := strings.Count(u.EscapedPath(), "/"); n != 6 {
			t.Errorf("%q gives %d segments", name, n)
		}
	}
}
