package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/modelstest"
)

// leaning is a node that leans on a database, a directory of users and an API, each
// behind a line of its own. It is yet to be launched.
type leaning struct {
	*lone
	*served
	directory, api *line
}

func newLeaning(t *testing.T, changes ...func(*jwtauth.Config)) *leaning {
	t.Helper()
	l := &leaning{lone: newLone(t, append(changes, func(c *jwtauth.Config) {
		c.JWTSignatureAlgorithm, c.GrantType = keys.ES256, issue.Password
	})...)}
	staff := ldaptest.Start(t)
	l.directory = lineTo(t, func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(staff.LDAP, "ldap://")) })
	source := ldap.New()
	source.Name, source.Servers, source.AllowPlaintext, source.StartTLS = "Staff", []string{"ldap://" + l.directory.addr}, true, false
	source.BindDN, source.UserBaseDN, source.MemberOfAttribute = ldaptest.BindDN, ldaptest.People, ""
	source.CacheSeconds, source.NegativeCacheSeconds, source.TimeoutMillis = 0, 0, 500
	project := modelstest.Project(t, l.store, "Shop")
	if _, err := l.store.SaveIdentitySource(t.Context(), modelstest.By(), project.ID, "", 0, source, map[string]secret.Text{ldap.BindPassword: secret.New(ldaptest.BindPassword)}); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(api.Close)
	l.api = lineTo(t, func() (net.Conn, error) { return net.Dial("tcp", api.Listener.Addr().String()) })
	p, err := l.store.Policy(t.Context(), project.ID, "policy-auth-jwt", "standard")
	if err != nil {
		t.Fatal(err)
	}
	c := p.Config.(*jwtauth.Config)
	c.AuthenticationType, c.IdentityProviderName = identity.LDAP, "Staff"
	if _, err := l.store.SavePolicy(t.Context(), modelstest.By(), project.ID, p.ID, p.Version, c); err != nil {
		t.Fatal(err)
	}
	l.proxy = modelstest.Reload(t, l.store, l.proxy)
	l.proxy.Upstream = engine.Upstream{URL: "http://" + l.api.addr + "/v0", ResponseTimeout: 500}
	l.deploy("/v0")
	return l
}

// login is what a login is answered.
func (l *leaning) login() (int, string) {
	l.t.Helper()
	resp, err := http.PostForm(l.gateway+"/auth/jwt", url.Values{
		"grant_type": {"password"}, "client_id": {l.proxy.ClientID}, "username": {"ayse"}, "password": {ldaptest.Password},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	o := read(l.t, resp)
	if o.status == http.StatusServiceUnavailable && o.text("error") == "" {
		l.t.Errorf("a login is refused with %s", o.body)
	}
	return o.status, o.text("access_token")
}

// What the node leans on goes away and comes back, again and again, in every way: only
// what needs it fails, with the answer that says whose fault it is; it goes on by itself,
// and nothing is left behind. What is slow makes slow what needs it, and no more.
func TestWhatFlapsHurtsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	l := newLeaning(t)
	l.served = launch(t, l.args("--identity-targets=127.0.0.0/8", "--log-level=error")...)
	var token string
	eventually(t, "a login", func() bool { _, token = l.login(); return token != "" })
	all := []*line{l.line, l.directory, l.api}
	for _, one := range all {
		one.slow(10 * time.Millisecond)
	}
	for range 3 {
		if status, _ := l.call(l.gateway, token); status != http.StatusOK {
			t.Errorf("with everything slow a call is answered %d", status)
		}
		if status, _ := l.login(); status != http.StatusOK {
			t.Errorf("with everything slow a login is answered %d", status)
		}
	}
	for _, one := range all {
		one.slow(0)
	}
	node := &soakNode{served: l.served}
	goroutines := node.figure(t, "go_goroutines")
	for _, tt := range []struct {
		name        string
		line        *line
		lose        func(*line)
		call, login int
		flaps       int
	}{
		{"the database is cut off", l.line, (*line).cut, 200, 503, 2},
		{"the database says nothing", l.line, (*line).silence, 200, 503, 1},
		{"the directory is cut off", l.directory, (*line).cut, 200, 503, 2},
		{"the directory says nothing", l.directory, (*line).silence, 200, 503, 2},
		{"the API is cut off", l.api, (*line).cut, 502, 200, 2},
		{"the API says nothing", l.api, (*line).silence, 504, 200, 2},
	} {
		for flap := range tt.flaps {
			tt.lose(tt.line)
			eventually(t, tt.name, func() bool {
				call, _ := l.call(l.gateway, token)
				login, _ := l.login()
				return call == tt.call && login == tt.login
			})
			for range 2 { // and so it stays
				if status, body := l.call(l.gateway, token); status != tt.call {
					t.Errorf("%s: a call is answered %d %s", tt.name, status, body)
				}
			}
			if status, answer := l.ready(l.ops); status != http.StatusOK {
				t.Errorf("%s: it says of itself %d %v", tt.name, status, answer)
			}
			tt.line.cut()
			tt.line.connect()
			eventually(t, fmt.Sprint("not any more, for time ", flap+1), func() bool {
				call, body := l.call(l.gateway, token)
				login, fresh := l.login()
				if login == http.StatusOK {
					token = fresh
				}
				return call == http.StatusOK && body == "/v0/pets" && login == http.StatusOK
			})
		}
	}
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "goroutines are as many as before", func() bool { return node.figure(t, "go_goroutines") < goroutines+15 })
	l.stop(t, syscall.SIGTERM)
}
