package jwtauth_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

const groupClient = "group-client"

// otherKeys are a key store's: of the same algorithms as keySet, and none of its keys.
func otherKeys(t testing.TB) *keys.Set {
	t.Helper()
	var entries []keys.Entry
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		entries = append(entries, keys.Entry{Key: newKey(alg), State: keys.Active})
	}
	set, err := keys.NewSet(entries)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// lane is policies of one owner, each twice: as they are deployed, sharing what they
// can, and each as if it were the only one there is.
type lane struct{ together, alone []policy.Step }

func (l *lane) add(t testing.TB, c *jwtauth.Config, rt policy.Runtime) {
	t.Helper()
	s, err := c.Compile(rt)
	if err != nil {
		t.Fatal(err)
	}
	l.together = append(l.together, s)
	rt.Alike = nil
	if s, err = c.Compile(rt); err != nil {
		t.Fatal(err)
	}
	l.alone = append(l.alone, s)
}

// pass takes a call through policies until one refuses it.
func pass(steps []policy.Step, x *policy.Exchange, before func()) string {
	for i, s := range steps {
		before()
		if err := s.Do(x); err != nil {
			return fmt.Sprint("policy ", i, ": ", told(err))
		}
	}
	return fmt.Sprintf("%+v, set %v, stripped %v %v %v", x.Identity, x.Set, x.Strip, x.StripParameters, x.StripCookies)
}

// told is all that a refusal says to anybody.
func told(err error) string {
	var r *policy.Rejection
	if !errors.As(err, &r) {
		return err.Error()
	}
	return fmt.Sprint(r.Error(), r.Challenge, r.Alarm, r.Retry, fault.Explain(r.Fault, r.Cause))
}

// dice throw what most policies and tokens of a lane have in common, and sometimes
// something else.
type dice struct{ *rand.Rand }

func pick[T any](d dice, usual T, others ...T) T {
	if d.IntN(12) > 0 {
		return usual
	}
	return others[d.IntN(len(others))]
}

func (d dice) config() *jwtauth.Config {
	for {
		c := valid()
		c.Name = pick(d, "A", "B", "C")
		c.JWTSignatureAlgorithm = pick(d, keys.HS256, keys.ES256)
		c.ManagedFromThisPolicy = pick(d, true, false)
		c.LeewaySeconds = pick(d, 30, 0, 300)
		c.GrantType = pick(d, issue.Password, issue.ClientCredentials)
		c.AuthenticationType, c.IdentityProviderName = pick(d, identity.SecretManager, identity.LDAP, ""), "corp"
		c.TokenNeverExpires = pick(d, false, true)
		c.SigningKeyName = pick(d, "", "own")
		c.AllowURLParameters = pick(d, true, false)
		c.CheckClientIPAddress = pick(d, true, false)
		c.ClearAuth, c.AddUserToHeader, c.SetIdentityToContext = pick(d, false, true), pick(d, false, true), pick(d, true, false)
		c.UserHeaderName = pick(d, "X-User", "X-Caller", "x_user")
		c.Authorization = d.authorization()
		c.Normalize()
		if len(c.Validate()) == 0 {
			return c
		}
	}
}

func (d dice) authorization() jwtauth.Authorization {
	return jwtauth.Authorization{
		EnableAuthorization: d.IntN(2) == 0, AddRolesToHeader: d.IntN(2) == 0, CredentialRoleNameList: d.roles(), RoleRequirement: pick(d, jwtauth.AnyRole, jwtauth.AllRoles),
		AuthorizationType: pick(d, "", identity.SecretManager, identity.LDAP), AuthorizationProviderName: "corp",
		EnableMethodAccess: d.IntN(3) == 0, PolicyAuthorizationMethodDefList: []jwtauth.MethodAccess{
			{Endpoint: "/orders/{id}", HTTPMethod: "GET", CredentialRoleNameList: d.roles(), RoleRequirement: pick(d, jwtauth.AnyRole, jwtauth.AllRoles)},
		},
	}
}

// roles are mostly common, and so many in all that their numbers take several words.
func (d dice) roles() []string {
	list := []string{"clerk"}
	for range d.IntN(3) {
		if role := pick(d, "reader", fmt.Sprint("role-", d.IntN(200))); !slices.Contains(list, role) {
			list = append(list, role)
		}
	}
	return list[d.IntN(min(2, len(list))):]
}

func (d dice) token(t testing.TB, sets []*keys.Set, now time.Time) string {
	t.Helper()
	who := pick(d, "jane", "mobile", client, groupClient, "nobody")
	c := jwt.ClaimSet{
		Issuer: pick(d, issuer, "https://test.example"), Subject: who, ID: fmt.Sprint(d.IntN(1000)), Session: fmt.Sprint(d.IntN(3)),
		Audience: pick(d, []string{client}, []string{groupClient}, []string{"mobile"}, []string{client, groupClient}, []string{"another"}),
		ClientID: pick(d, client, "mobile", groupClient, who), GrantType: pick(d, "password", "client_credentials", ""),
		Scope:    strings.Join(append(d.roles(), d.roles()...), " "),
		IssuedAt: now.Add(pick(d, -time.Minute, 10*time.Second, 100*time.Second)).Unix(), Expires: now.Add(pick(d, time.Minute, -10*time.Second, -100*time.Second, 5*time.Second)).Unix(),
	}
	if d.IntN(15) == 0 {
		c.Expires = 0
	}
	text, err := jwt.Sign(pick(d, sets[0], sets[1:]...).Signing(pick(d, keys.HS256, keys.ES256)), jwt.AccessToken, c)
	if err != nil {
		t.Fatal(err)
	}
	if d.IntN(10) == 0 {
		text = text[:len(text)-6] + "AAAAAA"
	}
	return text
}

// people are the credentials as they are at one moment, and a directory.
func (d dice) people() directory {
	all := map[string]*identity.Credential{}
	for _, name := range []string{"jane", "mobile", client} {
		c := mobile()
		c.Name, c.Enabled, c.Roles = name, pick(d, true, false), d.roles()
		c.Tokens = issue.Settings{
			GrantType: pick(d, issue.Password, issue.ClientCredentials), JWTSignatureAlgorithm: pick(d, keys.HS256, keys.ES256),
			TokenNeverExpires: pick(d, false, true), AllowURLParameters: pick(d, true, false),
		}
		c.Networks = pick(d, nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
		c.Access["owner-1"] = identity.Access{DeniedMethods: pick(d, nil, []string{"GET"})}
		all[name] = c
	}
	return directory{all, map[string]identity.Guarded{"Default/corp": people{roles: map[string][]string{"jane": d.roles()}}}}
}

func (d dice) call(text string, who directory) func() *policy.Exchange {
	inQuery, method := pick(d, false, true), pick(d, "GET", "POST", "HEAD")
	at := netip.MustParseAddr(pick(d, "192.0.2.7", "198.51.100.7"))
	return func() *policy.Exchange {
		x := from(text, who)
		if inQuery {
			x = call()
			x.RawQuery, x.Identities = "access_token="+text, who
		}
		x.Client, x.Method, x.EndpointMethod, x.EndpointPath = at, method, "GET", "/orders/{id}"
		return x
	}
}

func (d dice) entry(now time.Time) revoke.Entry {
	return pick(d, revoke.Entry{Kind: revoke.Token, Key: fmt.Sprint(d.IntN(1000))}, []revoke.Entry{
		{Kind: revoke.Policy, Project: "Default", Key: "B", Before: now.Add(-30 * time.Second)}, {Kind: revoke.Policy, Key: "C", Before: now.Add(time.Second)},
		{Kind: revoke.User, Key: "jane", Before: now.Add(-50 * time.Second)}, {Kind: revoke.Family, Key: "2"}, {Kind: revoke.Client, Key: "mobile", Before: now},
	}...)
}

// Whatever policies, tokens, credentials, revocations and moments come together: a
// policy that shares decides and says what it would if it were alone, in a lane and by
// itself, about tokens that another one has let through too.
func TestPoliciesTogetherDecideAsEachWouldAlone(t *testing.T) {
	t.Parallel()
	own := otherKeys(t)
	sets := []*keys.Set{keySet(), own, otherKeys(t)}
	let, refused := 0, map[string]int{}
	for seed := range uint64(100) {
		d := dice{rand.New(rand.NewPCG(seed, 8))}
		moment := &clock{now: start}
		list := revoke.NewList(moment.Now)
		rt := runtime()
		rt.Now, rt.Revoked, rt.Alike = moment.Now, list, map[any]any{}
		rt.NamedKeys = func(string) *keys.Set { return own }
		rt.IssuedBy = func(id string) string { return map[string]string{client: "A", groupClient: "B"}[id] }
		var l lane
		for range 1 + d.IntN(20) {
			rt.Also = pick(d, nil, []string{groupClient})
			l.add(t, d.config(), rt)
		}
		var texts []string
		for range 12 {
			texts = append(texts, d.token(t, sets, start))
		}
		for range 40 {
			who, text := d.people(), texts[d.IntN(len(texts))]
			made := d.call(text, who)
			compare := func(of string, together, alone []policy.Step) {
				x, y := made(), made()
				got, want := pass(together, x, func() {}), pass(alone, y, func() { y.Notes = nil })
				if got != want {
					t.Fatalf("seed %d, %s:\ntogether %s\nalone    %s", seed, of, got, want)
				}
				if strings.HasPrefix(got, "policy") {
					refused[strings.Fields(got)[2]]++
				} else {
					let++
				}
			}
			for i := range l.together {
				compare(fmt.Sprint("policy ", i), l.together[i:i+1], l.alone[i:i+1])
			}
			compare("lane", l.together, l.alone)
			i, j := d.IntN(len(l.together)), d.IntN(len(l.together))
			compare("two", []policy.Step{l.together[i], l.together[j]}, []policy.Step{l.alone[i], l.alone[j]})
			if d.IntN(6) == 0 {
				list.Add(d.entry(start))
			}
			if d.IntN(4) == 0 {
				moment.Move(time.Duration(d.IntN(10)-2) * time.Second)
			}
		}
	}
	if let < 5_000 || len(refused) < 6 {
		t.Errorf("%d were let through, refused were %v: too few to say anything", let, refused)
	}
}

// ATTACK: a token that one policy has let through a moment ago, or earlier in the same
// call, comes to another one that it is not for.
func TestAttackWhatIsGoodForOnePolicyIsNotForItsNeighbour(t *testing.T) {
	t.Parallel()
	own := otherKeys(t)
	group := func(rt *policy.Runtime) { rt.Also = []string{groupClient} }
	tests := map[string]struct {
		config    func(*jwtauth.Config)
		runtime   func(*policy.Runtime)
		neighbour func(*jwtauth.Config)
		around    func(*policy.Runtime)
		claims    func(*jwt.ClaimSet)
	}{
		"other keys":      {neighbour: func(c *jwtauth.Config) { c.SigningKeyName = "own" }},
		"other algorithm": {neighbour: func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.ES256 }},
		"rotated keys":    {around: func(rt *policy.Runtime) { rt.Keys = own }},
		"other issuer":    {around: func(rt *policy.Runtime) { rt.Issuer = "https://test.example" }},
		"other owner":     {around: func(rt *policy.Runtime) { rt.Owner.ClientID = "another" }},
		"of a group": {runtime: group, claims: func(c *jwt.ClaimSet) {
			c.Subject, c.ClientID, c.Audience = groupClient, groupClient, []string{groupClient}
		}},
		"less leeway": {
			neighbour: func(c *jwtauth.Config) { c.LeewaySeconds = 5 }, claims: func(c *jwt.ClaimSet) { c.Expires = start.Unix() - 10 },
		},
		"less leeway at the beginning": {
			neighbour: func(c *jwtauth.Config) { c.LeewaySeconds = 5 }, claims: func(c *jwt.ClaimSet) { c.NotBefore = start.Unix() + 10 },
		},
		"needs an end": {
			config: func(c *jwtauth.Config) { c.TokenNeverExpires = true }, claims: func(c *jwt.ClaimSet) { c.Expires = 0 },
		},
		"of another grant":        {neighbour: func(c *jwtauth.Config) { *c = *forUsers() }},
		"without credentials":     {config: func(c *jwtauth.Config) { c.AuthenticationType = identity.SecretManager }, claims: machine},
		"managed by credentials":  {neighbour: func(c *jwtauth.Config) { c.ManagedFromThisPolicy = false }},
		"for users of credential": {config: directoryUsers, neighbour: credentialUsers, claims: as("jack")},
		"not in the query":        {config: func(c *jwtauth.Config) { c.AllowURLParameters = true }},
		"where it is revoked":     {around: func(rt *policy.Runtime) { rt.Revoked = revokes("1") }},
		"not from here":           {config: credentialUsers, neighbour: nearUsers, claims: as("jane")},
		"with other roles": {config: credentialUsers, claims: as("jane", "clerk"), neighbour: func(c *jwtauth.Config) {
			credentialUsers(c)
			c.Authorization = jwtauth.Authorization{EnableAuthorization: true, CredentialRoleNameList: []string{"boss", "clerk"}, RoleRequirement: jwtauth.AllRoles}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alike := map[any]any{}
			make := func(config func(*jwtauth.Config), change func(*policy.Runtime)) policy.Step {
				c := valid()
				c.JWTSignatureAlgorithm = keys.RS256
				if config != nil {
					config(c)
				}
				return compileIn(t, c, func(rt *policy.Runtime) {
					rt.Alike, rt.NamedKeys = alike, func(string) *keys.Set { return own }
					if change != nil {
						change(rt)
					}
				})
			}
			one, other := make(tt.config, tt.runtime), make(tt.neighbour, tt.around)
			text := sign(t, keys.RS256, tt.claims)
			d := directory{credentials: map[string]*identity.Credential{"mobile": mobile(), "jane": mobile()}}
			d.credentials["jane"].Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			made := func() *policy.Exchange {
				x := from(text, d)
				if name == "not in the query" {
					x = call()
					x.RawQuery, x.Identities = "access_token="+text, d
				}
				return x
			}
			for range 2 {
				x := made()
				if err := one.Do(x); err != nil {
					t.Fatalf("the policy that it is for: %v", err)
				}
				if err := other.Do(x); rejection(t, err) == nil {
					t.Error("the neighbour lets it through in the same call")
				}
				if err := other.Do(made()); rejection(t, err) == nil {
					t.Error("the neighbour lets it through in the next call")
				}
			}
		})
	}
}

// revokes is a list of one token.
func revokes(id string) *revoke.List {
	l := revoke.NewList(func() time.Time { return start })
	l.Add(revoke.Entry{Kind: revoke.Token, Key: id})
	return l
}

func machine(c *jwt.ClaimSet) { c.Subject, c.ClientID = "mobile", "mobile" }

func directoryUsers(c *jwtauth.Config) { *c = *forUsers() }

func credentialUsers(c *jwtauth.Config) {
	*c = *forUsers()
	c.AuthenticationType = identity.SecretManager
}

func nearUsers(c *jwtauth.Config) {
	credentialUsers(c)
	c.CheckClientIPAddress = true
}

// ATTACK: a token has ended, or is revoked, while every policy of a lane remembers it.
func TestAttackATokenThatIsGoodNoMoreEndsInAllPoliciesAtOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*clock, *revoke.List){
		"ended":   func(c *clock, _ *revoke.List) { c.Move(16 * time.Minute) },
		"revoked": func(_ *clock, l *revoke.List) { l.Add(revoke.Entry{Kind: revoke.Token, Key: "1"}) },
		"of a client that is": func(_ *clock, l *revoke.List) {
			l.Add(revoke.Entry{Kind: revoke.Client, Key: client, Before: start.Add(time.Second)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moment := &clock{now: start}
			list := revoke.NewList(moment.Now)
			steps := alike(t, 20, func(rt *policy.Runtime) { rt.Now, rt.Revoked = moment.Now, list })
			text := sign(t, keys.RS256, nil)
			if got := pass(steps, call("Bearer "+text), func() {}); strings.HasPrefix(got, "policy") {
				t.Fatal(got)
			}
			x := call("Bearer " + text)
			if got := pass(steps[:10], x, func() {}); strings.HasPrefix(got, "policy") {
				t.Fatal(got)
			}
			end(moment, list)
			if name != "ended" { // within the call: the clock is read once in a moment
				if err := steps[10].Do(x); rejection(t, err) == nil {
					t.Error("the call under way goes on")
				}
			}
			x.Waited()
			if err := steps[11].Do(x); rejection(t, err) == nil {
				t.Error("the call that has waited goes on")
			}
			for i, s := range steps {
				if err := s.Do(call("Bearer " + text)); rejection(t, err) == nil {
					t.Errorf("policy %d lets it through", i)
				}
			}
		})
	}
}

// alike are so many policies that differ in their names alone.
func alike(t testing.TB, n int, change func(*policy.Runtime)) []policy.Step {
	t.Helper()
	common := map[any]any{}
	var steps []policy.Step
	for i := range n {
		c := valid()
		c.Name = fmt.Sprint("policy-", i)
		steps = append(steps, compileIn(t, c, func(rt *policy.Runtime) { change(rt); rt.Alike = common }))
	}
	return steps
}

func TestWhatIsRevokedUnderOnePolicyIsGoodUnderTheOthers(t *testing.T) {
	t.Parallel()
	list := revoke.NewList(func() time.Time { return start })
	steps := alike(t, 3, func(rt *policy.Runtime) { rt.Revoked = list })
	x := call("Bearer " + sign(t, keys.RS256, nil))
	if got := pass(steps, x, func() {}); strings.HasPrefix(got, "policy") {
		t.Fatal(got)
	}
	list.Add(revoke.Entry{Kind: revoke.Policy, Project: "Default", Key: "policy-1", Before: start.Add(time.Second)})
	var got []bool
	for _, s := range steps {
		got = append(got, errors.Is(s.Do(call(x.Header.Values("Authorization")...)), jwtauth.ErrRevoked))
	}
	if diff := cmp.Diff([]bool{false, true, false}, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

// slow is a directory that takes its time.
type slow struct {
	people
	clock *clock
}

func (s slow) Find(ctx context.Context, name string) (identity.Identity, bool, error) {
	s.clock.Move(time.Hour)
	return s.people.Find(ctx, name)
}

// ATTACK: the token ends while a directory is asked for roles. The policy that waited
// has let the call in before; the next one looks at the clock.
func TestAttackATokenThatEndsWhileADirectoryIsAsked(t *testing.T) {
	t.Parallel()
	moment := &clock{now: start}
	common := map[any]any{}
	made := func(c *jwtauth.Config) policy.Step {
		return compileIn(t, c, func(rt *policy.Runtime) { rt.Now, rt.Alike = moment.Now, common })
	}
	asks := forUsers()
	asks.Authorization = jwtauth.Authorization{
		EnableAuthorization: true, CredentialRoleNameList: []string{"clerk"}, AuthorizationType: identity.LDAP, AuthorizationProviderName: "corp",
	}
	first, second := made(asks), made(forUsers())
	x := from(sign(t, keys.RS256, as("jane")), directory{sources: map[string]identity.Guarded{
		"Default/corp": slow{people{roles: map[string][]string{"jane": {"clerk"}}}, moment},
	}})
	if err := first.Do(x); err != nil {
		t.Fatal(err)
	}
	if err := second.Do(x); faultOf(rejection(t, err)) != fault.TokenNotValid {
		t.Errorf("the next policy: %v", err)
	}
}

// ATTACK: a caller with a good token gives its signature to claims of their own.
func TestAttackASignatureIsRememberedWithItsTokenAlone(t *testing.T) {
	t.Parallel()
	s := compile(t, valid(), (&clock{now: start}).Now)
	good := sign(t, keys.RS256, nil)
	if err := s.Do(call("Bearer " + good)); err != nil {
		t.Fatal(err)
	}
	other := sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires += 3600 })
	forged := other[:strings.LastIndexByte(other, '.')] + good[strings.LastIndexByte(good, '.'):]
	if err := s.Do(call("Bearer " + forged)); rejection(t, err) == nil {
		t.Error("claims under the signature of other ones are let through")
	}
}
