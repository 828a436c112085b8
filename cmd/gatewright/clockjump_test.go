package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/secret"
)

// buildMoved builds gatewright with a wall clock that a test sets, see testdata/clock:
// of Go's library one line is another one there.
func buildMoved(t *testing.T) string {
	t.Helper()
	const original, moved = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "func Now() Time {\n\tsec, nsec, mono := runtimeNowAhead()\n"
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	library, dir := filepath.Join(strings.TrimSpace(string(root)), "src", "time"), t.TempDir()
	text, err := os.ReadFile(filepath.Join(library, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), original) != 1 {
		t.Fatalf("time.Now of this Go does not begin with %q: it cannot be moved", original)
	}
	ahead, err := filepath.Abs("testdata/clock/ahead.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(library, "time.go"): filepath.Join(dir, "time.go"), filepath.Join(library, "ahead.go"): ahead,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"time.go": []byte(strings.Replace(string(text), original, moved, 1)), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "gatewright")
	if out, err := exec.Command("go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// jumping is a whole process with console and gateway, whose wall clock the test sets.
// All that it leans on has the right time, the database too.
type jumping struct {
	*leaning
	log   journal
	clock *os.File
	ahead time.Duration

	refresh  string // newest refresh token of a login that never ends
	versions int    // deploys
	guesses  int    // wrong passwords
	guessed  string // whose they are meant to be
	busy     int    // what goes through to the database from one report of the node to the next
}

func newJumping(t *testing.T) *jumping {
	t.Helper()
	j := &jumping{leaning: newLeaning(t, func(c *jwtauth.Config) {
		c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = false, 30, issue.Minutes
		c.RefreshTokenAllowed, c.RefreshTokenCount, c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit = true, issue.MaxRefreshCount, 45, issue.Minutes
	})}
	j.proxy.Upstream.ResponseTimeout, j.proxy.Upstream.Check = 0, &engine.HealthCheck{Path: "/well", Interval: 100, Healthy: 1, Unhealthy: 1}
	j.deploy("/v0")
	if _, _, _, err := j.store.EnsureAdministrator(t.Context(), secret.New(userPassword)); err != nil {
		t.Fatal(err)
	}
	var err error
	if j.clock, err = os.Create(filepath.Join(t.TempDir(), "ahead")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.clock.Close() })
	j.set(0)
	cmd := exec.Command(buildMoved(t), "serve", "--data-dir="+j.dir, "--database-url="+j.line.url, "--master-key="+testMasterKey, "--console-addr=127.0.0.1:0",
		"--gateway=production=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--identity-targets=127.0.0.0/8", "--drain-timeout=60s", "--log-format=text")
	cmd.Env, cmd.Stderr = []string{"CLOCK_UNDER_TEST=" + j.clock.Name()}, &j.log
	j.served = launchAs(t, cmd)
	return j
}

// set makes the process's clock say so much more than the others.
func (j *jumping) set(ahead time.Duration) {
	j.t.Helper()
	if _, err := j.clock.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second)), 0); err != nil {
		j.t.Fatal(err)
	}
	j.ahead = ahead
}

// ask is what a request for a token is answered.
func (j *jumping) ask(more url.Values) outcome {
	j.t.Helper()
	more.Set("client_id", j.proxy.ClientID)
	resp, err := http.PostForm(j.gateway+"/auth/jwt", more)
	if err != nil {
		j.t.Fatal(err)
	}
	return read(j.t, resp)
}

func (j *jumping) enter(name, password string) outcome {
	j.t.Helper()
	return j.ask(url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}})
}

func (j *jumping) guess() outcome {
	j.t.Helper()
	j.guesses++
	return j.enter(j.guessed, fmt.Sprint("guess ", j.guesses))
}

func (j *jumping) wants(what, token string, status int) {
	j.t.Helper()
	if got, body := j.call(j.gateway, token); got != status {
		j.t.Errorf("%s ahead: %s is answered %d %s, want %d", j.ahead, what, got, body, status)
	}
}

// fails makes everything fail that is given a pause then or is tried again later:
// guesses, the directory, the API and at last the database, behind which a token is
// revoked and another version of the API deployed.
func (j *jumping) fails(token string) {
	j.t.Helper()
	j.guessed = fmt.Sprint("who", j.versions)
	eventually(j.t, "guesses are slowed", func() bool { return j.guess().status == http.StatusTooManyRequests })
	j.directory.cut()
	for range 6 { // the breaker is open
		j.enter("ayse", ldaptest.Password).wants(j.t, http.StatusServiceUnavailable, "")
	}
	j.leaning.api.cut()
	eventually(j.t, "the API is down", func() bool { status, _ := j.call(j.gateway, token); return status == http.StatusServiceUnavailable })
	j.line.cut()
	eventually(j.t, "the database is away", func() bool { _, answer := j.ready(j.ops); return answer["database"] == "away" })
	j.versions++
	j.deploy(fmt.Sprint("/v", j.versions))
	j.revoke(token)
}

// jumps sets the clock while everything fails, and gives it all back. It returns a token
// of afterwards.
func (j *jumping) jumps(ahead time.Duration) (token string) {
	j.t.Helper()
	j.t.Logf("the clock is set to %s ahead", ahead)
	stolen := j.enter("ayse", ldaptest.Password).text("access_token")
	j.fails(stolen)
	j.set(ahead)
	for _, one := range []*line{j.line, j.leaning.api, j.directory} {
		one.connect()
	}
	token = j.goes()
	j.wants("a token that was revoked meanwhile", stolen, http.StatusUnauthorized)
	return token
}

// goes waits until everything goes that has to, whatever the clock says. It returns a
// token of this moment.
func (j *jumping) goes() (token string) {
	j.t.Helper()
	eventually(j.t, "logins go on", func() bool {
		token = j.enter("ayse", ldaptest.Password).text("access_token")
		return token != ""
	})
	version := fmt.Sprintf("/v%d/pets", j.versions)
	eventually(j.t, "the version deployed meanwhile", func() bool { _, body := j.call(j.gateway, token); return body == version })
	eventually(j.t, "guesses are slowed no longer", func() bool { return j.guess().status != http.StatusTooManyRequests })
	if j.refresh != "" {
		o := j.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {j.refresh}})
		o.wants(j.t, http.StatusOK, "")
		j.refresh = o.text("refresh_token")
		j.wants("a refreshed token", o.text("access_token"), http.StatusOK)
	}
	j.travels()
	j.isStored(token)
	j.isManaged()
	return token
}

// travels waits for a deploy and a revocation.
func (j *jumping) travels() {
	j.t.Helper()
	gone := j.enter("ayse", ldaptest.Password).text("access_token")
	j.versions++
	j.deploy(fmt.Sprint("/v", j.versions))
	version := fmt.Sprintf("/v%d/pets", j.versions)
	eventually(j.t, "a deploy", func() bool { _, body := j.call(j.gateway, gone); return body == version })
	j.revoke(gone)
	eventually(j.t, "a revocation", func() bool { status, _ := j.call(j.gateway, gone); return status == http.StatusUnauthorized })
}

// isStored waits until what happens is in the database: counts of calls, token requests,
// refused calls and the node's report. All that goes there is no more than it was.
func (j *jumping) isStored(token string) {
	j.t.Helper()
	for _, stored := range []struct{ what, figure string }{
		{"calls", "select coalesce(sum((select sum(c.value::int) from jsonb_each_text(to_jsonb(d)) c where c.key ~ '^c[0-9]+$')), 0) from call_days d"},
		{"token requests", "select count(*) from token_requests"},
		{"refused calls", "select count(*) from refusals"},
	} {
		before := j.count(stored.figure)
		j.wants("a forged token", token+"x", http.StatusUnauthorized)
		j.wants("a token of this moment", j.enter("ayse", ldaptest.Password).text("access_token"), http.StatusOK)
		eventually(j.t, "more "+stored.what, func() bool { return j.count(stored.figure) > before })
	}
	j.reports() // of what there was before
	before := j.line.traffic()
	j.reports()
	busy := j.line.traffic() - before
	if j.busy == 0 {
		j.busy = busy
	}
	if busy > 3*j.busy+1000 { // a storm is far above that
		j.t.Errorf("%s ahead: an idle process sends and hears %d pieces between two reports, it was %d", j.ahead, busy, j.busy)
	}
	nodes, err := j.store.Nodes(j.t.Context())
	if err != nil || len(nodes) != 1 || !nodes[0].Alive || !nodes[0].OK {
		j.t.Errorf("%s ahead: the nodes are %+v, %v", j.ahead, nodes, err)
	}
}

// reports waits for the next report of the node.
func (j *jumping) reports() {
	j.t.Helper()
	const last = "select (1e6 * extract(epoch from max(reported_at)))::bigint from nodes"
	before := j.count(last)
	eventually(j.t, "a report of the node", func() bool { return j.count(last) > before })
}

// isManaged signs in, at the console and at the management API, and looks.
func (j *jumping) isManaged() {
	j.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		j.t.Fatal(err)
	}
	visitor := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer visitor.CloseIdleConnections()
	resp, err := visitor.PostForm(j.console+"/sign-in", url.Values{"name": {"admin"}, "password": {userPassword}})
	if err != nil {
		j.t.Fatal(err)
	}
	read(j.t, resp).wants(j.t, http.StatusSeeOther, "")
	if resp, err = visitor.Get(j.console + resp.Header.Get("Location")); err != nil {
		j.t.Fatal(err)
	}
	if o := read(j.t, resp); o.status == http.StatusSeeOther && strings.Contains(resp.Header.Get("Location"), "sign-in") || o.status >= 400 {
		j.t.Errorf("%s ahead: the console answers %d to who has signed in", j.ahead, o.status)
	}
	resp, err = http.PostForm(j.console+"/apiops/auth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"admin"}, "client_secret": {userPassword}})
	if err != nil {
		j.t.Fatal(err)
	}
	read(j.t, resp).wants(j.t, http.StatusOK, "")
}

// drains ends the process while a call is under way and the clock jumps about.
func (j *jumping) drains(token string) {
	j.t.Helper()
	j.leaning.api.slow(time.Second)
	answered := make(chan int, 1)
	go func() {
		defer close(answered) // also where no answer came
		status, _ := j.call(j.gateway, token)
		answered <- status
	}()
	node := &soakNode{served: j.served}
	eventually(j.t, "a call is under way", func() bool { return node.figure(j.t, `gatewright_calls\{environment="production"\}`) == 1 })
	if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		j.t.Fatal(err)
	}
	eventually(j.t, "the gateway takes no more", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(j.gateway, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	j.set(time.Hour)
	j.set(-time.Hour)
	if status := <-answered; status != http.StatusOK {
		j.t.Errorf("the call under way is answered %d", status)
	}
	if err := j.ended(); err != nil {
		j.t.Errorf("the process ends with %v", err)
	}
}

// The wall clock of a running process jumps an hour ahead, two back and is set right,
// each time while everything that it leans on is away. Tokens are good when its clock
// says so, logins when the database's does; all else goes on as if no clock had moved.
func TestAClockThatJumpsIsFollowedAndHaltsNothing(t *testing.T) {
	t.Parallel()
	j := newJumping(t)
	var in outcome
	eventually(t, "a login", func() bool { in = j.enter("ayse", ldaptest.Password); return in.status == http.StatusOK })
	first := in.text("access_token")
	j.refresh = in.text("refresh_token")
	j.goes()
	j.wants("a token", first, http.StatusOK)
	node := &soakNode{served: j.served}
	goroutines := node.figure(t, "go_goroutines")

	ahead := j.jumps(time.Hour)
	j.wants("a token that has expired", first, http.StatusUnauthorized)

	behind := j.jumps(-time.Hour)
	j.wants("a token of an hour from now", first, http.StatusUnauthorized)
	j.wants("a token of two hours from now", ahead, http.StatusUnauthorized)

	now := j.jumps(0)
	j.wants("a token of a quarter of an hour ago at most", first, http.StatusOK)
	j.wants("a token of an hour from now", ahead, http.StatusUnauthorized)
	j.wants("a token of an hour ago", behind, http.StatusUnauthorized)

	eventually(t, "goroutines are as many as before", func() bool { return node.figure(t, "go_goroutines") < goroutines+15 })
	j.drains(now)
	for line := range strings.Lines(j.log.String()) {
		if strings.Contains(line, " ERR ") && !strings.Contains(line, "the database does not answer") || strings.Contains(line, "panic") {
			t.Errorf("it says %s", line)
		}
	}
}
