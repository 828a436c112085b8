package check

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// root is the repository.
var root = filepath.Join("..", "..")

func text(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	binary string // the product
	build  = sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/gatewright")
		cmd.Dir, cmd.Stderr = root, os.Stderr
		return cmd.Run()
	})
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("/tmp", "gatewright-deploy-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gatewright")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func product(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if err := build(); err != nil {
		t.Fatalf("build the product: %v", err)
	}
	return exec.Command(binary, args...)
}

// settings are the flags of a command and their variables, as its help says.
type settings struct{ flags, variables []string }

var helpLine = regexp.MustCompile(`--([a-z][a-z-]*)`)

func settingsOf(t *testing.T, command string) settings {
	t.Helper()
	help, err := product(t, "help", command).Output()
	if err != nil {
		t.Fatalf("gatewright help %s: %v", command, err)
	}
	var s settings
	for _, m := range helpLine.FindAllStringSubmatch(string(help), -1) {
		s.flags = append(s.flags, m[1])
	}
	for _, m := range regexp.MustCompile(`\$(GATEWRIGHT_[A-Z_]+)`).FindAllStringSubmatch(string(help), -1) {
		s.variables = append(s.variables, m[1])
	}
	if len(s.variables) == 0 {
		t.Fatalf("gatewright help %s names no variables:\n%s", command, help)
	}
	return s
}

// foreign are variables that Go itself reads.
var foreign = []string{"GOMEMLIMIT", "GOMAXPROCS", "GOGC"}

// accepts reports what a command would not know of what it is given.
func accepts(t *testing.T, where string, args []string, environ map[string]string) {
	t.Helper()
	if len(args) == 0 {
		t.Fatalf("%s starts no command", where)
	}
	known := settingsOf(t, args[0])
	for _, arg := range args[1:] {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") || !slices.Contains(known.flags, name) {
			t.Errorf("%s: gatewright %s knows no %s", where, args[0], arg)
		}
	}
	for name := range environ {
		if !slices.Contains(known.variables, name) && !slices.Contains(foreign, name) {
			t.Errorf("%s: gatewright %s reads no %s", where, args[0], name)
		}
	}
}

// running is the product with the demo, its own database and some traffic.
type running struct{ console, gateway, ops string }

const password = "a long password for one test"

func run(t *testing.T) running {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gatewright-deploy-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the database has an account of its own
		t.Fatal(err)
	}
	cmd := product(t, "serve", "--demo", "--data-dir="+dir, "--console-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--demo-addr=127.0.0.1:0", "--gateway=production=127.0.0.1:0")
	cmd.Dir, cmd.Stderr, cmd.Env = root, os.Stderr, append(os.Environ(), "GATEWRIGHT_ADMIN_PASSWORD="+password)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return greeted(t, bufio.NewReader(out))
}

// greeted reads the banner and does what it says to try.
func greeted(t *testing.T, out *bufio.Reader) running {
	t.Helper()
	var banner string
	var lines []string
	for len(lines) < 3 {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("the product ended after %q: %v", banner, err)
		}
		banner += line
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			lines = append(lines, command)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if said, err := exec.Command("bash", "-c", strings.Join(lines, "\n")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	find := func(name string) string {
		m := regexp.MustCompile(name + ` +(\S+)`).FindStringSubmatch(banner)
		if m == nil {
			t.Fatalf("no %s in %s", name, banner)
		}
		return m[1]
	}
	return running{find("Console"), find("Gateway"), find("Health")}
}

// connect makes an identity source, for the metrics of one.
func (r running) connect(t *testing.T) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"admin"}, "client_secret": {password}}
	resp, err := http.PostForm(r.console+"/apiops/auth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct {
		Text string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil || token.Text == "" {
		t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	source := `{"identityProvider":{"kind":"LDAP","name":"corp","servers":["ldaps://directory.example"],"userBaseDn":"dc=example"}}`
	req, err := http.NewRequest(http.MethodPost, r.console+"/apiops/projects/Demo/identityProviders/", strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Text)
	req.Header.Set("Content-Type", "application/json")
	made, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Body.Close()
	if made.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(made.Body)
		t.Fatalf("no identity source: %s: %s", made.Status, said)
	}
}

func (r running) get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return string(b), err
}
