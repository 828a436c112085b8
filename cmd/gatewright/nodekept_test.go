package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// line is the way to a database or another server, which can be cut, and can be
// silent: then connections stand and nothing comes back. It can be slow, too.
type line struct {
	t      *testing.T
	url    string
	addr   string
	server func() (net.Conn, error)

	mu     sync.Mutex
	listen net.Listener
	open   map[net.Conn]bool
	mute   bool
	delay  time.Duration // of whatever goes through, in either direction
	passed int           // pieces that went through
}

func newLine(t *testing.T, database string) *line {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	host, port := u.Hostname(), u.Port()
	if h := q.Get("host"); h != "" {
		host, port = h, q.Get("port")
	}
	l := lineTo(t, func() (net.Conn, error) {
		if strings.HasPrefix(host, "/") {
			return net.Dial("unix", filepath.Join(host, ".s.PGSQL."+port))
		}
		return net.Dial("tcp", net.JoinHostPort(host, port))
	})
	q.Del("host")
	q.Del("port")
	u.Host, u.RawQuery = l.addr, q.Encode()
	l.url = u.String()
	return l
}

// lineTo is the way to any server.
func lineTo(t *testing.T, server func() (net.Conn, error)) *line {
	t.Helper()
	l := &line{t: t, open: map[net.Conn]bool{}, addr: "127.0.0.1:0", server: server}
	l.connect()
	t.Cleanup(l.cut)
	return l
}

// slow makes whatever goes through take so much longer; 0 is as fast as can be.
func (l *line) slow(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = by
}

// connect lets connections through from now on.
func (l *line) connect() {
	l.t.Helper()
	listen, err := net.Listen("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.listen, l.addr, l.mute = listen, listen.Addr().String(), false
	l.mu.Unlock()
	go func() {
		for {
			from, err := listen.Accept()
			if err != nil {
				return
			}
			go l.join(from)
		}
	}()
}

func (l *line) join(from net.Conn) {
	to, err := l.server()
	if err != nil {
		from.Close()
		return
	}
	l.mu.Lock()
	l.open[from], l.open[to] = true, true
	l.mu.Unlock()
	go l.copy(to, from)
	l.copy(from, to)
}

func (l *line) copy(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		l.mu.Lock()
		mute, delay := l.mute, l.delay
		l.passed++
		l.mu.Unlock()
		time.Sleep(delay)
		if mute {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut ends all connections and refuses new ones.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listen.Close()
	for c := range l.open {
		c.Close()
	}
	clear(l.open)
}

// traffic is how much has gone through.
func (l *line) traffic() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.passed
}

// silence swallows whatever is sent.
func (l *line) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = true
}

// lone is a database behind a line, and one guarded API in it.
type lone struct {
	*installation
	line  *line
	url   string // straight to the database
	dir   string
	proxy models.Owner
	pair  secret.Text
}

func newLone(t *testing.T, changes ...func(*jwtauth.Config)) *lone {
	t.Helper()
	database := modelstest.Database(t)
	store := modelstest.Open(t, database, func(o *models.Options) {
		o.Sealer, o.Types, o.Identities = mustSealer(), policyTypes(), identityKinds()
	})
	modelstest.Environment(t, store, "production")
	l := &lone{installation: &installation{t: t, store: store}, line: newLine(t, database), url: database, dir: t.TempDir()}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(upstream.Close)
	project := modelstest.Project(t, store, "Shop")
	var err error
	l.proxy, l.pair, err = store.SaveProxy(t.Context(), modelstest.By(), project.ID, models.Owner{
		Name: "api", Route: engine.Route{BasePath: "/api"}, Upstream: engine.Upstream{URL: upstream.URL + "/v0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.proxy = modelstest.Bind(t, store, l.proxy, modelstest.Policy(t, store, project.ID, "standard", changes...))
	modelstest.Deploy(t, store, l.proxy, "production")
	return l
}

func openLone(t *testing.T, database string) *models.Store {
	t.Helper()
	return modelstest.Open(t, database, func(o *models.Options) {
		o.Sealer, o.Types, o.Identities = mustSealer(), policyTypes(), identityKinds()
	})
}

func (l *lone) args(more ...string) []string {
	return append([]string{"gateway", "--data-dir=" + l.dir, "--database-url=" + l.line.url, "--master-key=" + testMasterKey,
		"--gateway=production=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--log-format=text"}, more...)
}

func (l *lone) start() *served { return launch(l.t, l.args()...) }

func (l *lone) issue(gateway string) (status int, retry, token string) {
	l.t.Helper()
	resp, err := http.PostForm(gateway+"/auth/jwt", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {l.proxy.ClientID}, "client_secret": {l.pair.Reveal()},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, resp.Header.Get("Retry-After"), answer.AccessToken
}

func (l *lone) token(gateway string) string {
	l.t.Helper()
	status, _, token := l.issue(gateway)
	if token == "" {
		l.t.Fatalf("no token: %d", status)
	}
	return token
}

func (l *lone) call(gateway, token string) (int, string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, gateway+"/api/pets", http.NoBody)
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func (l *lone) ready(ops string) (int, map[string]string) {
	l.t.Helper()
	resp, err := http.Get(ops + "/readyz")
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := map[string]string{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// deploy sends the API's calls elsewhere.
func (l *lone) deploy(path string) {
	l.t.Helper()
	l.proxy.Upstream.URL = l.proxy.Upstream.URL[:strings.LastIndexByte(l.proxy.Upstream.URL, '/')] + path
	saved, _, err := l.store.SaveProxy(l.t.Context(), modelstest.By(), l.proxy.ProjectID, l.proxy)
	if err != nil {
		l.t.Fatal(err)
	}
	l.proxy = saved
	modelstest.Deploy(l.t, l.store, l.proxy, "production")
}

func (l *lone) revoke(token string) {
	l.t.Helper()
	var claims struct {
		ID string `json:"jti"`
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(body, &claims)
	}
	if err != nil || claims.ID == "" {
		l.t.Fatalf("no jti: %v", err)
	}
	if _, err := l.store.Revoke(l.t.Context(), modelstest.By(), "production", revoke.Entry{Kind: revoke.Token, Key: claims.ID}, "stolen"); err != nil {
		l.t.Fatal(err)
	}
}

// count asks the database for a number.
func (l *lone) count(sql string, args ...any) int {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), l.url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(l.t.Context())
	var n int
	if err := conn.QueryRow(l.t.Context(), sql, args...).Scan(&n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

// eventually waits for what must come to be.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatalf("in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
	return time.Since(began)
}

func (l *lone) files() *keptFiles {
	l.t.Helper()
	files, err := openKept(filepath.Join(l.dir, "last-good"), mustSealer())
	if err != nil {
		l.t.Fatal(err)
	}
	return files
}

func TestANodeStartsWithoutTheDatabaseFromWhatItKept(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	first := l.start()
	good, stolen, later := l.token(first.gateway), l.token(first.gateway), l.token(first.gateway)
	l.revoke(stolen)
	eventually(t, "the revocation on the node", func() bool { status, _ := l.call(first.gateway, stolen); return status == http.StatusUnauthorized })
	first.stop(t, syscall.SIGTERM) // writes what is not written yet
	l.line.cut()

	second := l.start()
	if status, body := l.call(second.gateway, good); status != http.StatusOK || body != "/v0/pets" {
		t.Errorf("a good token is answered %d %s", status, body)
	}
	if status, _ := l.call(second.gateway, stolen); status != http.StatusUnauthorized {
		t.Errorf("a token that was revoked before is answered %d", status)
	}
	if status, _ := l.call(second.gateway, ""); status != http.StatusUnauthorized {
		t.Errorf("no token is answered %d", status)
	}
	if status, retry, token := l.issue(second.gateway); status != http.StatusServiceUnavailable || retry == "" || token != "" {
		t.Errorf("a token request is answered %d, Retry-After %q", status, retry)
	}
	if status, answer := l.ready(second.ops); status != http.StatusOK || answer["process"] != "degraded" || answer["database"] != "away" {
		t.Errorf("it says of itself %d %v", status, answer)
	}

	l.deploy("/v1")
	l.revoke(later)
	if status, body := l.call(second.gateway, later); status != http.StatusOK || body != "/v0/pets" {
		t.Errorf("what it cannot know yet: %d %s", status, body)
	}
	l.line.connect()
	eventually(t, "the revocation after the database is back", func() bool { status, _ := l.call(second.gateway, later); return status == http.StatusUnauthorized })
	eventually(t, "the deploy after the database is back", func() bool { _, body := l.call(second.gateway, good); return body == "/v1/pets" })
	eventually(t, "tokens", func() bool { status, _, _ := l.issue(second.gateway); return status == http.StatusOK })
	if status, answer := l.ready(second.ops); status != http.StatusOK || answer["database"] != "ok" {
		t.Errorf("it says of itself %d %v", status, answer)
	}
	eventually(t, "its report", func() bool {
		reports, err := l.store.Nodes(t.Context())
		return err == nil && len(reports) == 1 && reports[0].OK && !reports[0].Kept && reports[0].Running == reports[0].Generation
	})
	second.stop(t, syscall.SIGTERM)
}

func TestANodeThatLosesTheDatabaseGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lose func(*line)
	}{{"by a connection that is cut", (*line).cut}, {"by a server that says nothing any more", (*line).silence}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLone(t)
			s := l.start()
			token := l.token(s.gateway)
			c.lose(l.line)
			eventually(t, "no tokens", func() bool {
				status, retry, _ := l.issue(s.gateway)
				return status == http.StatusServiceUnavailable && retry != ""
			})
			began := time.Now()
			for range 20 {
				if status, _, _ := l.issue(s.gateway); status != http.StatusServiceUnavailable {
					t.Errorf("a token request is answered %d", status)
				}
				if status, _ := l.call(s.gateway, token); status != http.StatusOK {
					t.Errorf("a good token is answered %d", status)
				}
			}
			t.Logf("20 refused token requests and 20 calls in %s", time.Since(began).Round(time.Millisecond))
			if status, answer := l.ready(s.ops); status != http.StatusOK || answer["process"] != "degraded" {
				t.Errorf("it says of itself %d %v", status, answer)
			}
			l.deploy("/v1")
			l.revoke(token)
			l.line.cut()
			l.line.connect()
			eventually(t, "the revocation", func() bool { status, _ := l.call(s.gateway, token); return status == http.StatusUnauthorized })
			eventually(t, "tokens", func() bool { status, _, _ := l.issue(s.gateway); return status == http.StatusOK })
			fresh := l.token(s.gateway)
			eventually(t, "the deploy", func() bool { _, body := l.call(s.gateway, fresh); return body == "/v1/pets" })
			s.stop(t, syscall.SIGTERM)
		})
	}
}

// A console beside the gateway opens when the database is there.
func TestAWholeProcessStartsWithoutTheDatabaseToo(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	args := append(l.args("--console-addr=127.0.0.1:0"), "--admin-password=correct horse battery")
	args[0] = "serve"
	first := launch(t, args...)
	token := l.token(first.gateway)
	eventually(t, "a file", func() bool { _, _, _, err := l.files().read("production"); return err == nil })
	first.stop(t, syscall.SIGTERM)
	l.line.cut()
	second := launch(t, args...)
	if status, _ := l.call(second.gateway, token); status != http.StatusOK {
		t.Errorf("a good token is answered %d", status)
	}
	open := func() int {
		resp, err := http.Get(second.console + "/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := open(); status != http.StatusServiceUnavailable {
		t.Errorf("the console answers %d", status)
	}
	l.line.connect()
	eventually(t, "the console", func() bool { return open() == http.StatusOK })
	second.stop(t, syscall.SIGTERM)
}

// What does not open is refused with a line that says why, and stops nothing
// while the database is there.
func TestAFileThatIsNoGoodIsRefused(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	s := l.start()
	token := l.token(s.gateway)
	l.revoke(token)
	eventually(t, "the revocation in the file", func() bool { _, _, r, err := l.files().read("production"); return err == nil && len(r.Entries) == 1 })
	l.deploy("/v1")
	eventually(t, "a bundle that knows of it", func() bool { _, c, _, err := l.files().read("production"); return err == nil && c.RevokedTo > 0 })
	s.stop(t, syscall.SIGTERM)
	files := l.files()
	bundle, revocations := files.path("production", keptBundleFile), files.path("production", keptRevoked)
	whole, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bundle, revocations} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	if bytes.Contains(whole, []byte("/api")) || bytes.Contains(whole, []byte(l.proxy.ClientID)) {
		t.Error("the file shows what is in it")
	}
	raw, err := os.ReadFile(revocations)
	if err != nil {
		t.Fatal(err)
	}
	before := keptRevocations{At: time.Now()}
	if err := files.write("production", keptRevoked, before, nil); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(revocations)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for _, c := range []struct {
		name                string
		bundle, revocations []byte
		key, want           string
	}{
		{"no file", nil, nil, "", "nothing is kept"},
		{"another master key", whole, raw, "8f4a1cc5f0b7f6d8a9d3e2b1c07f5a6e4d3c2b1a0f9e8d7c6b5a49382716fe50", "master key is not the one"},
		{"a damaged file", flipped, raw, "", "does not open"},
		{"half a file", whole[:len(whole)/2], raw, "", "does not open"},
		{"an empty file", []byte{}, raw, "", "damaged, or no file of a node"},
		{"something else", []byte("PK\x03\x04"), raw, "", "damaged, or no file of a node"},
		{"an older format", bytes.Replace(whole, []byte(keptFormat), []byte("0.9"), 1), raw, "", `has format "0.9", this version reads ` + keptFormat},
		{"a newer format", bytes.Replace(whole, []byte(keptFormat), []byte("99.1"), 1), raw, "", `has format "99.1"`},
		{"revocations in place of the bundle", raw, raw, "", "does not open"},
		{"no revocations", whole, nil, "", "a bundle without its revocations is not used"},
		{"damaged revocations", whole, flipped, "", "a bundle without its revocations is not used"},
		{"older revocations", whole, older, "", "may lack revocations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			put(t, bundle, c.bundle)
			put(t, revocations, c.revocations)
			args := l.args()
			if c.key != "" {
				args = append(args, "--master-key="+c.key)
			}
			l.line.cut()
			code, out, logged := start(t, nil, args...)
			if code != 1 || out != "" || !strings.Contains(logged, c.want) || !strings.Contains(logged, "connect") {
				t.Errorf("without the database: %d %s %s", code, out, logged)
			}
			l.line.connect()
			if c.key != "" {
				return
			}
			again := l.start()
			again.stop(t, syscall.SIGTERM)
			if _, _, _, err := files.read("production"); err != nil {
				t.Errorf("the start with the database left %v", err)
			}
		})
	}
	if err := os.WriteFile(files.path("staging", keptBundleFile), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := files.read("staging"); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("the file of another environment: %v", err)
	}
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	err := os.Remove(path)
	if content != nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// ATTACK: an environment is deleted, and its tokens are used on a node that starts
// without the database.
func TestAttackADeletedEnvironmentDoesNotComeBackFromDisk(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	modelstest.Environment(t, l.store, "staging")
	modelstest.Deploy(t, l.store, l.proxy, "staging")
	args := l.args("--gateway=staging=127.0.0.1:0")
	s := launch(t, args...)
	eventually(t, "a file", func() bool { _, _, _, err := l.files().read("staging"); return err == nil })
	s.stop(t, syscall.SIGTERM)
	staging, err := l.store.Environment(t.Context(), "staging")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.store.DeleteEnvironment(t.Context(), modelstest.By(), staging.ID, staging.Version); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := start(t, nil, args...); code != 1 || !strings.Contains(stderr, "there is no environment staging") {
		t.Errorf("a start with the database: %d %s", code, stderr)
	}
	if _, _, _, err := l.files().read("staging"); err == nil {
		t.Error("the file is still there")
	}
}

// asKeeper makes the test binary write the files of a directory until it is
// killed.
const asKeeper = "RUN_AS_KEEPER"

func keepWriting(dir string) {
	files, err := openKept(dir, mustSealer())
	if err != nil {
		panic(err)
	}
	for i := int64(1); ; i++ {
		b := engine.Bundle{Environment: "production", Generation: i, Values: map[string]string{"FILL": strings.Repeat("x", 1<<20)}}
		k := newKeeper(files, "production", slog.New(slog.DiscardHandler))
		k.good(b)
		k.revoke([]revoke.Entry{{ID: i, Kind: revoke.All}})
		if !k.flush() {
			panic("not written")
		}
	}
}

func mustSealer() *secret.Sealer {
	key, err := secret.ParseMasterKey(testMasterKey)
	if err != nil {
		panic(err)
	}
	sealer, err := secret.NewSealer(key)
	if err != nil {
		panic(err)
	}
	return sealer
}

func TestAKillInTheMiddleOfAWriteLeavesAWholeFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	last := int64(0)
	for round := range 12 {
		left, err := filepath.Glob(filepath.Join(dir, draftPattern))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asKeeper+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		files, err := openKept(dir, mustSealer())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "a draft", func() bool {
			drafts, err := filepath.Glob(filepath.Join(dir, draftPattern))
			_, _, _, unread := files.read("production")
			return err == nil && len(drafts) > len(left) && unread == nil
		})
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b, _, _, err := files.read("production")
		if err != nil || len(b.Values["FILL"]) != 1<<20 {
			t.Fatalf("after kill %d: %v", round+1, err)
		}
		last = max(last, b.Generation)
	}
	t.Logf("killed at generations up to %d", last)
	leftovers, err := filepath.Glob(filepath.Join(dir, draftPattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range leftovers {
		if err := os.Chtimes(path, time.Now(), time.Now().Add(-2*draftAge)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openKept(dir, mustSealer()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, draftPattern)); len(left) != 0 {
		t.Errorf("the next start left %v", left)
	}
}

// A disk that takes nothing keeps nobody from being served, and is said.
func TestADiskThatTakesNothingIsSaidAndStopsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := openKept(filepath.Join(dir, "gone"), mustSealer())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files.dir); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	k := newKeeper(files, "production", slog.New(slog.NewTextHandler(&log, nil)))
	k.good(engine.Bundle{Environment: "production"})
	for range 2 { // it is said once
		if k.flush() {
			t.Fatal("written")
		}
	}
	if n := strings.Count(log.String(), "last good configuration not kept"); n != 1 {
		t.Errorf("said %d times: %s", n, log.String())
	}
	if err := os.Mkdir(files.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !k.flush() {
		t.Error("not written when the disk was back")
	}
	if _, _, _, err := files.read("production"); err != nil {
		t.Error(err)
	}
}

func TestExpiredRevocationsAreNotKept(t *testing.T) {
	t.Parallel()
	files, err := openKept(t.TempDir(), mustSealer())
	if err != nil {
		t.Fatal(err)
	}
	k := newKeeper(files, "production", slog.New(slog.DiscardHandler))
	k.revoke([]revoke.Entry{
		{ID: 1, Kind: revoke.Token, Key: "a"}, {ID: 2, Kind: revoke.Token, Key: "b", Expires: time.Now().Add(-time.Hour)},
		{ID: 3, Kind: revoke.Token, Key: "c", Expires: time.Now().Add(-time.Minute)},
	})
	k.good(engine.Bundle{Environment: "production"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.run(ctx) // a clean stop
	_, _, r, err := files.read("production")
	if err != nil || len(r.Entries) != 2 || r.Last != 3 || r.Entries[0].Key != "a" || r.Entries[1].Key != "c" {
		t.Errorf("%+v, %v", r, err)
	}
}
