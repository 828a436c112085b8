//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// programs is one PostgreSQL installation.
type programs struct {
	dir     string // holds postgres and initdb
	version string // as it calls itself, such as "18.4"
	major   int
}

// findPrograms chooses the PostgreSQL to run. A cluster that exists can only be
// served by its own major version; a new one takes the first that is new enough.
func (c *cluster) findPrograms(ctx context.Context) error {
	want, err := clusterMajor(c.Dir)
	if err != nil {
		return err
	}
	if c.BinDir != "" {
		c.programs, err = c.examine(ctx, c.BinDir, want)
		return err
	}
	var refused []error
	for _, look := range []func(context.Context, int) ([]string, error){c.packaged, c.installed, c.fetched} {
		dirs, err := look(ctx, want)
		refused = append(refused, err)
		for _, dir := range dirs {
			found, err := c.examine(ctx, dir, want)
			if err == nil {
				c.programs = found
				return nil
			}
			refused = append(refused, err)
		}
	}
	return noPrograms(want, errors.Join(refused...))
}

func noPrograms(want int, refused error) error {
	need, install := fmt.Sprintf("PostgreSQL %d or newer", oldestMajor), "Run npm ci, install PostgreSQL"
	if want != 0 {
		need = fmt.Sprintf("PostgreSQL %d, which made this database,", want)
		install = fmt.Sprintf("Install PostgreSQL %d", want)
	}
	seen := "none was found"
	if refused != nil {
		seen = strings.ReplaceAll(refused.Error(), "\n", "; ")
	}
	return fmt.Errorf("no %s for the embedded database: %s. %s, or set --database-url", need, seen, install)
}

// installed lists the folders in which an operating system keeps its PostgreSQL,
// newest major first within each place.
func (c *cluster) installed(ctx context.Context, _ int) ([]string, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	return slices.DeleteFunc(unique(dirs), lacksPrograms), nil
}

func unique(dirs []string) []string {
	var kept []string
	for _, dir := range dirs {
		if !slices.Contains(kept, dir) {
			kept = append(kept, dir)
		}
	}
	return kept
}

// lacksPrograms tells a client's installation, and a place that is not there, from
// a server's.
func lacksPrograms(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return true
		}
	}
	return false
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[.\w]*)`)

// examine asks the programs in dir for their version, as the account that is to
// run them, and refuses those that cannot serve the cluster.
func (c *cluster) examine(ctx context.Context, dir string, want int) (programs, error) {
	if lacksPrograms(dir) {
		return programs{}, fmt.Errorf("%s does not hold postgres and initdb", dir)
	}
	out, err := c.output(ctx, filepath.Join(dir, "postgres"), "--version")
	if err != nil {
		return programs{}, fmt.Errorf("%s/postgres does not run as user %s: %w: %s", dir, c.account.name, err, lastLines(out, 1))
	}
	match := versionLine.FindStringSubmatch(out)
	if match == nil {
		return programs{}, fmt.Errorf("%s/postgres gives no version: %s", dir, lastLines(out, 1))
	}
	major, _ := strconv.Atoi(match[2])
	if want != 0 && major != want {
		return programs{}, fmt.Errorf("the database in %s wants PostgreSQL %d, %s is %s", dataDir(c.Dir), want, dir, match[1])
	}
	if major < oldestMajor {
		return programs{}, fmt.Errorf("%s is %s, at least %d is needed", dir, match[1], oldestMajor)
	}
	return programs{dir: dir, version: match[1], major: major}, nil
}

func (c *cluster) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := c.account.command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := runToEnd(ctx, cmd)
	return out.String(), err
}
