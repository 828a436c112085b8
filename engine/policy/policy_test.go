package policy_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

var known = policy.Set{jwtauth.Type(), shapeType()}

// shape is a policy with every kind of member that a type may have.
type shape struct {
	policy.Common
	Rows   []row          `json:"rows"`
	Labels map[string]row `json:"labels"`
	Own    custom         `json:"own"`
	Hidden string         `json:"-"`
	Plain  bool
}

type row struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// custom reads itself.
type custom struct{ raw string }

func (c *custom) UnmarshalJSON(b []byte) error {
	c.raw = string(b)
	return nil
}

func (s *shape) Base() *policy.Common                        { return &s.Common }
func (s *shape) Normalize()                                  {}
func (s *shape) Validate() problem.List                      { return s.Common.Validate() }
func (s *shape) Compile(policy.Runtime) (policy.Step, error) { return nil, errors.New("not run") }

func shapeType() policy.Type {
	return policy.Type{Name: "shape", New: func() policy.Config { return &shape{Common: policy.Common{Type: "shape"}} }}
}

func TestDecodeIsStrict(t *testing.T) {
	t.Parallel()
	const begin = `{"type":"policy-auth-jwt","name":"a","jwtSignatureAlgorithm":"RS256"`
	const shape = `{"type":"shape","name":"a"`
	tests := map[string]struct {
		raw  string
		want []string // fields with a problem
	}{
		"the least that is valid":             {begin + `}`, nil},
		"blanks around it":                    {" \n" + begin + "}\n", nil},
		"nothing":                             {``, []string{""}},
		"no JSON":                             {`policy`, []string{""}},
		"an object without end":               {begin, []string{""}},
		"an array":                            {`[` + begin + `}]`, []string{""}},
		"null":                                {`null`, []string{"type"}},
		"no type":                             {`{"name":"a"}`, []string{"type"}},
		"a number as type":                    {`{"type":7,"name":"a"}`, []string{"type"}},
		"an unknown type":                     {`{"type":"policy-magic","name":"a"}`, []string{"type"}},
		"an unknown member":                   {begin + `,"colour":"red"}`, []string{"colour"}},
		"every unknown member is named":       {begin + `,"colour":"red","size":{"a":[1]}}`, []string{"colour", "size"}},
		"a member in another letter case":     {begin + `,"ClearAuth":true}`, []string{"ClearAuth"}},
		"a repeated member":                   {begin + `,"clearAuth":true,"clearAuth":false}`, []string{"clearAuth"}},
		"a repeated type":                     {begin + `,"type":"policy-auth-jwt"}`, []string{"type"}},
		"a name repeated by an escape":        {begin + `,"n\u0061me":"b"}`, []string{"name"}},
		"something that follows":              {begin + `}{"type":"x"}`, []string{""}},
		"a comma too many":                    {begin + `,}`, []string{""}},
		"broken UTF-8":                        {begin + `,"description":"` + "\xff" + `"}`, []string{""}},
		"text where true or false belongs":    {begin + `,"active":"yes"}`, []string{"active"}},
		"a fraction of an amount":             {begin + `,"tokenNeverExpires":false,"tokenExpiresInAmount":1.5}`, []string{"tokenExpiresInAmount"}},
		"an amount beyond 64 bits":            {begin + `,"tokenExpiresInAmount":99999999999999999999}`, []string{"tokenExpiresInAmount"}},
		"an amount as text":                   {begin + `,"tokenExpiresInAmount":"15"}`, []string{"tokenExpiresInAmount"}},
		"rules of the type are asked":         {begin + `,"leewaySeconds":-1}`, []string{"leewaySeconds"}},
		"members of nested objects":           {shape + `,"rows":[{"path":"/"},{"path":"/","Count":1,"extra":null}]}`, []string{"rows[1].Count", "rows[1].extra"}},
		"repeated members of nested objects":  {shape + `,"rows":[{"path":"/","path":"/b"}]}`, []string{"rows[0].path"}},
		"names of a map are free":             {shape + `,"labels":{"A":{"count":1},"a":{"count":2}}}`, nil},
		"but not twice":                       {shape + `,"labels":{"a":{},"a":{}}}`, []string{"labels.a"}},
		"and their values have a shape":       {shape + `,"labels":{"a":{"size":1}}}`, []string{"labels.a.size"}},
		"a type that reads itself is trusted": {shape + `,"own":{"anything":[1,{"a":2}]}}`, nil},
		"but may not repeat a name":           {shape + `,"own":{"a":1,"a":2}}`, []string{"own.a"}},
		"a member kept out of JSON":           {shape + `,"Hidden":"x"}`, []string{"Hidden"}},
		"a member without a tag":              {shape + `,"Plain":true}`, nil},
		"a wrong type deep inside":            {shape + `,"rows":[{"path":7}]}`, []string{"rows.path"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := known.Decode([]byte(tt.raw))
			var got []string
			for _, p := range problem.Of(err) {
				got = append(got, p.Field)
				if strings.Contains(p.Message, "Go ") || !strings.HasSuffix(p.Message, ".") {
					t.Errorf("message %q is not written for people", p.Message)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields with a problem (-want +got):\n%s\n%v", diff, err)
			}
			if err != nil && got == nil {
				t.Errorf("Decode = %v, want a problem.List", err)
			}
		})
	}
}

func TestDecodeKeepsDefaultsOfAbsentMembersAndExplicitZeroes(t *testing.T) {
	t.Parallel()
	c, err := known.Decode([]byte(`{"type":"policy-auth-jwt","name":"a","jwtSignatureAlgorithm":"ES256","active":false,"leewaySeconds":0}`))
	if err != nil {
		t.Fatal(err)
	}
	want := jwtauth.New()
	want.Name, want.JWTSignatureAlgorithm, want.Active, want.LeewaySeconds = "a", "ES256", false, 0
	want.AuthenticationType = identity.SecretManager // what PASSWORD means without a source (D12)
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestAWrongLetterCaseIsToldTheRightOne(t *testing.T) {
	t.Parallel()
	_, err := known.Decode([]byte(`{"type":"shape","name":"a","Rows":[]}`))
	if got, want := problem.Of(err).For("Rows"), "Spell this member rows."; got != want {
		t.Errorf("message = %q, want %q", got, want)
	}
}

func TestEncodeAndDecodeAreInverse(t *testing.T) {
	t.Parallel()
	c := jwtauth.NewForm()
	c.Name, c.Description = "Sipariş <&> 注文", "One.\nTwo."
	c.Normalize()
	raw, err := policy.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := known.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policy.Config(c), back); diff != "" {
		t.Errorf("after a round trip (-want +got):\n%s", diff)
	}
	if again, _ := policy.Encode(back); string(again) != string(raw) {
		t.Errorf("encoded again:\n%s\nfirst:\n%s", again, raw)
	}
	if !strings.Contains(string(raw), "<&>") {
		t.Errorf("characters are escaped for HTML, which no reader asked for: %s", raw)
	}
}

func TestRejectionNamesFaultAndCauseForTheLog(t *testing.T) {
	t.Parallel()
	cause := errors.New("token has expired")
	r := &policy.Rejection{Fault: fault.TokenNotValid, Cause: cause}
	if !errors.Is(r, cause) || r.Error() != "POLICY_AUTH_JWT_NOT_VALID: token has expired" {
		t.Errorf("Error = %q", r.Error())
	}
	if got := (&policy.Rejection{Fault: fault.NotFound}).Error(); got != "APIPROXY_NOTFOUND" {
		t.Errorf("Error without cause = %q", got)
	}
}

func TestSetHeaderAlsoRemovesTheCallersField(t *testing.T) {
	t.Parallel()
	x := policy.Exchange{Request: condition.Request{Method: "GET"}, Identity: policy.Identity{Subject: "a"}}
	x.SetHeader("X-User", "a")
	x.StripHeader("Authorization")
	if diff := cmp.Diff([]string{"X-User", "Authorization"}, x.Strip); diff != "" {
		t.Errorf("Strip (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]policy.Field{{Name: "X-User", Value: "a"}}, x.Set); diff != "" {
		t.Errorf("Set (-want +got):\n%s", diff)
	}
	x.Reset()
	if diff := cmp.Diff(policy.Exchange{Strip: []string{}, Set: []policy.Field{}}, x, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreUnexported(condition.Request{})); diff != "" {
		t.Errorf("Reset leaves something of the last call (-want +got):\n%s", diff)
	}
}

func TestOfTwoSettingsOfAFieldTheLaterCounts(t *testing.T) {
	t.Parallel()
	var x policy.Exchange
	for range 3 {
		x.SetHeader("X-User", "ann")
		x.SetHeader("x_user", "bob")
		x.SetHeader("X-User", "eve")
		x.StripHeader("Authorization")
		x.StripParameter("access_token")
		x.StripCookie("access_token")
	}
	if diff := cmp.Diff([]policy.Field{{Name: "x_user", Value: "bob"}, {Name: "X-User", Value: "eve"}}, x.Set); diff != "" {
		t.Errorf("Set (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"X-User", "x_user", "Authorization"}, x.Strip); diff != "" {
		t.Errorf("Strip (-want +got):\n%s", diff)
	}
	if len(x.StripParameters)+len(x.StripCookies) != 2 {
		t.Errorf("parameters %v, cookies %v", x.StripParameters, x.StripCookies)
	}
}

// note counts how often it was forgotten.
type note struct{ forgotten int }

func (n *note) Reset() { n.forgotten++ }

func TestNotesAreForgottenWhenTheCallWaitsAndWhenItEnds(t *testing.T) {
	t.Parallel()
	var x policy.Exchange
	x.Waited()
	n := &note{}
	x.Notes = n
	x.Waited()
	x.Reset()
	if n.forgotten != 2 || x.Notes != n {
		t.Errorf("forgotten %d times, and its memory is %v", n.forgotten, x.Notes)
	}
}
