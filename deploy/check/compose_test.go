package check

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed reads the file as Compose does: schema, interpolation, consistency.
func composed(t *testing.T, environ ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy", "compose", "compose.yaml")},
		cli.WithEnv(environ), cli.WithConsistency(true), cli.WithInterpolation(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(context.Background())
}

func TestTheComposeFileIsOneAndStartsTheProductHardened(t *testing.T) {
	t.Parallel()
	p, err := composed(t, "GATEWRIGHT_MASTER_KEY=key", "POSTGRES_PASSWORD=word")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ServiceNames(); !slices.Equal(got, []string{"console", "gateway-1", "gateway-2", "postgres"}) {
		t.Errorf("services %v", got)
	}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may gain privileges", name)
		}
		if s.Build == nil {
			continue
		}
		environ := map[string]string{}
		for key, value := range s.Environment {
			environ[key] = *value
		}
		accepts(t, "compose: "+name, s.Command, environ)
		if !s.ReadOnly || s.User != "65532:65532" || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Privileged {
			t.Errorf("%s is not hardened", name)
		}
		if len(s.Volumes) != 1 || s.Volumes[0].Target != "/var/lib/gatewright" {
			t.Errorf("%s writes elsewhere: %v", name, s.Volumes)
		}
	}
	if p.Networks["back"].Internal != true || len(p.Services["postgres"].Ports) != 0 {
		t.Error("the database can be reached from outside")
	}
	pinned(t, p)
}

// pinned refuses a base that another day is another one.
func pinned(t *testing.T, p *types.Project) {
	t.Helper()
	for name, s := range p.Services {
		_, tag, _ := strings.Cut(s.Image, ":")
		if s.Build == nil && !regexp.MustCompile(`^\d+\.\d+`).MatchString(tag) {
			t.Errorf("%s: the image %s is not pinned", name, s.Image)
		}
	}
}

func TestComposeAsksForItsSecretsAndHasNone(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"GATEWRIGHT_MASTER_KEY=key", "POSTGRES_PASSWORD=word"} {
		if _, err := composed(t, given); err == nil || !strings.Contains(err.Error(), "set it in .env") {
			t.Errorf("with %s alone: %v", given, err)
		}
	}
	example := environment(t, "deploy", "compose", "example.env")
	for name, value := range example {
		if value != "" {
			t.Errorf("example.env carries a value of %s", name)
		}
	}
	used := regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(text(t, "deploy", "compose", "compose.yaml"), -1)
	for _, m := range used {
		if _, ok := example[m[1]]; !ok && m[1] != "GATEWRIGHT_VERSION" {
			t.Errorf("example.env lacks %s", m[1])
		}
	}
}

// environment reads a file of name=value lines.
func environment(t *testing.T, path ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(text(t, path...)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("%s: %q", filepath.Join(path...), line)
		}
		all[name] = value
	}
	return all
}

// What the Compose file passes on empty must mean what is not set at all.
func TestWhatIsLeftEmptyMeansWhatIsNotSet(t *testing.T) {
	t.Parallel()
	cmd := product(t, "serve", "--gateway=")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GATEWRIGHT_") })
	for _, m := range regexp.MustCompile(`(GATEWRIGHT_[A-Z_]+): \$\{\w+:-\}`).FindAllStringSubmatch(text(t, "deploy", "compose", "compose.yaml"), -1) {
		cmd.Env = append(cmd.Env, m[1]+"=")
	}
	// It ends for want of an environment, and so has read every other setting before.
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--gateway") {
		t.Errorf("%v: %s", err, out)
	}
}
