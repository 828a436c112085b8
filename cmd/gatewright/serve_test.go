package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/models/modelstest"
)

// asMain makes the test binary behave as gatewright, so that a whole process
// can be killed.
const asMain = "RUN_AS_GATEWRIGHT"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	if dir := os.Getenv(asKeeper); dir != "" {
		keepWriting(dir)
	}
	os.Exit(modelstest.Main(m))
}

// served is a gatewright process under test.
type served struct {
	cmd                   *exec.Cmd
	banner                string
	console, gateway, ops string
	password              string
	lines                 []string
	stdout                *bufio.Reader
}

// newDataDir is one that the database's own account can enter too.
func newDataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gatewright-serve-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// demoAddr is a free address for the demo's echo API. It must be the same at
// every start on one directory: the demo's proxy, once made, is not touched.
func demoAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func serveIn(t *testing.T, dir, demo string, more ...string) *served {
	t.Helper()
	return launch(t, append([]string{"serve", "--data-dir=" + dir, "--console-addr=127.0.0.1:0",
		"--gateway=production=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--demo", "--demo-addr=" + demo}, more...)...)
}

func launch(t *testing.T, args ...string) *served {
	t.Helper()
	return launchAs(t, exec.Command(os.Args[0], args...))
}

// launchAs starts a command that becomes gatewright.
func launchAs(t *testing.T, cmd *exec.Cmd) *served {
	t.Helper()
	s := &served{cmd: cmd}
	s.cmd.Env = append(append(os.Environ(), s.cmd.Env...), asMain+"=1")
	if s.cmd.Stderr == nil {
		s.cmd.Stderr = os.Stderr
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	s.stdout = bufio.NewReader(out)
	s.read(t)
	return s
}

// read takes the banner: it begins and ends with an empty line, and has one
// before each of its parts.
func (s *served) read(t *testing.T) {
	t.Helper()
	for !strings.HasSuffix(s.banner, "\n\n") || slices.Contains(s.cmd.Args, "--demo") && !strings.Contains(s.banner, "demo API") && !strings.Contains(s.banner, "$ curl") {
		line, err := s.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("the process ended after %q: %v", s.banner, err)
		}
		s.banner += line
	}
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(s.banner); m != nil {
			return m[1]
		}
		return ""
	}
	s.console, s.gateway, s.ops = find(`Console +(\S+)`), find(`Gateway +(\S+)`), find(`Health +(\S+)`)
	s.password = find(`with the password (\S+)`)
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(s.banner, -1) {
		s.lines = append(s.lines, m[1])
	}
}

func (s *served) stop(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	if err := s.ended(); err != nil && sig != os.Kill {
		t.Fatalf("after %v: %v", sig, err)
	}
}

// ended waits until the process has, and says if that went wrong.
func (s *served) ended() error {
	_, _ = io.Copy(io.Discard, s.stdout)
	return s.cmd.Wait()
}

// shell runs the banner's lines as a person pastes them.
func shell(t *testing.T, lines []string) string {
	t.Helper()
	out, err := exec.Command("bash", "-c", strings.Join(lines, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestTheDemoLinesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	s := serveIn(t, newDataDir(t), demoAddr(t))
	if len(s.lines) != 3 {
		t.Fatalf("want three lines, got %q in %s", s.lines, s.banner)
	}
	for i, want := range []string{"TOKEN=", "Authorization: Bearer $TOKEN", "curl"} {
		if !strings.Contains(s.lines[i], want) {
			t.Errorf("line %d: %s", i+1, s.lines[i])
		}
	}
	allowed := shell(t, s.lines[:2])
	for _, want := range []string{"200 OK", `"method"`, "GET", `"path"`, "/hello", `"headers"`} {
		if !strings.Contains(allowed, want) {
			t.Errorf("the call with a token lacks %s:\n%s", want, allowed)
		}
	}
	if strings.Contains(allowed, "Bearer ey") {
		t.Errorf("the token reached the echo API although the policy clears it:\n%s", allowed)
	}
	refused := shell(t, s.lines[2:])
	for _, want := range []string{"401 Unauthorized", "Www-Authenticate: Bearer", `{"statusCode":401,"message":"`, "X-Correlation-Id: "} {
		if !strings.Contains(refused, want) {
			t.Errorf("the call without a token lacks %s:\n%s", want, refused)
		}
	}
}

func TestASecondStartKeepsEverythingAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	dir, demo := newDataDir(t), demoAddr(t)
	first := serveIn(t, dir, demo)
	if first.password == "" {
		t.Fatalf("the first start shows no password:\n%s", first.banner)
	}
	token := strings.TrimSpace(shell(t, []string{first.lines[0], "echo $TOKEN"}))
	first.stop(t, syscall.SIGINT)
	second := serveIn(t, dir, demo)
	if second.password != "" || len(second.lines) != 0 {
		t.Errorf("the second start shows secrets again:\n%s", second.banner)
	}
	if code := call(t, second.gateway, token); code != http.StatusOK {
		t.Errorf("a token of before the restart is answered %d", code)
	}
	second.stop(t, syscall.SIGTERM)
}

func TestKillLosesNothingThatWasCommitted(t *testing.T) {
	t.Parallel()
	dir, demo := newDataDir(t), demoAddr(t)
	first := serveIn(t, dir, demo)
	token := strings.TrimSpace(shell(t, []string{first.lines[0], "echo $TOKEN"}))
	first.stop(t, syscall.SIGKILL)
	second := serveIn(t, dir, demo)
	if second.password != "" {
		t.Error("the administrator was created a second time")
	}
	if code := call(t, second.gateway, token); code != http.StatusOK {
		t.Errorf("what was deployed before the kill answers %d", code)
	}
	second.stop(t, syscall.SIGINT)
	if left := processesIn(dir); left != "" {
		t.Errorf("processes left behind:\n%s", left)
	}
}

// call asks the demo's API; its address is the same path at any start.
func call(t *testing.T, gateway, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway+"/echo/hello", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// processesIn lists what still runs on the directory.
func processesIn(dir string) string {
	out, _ := exec.Command("pgrep", "-af", dir).Output() // no match is an error of pgrep
	return string(out)
}

func TestProbesAndMetricsTellTheState(t *testing.T) {
	t.Parallel()
	s := serveIn(t, newDataDir(t), demoAddr(t))
	shell(t, s.lines)
	get := func(path string) (int, string) {
		resp, err := http.Get(s.ops + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, body := get("/healthz"); code != http.StatusOK || !strings.Contains(body, `"status":"ok"`) {
		t.Errorf("/healthz: %d %s", code, body)
	}
	code, body := get("/readyz")
	var ready map[string]string
	if err := json.Unmarshal([]byte(body), &ready); err != nil || code != http.StatusOK || ready["database"] != "ok" || ready["gateway production"] != "ok" {
		t.Errorf("/readyz: %d %s", code, body)
	}
	_, body = get("/metrics")
	for _, want := range []string{
		`gatewright_requests_total{environment="production",fault="",project="Demo",proxy="echo",result="SUCCESS",status="200"} 1`,
		`gatewright_requests_total{environment="production",fault="POLICY_AUTH_EMPTYUSERNAMEORPSSWD",project="Demo",proxy="echo",result="BLOCKED",status="401"} 1`,
		`gatewright_token_requests_total{algorithm="ES256",environment="production",error="",grant="client_credentials",operation="ISSUE"} 1`,
		`gatewright_snapshot_generation{environment="production"}`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	for _, url := range []string{s.gateway + "/sign-in", s.gateway + "/metrics", s.console + "/auth/jwt", s.console + "/metrics", s.ops + "/sign-in"} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Request.URL.Path == "/sign-in" && strings.HasPrefix(url, s.console) {
			continue // the console asks everyone to sign in, whatever the address
		}
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered %d; one listener must not serve another's pages", url, resp.StatusCode)
		}
	}
}

func TestANodeAloneNeedsASchemaAndAnEnvironment(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	node := []string{"gateway", "--data-dir=" + dir, "--ops-addr=", "--gateway=staging=127.0.0.1:0"}
	if code, _, stderr := start(t, nil, node...); code == 0 || !strings.Contains(stderr, "gatewright migrate") {
		t.Errorf("without a schema: code %d, %s", code, stderr)
	}
	if code, stdout, stderr := start(t, nil, "migrate", "--data-dir="+dir); code != 0 || !strings.Contains(stdout, "up to date") {
		t.Fatalf("migrate: code %d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := start(t, nil, node...); code == 0 || !strings.Contains(stderr, "no environment staging") {
		t.Errorf("without the environment: code %d, %s", code, stderr)
	}
}

func TestAWeakAdministratorPasswordStopsTheFirstStart(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	code, stdout, stderr := start(t, []string{"GATEWRIGHT_ADMIN_PASSWORD=admin"}, "serve", "--data-dir="+dir,
		"--console-addr=127.0.0.1:0", "--gateway=production=127.0.0.1:0", "--ops-addr=")
	if code == 0 || !strings.Contains(stderr, "--admin-password") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
}

func TestAPasswordIsResetBesideTheRunningProcess(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	s := serveIn(t, dir, demoAddr(t))
	code, stdout, stderr := start(t, nil, "user", "reset-password", "admin", "--data-dir="+dir)
	fresh := regexp.MustCompile(`New password of admin: (\S+)`).FindStringSubmatch(stdout)
	if code != 0 || fresh == nil {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
	}
	for password, want := range map[string]int{s.password: http.StatusUnprocessableEntity, fresh[1]: http.StatusSeeOther} {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.PostForm(s.console+"/sign-in", url.Values{"name": {"admin"}, "password": {password}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("signing in is answered %d, want %d", resp.StatusCode, want)
		}
	}
	if code, _, stderr := start(t, nil, "user", "reset-password", "nobody", "--data-dir="+dir); code == 0 || !strings.Contains(stderr, "nobody") {
		t.Errorf("an unknown user: code %d, %s", code, stderr)
	}
}

// Two processes on a PostgreSQL of the operator's own: the second has no
// console and takes over what the first deploys.
func TestAGatewayNodeAloneServesTheSameDeployments(t *testing.T) {
	t.Parallel()
	dir, database := newDataDir(t), "--database-url="+modelstest.Empty(t)
	first := serveIn(t, dir, demoAddr(t), database)
	if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
		t.Errorf("a private database was made beside the given one: %v", err)
	}
	node := launch(t, "gateway", "--data-dir="+dir, database, "--gateway=production=127.0.0.1:0", "--ops-addr=")
	if node.console != "" || node.password != "" || node.gateway == first.gateway {
		t.Fatalf("a node alone says\n%s", node.banner)
	}
	token := strings.TrimSpace(shell(t, []string{first.lines[0], "echo $TOKEN"}))
	if code := call(t, node.gateway, token); code != http.StatusOK {
		t.Errorf("the node answers a token of the first process with %d", code)
	}
	if code := call(t, node.gateway, token+"x"); code != http.StatusUnauthorized {
		t.Errorf("the node answers a forged token with %d", code)
	}
	first.stop(t, syscall.SIGTERM)
	if code := call(t, node.gateway, token); code == http.StatusUnauthorized || code == http.StatusNotFound {
		t.Errorf("without the first process the node answers %d", code)
	}
	node.stop(t, syscall.SIGTERM)
}

func TestThePublicAddressIsSetBesideTheRunningProcess(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	s := serveIn(t, dir, demoAddr(t))
	before := strings.TrimSpace(shell(t, []string{s.lines[0], "echo $TOKEN"}))
	code, stdout, stderr := start(t, nil, "environment", "set-url", "production", "https://api.example.com/", "--data-dir="+dir)
	if code != 0 || !strings.Contains(stdout, "https://api.example.com,") {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
	}
	for issuer(t, s.gateway) != "https://api.example.com" { // the node hears of it within moments
		time.Sleep(10 * time.Millisecond)
	}
	if code := call(t, s.gateway, before); code != http.StatusUnauthorized {
		t.Errorf("a token of the old issuer is answered %d", code)
	}
	after := strings.TrimSpace(shell(t, []string{s.lines[0], "echo $TOKEN"}))
	if code := call(t, s.gateway, after); code != http.StatusOK {
		t.Errorf("a token of the new issuer is answered %d", code)
	}
	if _, stdout, _ := start(t, nil, "environment", "list", "--data-dir="+dir); stdout != "production\tPRODUCTION\thttps://api.example.com\n" {
		t.Errorf("the list is %q", stdout)
	}
	for _, args := range [][]string{{"production", "api.example.com"}, {"production", "https://u:p@api.example.com"}, {"nowhere", "https://api.example.com"}} {
		code, _, stderr := start(t, nil, append([]string{"environment", "set-url", "--data-dir=" + dir}, args...)...)
		if code == 0 || strings.Count(stderr, "gatewright: ") != 1 {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
}

// issuer is what the gateway's metadata names.
func issuer(t *testing.T, gateway string) string {
	t.Helper()
	resp, err := http.Get(gateway + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.Issuer
}
