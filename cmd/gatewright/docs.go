package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type docsCmd struct {
	Configuration docsConfigurationCmd `cmd:"" help:"Write the reference of all settings as Markdown."`
}

type docsConfigurationCmd struct {
	Output string `help:"File to write." required:""`
}

// Run writes every command's flags with variable, default and meaning.
func (c *docsConfigurationCmd) Run() error {
	parser, err := newParser(&cli{}, nil)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Configuration\n\nGenerated from the flags by `make generate`; do not edit.\n\n" +
		"Every setting is a flag and an environment variable of the same name; the flag wins. A setting that is\n" +
		"unknown or malformed stops the start with one line that names it. `gatewright help serve` prints the same list.\n\n" +
		"`GATEWRIGHT_PG_BIN` names the directory with the programs of PostgreSQL 15 or newer that the private database\n" +
		"runs on, when they are not to be looked for.\n")
	for _, command := range parser.Model.Leaves(true) {
		describe(&b, command)
	}
	return os.WriteFile(c.Output, []byte(b.String()), 0o644)
}

func describe(b *strings.Builder, command *kong.Node) {
	fmt.Fprintf(b, "\n## gatewright %s\n\n%s\n", strings.TrimPrefix(command.Path(), "gatewright "), command.Help)
	for _, arg := range command.Positional {
		fmt.Fprintf(b, "\n- `<%s>`: %s\n", arg.Name, arg.Help)
	}
	if len(command.Flags) == 0 {
		return
	}
	b.WriteString("\n| flag | variable | default | meaning |\n|---|---|---|---|\n")
	for _, f := range command.Flags {
		def := "none"
		if f.HasDefault && f.Default != "" {
			def = "`" + f.Default + "`"
		} else if f.IsBool() {
			def = "off"
		}
		fmt.Fprintf(b, "| `--%s` | %s | %s | %s |\n", f.Name, code(f.Envs), def, f.Help)
	}
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
