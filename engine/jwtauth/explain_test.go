package jwtauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// explained is what a refused call is explained by.
func explained(t *testing.T, step policy.Step, x *policy.Exchange) fault.Explanation {
	t.Helper()
	r := rejection(t, step.Do(x))
	if r == nil {
		t.Fatal("the call was let through")
	}
	return fault.Explain(r.Fault, r.Cause)
}

func bearing(t *testing.T, change func(*jwt.ClaimSet)) *policy.Exchange {
	t.Helper()
	return call("Bearer " + sign(t, keys.RS256, change))
}

func TestARefusedTokenIsExplainedWithWhatIsInIt(t *testing.T) {
	t.Parallel()
	good := sign(t, keys.RS256, nil)
	query := call()
	query.RawQuery = "access_token=" + good
	tests := map[string]struct {
		x        *policy.Exchange
		why, fix string // parts of what is said
	}{
		"expired": {bearing(t, func(c *jwt.ClaimSet) { c.Expires = start.Unix() - 43 }),
			"The token expired 43 s ago; the policy allows a leeway of 30 s.", "ask for a new token, or refresh its login"},
		"expired long ago": {bearing(t, func(c *jwt.ClaimSet) { c.Expires = 1 }), "days ago; the policy allows", "Clock leeway"},
		"not valid yet": {bearing(t, func(c *jwt.ClaimSet) { c.NotBefore = start.Unix() + 90 }),
			"The token is good only in 90 s; the policy allows a leeway of 30 s.", "clocks"},
		"issued in the future": {bearing(t, func(c *jwt.ClaimSet) { c.IssuedAt = start.Unix() + 90 }), "issued 90 s from now, in the future", "clocks"},
		"for another client": {bearing(t, func(c *jwt.ClaimSet) { c.Audience = []string{"invoices", "stock"} }),
			`The token is for the client "invoices", "stock"; this API's client id is "` + client + `".`, "client id of this API"},
		"for nobody":             {bearing(t, func(c *jwt.ClaimSet) { c.Audience = nil }), "for the client nobody (the claim is missing or empty)", "client id of this API"},
		"of another issuer":      {bearing(t, func(c *jwt.ClaimSet) { c.Issuer = "https://test.example" }), `issued by "https://test.example"; this environment's tokens are issued by "` + issuer + `".`, "this environment's own address"},
		"of another algorithm":   {call("Bearer " + sign(t, keys.ES256, nil)), `signed with "ES256"; the policy takes "RS256" only`, "JWT Signature Algorithm"},
		"of an unknown key":      {call("Bearer " + foreign(t, "old-key")), `names the key "old-key", and this environment has no such key for "RS256"`, "Keys page"},
		"with another signature": {call("Bearer " + swapPayload(t, good)), "The signature is wrong", "Security Events"},
		"a refresh token":        {call("Bearer " + typed(t, "rt+jwt")), `of the type "rt+jwt"; access tokens are of the type "at+jwt"`, "refresh token"},
		"not a token":            {call("Bearer rubbish"), "no complete signed JSON Web Token", "exactly as it got it"},
		"too long":               {call("Bearer " + strings.Repeat("a", 9000)), "longer than 8 KB", "another product"},
		"without expiry":         {bearing(t, func(c *jwt.ClaimSet) { c.Expires = 0 }), "no expiry", "Token Never Expires"},
		"of another grant":       {bearing(t, as("jane")), "another grant type", "Grant Type"},
		"without subject":        {bearing(t, func(c *jwt.ClaimSet) { c.Subject = "" }), "whom it speaks for", "new token"},
		"of a credential":        {bearing(t, func(c *jwt.ClaimSet) { c.Subject, c.ClientID = "mobile", "mobile" }), "that of a credential", "Clients with credentials of their own"},
		"with a broken role":     {bearing(t, func(c *jwt.ClaimSet) { c.Scope = "a,b" }), "A role in the token", "Rename the role"},
		"no token at all":        {call(), "no Authorization header", "Authorization: Bearer <token>"},
		"a Basic login":          {call("Basic YWRhOnNlY3JldA=="), "does not begin with the word Bearer", "token endpoint"},
		"a token by itself":      {call(good), "does not begin with the word Bearer", "Authorization: Bearer <token>"},
		"two tokens":             {call("Bearer "+good, "Bearer "+good), "more than one credential", "exactly one token"},
		"a token in the address": {query, "in the address (the query parameter access_token)", "Allow URL Parameters"},
	}
	step := compile(t, valid(), func() time.Time { return start })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := explained(t, step, tt.x)
			if !strings.Contains(e.Why, tt.why) || !strings.Contains(e.Fix, tt.fix) {
				t.Errorf("why %q\nfix %q\nwant %q and %q in it", e.Why, e.Fix, tt.why, tt.fix)
			}
			for _, secret := range []string{good, good[len(good)-30:], "YWRhOnNlY3JldA", "rubbish"} {
				if strings.Contains(e.Why+e.Fix, secret) {
					t.Errorf("the explanation holds the credential: %q", e)
				}
			}
		})
	}
}

// ATTACK: who makes up a token writes what the operator reads.
func TestATokenOfAStrangerCannotFloodOrForgeItsExplanation(t *testing.T) {
	t.Parallel()
	step := compile(t, valid(), func() time.Time { return start })
	hostile := "x\r\nThe token is fine.\x00\u202e<script>" + strings.Repeat("A", 1000)
	for name, x := range map[string]*policy.Exchange{
		"audience": bearing(t, func(c *jwt.ClaimSet) { c.Audience = []string{hostile, hostile, hostile, hostile} }),
		"issuer":   bearing(t, func(c *jwt.ClaimSet) { c.Issuer = hostile }),
		"key":      call("Bearer " + foreign(t, hostile)),
		"type":     call("Bearer " + typed(t, hostile)),
	} {
		r := rejection(t, step.Do(x))
		if r == nil || r.Fault != fault.TokenNotValid {
			t.Fatalf("%s: %v", name, r)
		}
		e := fault.Explain(r.Fault, r.Cause)
		if len(e.Why) > 1000 || strings.ContainsAny(e.Why, "\r\n\x00\u202e") || !strings.Contains(e.Why, `"x\r\nThe token`) {
			t.Errorf("%s: %q", name, e.Why)
		}
		if strings.Contains(r.Error(), "The token is fine") {
			t.Errorf("%s: the reason for the log, by which refusals are counted, is %q", name, r.Error())
		}
	}
}

func TestMissingRolesAreNamed(t *testing.T) {
	t.Parallel()
	row := jwtauth.MethodAccess{Endpoint: "/orders/{id}", HTTPMethod: "DELETE", CredentialRoleNameList: []string{"owner", "auditor"}, RoleRequirement: jwtauth.AllRoles}
	tests := map[string]struct {
		need   []string
		all    bool
		have   string
		source identity.KindName
		why    string
		fix    string
	}{
		"one of several": {[]string{"admin", "ops"}, false, "clerk", "", "The policy needs any of admin, ops; the caller has clerk.",
			`Give the caller the role in the identity source "corp", and have it ask for a new token`},
		"the only one": {[]string{"admin"}, false, "", "", "The policy needs the role admin; the caller has no role.", "Roles/Groups"},
		"all, of which two are missing": {[]string{"admin", "ops", "clerk"}, true, "clerk x", "",
			"The policy also needs all of admin, ops; the caller has clerk, x.", "ask for a new token"},
		"all, of which one is missing": {[]string{"admin", "clerk"}, true, "clerk", "", "The policy also needs the role admin; the caller has clerk.", "ask for a new token"},
		"at an endpoint": {[]string{"clerk"}, false, "clerk owner", "",
			`The endpoint "DELETE /orders/{id}" also needs the role auditor; the caller has clerk, owner.`, "the endpoint's row"},
		"roles of a directory": {[]string{"admin"}, false, "clerk", identity.LDAP, "needs the role admin; the caller has guest.", `in the identity source "corp"; it counts once`},
		"roles of credentials": {[]string{"admin"}, false, "clerk", identity.SecretManager, "needs the role admin; the caller has clerk.", "page under Credentials; it takes effect at once"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := asking(tt.need...)
			if tt.all {
				c.Authorization.RoleRequirement = jwtauth.AllRoles
			}
			c.Authorization.EnableMethodAccess, c.Authorization.PolicyAuthorizationMethodDefList = true, []jwtauth.MethodAccess{row}
			if c.Authorization.AuthorizationType = tt.source; tt.source == identity.LDAP {
				c.Authorization.AuthorizationProviderName = "corp"
			}
			x := from(sign(t, keys.RS256, as("mobile", strings.Fields(tt.have)...)), directory{
				credentials: map[string]*identity.Credential{"mobile": mobile()},
				sources:     map[string]identity.Guarded{"Default/corp": people{roles: map[string][]string{"mobile": {"guest"}}}},
			})
			x.EndpointMethod, x.EndpointPath = http.MethodDelete, "/orders/{id}"
			e := explained(t, compileIn(t, c, nil), x)
			if !strings.HasSuffix(e.Why, tt.why) || !strings.Contains(e.Fix, tt.fix) {
				t.Errorf("why %q\nfix %q\nwant %q and %q", e.Why, e.Fix, tt.why, tt.fix)
			}
		})
	}
}

func TestASourceOfRolesThatDoesNotHelpIsNamed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		source identity.Guarded
		why    string
	}{
		"it fails":               {people{err: errors.New("dial ldap://10.0.0.1: refused")}, `identity source "corp" at each call, and it did not answer`},
		"it is not there":        {nil, `identity source "corp", which is not in this environment`},
		"it knows nobody":        {people{}, `identity source "corp", which does not know the caller`},
		"it gives a broken role": {people{roles: map[string][]string{"mobile": {"a,b"}}}, `gave the caller the role "a,b"`},
	} {
		c := asking("admin")
		c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName = identity.LDAP, "corp"
		d := directory{sources: map[string]identity.Guarded{}}
		if tt.source != nil {
			d.sources["Default/corp"] = tt.source
		}
		e := explained(t, compileIn(t, c, nil), from(sign(t, keys.RS256, as("mobile")), d))
		if !strings.Contains(e.Why, tt.why) || strings.Contains(e.Why, "10.0.0.1") {
			t.Errorf("%s: %q", name, e.Why)
		}
	}
}

func TestACredentialsRefusalNamesItAndThePage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change   func(*identity.Credential)
		why, fix string
	}{
		"disabled":            {func(c *identity.Credential) { c.Enabled = false }, `The credential "mobile" is disabled.`, "page under Credentials"},
		"disabled here":       {func(c *identity.Credential) { c.DisabledHere = true }, `The credential "mobile" is disabled in this environment.`, "for this environment"},
		"expired":             {func(c *identity.Credential) { c.Expires = start.Add(-time.Hour) }, `The credential "mobile" expired on ` + start.Add(-time.Hour).UTC().Format("2 Jan 2006 15:04:05") + " UTC.", "later expiry"},
		"no access":           {func(c *identity.Credential) { c.Access = nil }, `The credential "mobile" has no access to the API "Orders".`, "Access page"},
		"access that ended":   {access(identity.Access{Expires: start}), `The access of the credential "mobile" to the API "Orders" ended on `, "Access page"},
		"a method":            {access(identity.Access{DeniedMethods: []string{"GET"}}), `"Orders", but not with "GET".`, "Allow the method"},
		"an address":          {networks("198.51.100.0/24"), `may not be used from 192.0.2.7`, "--trusted-proxies"},
		"another algorithm":   {func(c *identity.Credential) { c.Tokens.JWTSignatureAlgorithm = keys.ES256 }, `the credential takes "ES256" only`, "the credential's JWT Signature Algorithm"},
		"it is there no more": {nil, `the credential "mobile", which is not there any more`, "Credentials"},
	} {
		d := directory{credentials: map[string]*identity.Credential{}}
		if tt.change != nil {
			d.credentials["mobile"] = mobile()
			tt.change(d.credentials["mobile"])
		}
		e := explained(t, compileIn(t, byCredential(), nil), from(sign(t, keys.RS256, ofCredential), d))
		if !strings.Contains(e.Why, tt.why) || !strings.Contains(e.Fix, tt.fix) {
			t.Errorf("%s: why %q, fix %q; want %q and %q", name, e.Why, e.Fix, tt.why, tt.fix)
		}
	}
}

func TestARevokedTokenSaysSo(t *testing.T) {
	t.Parallel()
	list := revoke.NewList(func() time.Time { return start })
	list.Add(revoke.Entry{Kind: revoke.Token, Key: "1", Expires: start.Add(time.Hour)})
	step := compileIn(t, valid(), func(rt *policy.Runtime) { rt.Revoked = list })
	if e := explained(t, step, bearing(t, nil)); !strings.Contains(e.Why, "was revoked") || !strings.Contains(e.Fix, "Audit") {
		t.Errorf("explained by %q", e)
	}
}
