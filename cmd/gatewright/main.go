// Command gatewright is the console, the management API and the gateway in
// one binary (D3). This package only wires: it reads flags and environment
// once into a Config, opens the store, the gateways and the handlers, gives
// them listeners and stops them in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // conditions name time zones, and not every machine knows them

	"github.com/alecthomas/kong"
)

//go:generate go run . docs configuration --output ../../docs/configuration.md

// version is set by the linker; a build from a module cache knows its own.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cli is every command and setting. Each flag also reads the environment
// variable of its name: --data-dir and GATEWRIGHT_DATA_DIR.
type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the console, the management API and the gateway."`
	Gateway     gatewayCmd     `cmd:"" help:"Run a gateway node alone against the same database."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to date and stop."`
	User        userCmd        `cmd:"" help:"Administer console users."`
	Environment environmentCmd `cmd:"" help:"Administer environments."`
	Export      exportCmd      `cmd:"" help:"Write objects of a project into a package, for another installation or for version control."`
	Import      importCmd      `cmd:"" help:"Bring a package into a project. Nothing is deployed."`
	Probe       probeCmd       `cmd:"" help:"Ask the process beside this one whether it is ready; for containers."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Docs        docsCmd        `cmd:"" hidden:"" help:"Write reference documents."`
}

// process is what a command gets of the outside world.
type process struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
}

// exitCode is the error of a command that has said all there is to say.
type exitCode int

// Error is what nobody reads.
func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// run is the whole program: it returns the exit code, so that tests can call
// it as main does.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	exited, code := false, 0
	var c cli
	parser, err := newParser(&c, environ, kong.Writers(stdout, stderr), kong.Exit(func(n int) { exited, code = true, n }))
	if err != nil {
		return complain(stderr, err)
	}
	if err := unknownSettings(parser.Model, environ); err != nil {
		return complain(stderr, err)
	}
	kctx, err := parser.Parse(helpFirst(args))
	if exited { // help was printed
		return code
	}
	if err != nil {
		return complain(stderr, err)
	}
	err = kctx.Run(&process{ctx: ctx, stdout: stdout, stderr: stderr, environ: environ})
	if said := exitCode(0); errors.As(err, &said) {
		return int(said)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return complain(stderr, err)
	}
	return 0
}

func complain(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "gatewright: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	return 1
}

func newParser(c *cli, environ []string, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("gatewright"),
		kong.Description("A gateway that issues and enforces JSON Web Tokens, and the console that administers it."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(describeValue),
		kong.DefaultEnvars("GATEWRIGHT"),
		kong.Resolvers(environment(environ)),
	}, options...)...)
}

// describeValue says of each setting what it is for, its default and its
// variable (D1).
func describeValue(v *kong.Value) string {
	text := v.Help
	if v.HasDefault && v.Default != "" {
		text += " Default: " + v.Default + "."
	}
	if v.Flag != nil && len(v.Flag.Envs) > 0 {
		text += " ($" + strings.Join(v.Flag.Envs, ", $") + ")"
	}
	return text
}

// environment lets run see the variables it was given rather than those of
// the process, so that two runs in one test do not share settings.
func environment(environ []string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			for _, kv := range environ {
				if key, value, _ := strings.Cut(kv, "="); key == name && value != "" {
					return value, nil
				}
			}
		}
		return nil, nil
	})
}

// helpFirst makes "help serve" mean "serve --help".
func helpFirst(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		return append(slices.Clone(args[1:]), "--help")
	}
	if len(args) == 0 {
		return []string{"--help"}
	}
	return args
}

// unknownSettings refuses a GATEWRIGHT_ variable that no flag reads: a
// misspelled setting must not silently leave its default in force (D1).
func unknownSettings(model *kong.Application, environ []string) error {
	known := map[string]bool{}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			for _, name := range f.Envs {
				known[name] = true
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(model.Node)
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "GATEWRIGHT_") && !known[name] && !foreignSettings[name] {
			return fmt.Errorf("unknown setting %s in the environment; \"gatewright help serve\" lists every one", name)
		}
	}
	return nil
}

// foreignSettings are read elsewhere: by the embedded database, by tests, and by
// those who must not take them from the command line, where everybody sees them.
var foreignSettings = map[string]bool{"GATEWRIGHT_PG_BIN": true, "GATEWRIGHT_CHROME": true, passphraseSetting: true}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(p *process) error {
	_, err := fmt.Fprintln(p.stdout, "gatewright", buildVersion())
	return err
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
