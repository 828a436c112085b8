package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestConnectionsAreEncryptedAndVerified(t *testing.T) {
	t.Parallel()
	stranger, err := ldaptest.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	byName := func(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }
	tests := []struct {
		name   string
		change func(*ldap.Config)
		want   string // of the error; "" for none
	}{
		{"LDAPS to an address", func(*ldap.Config) {}, ""},
		{"LDAPS to a name", func(c *ldap.Config) { c.Servers = []string{byName(directory.LDAPS)} }, ""},
		{"StartTLS to an address", func(c *ldap.Config) { c.Servers = []string{directory.LDAP} }, ""},
		{"StartTLS to a name", func(c *ldap.Config) { c.Servers = []string{byName(directory.LDAP)} }, ""},
		{"a certificate for the name that is set", func(c *ldap.Config) { c.ServerName = "localhost" }, ""},
		{"no encryption where that is allowed", func(c *ldap.Config) {
			c.Servers, c.StartTLS, c.AllowPlaintext = []string{directory.LDAP}, false, true
		}, ""},
		{"LDAPS with the wrong authority", func(c *ldap.Config) { c.CACertificates = stranger }, "certificate signed by unknown authority"},
		{"StartTLS with the wrong authority", func(c *ldap.Config) {
			c.Servers, c.CACertificates = []string{directory.LDAP}, stranger
		}, "certificate signed by unknown authority"},
		{"the system's authorities", func(c *ldap.Config) { c.CACertificates = "" }, "x509"},
		{"LDAPS with another name", func(c *ldap.Config) { c.ServerName = "ldap.example.com" }, "certificate is valid for localhost, not ldap.example.com"},
		{"StartTLS with another name", func(c *ldap.Config) {
			c.Servers, c.ServerName = []string{directory.LDAP}, "ldap.example.com"
		}, "certificate is valid for localhost, not ldap.example.com"},
		{"LDAPS to a port that does not encrypt", func(c *ldap.Config) {
			c.Servers = []string{strings.Replace(directory.LDAP, "ldap:", "ldaps:", 1)}
		}, "ldaps://127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := searching(directory)
			tt.change(c)
			s := open(t, c)
			if tt.want == "" {
				accepted(t, s, "ayse")
				return
			}
			broken(t, s, "ayse", tt.want)
		})
	}
}

// silent is a listener that accepts and says nothing. It tells how many came.
func silent(t *testing.T) (address string, came *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = new(atomic.Int64)
	var conns sync.Map
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, nil)
			came.Add(1)
		}
	}()
	return l.Addr().String(), came
}

// dead is an address where nobody listens.
func dead(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestASilentServerEndsByTheTimeLimit(t *testing.T) {
	t.Parallel()
	address, _ := silent(t)
	tests := map[string]func(*ldap.Config){
		"before TLS":      func(c *ldap.Config) { c.Servers = []string{"ldaps://" + address} },
		"before StartTLS": func(c *ldap.Config) { c.Servers = []string{"ldap://" + address} },
		"before a bind": func(c *ldap.Config) {
			c.Servers, c.StartTLS, c.AllowPlaintext = []string{"ldap://" + address}, false, true
		},
		"before a search": func(c *ldap.Config) {
			c.Servers, c.StartTLS, c.AllowPlaintext, c.BindDN = []string{"ldap://" + address}, false, true, ""
		},
		"before a user's bind": func(c *ldap.Config) {
			c.Servers, c.StartTLS, c.AllowPlaintext, c.BindDN = []string{"ldap://" + address}, false, true, ""
			c.AuthMode, c.UserDNPattern = ldap.Simple, "uid={{username}},dc=test"
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := searching(directory)
			c.TimeoutMillis = 100
			change(c)
			if err := broken(t, open(t, c), "ayse", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v is not about time", err)
			}
		})
	}
}

// A login that comes to nothing must not cost us a connection.
func TestConnectionsOfFailedLoginsAreClosed(t *testing.T) {
	t.Parallel()
	service := func(*ldap.Config) {}
	user := func(c *ldap.Config) {
		c.AuthMode, c.BindDN, c.UserDNPattern = ldap.Simple, "", "uid={{username}},dc=test"
	}
	tests := map[string]struct {
		change func(*ldap.Config)
		serve  func(net.Conn)
	}{
		"no answer to TLS":      {func(c *ldap.Config) { c.Servers[0] = strings.Replace(c.Servers[0], "ldap:", "ldaps:", 1) }, hush},
		"no answer to StartTLS": {func(c *ldap.Config) { c.StartTLS, c.AllowPlaintext = true, false }, hush},
		"no answer to a bind":   {service, hush},
		"the service refused":   {service, refuse},
		"the user refused":      {user, refuse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if c, err := l.Accept(); err == nil {
					tt.serve(c) // until the other end is closed
				}
			}()
			c := pretended("ldap://" + l.Addr().String())
			c.TimeoutMillis = 100
			tt.change(c)
			if _, ok, _ := open(t, c).Authenticate(t.Context(), "ayse", password); ok {
				t.Error("accepted")
			}
			<-gone
		})
	}
}

func hush(c net.Conn)   { _, _ = io.Copy(io.Discard, c); c.Close() }
func refuse(c net.Conn) { converse(c, func(request) answer { return answer{code: 49} }) }

func TestACallerWhoGoesAwayEndsTheQuestion(t *testing.T) {
	t.Parallel()
	address, came := silent(t)
	c := pretended("ldap://" + address)
	c.TimeoutMillis = 60000
	s := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for came.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, _, err := s.Authenticate(ctx, "ayse", password); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want it cancelled", err)
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	quiet, _ := silent(t)
	tests := map[string]string{"nobody listens": "ldaps://" + dead(t), "nobody answers": "ldaps://" + quiet, "unknown name": "ldaps://nowhere.invalid"}
	for name, first := range tests {
		t.Run("to the second server when at the first "+name, func(t *testing.T) {
			t.Parallel()
			c := searching(directory)
			c.Servers, c.TimeoutMillis = []string{first, directory.LDAPS}, 2000
			accepted(t, open(t, c), "ayse")
		})
	}
	t.Run("remembers for a while which one is down", func(t *testing.T) {
		t.Parallel()
		c := searching(directory)
		own, came := silent(t)
		c.Servers, c.TimeoutMillis = []string{"ldaps://" + own, directory.LDAPS}, 1000
		s := open(t, c)
		now := time.Now()
		s.SetClock(func() time.Time { return now })
		accepted(t, s, "ayse")
		accepted(t, s, "bora")
		if n := came.Load(); n != 1 {
			t.Errorf("the silent server was tried %d times, want once", n)
		}
		now = now.Add(31 * time.Second)
		accepted(t, s, "ayse")
		if n := came.Load(); n != 2 {
			t.Errorf("the silent server was tried %d times after a while, want twice", n)
		}
	})
	t.Run("says of every server why it cannot be used", func(t *testing.T) {
		t.Parallel()
		c := searching(directory)
		c.Servers, c.TimeoutMillis = []string{"ldaps://" + dead(t), "ldaps://" + quiet}, 200
		err := broken(t, open(t, c), "ayse", "connection refused")
		if !strings.Contains(err.Error(), quiet) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not name %s, or not in one line", err, quiet)
		}
	})
	t.Run("does not try a wrong bind password everywhere", func(t *testing.T) {
		t.Parallel()
		own, came := silent(t)
		c := searching(directory)
		c.Servers = []string{directory.LDAPS, "ldaps://" + own}
		s, err := c.Open(identity.Deps{Secrets: map[string]secret.Text{ldap.BindPassword: secret.New("wrong")}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		_, ok, err := s.Authenticate(t.Context(), "ayse", password)
		if ok || err == nil || came.Load() != 0 {
			t.Errorf("login = %t, %v with %d visits to the second server", ok, err, came.Load())
		}
	})
}

func TestLoginsWorkAgainAfterTheServerDroppedTheConnections(t *testing.T) {
	t.Parallel()
	own := ldaptest.Start(t)
	s := open(t, withGroups(searching(own)))
	accepted(t, s, "ayse")
	if s.Idle() == 0 {
		t.Fatal("no connection is kept")
	}
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	accepted(t, s, "ayse")
	if err := own.Stop(); err != nil {
		t.Fatal(err)
	}
	broken(t, s, "ayse", "connection refused")
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	accepted(t, s, "ayse")
}

func TestConnectionsAreKeptButNotForEver(t *testing.T) {
	t.Parallel()
	var binds atomic.Int64
	url := pretend(t, func(r request) answer {
		switch {
		case r.bind && r.dn == "cn=gateway,dc=test":
			binds.Add(1)
			return answer{}
		case r.bind || r.dn == "":
			return answer{}
		}
		return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse"}}}}
	})
	s := open(t, pretended(url))
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	for range 5 {
		accepted(t, s, "ayse")
	}
	now = now.Add(time.Minute) // idle for longer than it is trusted, but alive
	accepted(t, s, "ayse")
	if n := binds.Load(); n != 1 {
		t.Errorf("the service account was bound %d times, want once", n)
	}
	now = now.Add(10 * time.Minute)
	accepted(t, s, "ayse")
	if n := binds.Load(); n != 2 {
		t.Errorf("the service account was bound %d times, want anew after the connection's age", n)
	}
	s.Close()
	if n := s.Idle(); n != 0 {
		t.Errorf("%d connections are kept after Close", n)
	}
}

// A connection on which a user was bound would let the next search see with that
// user's eyes.
func TestAttackNoConnectionStaysBoundAsAUser(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var as []string // who the connection of each search is bound as
	url := pretendEach(t, func() func(request) answer {
		bound := ""
		return func(r request) answer {
			if r.bind {
				bound = r.dn
				return answer{}
			}
			mu.Lock()
			defer mu.Unlock()
			as = append(as, bound)
			return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse", "cn": "admins"}}}}
		}
	})
	s := open(t, withGroups(pretended(url)))
	for range 3 {
		accepted(t, s, "ayse")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, dn := range as {
		if dn != "cn=gateway,dc=test" {
			t.Errorf("a search was made as %q", dn)
		}
	}
	if len(as) != 6 {
		t.Errorf("%d searches, want 6", len(as))
	}
}

func TestManyLoginsAtOnceKeepToTheLimit(t *testing.T) {
	t.Parallel()
	var under, most atomic.Int64
	url := pretend(t, func(r request) answer {
		if r.bind {
			return answer{}
		}
		n := under.Add(1)
		defer under.Add(-1)
		for {
			seen := most.Load()
			if n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		time.Sleep(5 * time.Millisecond) // long enough for others to come between
		return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse"}}}}
	})
	c := pretended(url)
	c.MaxConcurrent, c.TimeoutMillis = 3, 60000
	s := open(t, c)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if _, ok, err := s.Authenticate(t.Context(), "ayse", password); !ok || err != nil {
				t.Errorf("login = %t, %v", ok, err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > 3 || n < 2 {
		t.Errorf("up to %d questions at once, want several and at most 3", n)
	}
	if n := s.Idle(); n > 3 || n == 0 {
		t.Errorf("%d connections are kept, want some and at most 3", n)
	}
}

func TestManyLoginsAtOnceGetEachTheirOwnAnswer(t *testing.T) {
	t.Parallel()
	c := withGroups(searching(directory))
	c.MaxConcurrent, c.TimeoutMillis = 4, 60000
	s := open(t, c)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			name := []string{"ayse", "bora", "zehra"}[i%3]
			right := i%2 == 0
			with := map[bool]string{true: ldaptest.Password, false: "wrong"}[right]
			id, ok, err := s.Authenticate(t.Context(), name, secret.New(with))
			if ok != right || err != nil || right && id.Name != name {
				t.Errorf("login of %s with the right password %t = %s, %t, %v", name, right, id.Name, ok, err)
			}
		})
	}
	all.Wait()
}

func TestALoginThatFindsNoSlotEndsByTheTimeLimit(t *testing.T) {
	t.Parallel()
	address, came := silent(t)
	c := pretended("ldap://" + address)
	c.MaxConcurrent, c.TimeoutMillis = 1, 60000
	s := open(t, c)
	busy, cancel := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() { _, _, _ = s.Authenticate(busy, "ayse", password) })
	for came.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, _, err := s.Authenticate(ctx, "bora", password); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "one of 1 calls") {
		t.Errorf("error = %v, want one about the limit of calls", err)
	}
	cancel()
	first.Wait()
}

func TestAttackAddressesThatTheOperatorDoesNotAllow(t *testing.T) {
	t.Parallel()
	address, came := silent(t)
	_, port, _ := net.SplitHostPort(address)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		c := pretended("ldap://" + host + ":" + port)
		var asked []netip.Addr
		s, err := c.Open(identity.Deps{
			Secrets: map[string]secret.Text{ldap.BindPassword: secret.New("x")},
			Allow:   func(a netip.Addr) error { asked = append(asked, a); return errors.New("not here") },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		_, ok, err := s.Authenticate(t.Context(), "ayse", password)
		if ok || err == nil || !strings.Contains(err.Error(), "not here") || len(asked) == 0 || came.Load() != 0 {
			t.Errorf("%s: login = %t, %v; asked about %v; %d connections", host, ok, err, asked, came.Load())
		}
	}
}

// A directory may name other servers, or a server in its way may: none of them
// gets to see a password.
func TestAttackReferralsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := open(t, pretended(pretend(t, func(r request) answer {
		if r.bind && r.dn == "cn=gateway,dc=test" {
			return answer{}
		}
		return answer{code: 10, text: "ldap://elsewhere.invalid/"}
	})))
	broken(t, s, "ayse", "directory answered 10")
}

func TestAttackAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 1<<20)
	c := pretended(pretend(t, func(r request) answer {
		if r.bind {
			return answer{}
		}
		entries := make([]entry, 6)
		for i := range entries {
			entries[i] = entry{fmt.Sprintf("uid=%d,dc=test", i), map[string]string{"uid": huge}}
		}
		return answer{entries: entries}
	}))
	c.TimeoutMillis = 60000
	s := open(t, c)
	for range 2 { // on a new connection too
		if err := broken(t, s, "ayse", "larger than 4 MiB"); !aboutOneUser(err) {
			t.Error("what stands in one entry counts as a failure of the directory")
		}
	}
}

// A firewall that forgets connections does not tell: each looks alive until it
// is asked.
func TestConnectionsThatAllWentSilentCostOneQuestion(t *testing.T) {
	t.Parallel()
	var mute, binds, asked atomic.Int64 // connections up to mute answer no more
	url := pretendEach(t, func() func(request) answer {
		var number int64
		return func(r request) answer {
			if r.bind && r.dn == "cn=gateway,dc=test" {
				number = binds.Add(1)
			}
			if number != 0 && number <= mute.Load() {
				asked.Add(1)
				<-t.Context().Done()
			}
			if !r.bind && r.dn != "" {
				time.Sleep(5 * time.Millisecond) // long enough for others to come between
			}
			return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse"}}}}
		}
	})
	c := pretended(url)
	c.TimeoutMillis = 2000
	s := open(t, c)
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, ok, err := s.Authenticate(t.Context(), "ayse", password); !ok || err != nil {
				t.Errorf("login = %t, %v", ok, err)
			}
		})
	}
	all.Wait()
	if s.Idle() < 4 {
		t.Fatalf("%d connections are kept, too few to tell", s.Idle())
	}
	mute.Store(binds.Load())
	now = now.Add(time.Minute)
	accepted(t, s, "ayse")
	if n := asked.Load(); n != 1 {
		t.Errorf("%d silent connections were asked, want one", n)
	}
}
