package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile reads the file as the builder does, and fails on its warnings.
func dockerfile(t *testing.T) (stages []instructions.Stage, args []instructions.ArgCommand) {
	t.Helper()
	ast, err := parser.Parse(strings.NewReader(text(t, "deploy", "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ast.Warnings {
		t.Errorf("deploy/Dockerfile: %s", w.Short)
	}
	warn := func(rule, description, _, msg string, at []parser.Range) {
		t.Errorf("deploy/Dockerfile:%v: %s: %s (%s)", at, rule, msg, description)
	}
	stages, args, err = instructions.Parse(ast.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	return stages, args
}

func commandsOf[T instructions.Command](s instructions.Stage) (all []T) {
	for _, c := range s.Commands {
		if c, ok := c.(T); ok {
			all = append(all, c)
		}
	}
	return all
}

func only[T instructions.Command](t *testing.T, s instructions.Stage) T {
	t.Helper()
	all := commandsOf[T](s)
	if len(all) != 1 {
		t.Fatalf("the stage from %s has %d of %T", s.BaseName, len(all), *new(T))
	}
	return all[0]
}

func TestTheImageIsBuiltFromPinnedBasesByTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	stages, args := dockerfile(t)
	if len(stages) != 2 || stages[1].BaseName != "scratch" || len(args) != 1 {
		t.Fatalf("want a build from one base and a last stage from scratch: %v", stages)
	}
	base := *args[0].Args[0].Value
	want := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(text(t, "go.mod"))[1]
	if !strings.HasPrefix(base, "golang:"+want+"-") {
		t.Errorf("the image is built by %s, the module asks for Go %s", base, want)
	}
	built := strings.Join(scripts(stages[0]), "\n")
	for _, part := range []string{"CGO_ENABLED=0", "-trimpath", "-X main.version="} {
		if !strings.Contains(built, part) {
			t.Errorf("the build lacks %s: %s", part, built)
		}
	}
}

func scripts(s instructions.Stage) (lines []string) {
	for _, run := range commandsOf[*instructions.RunCommand](s) {
		lines = append(lines, strings.Join(run.CmdLine, " "))
	}
	return lines
}

func TestTheImageRunsWithoutRootAndAsksWhetherItIsReady(t *testing.T) {
	t.Parallel()
	stages, _ := dockerfile(t)
	last := stages[1]
	if user := only[*instructions.UserCommand](t, last).User; !regexp.MustCompile(`^[1-9]\d+:[1-9]\d+$`).MatchString(user) {
		t.Errorf("USER %s is not a number that Kubernetes can tell from root", user)
	}
	if entry := only[*instructions.EntrypointCommand](t, last); !slices.Equal(entry.CmdLine, []string{"/gatewright"}) || entry.PrependShell {
		t.Errorf("there is no shell to start %v with", entry.CmdLine)
	}
	environ := map[string]string{}
	for _, pair := range only[*instructions.EnvCommand](t, last).Env {
		environ[pair.Key] = pair.Value
	}
	accepts(t, "deploy/Dockerfile", only[*instructions.CmdCommand](t, last).CmdLine, environ)
	health := only[*instructions.HealthCheckCommand](t, last).Health.Test
	if !slices.Equal(health, []string{"CMD", "/gatewright", "probe"}) {
		t.Errorf("HEALTHCHECK %v", health)
	}
	accepts(t, "deploy/Dockerfile", health[2:], map[string]string{"GATEWRIGHT_OPS_ADDR": environ["GATEWRIGHT_OPS_ADDR"]})
	if v := only[*instructions.VolumeCommand](t, last).Volumes; !slices.Equal(v, []string{environ["GATEWRIGHT_DATA_DIR"]}) {
		t.Errorf("volume %v, data in %s", v, environ["GATEWRIGHT_DATA_DIR"])
	}
}

// What the build copies must be there, and must not be kept from the builder.
func TestTheBuildGetsWhatItCopies(t *testing.T) {
	t.Parallel()
	stages, _ := dockerfile(t)
	ignored := text(t, "deploy", "Dockerfile.dockerignore")
	for _, c := range commandsOf[*instructions.CopyCommand](stages[0]) {
		for _, source := range c.SourcePaths {
			if !strings.Contains(ignored, "\n!"+source+"\n") {
				t.Errorf("%s is copied but kept from the builder", source)
			}
		}
	}
}
